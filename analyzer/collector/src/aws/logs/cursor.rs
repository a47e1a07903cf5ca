//! Reading of a text from left to right, with the place of what is wrong.

use regex::{Regex, RegexBuilder};

/// What is wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Bytes before it.
    pub(super) at: usize,
    pub(super) reason: String,
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// Regular expressions that may still come.
    regexes: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text that may have so many regular expressions.
    pub(super) fn new(text: &'a str, regexes: usize) -> Self {
        Self { text, at: 0, regexes }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next character, which is read.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// Reads a text if it is next.
    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let is_next = self.rest().starts_with(wanted);
        self.at += if is_next { wanted.len() } else { 0 };
        is_next
    }

    /// Reads a text that must be next, after space.
    pub(super) fn expect(&mut self, wanted: &str) -> Result<(), Wrong> {
        self.skip_space();
        if self.eat(wanted) { Ok(()) } else { Err(self.wrong(format!("{wanted:?} is missing"))) }
    }

    /// Reads a word of ASCII letters if it is next, in capitals or not.
    pub(super) fn eat_word(&mut self, wanted: &str) -> bool {
        let mut ahead = *self;
        let word = ahead.take_while(|next| next.is_ascii_alphanumeric() || next == '_');
        let is_next = word.eq_ignore_ascii_case(wanted);
        if is_next {
            *self = ahead;
        }
        is_next
    }

    pub(super) fn take_while(&mut self, mut belongs: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|next| !belongs(next)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong { at: self.at, reason: reason.into() }
    }

    /// Reads a text in quotation marks that begins here. A backslash takes the meaning of the character
    /// after it.
    pub(super) fn quoted(&mut self) -> Result<String, Wrong> {
        let begin = *self;
        let mark = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(begin.wrong("the quotation mark is not closed")),
                next if next == mark => return Ok(text),
                Some('\\') if matches!(self.peek(), Some('\\')) || self.peek() == mark => {
                    text.extend(self.next());
                }
                Some(next) => text.push(next),
            }
        }
    }

    /// Reads a regular expression between two marks.
    pub(super) fn regex(&mut self) -> Result<Regex, Wrong> {
        let mut begin = *self;
        let mark = self.next().unwrap_or_default();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(begin.wrong("the regular expression is not closed")),
                Some(next) if next == mark => {
                    let regex = begin.compiled(&text)?;
                    self.regexes = begin.regexes;
                    return Ok(regex);
                }
                Some('\\') if self.peek() == Some(mark) => text.extend(self.next()),
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.next());
                }
                Some(next) => text.push(next),
            }
        }
    }

    /// A regular expression with this place for what is wrong in it. Each may take much memory and time.
    pub(super) fn compiled(&mut self, text: &str) -> Result<Regex, Wrong> {
        let Some(rest) = self.regexes.checked_sub(1) else {
            return Err(self.wrong("there are too many regular expressions"));
        };
        self.regexes = rest;
        let mut builder = RegexBuilder::new(text);
        let regex = builder.size_limit(MAX_REGEX).dfa_size_limit(MAX_REGEX).build();
        regex.map_err(|error| self.wrong(format!("the regular expression is wrong: {error}")))
    }
}

/// Bytes of a regular expression in memory.
const MAX_REGEX: usize = 256 << 10;
