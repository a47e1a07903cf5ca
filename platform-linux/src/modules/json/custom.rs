//! `rtmetric` and `rtflow`: values with names and types that the sender chooses.

use core::net::IpAddr;
use std::collections::HashSet;

use flowmote_core::{FlowValue, MetricValue, is_datasource_name, is_value_name};
use serde_json::Deserializer;

use super::members::{self, Member, Object, Place, object};
use super::refusals::Kind;
use super::value::{Number, Text, Value};

/// An `rtmetric` or `rtflow` message.
#[derive(Debug, Default)]
pub(super) struct Custom<'a> {
    pub(super) datasource: Text<'a>,
    /// Of an `rtflow` only.
    pub(super) sampling_rate: Number,
    /// Read one by one, so that a mistake in one leaves the others alone.
    members: Vec<(Text<'a>, &'a str)>,
}

object! {
    /// A value with its type.
    struct Typed<'a>: Object<'a> {
        "type" => kind: Text<'a>,
        "value" => value: Value<'a>,
    }
}

/// A mistake in one member, or in the data source of a message.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    /// What would be right.
    pub(super) needs: &'static str,
}

impl<'a> Custom<'a> {
    /// The name of the data source, if a collector accepts it.
    pub(super) fn checked_datasource(&self) -> Result<&str, Mistake<'_>> {
        let name = self.datasource.as_str();
        let needs = "up to 64 letters, digits, - and _, and no digit first";
        match name {
            "" => Err(Mistake { kind: Kind::Missing, name: "datasource", needs }),
            _ if is_datasource_name(name) => Ok(name),
            _ => Err(Mistake { kind: Kind::Name, name, needs }),
        }
    }

    /// The members that are objects; hsflowd ignores others, too. Passes mistakes to `refuse`.
    pub(super) fn members<'b>(
        &'b self,
        refuse: &mut dyn FnMut(Mistake<'_>),
    ) -> Vec<(&'b str, Typed<'a>)> {
        let objects = self.members.iter().filter(|(_, text)| text.starts_with('{'));
        let mut names = HashSet::new();
        let read = objects.filter_map(|(name, text)| {
            let name = name.as_str();
            let member = if names.insert(name) {
                read_member(name, text)
            } else {
                Err(Mistake { kind: Kind::Type, name, needs: "one value, and has several" })
            };
            member.map_err(&mut *refuse).ok().map(|member| (name, member))
        });
        read.collect()
    }
}

fn read_member<'a, 'b>(name: &'b str, text: &'a str) -> Result<Typed<'a>, Mistake<'b>> {
    if !is_value_name(name) {
        let needs = "a name of up to 64 letters, digits, - and _";
        return Err(Mistake { kind: Kind::Name, name, needs });
    }
    let needs = r#"{"type": "a text", "value": ...}"#;
    let mut typed = Typed::default();
    let read = members::read(&mut typed, &mut Deserializer::from_str(text));
    read.map(|()| typed).map_err(|_| Mistake { kind: Kind::Type, name, needs })
}

impl Typed<'_> {
    /// The value of a metric; an error names what would be right.
    pub(super) fn metric(&self) -> Result<MetricValue<'_>, &'static str> {
        let value = &self.value;
        let kind = METRIC_TYPES.iter().find(|kind| kind.eq_ignore_ascii_case(self.kind.as_str()));
        match kind.copied().unwrap_or_default() {
            "string" => value.text().map(MetricValue::String),
            // A counter starts again at 0 behind its largest value.
            "counter32" => value.unsigned().map(|number| MetricValue::Counter32(number as u32)),
            "counter64" => value.unsigned().map(MetricValue::Counter64),
            "gauge32" => value
                .unsigned()
                .and_then(|number| u32::try_from(number).map_err(|_| "a number below 2^32"))
                .map(MetricValue::Gauge32),
            "gauge64" => value.unsigned().map(MetricValue::Gauge64),
            "gaugeFloat" => value.float().map(MetricValue::GaugeFloat),
            "gaugeDouble" => value.double().map(MetricValue::GaugeDouble),
            _ => Err("one of the types string, counter32, counter64, gauge32, gauge64, \
                      gaugeFloat, gaugeDouble"),
        }
    }

    /// The value of a field of a flow; an error names what would be right.
    pub(super) fn field(&self) -> Result<FlowValue<'_>, &'static str> {
        let value = &self.value;
        let kind = FLOW_TYPES.iter().find(|kind| kind.eq_ignore_ascii_case(self.kind.as_str()));
        match kind.copied().unwrap_or_default() {
            "string" => value.text().map(FlowValue::String),
            "mac" => mac(value.text()?).map(FlowValue::Mac).ok_or("a MAC address"),
            "ip" => address(value.text()?, IpAddr::is_ipv4).ok_or("an IPv4 address"),
            "ip6" => address(value.text()?, IpAddr::is_ipv6).ok_or("an IPv6 address"),
            "int32" => value
                .signed()
                .and_then(|number| i32::try_from(number).map_err(|_| "a number of 32 bits"))
                .map(FlowValue::Int32),
            "int64" => value.signed().map(FlowValue::Int64),
            "float" => value.float().map(FlowValue::Float),
            "double" => value.double().map(FlowValue::Double),
            _ => Err("one of the types string, mac, ip, ip6, int32, int64, float, double"),
        }
    }
}

