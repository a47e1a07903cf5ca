//! Tables of what images take, checked in beside them.

use std::process::Command;

use crate::lab::skip_part;

/// A table: its first line names the compiler (`# rustc 1.95.0`), lines with `#` are for people, the
/// others have a name and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    rustc: String,
    lines: Vec<(String, u64)>,
}

impl Budget {
    /// Reads a table.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn read(table: &str) -> Self {
        let rustc = table.lines().next().and_then(|line| line.strip_prefix("# "));
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        let line = |line: &str| {
            let (name, number) = line.split_once(' ').expect("a name and a number");
            (name.to_owned(), number.trim().parse().expect("a number"))
        };
        Self { rustc: rustc.expect("a compiler").to_owned(), lines: lines.map(line).collect() }
    }

    /// Only the lines whose names begin so.
    #[must_use]
    pub fn of(&self, prefix: &str) -> Self {
        let lines = self.lines.iter().filter(|(name, _)| name.starts_with(prefix));
        Self { rustc: self.rustc.clone(), lines: lines.cloned().collect() }
    }

    /// Compares with what was measured, each figure with so many percent to spare as `tolerance`
    /// grants its name. With another compiler nothing is compared, which is noted among the skipped.
    ///
    /// # Panics
    /// When a figure is off or there are others, with the table that would be true.
    pub fn check(&self, figures: &[(String, u64)], tolerance: impl Fn(&str) -> u64) {
        let table = figures.iter().map(|(name, number)| format!("{name:38} {number:>7}\n"));
        let measured = format!("measured:\n{}", table.collect::<String>());
        println!("{measured}");
        let names = |lines: &[(String, u64)]| -> Vec<String> {
            lines.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(figures), names(&self.lines), "{measured}");
        let version = Command::new("rustc").arg("--version").output().expect("rustc");
        if !String::from_utf8_lossy(&version.stdout).starts_with(&self.rustc) {
            return skip_part(&format!("the table is of {}; {measured}", self.rustc));
        }
        for ((name, now), (_, then)) in figures.iter().zip(&self.lines) {
            let near = now.abs_diff(*then) * 100 <= then * tolerance(name);
            assert!(near, "{name}: {then} in the table; {measured}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# rustc 1.\n# for people\na-flash    1000\na-ram 50\nb-flash 7\n";

    #[test]
    fn a_figure_has_its_tolerance_and_no_more() {
        let budget = Budget::read(TABLE).of("a-");
        let figures = |flash, ram| [("a-flash".to_owned(), flash), ("a-ram".to_owned(), ram)];
        let percent = |name: &str| if name.ends_with("ram") { 0 } else { 3 };
        budget.check(&figures(1030, 50), percent);
        budget.check(&figures(970, 50), percent);
        for (flash, ram) in [(1031, 50), (969, 50), (1000, 51)] {
            let check = || budget.check(&figures(flash, ram), percent);
            assert!(std::panic::catch_unwind(check).is_err(), "{flash} {ram}");
        }
        let more = || Budget::read(TABLE).check(&figures(1000, 50), percent);
        assert!(std::panic::catch_unwind(more).is_err(), "a line that was not measured");
    }
}
