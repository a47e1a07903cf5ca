//! Text of keys: lists, arguments, brackets and escapes.

use super::error::{MAX_DEPTH, MAX_TEXT, Problem, SyntaxError};

/// A part of a text, with the whole for error positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    whole: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Part<'a> {
    /// The whole text, checked: not too long, brackets in pairs and not too deep.
    pub(super) fn whole(text: &'a str) -> Result<Self, SyntaxError> {
        let whole = Self { whole: text, start: 0, end: text.len() };
        if text.len() > MAX_TEXT {
            return Err(SyntaxError::at(text, MAX_TEXT, Problem::TooLong));
        }
        whole.check_brackets()?;
        Ok(whole)
    }

    /// A part of a text that another parser has checked.
    pub(super) fn of(whole: &'a str, start: usize, end: usize) -> Result<Self, SyntaxError> {
        let part = Self { whole, start, end };
        part.check_brackets()?;
        Ok(part)
    }

    /// A part in which brackets have no meaning.
    pub(super) fn plain(whole: &'a str, start: usize, end: usize) -> Self {
        Self { whole, start, end }
    }

    pub(super) fn text(self) -> &'a str {
        self.whole.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn error(self, problem: Problem) -> SyntaxError {
        SyntaxError::at(self.whole, self.start, problem)
    }

    fn slice(self, start: usize, end: usize) -> Self {
        Self { start: self.start + start, end: self.start + end, ..self }
    }

    pub(super) fn trim(self) -> Self {
        let text = self.text();
        let start = text.len() - text.trim_start().len();
        self.slice(start, start + text.trim().len())
    }

    fn check_brackets(self) -> Result<(), SyntaxError> {
        let mut open = Vec::new();
        for (at, c) in unescaped(self.text()) {
            let error = |problem| Err(self.slice(at, at).error(problem));
            match c {
                '[' if open.len() == MAX_DEPTH => return error(Problem::TooDeep),
                '[' => open.push(at),
                ']' if open.pop().is_none() => return error(Problem::Unbalanced(']')),
                _ => {}
            }
        }
        match open.pop() {
            Some(at) => Err(self.slice(at, at).error(Problem::Unbalanced('['))),
            None => Ok(()),
        }
    }

    /// The parts between separators that are outside of brackets and not escaped; at least one.
    pub(super) fn split(self, separator: char) -> Vec<Self> {
        let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
        for (at, c) in unescaped(self.text()) {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                c if c == separator && depth == 0 => {
                    parts.push(self.slice(start, at));
                    start = at + c.len_utf8();
                }
                _ => {}
            }
        }
        parts.push(self.slice(start, self.end - self.start));
        parts
    }

    /// What is in the brackets, if the part is one pair of brackets.
    pub(super) fn inside_brackets(self) -> Option<Self> {
        let text = self.text();
        let mut depth = 0usize;
        for (at, c) in unescaped(text) {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return (c == ']' && at + 1 == text.len()).then(|| self.slice(1, at));
            }
        }
        None
    }

    /// The text without escapes.
    pub(super) fn literal(self) -> String {
        let mut literal = String::new();
        let mut chars = self.text().chars();
        while let Some(c) = chars.next() {
            literal.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
        }
        literal
    }
}

/// The characters that no `\` precedes, with their places. A `\` and what follows it are left out.
fn unescaped(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut chars = text.char_indices();
    core::iter::from_fn(move || {
        loop {
            match chars.next()? {
                (_, '\\') => _ = chars.next(),
                other => return Some(other),
            }
        }
    })
}
