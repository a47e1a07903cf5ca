//! The table of key functions, and how their arguments are read.

use super::tokens::{Choice, Tokens};
use super::uri::UriPart;
use super::{Condition, Function, Mask};
use crate::keys::error::{Problem, SyntaxError, similar};
use crate::keys::expression::Expression;
use crate::keys::kind::Kind;
use crate::keys::syntax::Part;
use crate::keys::value::{Value, number};
use crate::lookup::{AsnPart, OuiPart};

/// A key function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionInfo {
    /// The name, without the colon.
    pub name: &'static str,
    /// The form of a call; brackets of optional arguments are angle brackets.
    pub form: &'static str,
    /// The value.
    pub doc: &'static str,
    build: Build,
}

/// Compiles a call; `None` if the number or the form of the arguments is wrong.
type Build = fn(&[Part<'_>]) -> Result<Option<Function>, SyntaxError>;

/// All key functions.
pub fn functions() -> impl Iterator<Item = &'static FunctionInfo> {
    FUNCTIONS.iter()
}

/// Compiles a call of the function `name`.
pub(in crate::keys) fn parse(
    name: Part<'_>,
    arguments: &[Part<'_>],
) -> Result<Function, SyntaxError> {
    let text = name.text();
    let Some(info) = functions().find(|info| info.name == text) else {
        let like = similar(text, functions().map(|info| info.name));
        return Err(name.error(Problem::UnknownFunction(text.to_owned(), like)));
    };
    (info.build)(arguments)?.ok_or_else(|| name.error(Problem::Arguments(info.form)))
}

const fn row(
    name: &'static str,
    form: &'static str,
    doc: &'static str,
    build: Build,
) -> FunctionInfo {
    FunctionInfo { name, form, doc, build }
}

const FUNCTIONS: &[FunctionInfo] = &[
    row(
        "group",
        "group:KEY:MAP<:MAP…>",
        "label of an address in the first group map that has one",
        |a| of_names(a, Function::Group),
    ),
    row("map", "map:KEY:MAP<:MAP…>", "label of a value in the first map that has one", |a| {
        of_names(a, Function::Map)
    }),
    row("country", "country:KEY<:both>", "ISO code of the country of an address", |a| {
        of_part(a, &[("code", ()), ("both", ())], |of, ()| Function::Country(of))
    }),
    row("asn", "asn:KEY<:number|name|both>", "autonomous system of an address", |a| {
        let parts = [("number", AsnPart::Number), ("name", AsnPart::Name), ("both", AsnPart::Both)];
        of_part(a, &parts, Function::Asn)
    }),
    row("oui", "oui:KEY<:prefix|name>", "vendor of a MAC address", |a| {
        of_part(a, &[("prefix", OuiPart::Prefix), ("name", OuiPart::Name)], Function::Oui)
    }),
    row("dns", "dns:KEY", "name of an address, once it was looked up", |a| {
        of_one(a, Function::Dns)
    }),
    row("host", "host:KEY:METRIC", "metric of the host that has a MAC address", |a| match a {
        [of, metric] => Ok(Some(Function::Host(Expression::parse_part(*of)?, metric.literal()))),
        _ => Ok(None),
    }),
    row("link", "link:KEY", "link of the topology at a port of the agent", |a| {
        of_one(a, Function::Link)
    }),
    row("node", "node:KEY", "node of the topology that has a port of the agent", |a| {
        of_one(a, Function::Node)
    }),
    row("ifname", "ifname:KEY", "name of a port of the agent", |a| of_one(a, Function::Ifname)),
    row(
        "uri",
        "uri:KEY:PART",
        "part of a URI: normalized, scheme, user, authority, host, port, path, file, extension, query, fragment",
        |a| match a {
            [of, part] => {
                let name = part.literal();
                let part = UriPart::NAMES.into_iter().find(|(known, _)| *known == name);
                let of = Expression::parse_part(*of)?;
                Ok(part.map(|(_, part)| Function::Uri(of, part)))
            }
            _ => Ok(None),
        },
    ),
    row("prefix", "prefix:KEY:SEPARATOR:COUNT", "first tokens of a text", |a| {
        counted(a, Choice::Prefix)
    }),
    row("suffix", "suffix:KEY:SEPARATOR:COUNT", "last tokens of a text", |a| {
        counted(a, Choice::Suffix)
    }),
    row(
        "first",
        "first:KEY:SEPARATOR:TOKEN<:TOKEN…>",
        "first token of a text that is one of these",
        |a| {
            let [of, separator, first, more @ ..] = a else { return Ok(None) };
            let wanted = [first].into_iter().chain(more).map(|token| token.literal()).collect();
            tokens(*of, *separator, Choice::First(wanted))
        },
    ),
    row("concat", "concat:SEPARATOR:KEY<:KEY…>", "values, joined", |a| {
        let [separator, first, more @ ..] = a else { return Ok(None) };
        let parts = [first].into_iter().chain(more).map(|part| Expression::parse_or_literal(*part));
        Ok(Some(Function::Concat(separator.literal(), parts.collect::<Result<_, _>>()?)))
    }),
    row(
        "mask",
        "mask:KEY:BITS<:BITS6>",
        "network of an address, of so many bits (IPv6: BITS6)",
        |a| {
            let (of, bits, bits6) = match a {
                [of, bits] => (of, bits, bits),
                [of, bits, bits6] => (of, bits, bits6),
                _ => return Ok(None),
            };
            let of = Expression::parse_part(*of)?;
            let limit = |part: &Part<'_>, most| number(part.text()).filter(|bits| *bits <= most);
            let most = if matches!(of.kind(), Kind::V4) { 32 } else { 128 };
            let (Some(v4), Some(v6)) = (limit(bits, most), limit(bits6, 128)) else {
                return Ok(None);
            };
            Ok(Some(Function::Mask(of, Mask { v4: v4.min(32) as u32, v6: v6 as u32 })))
        },
    ),
    row(
        "range",
        "range:KEY:<LOW>:<HIGH>",
        "true if a number is in a range, limits included",
        |a| {
            let (of, low, high) = match a {
                [of, low] => (of, Some(low), None),
                [of, low, high] => (of, Some(low), Some(high)),
                _ => return Ok(None),
            };
            let limit =
                |part: Option<&Part<'_>>, open: f64| match part.map(|part| part.text().trim()) {
                    None | Some("") => Some(open),
                    Some(text) => text.parse().ok().filter(|limit: &f64| !limit.is_nan()),
                };
            let (low, high) = (limit(low, f64::NEG_INFINITY), limit(high, f64::INFINITY));
            let of = Expression::parse_part(*of)?;
            Ok(low.zip(high).map(|(low, high)| Function::Range(of, low, high)))
        },
    ),
    row("bits", "bits:KEY:MASK", "bits of a number that are in a mask, not shifted", |a| match a {
        [of, mask] => {
            let of = Expression::parse_part(*of)?;
            Ok(number(mask.text().trim()).map(|mask| Function::Bits(of, mask)))
        }
        _ => Ok(None),
    }),
    row("len", "len:KEY", "bytes of the text of a value", |a| of_one(a, Function::Length)),
    row("hash", "hash:KEY<:BUCKETS>", "FNV-1a hash of the text of a value, below BUCKETS", |a| {
        match a {
            [of] => Ok(Some(Function::Hash(Expression::parse_part(*of)?, None))),
            [of, buckets] => {
                let of = Expression::parse_part(*of)?;
                let buckets = number(buckets.text().trim()).filter(|buckets| *buckets > 0);
                Ok(buckets.map(|buckets| Function::Hash(of, Some(buckets))))
            }
            _ => Ok(None),
        }
    }),
    row("null", "null:KEY:TEXT", "value, or a text if there is none", |a| match a {
        [of, text] => {
            let of = Expression::parse_part(*of)?;
            let text = Expression::literal(of.kind(), &text.literal());
            Ok(Some(Function::Or([of, text].into())))
        }
        _ => Ok(None),
    }),
    row(
        "or",
        "or:KEY:KEY<:KEY…>",
        "first value that there is; an argument that is no key is a text",
        |a| {
            if a.len() < 2 {
                return Ok(None);
            }
            let parts = a.iter().map(|part| Expression::parse_or_literal(*part));
            let alternatives: Box<[_]> = parts.collect::<Result<_, _>>()?;
            let kind = super::common(&alternatives);
            Ok(Some(Function::Or(
                alternatives.into_iter().map(|it| it.with_literal_kind(kind)).collect(),
            )))
        },
    ),
    row("if", "if:KEY:TEXT:THEN:ELSE", "THEN if the value is the text, else ELSE", |a| match a {
        [of, text, then, otherwise] => {
            let of = Expression::parse_part(*of)?;
            let equals = Value::literal(of.kind(), &text.literal());
            let then = Expression::parse_or_literal(*then)?;
            let otherwise = Expression::parse_or_literal(*otherwise)?;
            Ok(Some(Function::If(Box::new(Condition { of, equals, then, otherwise }))))
        }
        _ => Ok(None),
    }),
    row("eq", "eq:KEY:KEY", "true if two values are equal", |a| match a {
        [one, other] => {
            let one = Expression::parse_part(*one)?;
            let other = Expression::parse_or_literal(*other)?.with_literal_kind(one.kind());
            Ok(Some(Function::Equal(one, other)))
        }
        _ => Ok(None),
    }),
    row("rtflow", "rtflow:NAME", "attribute of an rtflow sample", |a| match a {
        [name] => Ok(Some(Function::Attribute(name.literal()))),
        _ => Ok(None),
    }),
];

fn of_one(
    arguments: &[Part<'_>],
    function: fn(Expression) -> Function,
) -> Result<Option<Function>, SyntaxError> {
    match arguments {
        [of] => Expression::parse_part(*of).map(|of| Some(function(of))),
        _ => Ok(None),
    }
}

fn of_names(
    arguments: &[Part<'_>],
    function: fn(Expression, Box<[String]>) -> Function,
) -> Result<Option<Function>, SyntaxError> {
    match arguments {
        [of, names @ ..] if !names.is_empty() => {
            let names = names.iter().map(|name| name.literal()).collect();
            Expression::parse_part(*of).map(|of| Some(function(of, names)))
        }
        _ => Ok(None),
    }
}

/// A function with one of the parts as its second argument; without one, the first of them.
fn of_part<P: Copy>(
    arguments: &[Part<'_>],
    parts: &[(&str, P)],
    function: fn(Expression, P) -> Function,
) -> Result<Option<Function>, SyntaxError> {
    let (of, part) = match arguments {
        [of] => (of, parts.first()),
        [of, name] => (of, parts.iter().find(|(known, _)| *known == name.text().trim())),
        _ => return Ok(None),
    };
    let of = Expression::parse_part(*of)?;
    Ok(part.map(|(_, part)| function(of, *part)))
}

fn counted(
    arguments: &[Part<'_>],
    choice: fn(usize) -> Choice,
) -> Result<Option<Function>, SyntaxError> {
    let [of, separator, count] = arguments else { return Ok(None) };
    match number(count.text().trim()).and_then(|count| usize::try_from(count).ok()) {
        Some(count @ 1..) => tokens(*of, *separator, choice(count)),
        _ => Ok(None),
    }
}

fn tokens(
    of: Part<'_>,
    separator: Part<'_>,
    choice: Choice,
) -> Result<Option<Function>, SyntaxError> {
    let (of, separator) = (Expression::parse_part(of)?, separator.literal());
    if separator.is_empty() {
        return Ok(None);
    }
    Ok(Some(Function::Tokens(of, Tokens { separator, choice })))
}
