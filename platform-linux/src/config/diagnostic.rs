//! Problems in a configuration, each with its position.

use core::fmt;

/// A position in the text of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1; a tab counts as one character.
    pub column: u32,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
    /// No place in a file: a record in DNS.
    pub const DNS: Self = Self::in_dns(0);

    /// No place in a file: the setting with this number, from 1, of those that were published in DNS.
    pub const fn in_dns(number: u32) -> Self {
        Self { line: 0, column: number }
    }

    /// Returns true if the setting was published in DNS.
    pub const fn is_in_dns(self) -> bool {
        self.line == 0
    }
}

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but part of it has no effect or an unlikely one.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One problem of a configuration.
///
/// Displayed as `12:5: error: unknown token "smapling"; did you mean "sampling"?`;
/// [`Diagnostic::in_file`] adds the name of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// One sentence without a full stop. Text from the file is escaped and cut, so that it is safe
    /// for a terminal or a log.
    pub message: String,
}

impl Diagnostic {
    /// Displays the problem after the name of its file: `flowmote.conf:12:5: error: ...`.
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| write!(f, "{file}:{self}"))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.severity, self.message)
    }
}

/// A list of problems that keeps at most [`Diagnostics::LIMIT`] of them.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    list: Vec<Diagnostic>,
    has_errors: bool,
    left_out: bool,
}

impl Diagnostics {
    /// A wrong file, such as a binary, has a problem in every word.
    pub(super) const LIMIT: usize = 100;

    pub(super) fn error(&mut self, at: Position, message: impl Into<String>) {
        self.has_errors = true;
        self.push(Severity::Error, at, message);
    }

    pub(super) fn warning(&mut self, at: Position, message: impl Into<String>) {
        self.push(Severity::Warning, at, message);
    }

    /// Returns true if further problems are dropped, so that their messages need not be composed.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= Self::LIMIT
    }

    pub(super) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// All problems in the order of the text.
    pub(super) fn into_list(self) -> Vec<Diagnostic> {
        let mut list = self.list;
        list.sort_by_key(|problem| (problem.line, problem.column));
        if self.left_out {
            let (line, column) = list.last().map_or((1, 1), |last| (last.line, last.column));
            // One of the dropped problems may be an error.
            let severity = if self.has_errors { Severity::Error } else { Severity::Warning };
            let message = format!("more than {} problems; the rest is not shown", Self::LIMIT);
            list.push(Diagnostic { severity, line, column, message });
        }
        list
    }

    fn push(&mut self, severity: Severity, at: Position, message: impl Into<String>) {
        if self.is_full() {
            self.left_out = true;
            return;
        }
        let Position { line, column } = at;
        self.list.push(Diagnostic { severity, line, column, message: message.into() });
    }
}

/// Quotes text from a file for a message: escaped, cut after 60 characters.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_starts_with_file_line_column_severity() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(Position { line: 12, column: 5 }, "unknown token \"smapling\"");
        let list = diagnostics.into_list();
        assert_eq!(
            list[0].in_file("flowmote.conf").to_string(),
            "flowmote.conf:12:5: error: unknown token \"smapling\""
        );
    }

    #[test]
    fn dropped_error_counts_as_an_error() {
        let mut diagnostics = Diagnostics::default();
        for _ in 0..Diagnostics::LIMIT {
            diagnostics.warning(Position::START, "w");
        }
        diagnostics.error(Position::START, "e");
        assert!(diagnostics.has_errors());
        let list = diagnostics.into_list();
        assert_eq!(list.len(), Diagnostics::LIMIT + 1);
        let last = list.last().unwrap();
        assert_eq!(last.to_string(), "1:1: error: more than 100 problems; the rest is not shown");
    }

    #[test]
    fn quoted_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\x1b[2Jb\"\n"), r#""a\u{1b}[2Jb\"\n""#);
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}\"...", "x".repeat(60)));
    }
}
