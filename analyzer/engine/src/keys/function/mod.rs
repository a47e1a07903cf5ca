//! Key functions: their table, their arguments and their values.

mod parse;
mod tokens;
mod uri;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowmote_decoder::Address;
use flowmote_decoder::visit::Value as Field;

use super::context::Context;
use super::expression::Expression;
use super::kind::Kind;
use super::packet::Packet;
use super::subject::Bearer;
use super::value::Value;
use crate::lookup::{AsnPart, OuiPart};

pub(super) use parse::parse;
pub use parse::{FunctionInfo, functions};
use tokens::Tokens;
use uri::UriPart;

/// A function with its arguments.
#[derive(Clone, Debug)]
pub(super) enum Function {
    Group(Expression, Box<[String]>),
    Map(Expression, Box<[String]>),
    Country(Expression),
    Asn(Expression, AsnPart),
    Oui(Expression, OuiPart),
    Dns(Expression),
    Host(Expression, String),
    Link(Expression),
    Node(Expression),
    Ifname(Expression),
    Uri(Expression, UriPart),
    Tokens(Expression, Tokens),
    Concat(String, Box<[Expression]>),
    Mask(Expression, Mask),
    Range(Expression, f64, f64),
    Bits(Expression, u64),
    Length(Expression),
    Hash(Expression, Option<u64>),
    /// The first that a packet has. `null:` is one with a literal as the last.
    Or(Box<[Expression]>),
    If(Box<Condition>),
    Equal(Expression, Expression),
    /// An attribute of an rtflow sample.
    Attribute(String),
}

/// `if:`
#[derive(Clone, Debug)]
pub(super) struct Condition {
    of: Expression,
    equals: Value<'static>,
    then: Expression,
    otherwise: Expression,
}

/// Lengths of networks, bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    v4: u32,
    v6: u32,
}

impl Function {
    /// The label of `of` in the default group map.
    pub(super) fn default_group(of: Expression) -> Self {
        Self::Group(of, [String::new()].into())
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Range(..) | Self::Equal(..) => Kind::Bool,
            Self::Bits(..) | Self::Length(_) | Self::Hash(..) => Kind::Number,
            Self::Mask(of, _) => of.kind(),
            Self::Or(alternatives) => common(alternatives),
            Self::If(condition) => condition.then.kind().or(condition.otherwise.kind()),
            Self::Attribute(_) => Kind::Any,
            _ => Kind::Text,
        }
    }

    pub(super) fn eval<'p>(
        &'p self,
        bearer: &'p impl Bearer,
        context: &Context<'p>,
    ) -> Option<Value<'p>> {
        match self {
            Self::Or(alternatives) => {
                alternatives.iter().find_map(|it| it.eval_of(bearer, context))
            }
            Self::If(condition) => condition.eval(bearer, context),
            Self::Concat(separator, parts) => concat(separator, parts, bearer, context),
            Self::Equal(one, other) => {
                let (one, other) = (one.eval_of(bearer, context)?, other.eval_of(bearer, context)?);
                Some(one.same(&other).into())
            }
            Self::Attribute(name) => bearer.attribute(name),
            Self::Link(of) | Self::Node(of) | Self::Ifname(of) => {
                let port = port(&of.eval_of(bearer, context)?)?;
                self.of_port(bearer.agent(), context, port)
            }
            Self::Group(of, _)
            | Self::Map(of, _)
            | Self::Country(of)
            | Self::Asn(of, _)
            | Self::Oui(of, _)
            | Self::Dns(of)
            | Self::Host(of, _) => self.look_up(&of.eval_of(bearer, context)?, context),
            Self::Uri(of, _)
            | Self::Tokens(of, _)
            | Self::Mask(of, _)
            | Self::Range(of, ..)
            | Self::Bits(of, _)
            | Self::Length(of)
            | Self::Hash(of, _) => self.transform(of.eval_of(bearer, context)?),
        }
    }

    /// Passes on each key that the value follows from.
    pub(super) fn visit<'e>(&'e self, visit: &mut dyn FnMut(&'e str, u8)) {
        match self {
            Self::Or(parts) | Self::Concat(_, parts) => {
                parts.iter().for_each(|part| part.visit(visit));
            }
            Self::If(condition) => {
                let Condition { of, then, otherwise, .. } = condition.as_ref();
                [of, then, otherwise].into_iter().for_each(|part| part.visit(visit));
            }
            Self::Equal(one, other) => [one, other].into_iter().for_each(|part| part.visit(visit)),
            Self::Attribute(_) => visit("rtflow:", 0),
            Self::Group(of, _)
            | Self::Map(of, _)
            | Self::Country(of)
            | Self::Asn(of, _)
            | Self::Oui(of, _)
            | Self::Dns(of)
            | Self::Host(of, _)
            | Self::Link(of)
            | Self::Node(of)
            | Self::Ifname(of)
            | Self::Uri(of, _)
            | Self::Tokens(of, _)
            | Self::Mask(of, _)
            | Self::Range(of, ..)
            | Self::Bits(of, _)
            | Self::Length(of)
            | Self::Hash(of, _) => of.visit(visit),
        }
    }

    /// The functions of a value that use the context.
    fn look_up<'p>(&'p self, value: &Value<'_>, context: &Context<'p>) -> Option<Value<'p>> {
        let (lookup, names) = (context.lookup, context.names);
        match self {
            Self::Group(_, groups) => {
                let address = value.ip()?;
                let labels = groups.iter().filter_map(|group| lookup.groups.label(group, address));
                first(labels)
            }
            Self::Map(_, maps) => {
                let text = value.text();
                first(maps.iter().filter_map(|map| lookup.maps.label(map, &text)))
            }
            Self::Country(_) => lookup.geo.get()?.country(value.ip()?).map(Value::from),
            Self::Asn(_, part) => lookup.geo.get()?.asn(value.ip()?, *part).map(Value::from),
            Self::Oui(_, part) => lookup.geo.get()?.oui(mac(value)?, *part).map(Value::from),
            Self::Dns(_) => lookup.addresses.name(value.ip()?).map(|it| it.to_string().into()),
            Self::Host(_, metric) => names.host(mac(value)?, metric).map(Value::from),
            _ => None,
        }
    }

    /// The functions of a port of the agent.
    fn of_port<'p>(&self, agent: &Address, context: &Context<'p>, port: u32) -> Option<Value<'p>> {
        let topology = &context.lookup.topology;
        match self {
            Self::Link(_) => topology.link(agent, port).map(Value::from),
            Self::Node(_) => topology.node(agent, Some(port)).map(Value::from),
            _ => context.names.ifname(agent, port).map(Value::from),
        }
    }

    /// The functions of a value alone.
    fn transform<'p>(&self, value: Value<'p>) -> Option<Value<'p>> {
        match self {
            Self::Mask(_, mask) => mask.network(&value),
            Self::Range(_, low, high) => {
                let number = value.number()?;
                Some((*low <= number && number <= *high).into())
            }
            Self::Bits(_, mask) => match value {
                Value::Number(number) => Some((number & mask).into()),
                Value::Bits { value, .. } => Some((u64::from(value) & mask).into()),
                _ => None,
            },
            Self::Length(_) => Some((value.text().len() as u64).into()),
            Self::Hash(_, buckets) => {
                let hash = fnv1a(value.text().as_bytes());
                Some(buckets.map_or(hash, |buckets| hash % buckets).into())
            }
            Self::Uri(_, part) => part.of(&value.text()).map(Value::from),
            Self::Tokens(_, tokens) => tokens.of(value),
            _ => None,
        }
    }
}

