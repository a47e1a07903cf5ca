//! Terms anywhere in a message: `ERROR -"not found"`, `?WARN ?ERROR`, `%status=[45]..%`.

use regex::Regex;

use crate::aws::logs::cursor::{Cursor, Wrong};

/// The terms of a pattern.
#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let mut terms = Self::default();
        loop {
            cursor.skip_space();
            if cursor.peek().is_none() {
                break;
            }
            let list = if cursor.eat("?") {
                &mut terms.any
            } else if cursor.eat("-") {
                &mut terms.none
            } else {
                &mut terms.all
            };
            // A minus sign may stand apart.
            cursor.skip_space();
            list.push(Term::read(cursor)?);
        }
        // Without effect beside others, as the guide has it.
        if !terms.all.is_empty() || !terms.none.is_empty() {
            terms.any.clear();
        }
        Ok(terms)
    }

    pub(super) fn has(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.is_in(message))
            && (self.any.is_empty() || self.any.iter().any(|term| term.is_in(message)))
            && !self.none.iter().any(|term| term.is_in(message))
    }
}

impl Term {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Wrong> {
        match cursor.peek() {
            None => Err(cursor.wrong("a term is missing")),
            Some('"') => cursor.quoted().map(Self::Text),
            Some('%') => cursor.regex().map(Self::Regex),
            Some(_) => {
                let begin = *cursor;
                let word = cursor.take_while(|next| !next.is_whitespace() && next != '"');
                match word.find(|next: char| !next.is_alphanumeric() && !ALLOWED.contains(next)) {
                    Some(at) => {
                        let next = word.get(at..).and_then(|rest| rest.chars().next());
                        let at = begin.at + at;
                        let next = next.unwrap_or_default();
                        let reason = format!("a term with {next:?} needs quotation marks");
                        Err(Wrong { at, reason })
                    }
                    None => Ok(Self::Text(word.to_owned())),
                }
            }
        }
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            // All messages have a space of their own in this pattern: `" "`.
            Self::Text(text) => text.trim().is_empty() || message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

/// Characters of a term without quotation marks beside letters and digits. AWS has the underscore only;
/// these have no other meaning, and tools leave the marks out.
const ALLOWED: &str = "_.:/@=#;+~*'<>!&|$^";