/// The values of types, from JSON of the same type, or from a text that spells a number: JSON of some
/// languages has no whole numbers of 64 bits. hsflowd reads such texts, too.
impl Value<'_> {
    fn text(&self) -> Result<&str, &'static str> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err("a text in quotes"),
        }
    }

    fn unsigned(&self) -> Result<u64, &'static str> {
        let number = match self {
            Self::Unsigned(number) => Some(*number),
            Self::Float(number) if (0.0..TWO_TO_64).contains(number) => Some(*number as u64),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or("a number from 0 to 2^64 - 1")
    }

    fn signed(&self) -> Result<i64, &'static str> {
        let number = match self {
            Self::Unsigned(number) => i64::try_from(*number).ok(),
            Self::Negative(number) => Some(*number),
            Self::Float(number) if number.abs() < TWO_TO_63 => Some(*number as i64),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or("a number of 64 bits")
    }

    fn double(&self) -> Result<f64, &'static str> {
        let number = match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        number.ok_or("a number")
    }

    fn float(&self) -> Result<f32, &'static str> {
        let number = self.double()? as f32;
        if number.is_finite() { Ok(number) } else { Err("a number below 2^128") }
    }
}

fn address(text: &str, is_kind: impl Fn(&IpAddr) -> bool) -> Option<FlowValue<'_>> {
    text.parse().ok().filter(is_kind).map(FlowValue::Address)
}

/// Twelve hexadecimal digits, with or without `:` or `-` between bytes.
fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut digits = text.chars().filter(|c| *c != ':' && *c != '-').map(|c| c.to_digit(16));
    for byte in &mut bytes {
        *byte = (digits.next()?? * 16 + digits.next()??) as u8;
    }
    digits.next().is_none().then_some(bytes)
}

impl<'de> Object<'de> for Custom<'de> {
    fn member(&mut self, name: &str) -> Option<Member<'_, 'de>> {
        let (number, name, place) = match name {
            "datasource" => (0, "datasource", Place::Text(&mut self.datasource)),
            "sampling_rate" => (1, "sampling_rate", Place::Number(&mut self.sampling_rate)),
            _ => return None,
        };
        Some(Member { number, name, place })
    }

    fn other(&mut self, name: Text<'de>) -> Option<Place<'_, 'de>> {
        self.members.push((name, ""));
        self.members.last_mut().map(|(_, text)| Place::Raw(text))
    }
}

const METRIC_TYPES: [&str; 7] =
    ["string", "counter32", "counter64", "gauge32", "gauge64", "gaugeFloat", "gaugeDouble"];
