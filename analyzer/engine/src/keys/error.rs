//! Errors in the text of keys and filters.

use core::fmt;

/// An error in the text of a key, a list of keys or a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where it is: characters from the start, from 1.
    pub position: usize,
    /// What it is.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Longer than 4 KiB.
    TooLong,
    /// Brackets within brackets, more than 32 deep.
    TooDeep,
    /// Nothing where something is needed; this.
    Expected(&'static str),
    /// No key has this name; the most similar that one has.
    UnknownKey(String, Option<&'static str>),
    /// No function has this name; the most similar that one has.
    UnknownFunction(String, Option<&'static str>),
    /// A key that exists once for each packet cannot have a suffix.
    NoLayers(&'static str),
    /// The arguments of a function are wrong; its form.
    Arguments(&'static str),
    /// A bracket without its counterpart.
    Unbalanced(char),
    /// A regular expression is invalid or too large, with the reason.
    Pattern(String),
}

impl SyntaxError {
    /// An error at byte `at` of `text`.
    pub(super) fn at(text: &str, at: usize, problem: Problem) -> Self {
        let before = text.get(..at).unwrap_or(text);
        Self { position: before.chars().count() + 1, problem }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MAX_TEXT} bytes"),
            Self::TooDeep => write!(f, "nested more than {MAX_DEPTH} deep"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::UnknownKey(name, like) => unknown(f, "key", name, *like),
            Self::UnknownFunction(name, like) => unknown(f, "function", name, *like),
            Self::NoLayers(key) => write!(f, "`{key}` exists once for a packet, without a suffix"),
            Self::Arguments(form) => write!(f, "expected `{form}`"),
            Self::Unbalanced(bracket) => write!(f, "`{bracket}` without its counterpart"),
            Self::Pattern(reason) => write!(f, "regular expression: {reason}"),
        }
    }
}

fn unknown(f: &mut fmt::Formatter<'_>, what: &str, name: &str, like: Option<&str>) -> fmt::Result {
    write!(f, "unknown {what} `{}`", name.escape_debug())?;
    like.map_or(Ok(()), |like| write!(f, "; did you mean `{like}`?"))
}

impl core::error::Error for SyntaxError {}

/// The most similar of `names`, if it is similar enough to be what was meant.
pub(super) fn similar(
    name: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // Longer texts are no misspelt names, and the time grows with the square of the length.
    if name.len() > MAX_NAME {
        return None;
    }
    let distances = names.map(|candidate| (distance(name, candidate), candidate));
    let (distance, nearest) = distances.min()?;
    (distance <= 1 + name.len() / 4).then_some(nearest)
}

/// The number of characters to insert, remove or replace (Levenshtein), by bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            let replaced = diagonal + usize::from(from != to);
            left = replaced.min(above + 1).min(left + 1);
            (diagonal, *cell) = (above, left);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

/// Longest text of a key list or filter, bytes.
pub(super) const MAX_TEXT: usize = 4096;
/// Brackets within brackets.
pub(super) const MAX_DEPTH: usize = 32;
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in [
            ("", "ab", 2),
            ("ab", "", 2),
            ("ipsorce", "ipsource", 1),
            ("abc", "acb", 2),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
