//! Fields between spaces: `[version, account, ..., bytes > 1000, action = REJECT, status]`.

use super::comparison::Comparison;
use super::condition::Condition;
use crate::aws::logs::cursor::{Cursor, Wrong};

/// The fields of a message, in order.
#[derive(Debug)]
pub(super) struct Fields {
    first: Vec<Field>,
    /// The last ones, after any number of others.
    last: Option<Vec<Field>>,
}

/// What a field must be; anything if `None`.
type Field = Option<Condition<Comparison>>;

impl Fields {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Wrong> {
        cursor.expect("[")?;
        let (mut fields, mut first) = (Vec::new(), None);
        loop {
            cursor.skip_space();
            let begin = *cursor;
            if !cursor.eat("...") && !cursor.eat("…") {
                fields.push(field(cursor)?);
            } else if first.replace(core::mem::take(&mut fields)).is_some() {
                return Err(begin.wrong("there is a second ellipsis"));
            }
            cursor.skip_space();
            if !cursor.eat(",") {
                break;
            }
        }
        cursor.expect("]")?;
        Ok(match first {
            Some(first) => Self { first, last: Some(fields) },
            None => Self { first: fields, last: None },
        })
    }

    pub(super) fn has(&self, message: &str) -> bool {
        let hold = |fields: &[Field], values: &[&str]| {
            fields.iter().zip(values).all(|(field, value)| {
                let holds = |comparison: &Comparison| comparison.holds(value);
                field.as_ref().is_none_or(|condition| condition.holds(&holds))
            })
        };
        let Some(last) = &self.last else {
            // One more shows that there are too many.
            let values: Vec<_> = values(message).take(self.first.len() + 1).collect();
            return values.len() == self.first.len() && hold(&self.first, &values);
        };
        let values: Vec<_> = values(message).collect();
        let begin = values.len().checked_sub(last.len()).filter(|at| *at >= self.first.len());
        begin.is_some_and(|begin| {
            hold(&self.first, &values) && hold(last, values.get(begin..).unwrap_or_default())
        })
    }
}

/// A name, or comparisons with this name.
fn field(cursor: &mut Cursor<'_>) -> Result<Field, Wrong> {
    let begin = *cursor;
    let name = name(cursor);
    cursor.skip_space();
    if matches!(cursor.peek(), None | Some(',' | ']')) {
        return Ok(None);
    }
    *cursor = begin;
    let mut part = |cursor: &mut Cursor<'_>| {
        let begin = *cursor;
        if self::name(cursor) != name {
            return Err(begin.wrong(format!("the field {name:?} is compared here")));
        }
        let comparison = Comparison::read(cursor, ",]()")?;
        comparison.ok_or_else(|| cursor.wrong("an operator such as = is missing"))
    };
    // Parentheses have no meaning in fields.
    Condition::read(cursor, 0, &mut part).map(Some)
}

fn name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take_while(|next| next.is_alphanumeric() || "_-.$@".contains(next))
}

/// The values of a message. What is in brackets or in quotation marks is one.
fn values(message: &str) -> impl Iterator<Item = &str> {
    let mut rest = message;
    core::iter::from_fn(move || {
        rest = rest.trim_start();
        let closed = match rest.chars().next()? {
            '"' => rest.get(1..).and_then(|inner| inner.split_once('"')),
            '[' => rest.get(1..).and_then(|inner| inner.split_once(']')),
            _ => None,
        };
        let (value, after) = closed
            .or_else(|| rest.split_once(char::is_whitespace))
            .unwrap_or((rest, Default::default()));
        rest = after;
        Some(value)
    })
}
