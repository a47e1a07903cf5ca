//! Filters: which packets a flow definition counts.
//!
//! A filter is tests joined by `&` and `|` (`&` binds more tightly) and by parentheses. A test is a key
//! or key function, an operator, and a list: `=` and `!=` compare the text with each, `~` and `!~`
//! match it as a whole with regular expressions. `null` in a list is the absent key. A test with `=`
//! or `~` is false for an absent key, one with `!=` or `!~` is true.

mod parse;

use core::fmt::Write;

use regex::bytes::Regex;

use super::context::Context;
use super::error::SyntaxError;
use super::expression::Expression;
use super::kind::Kind;
use super::packet::Packet;
use super::subject::{Live, Subject};
use super::text::ShortText;
use super::value::Value;

/// A filter, compiled.
#[derive(Clone, Debug)]
pub struct Filter {
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Test(Box<Test>),
}

/// A key and what it is compared with.
#[derive(Clone, Debug)]
struct Test {
    of: Expression,
    /// The list, without `null`.
    list: List,
    /// `null` is in the list.
    null: bool,
    /// `!=` or `!~`.
    negated: bool,
}

#[derive(Clone, Debug)]
enum List {
    /// Values of the kind of the key, which are compared without making text.
    Values(Box<[Value<'static>]>),
    /// Text, where the kind of the key is not known or is text.
    Texts(Box<[Value<'static>]>),
    Patterns(Box<[Regex]>),
}

impl Filter {
    /// Compiles a filter. Empty text accepts all packets.
    ///
    /// # Errors
    ///
    /// The first error in the text.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse::parse(text).map(|node| Self { node })
    }

    /// True if the filter accepts `packet`.
    #[inline]
    pub fn matches(&self, packet: &Packet<'_>, context: &Context<'_>) -> bool {
        self.accepts(&Live { packet, context })
    }

    /// The same for any subject.
    #[inline]
    pub(crate) fn accepts(&self, subject: &impl Subject) -> bool {
        self.node.accepts(subject)
    }

    /// Passes on each key that is tested.
    pub(crate) fn visit<'e>(&'e self, visit: &mut dyn FnMut(&'e str, u8)) {
        self.node.visit(visit);
    }
}

impl Node {
    fn accepts(&self, subject: &impl Subject) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.accepts(subject)),
            Self::Any(nodes) => nodes.iter().any(|node| node.accepts(subject)),
            Self::Test(test) => test.accepts(subject),
        }
    }

    fn visit<'e>(&'e self, visit: &mut dyn FnMut(&'e str, u8)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter().for_each(|node| node.visit(visit));
            }
            Self::Test(test) => test.of.visit(visit),
        }
    }
}

impl Test {
    fn accepts(&self, subject: &impl Subject) -> bool {
        let listed = match subject.value(&self.of) {
            Some(value) => self.list.contains(&value),
            None => self.null,
        };
        listed != self.negated
    }
}

impl List {
    /// The values of a list for keys of `kind`.
    fn values(kind: Kind, values: Box<[Value<'static>]>) -> Self {
        if matches!(kind, Kind::Any | Kind::Text) {
            Self::Texts(values)
        } else {
            Self::Values(values)
        }
    }

    fn contains(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Values(values) => values.contains(value),
            Self::Texts(values) => values.iter().any(|listed| listed.same(value)),
            Self::Patterns(patterns) => matches(patterns, value),
        }
    }
}

fn matches(patterns: &[Regex], value: &Value<'_>) -> bool {
    let any = |text: &str| patterns.iter().any(|pattern| pattern.is_match(text.as_bytes()));
    if let Value::Text(text) = value {
        return any(text);
    }
    // Without allocation: only the text of extreme floats is longer.
    let mut short = ShortText::<64>::new();
    match write!(short, "{value}") {
        Ok(()) => any(short.as_str()),
        Err(_) => any(&value.text()),
    }
}
