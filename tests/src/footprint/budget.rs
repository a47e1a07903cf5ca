//! Tables of what firmware may take.

use std::fmt::Write;

/// A table that is checked in: lines of a name, a figure and, where there is one, `<= target`;
/// lines with `#` are for people.
#[derive(Clone, Debug)]
pub struct Budget<'a> {
    text: &'a str,
}

impl<'a> Budget<'a> {
    /// Reads a table.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Whether this is the compiler that the first line names: another one gives other figures.
    ///
    /// # Panics
    /// Where there is no rustc.
    #[must_use]
    pub fn is_of_this_rustc(&self) -> bool {
        let rustc = std::process::Command::new("rustc").arg("--version").output().expect("rustc");
        let named = self.text.lines().next().unwrap_or_default().trim_start_matches("# ");
        String::from_utf8_lossy(&rustc.stdout).starts_with(named)
    }

    /// The table with these figures in it, and what is wrong with them: not in the table, above
    /// the target, or further from the table than the tolerance in percent.
    #[must_use]
    pub fn compare(
        &self,
        measured: &[(String, u64)],
        tolerance: impl Fn(&str) -> u64,
    ) -> (String, Vec<String>) {
        let (mut table, mut wrong) = (String::new(), Vec::new());
        let mut rows = 0;
        for line in self.text.lines() {
            let mut words = line.split_ascii_whitespace();
            let name = words.next().filter(|word| !word.starts_with('#'));
            let found = name.map(|name| (name, measured.iter().find(|(known, _)| known == name)));
            let (Some((name, Some((_, now)))), Some(then)) = (found, words.next()) else {
                if found.is_some() {
                    wrong.push(format!("not measured: {line}"));
                }
                let _ = writeln!(table, "{line}");
                continue;
            };
            rows += 1;
            let then: u64 = then.parse().unwrap_or_default();
            let target = words.nth(1).map(|target| target.parse().unwrap_or(0));
            let told = target.map_or_else(String::new, |target| format!("  <= {target}"));
            let _ = writeln!(table, "{:<38} {now:>6}{told}", name);
            if target.is_some_and(|target| *now > target) {
                wrong.push(format!("{name}: {now} is above its target, {}", target.unwrap_or(0)));
            }
            if now.abs_diff(then) * 100 > then * tolerance(name) {
                wrong.push(format!("{name}: {now}, in the table {then}"));
            }
        }
        if rows < measured.len() {
            wrong.push("measured and not in the table, see below".to_owned());
            measured.iter().for_each(|(name, now)| _ = writeln!(table, "# measured: {name} {now}"));
        }
        (table, wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# rustc 1.2.3\n# people\n\nflash  100 <= 110\n# more\nstack 50\n";

    fn compare(flash: u64, stack: u64) -> (String, Vec<String>) {
        let measured = [("flash".to_owned(), flash), ("stack".to_owned(), stack)];
        Budget::new(TABLE).compare(&measured, |name| if name == "stack" { 20 } else { 3 })
    }

    #[test]
    fn what_is_near_is_right_and_the_table_is_written_again() {
        let (table, wrong) = compare(103, 60);
        assert!(wrong.is_empty(), "{wrong:?}");
        let flash = format!("{:<38}    103  <= 110", "flash");
        let stack = format!("{:<38}     60", "stack");
        assert_eq!(table, format!("# rustc 1.2.3\n# people\n\n{flash}\n# more\n{stack}\n"));
        let again = Budget::new(&table)
            .compare(&[("flash".to_owned(), 103), ("stack".to_owned(), 60)], |_| 0);
        assert_eq!(again, (table.clone(), Vec::new()));
    }

    #[test]
    fn drift_targets_and_other_rows_are_told() {
        assert_eq!(compare(104, 50).1, ["flash: 104, in the table 100"]);
        assert_eq!(compare(96, 61).1.len(), 2);
        assert!(compare(111, 50).1.contains(&"flash: 111 is above its target, 110".to_owned()));
        let flash = ("flash".to_owned(), 100);
        let wrong = Budget::new(TABLE).compare(std::slice::from_ref(&flash), |_| 0).1;
        assert_eq!(wrong, ["not measured: stack 50"]);
        let wrong = Budget::new("flash 100\n").compare(&[flash, ("new".to_owned(), 1)], |_| 0);
        assert!(wrong.0.contains("new 1") && wrong.1.len() == 1, "{wrong:?}");
    }

    #[test]
    fn the_compiler_is_that_of_the_first_line() {
        assert!(!Budget::new(TABLE).is_of_this_rustc());
    }
}
