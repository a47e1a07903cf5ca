//! The checked-in table of instructions, and the tolerance of a comparison with it.

use core::fmt::Write;
use std::collections::BTreeMap;

/// Instructions by name of the case, and the compiler that generated the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// `rustc --version` at the time of counting.
    pub compiler: String,
    /// Instructions of one repetition.
    pub instructions: BTreeMap<String, u64>,
}

impl Table {
    /// Parses a table: one line `# rustc 1.95.0 …`, then lines of the form `name instructions`.
    ///
    /// # Errors
    /// The first malformed line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                if comment.trim().starts_with("rustc ") {
                    table.compiler = comment.trim().to_owned();
                }
                continue;
            }
            let (name, figure) = line.split_once(char::is_whitespace).ok_or(line)?;
            let figure = figure.trim().parse().map_err(|error| format!("{line}: {error}"))?;
            table.instructions.insert(name.to_owned(), figure);
        }
        Ok(table)
    }

    /// The text that [`parse`](Self::parse) reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}# {}\n", self.compiler);
        for (name, figure) in &self.instructions {
            let _ = writeln!(text, "{name:<24}{figure:>8}");
        }
        text
    }

    /// Descriptions of the cases of `now` that are more than 3 % above this table or not in it.
    #[must_use]
    pub fn grown(&self, now: &Self) -> Vec<String> {
        let verdict = |(name, &figure): (&String, &u64)| match self.instructions.get(name) {
            None => Some(format!("{name}: {figure}, not in the table")),
            Some(&was) if figure * 100 > was * (100 + TOLERATED_PERCENT) => {
                Some(format!("{name}: {figure}, was {was}"))
            }
            Some(_) => None,
        };
        now.instructions.iter().filter_map(verdict).collect()
    }
}

const TOLERATED_PERCENT: u64 = 3;

const HEAD: &str = "\
# Instructions of one repetition (benches/src/cases.rs), counted by callgrind on x86-64.
# `benches/run check` fails if a figure grows by more than 3 %. `benches/run update` rewrites this
# file: give the reason in the commit.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn table(figures: &[(&str, u64)]) -> Table {
        let instructions = figures.iter().map(|&(name, figure)| (name.to_owned(), figure));
        Table { compiler: "rustc 1.95.0".to_owned(), instructions: instructions.collect() }
    }

    #[test]
    fn text_parses_to_the_same_table() {
        let table = table(&[("a", 1), ("flow-sample-500-ports", 230)]);
        assert_eq!(Table::parse(&table.to_text()), Ok(table));
        assert!(Table::parse("name").is_err());
        assert!(Table::parse("name many").is_err());
    }

    #[test]
    fn growth_above_three_percent_is_reported() {
        let was = table(&[("a", 100), ("b", 200)]);
        assert!(was.grown(&table(&[("a", 103), ("b", 206)])).is_empty());
        assert!(was.grown(&table(&[("a", 1)])).is_empty());
        assert_eq!(was.grown(&table(&[("a", 104), ("b", 200)])), ["a: 104, was 100"]);
        assert_eq!(was.grown(&table(&[("c", 1)])), ["c: 1, not in the table"]);
    }
}
