//! A comparison with a number, a text with asterisks, or a regular expression.

use core::cmp::Ordering;

use regex::Regex;

use crate::aws::logs::comparison::{Comparison as Operator, number, numeric};
use crate::aws::logs::cursor::{Cursor, Wrong};

/// An operator and what follows it.
#[derive(Debug)]
pub(super) struct Comparison {
    operator: Operator,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Number(String),
    /// What is between asterisks.
    Glob(Vec<String>),
    Regex(Regex),
}

impl Comparison {
    /// Reads a comparison; `None` if no operator is next. A value without quotation marks ends before
    /// one of `ends`.
    pub(super) fn read(cursor: &mut Cursor<'_>, ends: &str) -> Result<Option<Self>, Wrong> {
        cursor.skip_space();
        let Some(operator) = operator(cursor) else { return Ok(None) };
        cursor.skip_space();
        let begin = *cursor;
        let wanted = Wanted::read(cursor, ends)?;
        let is_order = !matches!(operator, Operator::Equal | Operator::Unequal);
        if is_order && !matches!(wanted, Wanted::Number(..)) {
            return Err(begin.wrong("the operator needs a number"));
        }
        Ok(Some(Self { operator, wanted }))
    }

    pub(super) fn holds(&self, value: &str) -> bool {
        let order = || match &self.wanted {
            Wanted::Number(wanted) => numeric(value, wanted),
            _ => None,
        };
        let equals = || match &self.wanted {
            Wanted::Number(wanted) => order().map_or(value == wanted, Ordering::is_eq),
            Wanted::Glob(parts) => is_like(value, parts),
            Wanted::Regex(regex) => regex.is_match(value),
        };
        match self.operator {
            Operator::Equal => equals(),
            Operator::Unequal => !equals(),
            operator => order().is_some_and(|order| operator.holds(order)),
        }
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    // The guide has `=!` too.
    let all = [
        ("!=", Operator::Unequal),
        ("=!", Operator::Unequal),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::More),
    ];
    all.into_iter().find(|(text, _)| cursor.eat(text)).map(|(_, operator)| operator)
}

impl Wanted {
    fn read(cursor: &mut Cursor<'_>, ends: &str) -> Result<Self, Wrong> {
        match cursor.peek() {
            Some('"') => cursor.quoted().map(|text| Self::glob(&text)),
            Some('%') => cursor.regex().map(Self::Regex),
            _ => {
                let word = cursor.take_while(|next| {
                    !next.is_whitespace() && !"&|\"".contains(next) && !ends.contains(next)
                });
                match word {
                    "" => Err(cursor.wrong("a value is missing")),
                    word if number(word).is_some() => Ok(Self::Number(word.to_owned())),
                    word => Ok(Self::glob(word)),
                }
            }
        }
    }

    fn glob(text: &str) -> Self {
        Self::Glob(text.split('*').map(str::to_owned).collect())
    }
}

/// True if a text has the parts in this order, the first and the last at its ends.
fn is_like(text: &str, parts: &[String]) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match rest.split_once(part.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
