//! Functions of expressions.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use super::expression::{Expression, Scope};
use super::value::Value;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Ceil,
    Floor,
    Log,
    Sqrt,
    Greatest,
    Least,
    IsPresent,
    IsBlank,
    IsEmpty,
    Coalesce,
    StrLen,
    Upper,
    Lower,
    Trim,
    LTrim,
    RTrim,
    Substr,
    Concat,
    Replace,
    StrContains,
    DateFloor,
    DateCeil,
    FromMillis,
    ToMillis,
    IsValidIp,
    IsValidIpv4,
    IsValidIpv6,
    IsIpInSubnet,
    IsIpv4InSubnet,
    IsIpv6InSubnet,
    Unmask,
}

/// The names, and how many arguments there may be.
const ALL: [(&str, Function, usize, usize); 34] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("log", Function::Log, 1, 1),
    ("sqrt", Function::Sqrt, 1, 1),
    ("greatest", Function::Greatest, 1, MANY),
    ("least", Function::Least, 1, MANY),
    ("ispresent", Function::IsPresent, 1, 1),
    ("isblank", Function::IsBlank, 1, 1),
    ("isempty", Function::IsEmpty, 1, 1),
    ("coalesce", Function::Coalesce, 1, MANY),
    ("strlen", Function::StrLen, 1, 1),
    ("upper", Function::Upper, 1, 1),
    ("toupper", Function::Upper, 1, 1),
    ("lower", Function::Lower, 1, 1),
    ("tolower", Function::Lower, 1, 1),
    ("trim", Function::Trim, 1, 2),
    ("ltrim", Function::LTrim, 1, 2),
    ("rtrim", Function::RTrim, 1, 2),
    ("substr", Function::Substr, 2, 3),
    ("concat", Function::Concat, 1, MANY),
    ("replace", Function::Replace, 3, 3),
    ("strcontains", Function::StrContains, 2, 2),
    ("datefloor", Function::DateFloor, 2, 2),
    ("dateceil", Function::DateCeil, 2, 2),
    ("frommillis", Function::FromMillis, 1, 1),
    ("tomillis", Function::ToMillis, 1, 1),
    ("isvalidip", Function::IsValidIp, 1, 1),
    ("isvalidipv4", Function::IsValidIpv4, 1, 1),
    ("isvalidipv6", Function::IsValidIpv6, 1, 1),
    ("isipinsubnet", Function::IsIpInSubnet, 2, 2),
    ("isipv4insubnet", Function::IsIpv4InSubnet, 2, 2),
    ("isipv6insubnet", Function::IsIpv6InSubnet, 2, 2),
    // Nothing is masked here.
    ("unmask", Function::Unmask, 1, 1),
];

const MANY: usize = 100;

impl Function {
    /// The function with a name in any case, and how many arguments it has.
    pub(super) fn named(name: &str) -> Option<(Self, core::ops::RangeInclusive<usize>)> {
        let found = ALL.into_iter().find(|(own, ..)| own.eq_ignore_ascii_case(name));
        found.map(|(_, function, least, most)| (function, least..=most))
    }

    pub(super) fn value<'a>(self, arguments: &'a [Expression], scope: Scope<'_, 'a>) -> Value<'a> {
        let value = |at: usize| arguments.get(at).map(|it| it.value(scope)).unwrap_or_default();
        let number = |apply: fn(f64) -> f64| {
            value(0).number().map_or(Value::Null, |number| Value::of_number(apply(number)))
        };
        match self {
            Self::Abs => number(f64::abs),
            Self::Ceil => number(f64::ceil),
            Self::Floor => number(f64::floor),
            Self::Log => number(f64::ln),
            Self::Sqrt => number(f64::sqrt),
            Self::Greatest => extreme(arguments, scope, f64::max),
            Self::Least => extreme(arguments, scope, f64::min),
            Self::IsPresent => Value::Bool(!value(0).is_null()),
            Self::IsEmpty => Value::Bool(value(0).to_text().is_none_or(|text| text.is_empty())),
            Self::IsBlank => {
                Value::Bool(value(0).to_text().is_none_or(|text| text.trim().is_empty()))
            }
            Self::Coalesce => {
                let values = arguments.iter().map(|argument| argument.value(scope));
                values.into_iter().find(|value| !value.is_null()).unwrap_or_default()
            }
            Self::StrLen => {
                let length = |text: Cow<'_, str>| Value::Number(text.chars().count() as f64);
                value(0).to_text().map_or(Value::Null, length)
            }
            Self::Upper => changed(value(0), |text| Some(text.to_uppercase())),
            Self::Lower => changed(value(0), |text| Some(text.to_lowercase())),
            Self::Trim | Self::LTrim | Self::RTrim => self.trimmed(value(0), &value(1)),
            Self::Substr => substr(value(0), value(1).number(), value(2).number()),
            Self::Concat => concat(arguments, scope),
            Self::Replace => replace(&value(0), &value(1), &value(2)),
            Self::StrContains => {
                let (one, other) = (value(0), value(1));
                let has = one.to_text().zip(other.to_text());
                let has = has.is_some_and(|(one, other)| one.contains(&*other));
                Value::Number(f64::from(u8::from(has)))
            }
            Self::DateFloor => part(&value(0), &value(1), false),
            Self::DateCeil => part(&value(0), &value(1), true),
            Self::FromMillis => {
                value(0).number().map_or(Value::Null, |millis| Value::Time(millis as i64))
            }
            Self::Unmask => value(0),
            Self::ToMillis => value(0).number().map_or(Value::Null, Value::of_number),
            _ => Value::Bool(self.of_address(&value(0), &value(1)).unwrap_or(false)),
        }
    }

    fn trimmed<'a>(self, value: Value<'a>, marks: &Value<'_>) -> Value<'a> {
        let marks = marks.to_text();
        changed(value, |text| {
            let belongs = |next: char| match &marks {
                Some(marks) => marks.contains(next),
                None => next.is_whitespace(),
            };
            let text = if self == Self::RTrim { text } else { text.trim_start_matches(belongs) };
            let text = if self == Self::LTrim { text } else { text.trim_end_matches(belongs) };
            Some(text.to_owned())
        })
    }

    fn of_address(self, value: &Value<'_>, subnet: &Value<'_>) -> Option<bool> {
        let address: IpAddr = value.to_text()?.trim().parse().ok()?;
        let is_kind = match self {
            Self::IsValidIpv4 | Self::IsIpv4InSubnet => address.is_ipv4(),
            Self::IsValidIpv6 | Self::IsIpv6InSubnet => address.is_ipv6(),
            _ => true,
        };
        let needs_subnet =
            matches!(self, Self::IsIpInSubnet | Self::IsIpv4InSubnet | Self::IsIpv6InSubnet);
        Some(is_kind && (!needs_subnet || is_in(address, &subnet.to_text()?)?))
    }
}