impl Condition {
    fn eval<'p>(&'p self, bearer: &'p impl Bearer, context: &Context<'p>) -> Option<Value<'p>> {
        let met = self.of.eval_of(bearer, context).is_some_and(|value| value.same(&self.equals));
        let chosen = if met { &self.then } else { &self.otherwise };
        chosen.eval_of(bearer, context)
    }
}

impl Mask {
    fn network<'p>(self, value: &Value<'_>) -> Option<Value<'p>> {
        Some(match value.ip()? {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - self.v4).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - self.v6).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        })
    }
}

/// The kind of all alternatives. Literals take the kind of the others.
fn common(alternatives: &[Expression]) -> Kind {
    let kinds = alternatives.iter().filter(|it| !it.is_literal()).map(Expression::kind);
    kinds.reduce(Kind::or).unwrap_or(Kind::Any)
}

/// All parts; nothing if a packet lacks one.
fn concat<'p>(
    separator: &str,
    parts: &'p [Expression],
    bearer: &'p impl Bearer,
    context: &Context<'p>,
) -> Option<Value<'p>> {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            text.push_str(separator);
        }
        text.push_str(&part.eval_of(bearer, context)?.text());
    }
    Some(text.into())
}

pub(super) fn attribute<'p>(packet: &'p Packet<'_>, name: &str) -> Option<Value<'p>> {
    let mut values = packet.rtflow.as_ref()?.values().flatten();
    let found = values.find(|value| value.name.0 == name.as_bytes())?;
    Some(match found.value {
        Field::Text(text) => return Value::received(text),
        Field::Mac(address) => address.into(),
        Field::Ipv4(address) => address.into(),
        Field::Ipv6(address) => address.into(),
        Field::I32(number) => number.into(),
        Field::I64(number) => number.into(),
        Field::F32(number) => number.into(),
        Field::F64(number) => number.into(),
        _ => return None,
    })
}

fn port(value: &Value<'_>) -> Option<u32> {
    match value {
        Value::Number(number) => u32::try_from(*number).ok(),
        _ => None,
    }
}

fn mac(value: &Value<'_>) -> Option<flowmote_decoder::MacAddress> {
    match value {
        Value::Mac(address) => Some(*address),
        _ => None,
    }
}

fn first<'p>(mut labels: impl Iterator<Item = &'p str>) -> Option<Value<'p>> {
    labels.next().map(Value::from)
}

/// FNV-1a of 32 bits: the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, step).into()
}
