//! A table of text with aligned columns.

use std::fmt;

use crate::printable::printable;

/// A table, displayed after an empty line, or not at all if it has no row.
///
/// The first columns are of text. Those of numbers are added by the first cell of that name.
#[derive(Debug)]
pub(super) struct Table {
    names: Vec<String>,
    /// Number of columns of text.
    texts: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct Row {
    cells: Vec<String>,
    note: String,
}

impl Table {
    pub(super) fn new(texts: &[&str]) -> Self {
        let names = texts.iter().map(|&name| name.to_owned()).collect();
        Self { names, texts: texts.len(), rows: Vec::new() }
    }

    /// Begins a row with its cells of text.
    pub(super) fn row(&mut self, texts: &[&str]) {
        let cells = texts.iter().map(|text| printable(text).into_owned()).collect();
        self.rows.push(Row { cells, note: String::new() });
    }

    /// Adds a number to the row. All rows must add the same ones.
    pub(super) fn cell(&mut self, name: &str, number: &str) {
        let Some(row) = self.rows.last_mut() else { return };
        row.cells.push(number.to_owned());
        if row.cells.len() > self.names.len() {
            self.names.push(name.to_owned());
        }
    }

    /// Adds text without a column.
    pub(super) fn note(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.note = printable(text).into_owned();
        }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
        cells.chain(self.names.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, cells: &[String], note: &str) -> fmt::Result {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let width = self.width(column);
            line += &match column < self.texts {
                true => format!("{cell:<width$}  "),
                false => format!("{cell:>width$}  "),
            };
        }
        writeln!(f, "{}", (line + note).trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        self.line(f, &self.names, "")?;
        self.rows.iter().try_for_each(|row| self.line(f, &row.cells, &row.note))
    }
}