const FLOW_TYPES: [&str; 8] = ["string", "mac", "ip", "ip6", "int32", "int64", "float", "double"];
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(kind: &str, value: &str) -> Typed<'static> {
        let text = format!(r#"{{"type":"{kind}","value":{value}}}"#);
        read_member("a", Box::leak(text.into_boxed_str())).unwrap()
    }

    fn custom(text: &str) -> Custom<'_> {
        let mut custom = Custom::default();
        members::read(&mut custom, &mut Deserializer::from_str(text)).unwrap();
        custom
    }

    #[test]
    fn metrics_of_every_type() {
        let metric = |kind, value| {
            let member = member(kind, value);
            format!("{:?}", member.metric())
        };
        for (kind, value, expected) in [
            ("string", r#""a\nb""#, r#"Ok(String("a\nb"))"#),
            ("counter32", "7", "Ok(Counter32(7))"),
            ("counter32", "4294967296", "Ok(Counter32(0))"),
            ("counter64", "18446744073709551615", "Ok(Counter64(18446744073709551615))"),
            ("counter64", r#""18446744073709551615""#, "Ok(Counter64(18446744073709551615))"),
            ("gauge32", "4294967295", "Ok(Gauge32(4294967295))"),
            ("gauge32", "1.9", "Ok(Gauge32(1))"),
            ("gauge64", "1e3", "Ok(Gauge64(1000))"),
            ("gaugeFloat", "-1.5", "Ok(GaugeFloat(-1.5))"),
            ("gaugedouble", "-2", "Ok(GaugeDouble(-2.0))"),
            ("gaugeDouble", r#""0.5""#, "Ok(GaugeDouble(0.5))"),
        ] {
            assert_eq!(metric(kind, value), expected, "{kind} {value}");
        }
        for (kind, value, needs) in [
            ("string", "7", "a text in quotes"),
            ("counter32", "-1", "a number from 0 to 2^64 - 1"),
            ("counter64", "18446744073709551616", "a number from 0 to 2^64 - 1"),
            ("gauge32", "4294967296", "a number below 2^32"),
            ("gauge64", r#""7 apples""#, "a number from 0 to 2^64 - 1"),
            ("gauge64", "true", "a number from 0 to 2^64 - 1"),
            ("gaugeFloat", "1e39", "a number below 2^128"),
            ("gaugeDouble", r#""nan""#, "a number"),
            ("gaugeDouble", "null", "a number"),
            ("gaugeDouble", "[1]", "a number"),
        ] {
            assert_eq!(metric(kind, value), format!("Err({needs:?})"), "{kind} {value}");
        }
        assert!(metric("gauge", "1").contains("one of the types string, counter32"));
    }

    #[test]
    fn fields_of_every_type() {
        let field = |kind, value| {
            let member = member(kind, value);
            format!("{:?}", member.field())
        };
        for (kind, value, expected) in [
            ("string", r#""a""#, r#"Ok(String("a"))"#),
            ("mac", r#""0203040506FF""#, "Ok(Mac([2, 3, 4, 5, 6, 255]))"),
            ("mac", r#""02:03:04:05:06:07""#, "Ok(Mac([2, 3, 4, 5, 6, 7]))"),
            ("ip", r#""10.0.0.1""#, "Ok(Address(10.0.0.1))"),
            ("ip6", r#""fd00::1""#, "Ok(Address(fd00::1))"),
            ("int32", "-2147483648", "Ok(Int32(-2147483648))"),
            ("int64", "-9223372036854775808", "Ok(Int64(-9223372036854775808))"),
            ("int64", r#""9223372036854775807""#, "Ok(Int64(9223372036854775807))"),
            ("float", "1", "Ok(Float(1.0))"),
            ("double", "1e300", "Ok(Double(1e300))"),
        ] {
            assert_eq!(field(kind, value), expected, "{kind} {value}");
        }
        for (kind, value, needs) in [
            ("mac", "20304050607", "a text in quotes"),
            ("mac", r#""02030405060""#, "a MAC address"),
            ("mac", r#""020304050607f""#, "a MAC address"),
            ("mac", r#""0203040506zz""#, "a MAC address"),
            ("ip", r#""fd00::1""#, "an IPv4 address"),
            ("ip6", r#""10.0.0.1""#, "an IPv6 address"),
            ("ip", "7", "a text in quotes"),
            ("int32", "2147483648", "a number of 32 bits"),
            ("int64", "9223372036854775808", "a number of 64 bits"),
        ] {
            assert_eq!(field(kind, value), format!("Err({needs:?})"), "{kind} {value}");
        }
        assert!(field("counter32", "1").contains("one of the types string, mac"));
    }

    #[test]
    fn mistake_in_a_member_leaves_the_others_alone() {
        let text = r#"{"datasource":"web","other":7,"list":[1],
            "good":{"type":"gauge32","value":1,"unit":"ms"},
            "bad name":{"type":"gauge32","value":1},
            "bad-type":{"type":7,"value":1},
            "9":{"type":"gauge32","value":2},
            "good":{"type":"gauge32","value":3}}"#;
        let read = custom(text);
        let mut mistakes = Vec::new();
        let members = read.members(&mut |mistake| mistakes.push(mistake.name.to_owned()));
        let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            (names, mistakes.join(",")),
            (vec!["good", "9"], "bad name,bad-type,good".into())
        );
        assert_eq!(members[0].1.metric(), Ok(MetricValue::Gauge32(1)), "the first one counts");
        let needs = |text: &str| {
            let custom = custom(text);
            custom.checked_datasource().map_err(|mistake| mistake.kind).map(str::to_owned)
        };
        assert_eq!(needs("{}"), Err(Kind::Missing));
        assert_eq!(needs(r#"{"datasource":"1"}"#), Err(Kind::Name));
        assert_eq!(needs(r#"{"datasource":"w-1"}"#), Ok("w-1".into()));
    }
}
