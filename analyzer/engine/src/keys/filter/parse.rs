//! The grammar of filters.
//!
//! ```text
//! any  = all { "|" all }
//! all  = one { "&" one }
//! one  = "(" any ")" | test
//! test = key ( "=" | "!=" | "~" | "!~" ) value { "," value }
//! ```
//!
//! Parentheses within a value must match, and `\` before a character takes away its meaning. In a
//! regular expression both, and `[ ]`, have their usual meaning.

use regex::bytes::{Regex, RegexBuilder};

use super::{List, Node, Test};
use crate::keys::error::{MAX_DEPTH, MAX_TEXT, Problem, SyntaxError};
use crate::keys::expression::Expression;
use crate::keys::syntax::Part;
use crate::keys::value::Value;

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > MAX_TEXT {
        return Err(SyntaxError::at(text, MAX_TEXT, Problem::TooLong));
    }
    if text.trim().is_empty() {
        return Ok(Node::All([].into()));
    }
    let mut parser = Parser { text, at: 0, patterns: 0 };
    let node = parser.any(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error(Problem::Unbalanced(')'))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Number of regular expressions so far.
    patterns: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let next = self.peek() == Some(c);
        self.at += if next { c.len_utf8() } else { 0 };
        next
    }

    fn error(&self, problem: Problem) -> SyntaxError {
        SyntaxError::at(self.text, self.at, problem)
    }

    fn any(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.all(depth)?];
        while self.take('|') {
            nodes.push(self.all(depth)?);
        }
        Ok(join(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let mut nodes = vec![self.one(depth)?];
        while self.take('&') {
            nodes.push(self.one(depth)?);
        }
        Ok(join(nodes, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.peek();
        let open = self.at;
        if !self.take('(') {
            return self.test().map(|test| Node::Test(Box::new(test)));
        }
        if depth == MAX_DEPTH {
            return Err(self.error(Problem::TooDeep));
        }
        let node = self.any(depth + 1)?;
        if self.take(')') {
            return Ok(node);
        }
        Err(SyntaxError::at(self.text, open, Problem::Unbalanced('(')))
    }

    fn test(&mut self) -> Result<Test, SyntaxError> {
        let key = self.key()?;
        let of = Expression::parse_part(key)?;
        let negated = self.take('!');
        let is_pattern = match self.peek() {
            Some('=') => false,
            Some('~') => true,
            _ => return Err(self.error(Problem::Expected("`=`, `!=`, `~` or `!~`"))),
        };
        self.at += 1;
        let (mut null, mut values, mut patterns) = (false, Vec::new(), Vec::new());
        loop {
            let value = self.value(is_pattern)?;
            match value.text() {
                "null" => null = true,
                _ if is_pattern => patterns.push(self.pattern(value)?),
                _ => values.push(Value::literal(of.kind(), &value.literal())),
            }
            if !self.take(',') {
                break;
            }
        }
        let list = if is_pattern {
            List::Patterns(patterns.into())
        } else {
            List::values(of.kind(), values.into())
        };
        Ok(Test { of, list, null, negated })
    }

    fn pattern(&mut self, value: Part<'_>) -> Result<Regex, SyntaxError> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(value.error(Problem::Expected("at most 32 regular expressions")));
        }
        pattern(value)
    }

    /// The key up to the operator.
    fn key(&mut self) -> Result<Part<'a>, SyntaxError> {
        self.peek();
        let start = self.at;
        let mut depth = 0usize;
        let mut chars = self.rest().char_indices();
        let length = loop {
            match chars.next() {
                Some((_, '\\')) => _ = chars.next(),
                Some((_, '[')) => depth += 1,
                Some((_, ']')) => depth = depth.saturating_sub(1),
                Some((at, '=' | '!' | '~' | '&' | '|' | '(' | ')')) if depth == 0 => break at,
                Some(_) => {}
                None => break self.rest().len(),
            }
        };
        self.at = start + length;
        Part::of(self.text, start, self.at).map(Part::trim)
    }

    /// One value of a list.
    fn value(&mut self, is_pattern: bool) -> Result<Part<'a>, SyntaxError> {
        self.peek();
        let start = self.at;
        self.at += length(self.rest(), is_pattern);
        let value = Part::plain(self.text, start, self.at).trim();
        if value.text().is_empty() {
            return Err(SyntaxError::at(self.text, start, Problem::Expected("a value")));
        }
        Ok(value)
    }
}

/// Bytes of the value at the start of `text`.
fn length(text: &str, is_pattern: bool) -> usize {
    let mut open = 0usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '[' if is_pattern => class(&mut chars),
            '(' | '{' if is_pattern || c == '(' => open += 1,
            ')' | '}' if open > 0 && (is_pattern || c == ')') => open -= 1,
            ',' | '&' | '|' | ')' if open == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// Skips a class of characters in a regular expression, in which `]` first is a character.
fn class(chars: &mut core::str::CharIndices<'_>) {
    let mut first = true;
    while let Some((_, c)) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '^' if first => continue,
            ']' if !first => return,
            _ => {}
        }
        first = false;
    }
}

/// Compiles a regular expression that must match a text as a whole. Characters are bytes.
fn pattern(part: Part<'_>) -> Result<Regex, SyntaxError> {
    let whole = format!("^(?:{})$", part.text());
    let mut builder = RegexBuilder::new(&whole);
    builder.unicode(false).size_limit(MAX_PROGRAM).dfa_size_limit(MAX_CACHE);
    builder.build().map_err(|error| part.error(Problem::Pattern(reason(&error))))
}

/// The last line of the message, without the drawing of the place above it.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

fn join(mut nodes: Vec<Node>, all: fn(Box<[Node]>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            all(nodes.into())
        }
        None => all([].into()),
    }
}

/// Largest compiled regular expression, bytes.
const MAX_PROGRAM: usize = 1 << 16;
/// Largest cache of a regular expression, bytes.
const MAX_CACHE: usize = 1 << 16;
/// Regular expressions in a filter: together with their sizes they bound its memory.
const MAX_PATTERNS: usize = 32;
