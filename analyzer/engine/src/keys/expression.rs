//! Keys, key functions and literals, compiled.

use super::buffer::KeyBuffer;
use super::catalogue::{KeyInfo, catalogue, find};
use super::common::Common;
use super::context::Context;
use super::error::{Problem, SyntaxError, similar};
use super::function::{self, Function};
use super::kind::Kind;
use super::packet::Packet;
use super::subject::Bearer;
use super::syntax::Part;
use super::value::Value;

/// A key, a key function or a literal, compiled once and read from any number of packets.
#[derive(Clone, Debug)]
pub struct Expression {
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    /// A key, the number of its header, and the same as one of the common ones.
    Key(&'static KeyInfo, u8, Option<Common>),
    Literal(Value<'static>),
    Function(Box<Function>),
}

impl Expression {
    /// Compiles one key or key function.
    ///
    /// # Errors
    ///
    /// The first error in the text; an unknown key is one.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::parse_part(Part::whole(text)?)
    }

    pub(super) fn parse_part(part: Part<'_>) -> Result<Self, SyntaxError> {
        let part = part.trim();
        if let Some(inside) = part.inside_brackets() {
            return Self::parse_part(inside);
        }
        let (name, arguments) = match part.split(':').split_first() {
            Some((name, arguments)) => (name.trim(), arguments.to_vec()),
            None => (part, Vec::new()),
        };
        if arguments.is_empty() {
            return Self::key(name)?.ok_or_else(|| unknown_key(name));
        }
        function::parse(name, &arguments).map(Self::function)
    }

    /// Compiles an argument that may be a literal: text that is neither a key nor in brackets.
    pub(super) fn parse_or_literal(part: Part<'_>) -> Result<Self, SyntaxError> {
        let part = part.trim();
        match part.inside_brackets() {
            Some(inside) => Self::parse_part(inside),
            None => {
                Ok(Self::key(part)?.unwrap_or_else(|| Self::literal(Kind::Any, &part.literal())))
            }
        }
    }

    /// The key of this name, with its suffix; `None` for an unknown name.
    fn key(part: Part<'_>) -> Result<Option<Self>, SyntaxError> {
        let (name, instance) = suffix(part.text());
        let Some(info) = find(name) else { return Ok(None) };
        if instance != 0 && !info.layered {
            return Err(part.error(Problem::NoLayers(info.name)));
        }
        let group =
            |of| Self::parse(of).map(|of| Some(Self::function(Function::default_group(of))));
        match info.name {
            "sourcegroup" => group("src"),
            "destinationgroup" => group("dst"),
            name => {
                let common = if instance == 0 { Common::named(name) } else { None };
                Ok(Some(Self { node: Node::Key(info, instance, common) }))
            }
        }
    }

    pub(super) fn literal(kind: Kind, text: &str) -> Self {
        Self { node: Node::Literal(Value::literal(kind, text)) }
    }

    fn function(function: Function) -> Self {
        Self { node: Node::Function(Box::new(function)) }
    }

    /// The value for `packet`; `None` if the packet has none.
    #[inline]
    pub fn eval<'p>(&'p self, packet: &'p Packet<'_>, context: &Context<'p>) -> Option<Value<'p>> {
        self.eval_of(packet, context)
    }

    /// The same for whatever has keys.
    #[inline]
    pub(crate) fn eval_of<'p>(
        &'p self,
        bearer: &'p impl Bearer,
        context: &Context<'p>,
    ) -> Option<Value<'p>> {
        match &self.node {
            Node::Key(info, instance, common) => bearer.key(info, *instance, *common),
            Node::Literal(value) => Some(value.clone()),
            Node::Function(function) => function.eval(bearer, context),
        }
    }

    /// Passes on each key that the value follows from: its name, and the number of its header.
    pub(crate) fn visit<'e>(&'e self, visit: &mut dyn FnMut(&'e str, u8)) {
        match &self.node {
            Node::Key(info, instance, _) => visit(info.name, *instance),
            Node::Literal(_) => {}
            Node::Function(function) => function.visit(visit),
        }
    }

    /// The value for `packet` as a number; `None` if the packet has none, or it is no number.
    #[inline]
    pub(crate) fn number<'p>(
        &'p self,
        packet: &'p Packet<'_>,
        context: &Context<'p>,
    ) -> Option<f64> {
        match &self.node {
            Node::Key(info, instance, _) => info.number(packet, *instance),
            _ => self.eval(packet, context)?.number(),
        }
    }

    /// Appends the value for `packet` to a key; returns false if there is none.
    #[inline]
    pub(super) fn write<'p>(
        &'p self,
        packet: &'p Packet<'_>,
        context: &Context<'p>,
        buffer: &mut KeyBuffer,
    ) -> bool {
        match &self.node {
            Node::Key(info, instance, _) => info.write(packet, *instance, buffer),
            _ => self.eval(packet, context).map(|value| buffer.push(&value)).is_some(),
        }
    }

    /// The key, if it is one whose values are stored beside a sample.
    #[inline]
    pub(crate) fn common(&self) -> Option<Common> {
        match self.node {
            Node::Key(_, _, common) => common,
            _ => None,
        }
    }

    /// The kind of the values.
    pub fn kind(&self) -> Kind {
        match &self.node {
            Node::Key(info, ..) => info.kind,
            Node::Literal(_) => Kind::Any,
            Node::Function(function) => function.kind(),
        }
    }

    /// Reads a literal again, as a value of `kind`: so it equals the value of a key beside it.
    pub(super) fn with_literal_kind(self, kind: Kind) -> Self {
        match self.node {
            Node::Literal(value) => Self::literal(kind, &value.text()),
            node => Self { node },
        }
    }

    pub(super) fn is_literal(&self) -> bool {
        matches!(self.node, Node::Literal(_))
    }
}

fn unknown_key(part: Part<'_>) -> SyntaxError {
    let name = part.text();
    if name.is_empty() {
        return part.error(Problem::Expected("a key"));
    }
    let (base, _) = suffix(name);
    let like = similar(base, catalogue().map(|key| key.name));
    part.error(Problem::UnknownKey(name.to_owned(), like))
}

/// Splits `ipsource.1` into name and number; without a number it is 0.
fn suffix(name: &str) -> (&str, u8) {
    let split = name.rsplit_once('.').and_then(|(name, number)| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some((name, number.parse().ok()?))
    });
    split.unwrap_or((name, 0))
}
