//! Filter patterns: which messages a request is about.
//!
//! As in "Filter and pattern syntax" of the user guide of CloudWatch Logs: [terms], [fields] between
//! spaces in brackets, and members of [JSON](json) in braces.

mod comparison;
mod condition;
mod fields;
mod json;
mod terms;
#[cfg(test)]
mod tests;

use super::cursor::{Cursor, Wrong};
use fields::Fields;
use json::Json;
use terms::Terms;

/// A pattern.
#[derive(Debug)]
pub(super) struct Pattern(Kind);

#[derive(Debug)]
enum Kind {
    Terms(Terms),
    Fields(Fields),
    Json(Json),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut cursor = Cursor::new(text, MAX_REGEXES);
        if text.len() > MAX_LENGTH {
            return Err(cursor.wrong(format!("it has more than {MAX_LENGTH} bytes")));
        }
        cursor.skip_space();
        let pattern = match cursor.peek() {
            Some('[') => Kind::Fields(Fields::read(&mut cursor)?),
            Some('{') => Kind::Json(Json::read(&mut cursor)?),
            _ => Kind::Terms(Terms::read(&mut cursor)?),
        };
        cursor.skip_space();
        match cursor.peek() {
            None => Ok(Self(pattern)),
            Some(next) => Err(cursor.wrong(format!("{next:?} follows the end"))),
        }
    }

    pub(super) fn has(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.has(message),
            Kind::Fields(fields) => fields.has(message),
            Kind::Json(json) => json.has(message),
        }
    }
}

const MAX_LENGTH: usize = 1024;
/// As of the service. Each may take half a megabyte, and a session of Live Tail keeps them for hours.
const MAX_REGEXES: usize = 2;
