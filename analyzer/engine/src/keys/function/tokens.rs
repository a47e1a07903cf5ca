//! `prefix:`, `suffix:` and `first:`: tokens of a text with separators.

use std::borrow::Cow;

use crate::keys::value::Value;

/// Which tokens of a text a function returns.
#[derive(Clone, Debug)]
pub(in crate::keys) struct Tokens {
    pub(super) separator: String,
    pub(super) choice: Choice,
}

#[derive(Clone, Debug)]
pub(in crate::keys) enum Choice {
    /// The first ones, with the separators between them.
    Prefix(usize),
    /// The last ones.
    Suffix(usize),
    /// The first that is one of these.
    First(Box<[String]>),
}

impl Tokens {
    pub(super) fn of<'p>(&self, value: Value<'p>) -> Option<Value<'p>> {
        let text = match value {
            Value::Text(text) => text,
            other => Cow::Owned(other.to_string()),
        };
        let (start, end) = self.range(&text)?;
        Some(Value::Text(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(start..end)?),
            Cow::Owned(text) => Cow::Owned(text.get(start..end)?.to_owned()),
        }))
    }

    /// Where the tokens are in `text`.
    fn range(&self, text: &str) -> Option<(usize, usize)> {
        let separator = self.separator.as_str();
        match &self.choice {
            Choice::Prefix(count) => {
                let mut ends = text.match_indices(separator).map(|(at, _)| at);
                Some((0, ends.nth(count - 1).unwrap_or(text.len())))
            }
            Choice::Suffix(count) => {
                let mut starts = text.rmatch_indices(separator).map(|(at, _)| at + separator.len());
                Some((starts.nth(count - 1).unwrap_or(0), text.len()))
            }
            Choice::First(tokens) => {
                let mut start = 0;
                for token in text.split(separator) {
                    if tokens.iter().any(|wanted| wanted == token) {
                        return Some((start, start + token.len()));
                    }
                    start += token.len() + separator.len();
                }
                None
            }
        }
    }
}