/// The same with another text; null if it gets too long.
fn changed<'a>(value: Value<'a>, change: impl Fn(&str) -> Option<String>) -> Value<'a> {
    let Some(text) = value.to_text() else { return Value::Null };
    change(&text).map_or(Value::Null, |text| Value::Text(Cow::Owned(text)))
}

fn extreme<'a>(
    arguments: &'a [Expression],
    scope: Scope<'_, 'a>,
    choose: fn(f64, f64) -> f64,
) -> Value<'a> {
    let numbers = arguments.iter().filter_map(|argument| argument.value(scope).number());
    numbers.reduce(choose).map_or(Value::Null, Value::Number)
}

/// From a place, counted from 0 on, as many characters as there are.
fn substr<'a>(value: Value<'a>, from: Option<f64>, length: Option<f64>) -> Value<'a> {
    let Some(from) = from else { return Value::Null };
    let length = length.map_or(usize::MAX, |length| length as usize);
    changed(value, |text| Some(text.chars().skip(from as usize).take(length).collect()))
}

fn concat<'a>(arguments: &'a [Expression], scope: Scope<'_, 'a>) -> Value<'a> {
    let mut joined = String::new();
    for argument in arguments {
        let value = argument.value(scope);
        let text = value.to_text().unwrap_or_default();
        if joined.len() + text.len() > MAX_TEXT {
            return Value::Null;
        }
        joined.push_str(&text);
    }
    Value::Text(Cow::Owned(joined))
}

fn replace(value: &Value<'_>, old: &Value<'_>, new: &Value<'_>) -> Value<'static> {
    let texts = (value.to_text(), old.to_text(), new.to_text());
    let (Some(text), Some(old), Some(new)) = texts else { return Value::Null };
    let longest = text.len() + (text.matches(&*old).count()).saturating_mul(new.len());
    if longest > MAX_TEXT {
        return Value::Null;
    }
    Value::Text(Cow::Owned(text.replace(&*old, &new)))
}

/// The beginning of the period of a time, or the end if it is not at the beginning.
fn part(time: &Value<'_>, period: &Value<'_>, is_up: bool) -> Value<'static> {
    let (Some(time), Some(period)) = (time.number(), period.number()) else { return Value::Null };
    let (time, period) = (time as i64, (period as i64).max(1));
    let begin = time.saturating_sub(time.rem_euclid(period));
    Value::Time(if is_up && begin < time { begin.saturating_add(period) } else { begin })
}

/// True if an address is in a subnet such as `10.0.0.0/8`.
fn is_in(address: IpAddr, subnet: &str) -> Option<bool> {
    let (net, length) = subnet.trim().split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match (address, net.parse().ok()?) {
        (IpAddr::V4(address), IpAddr::V4(net)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let bits = Ipv4Addr::to_bits;
            Some(bits(address) & mask == bits(net) & mask)
        }
        (IpAddr::V6(address), IpAddr::V6(net)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let bits = Ipv6Addr::to_bits;
            Some(bits(address) & mask == bits(net) & mask)
        }
        _ => None,
    }
}

/// Bytes of a text that a function makes.
const MAX_TEXT: usize = 1 << 20;
