//! Values of keys, and their published text.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use flowmote_decoder::{Address, MacAddress, Text};

use super::kind::Kind;

/// The value of a key in one packet. `Display` writes the published text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// A MAC address, written as 12 upper-case hex digits.
    Mac(MacAddress),
    /// An unsigned number.
    Number(u64),
    /// A signed number.
    Signed(i64),
    /// A number of an rtflow sample.
    Float(f64),
    /// Written `true` or `false`.
    Bool(bool),
    /// A picture of bits, the most significant first.
    #[expect(missing_docs, reason = "the bits, and their number")]
    Bits { value: u32, width: u8 },
    /// Any text.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        Some(match *self {
            Self::Number(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Float(number) => number,
            Self::Bool(flag) => f64::from(u8::from(flag)),
            _ => return None,
        })
    }

    /// The value as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::V4(address) => Some(address.into()),
            Self::V6(address) => Some(address.into()),
            _ => None,
        }
    }

    /// Text received in a record; invalid UTF-8 is replaced. `None` if it is empty, which is sFlow's
    /// code for unknown.
    pub(super) fn received(text: Text<'a>) -> Option<Self> {
        if text.0.is_empty() { None } else { Some(Self::Text(String::from_utf8_lossy(text.0))) }
    }

    /// The published text; borrowed if the value is text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string()),
        }
    }

    /// True if the published text of the value is `text`. Nothing is allocated.
    pub fn is_text(&self, text: &str) -> bool {
        use fmt::Write;
        if let Self::Text(own) = self {
            return own == text;
        }
        let mut expected = Expected(text);
        write!(expected, "{self}").is_ok() && expected.0.is_empty()
    }

    /// True if both have the same published text.
    pub(super) fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Text(text), value) => value.is_text(text),
            (value, Value::Text(text)) => value.is_text(text),
            _ => {
                self == other
                    || (self.is_numeric() && other.is_numeric() && self.text() == other.text())
            }
        }
    }

    fn is_numeric(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Signed(_) | Self::Float(_))
    }

    /// The value without borrows.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::V4(address) => Value::V4(address),
            Self::V6(address) => Value::V6(address),
            Self::Mac(address) => Value::Mac(address),
            Self::Number(number) => Value::Number(number),
            Self::Signed(number) => Value::Signed(number),
            Self::Float(number) => Value::Float(number),
            Self::Bool(flag) => Value::Bool(flag),
            Self::Bits { value, width } => Value::Bits { value, width },
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl Value<'static> {
    /// Reads a literal as a value of `kind`. Text that no key of this kind publishes stays text.
    pub(super) fn literal(kind: Kind, text: &str) -> Self {
        let typed = match kind {
            Kind::V4 => text.parse().ok().map(Self::V4),
            Kind::V6 => text.parse().ok().map(Self::V6),
            Kind::Ip => text.parse::<IpAddr>().ok().map(Self::from),
            Kind::Mac => mac(text).map(Self::Mac),
            Kind::Bool => text.parse().ok().map(Self::Bool),
            Kind::Bits(width) => picture(text, width),
            Kind::Number | Kind::Port | Kind::Any => number(text).map(Self::Number),
            Kind::Text => None,
        };
        typed.unwrap_or_else(|| Self::Text(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Mac(MacAddress(bytes)) => {
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
            Self::Number(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
            Self::Bits { value, width } => write!(f, "{value:00$b}", usize::from(*width)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<$type> for Value<'_> {
            #[inline]
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from!(
    u8 => Number, u16 => Number, u32 => Number, u64 => Number, i32 => Signed, i64 => Signed,
    f32 => Float, f64 => Float, bool => Bool, Ipv4Addr => V4, Ipv6Addr => V6, MacAddress => Mac
);

impl From<IpAddr> for Value<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// The value of an address in a record; `None` if it is unknown.
pub(super) fn address<'a>(address: Address) -> Option<Value<'a>> {
    address.ip().map(Value::from)
}

/// Reads a number in the only form in which it is published: without sign and leading zeros.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.as_bytes() {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => text.parse().ok(),
        _ => None,
    }
}

/// Reads 12 hex digits of either case, with or without separators.
fn mac(text: &str) -> Option<MacAddress> {
    let mut bytes = [0; 6];
    let mut digits = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).map(|c| c.to_digit(16));
    for byte in &mut bytes {
        *byte = (digits.next()?? << 4 | digits.next()??) as u8;
    }
    digits.next().is_none().then_some(MacAddress(bytes))
}

fn picture(text: &str, width: u8) -> Option<Value<'static>> {
    let exact = text.len() == usize::from(width) && !text.starts_with('+');
    let value = exact.then(|| u32::from_str_radix(text, 2).ok())??;
    Some(Value::Bits { value, width })
}

/// Text that is expected to be written, shortened by what was.
struct Expected<'a>(&'a str);

impl fmt::Write for Expected<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_published_text() {
        let mac = MacAddress([0, 0x1b, 0xc5, 0, 0xff, 0x0a]);
        let cases: [(Value<'_>, &str); 9] = [
            (Value::V4([10, 0, 0, 1].into()), "10.0.0.1"),
            (Value::V6("2001:db8::1".parse().unwrap()), "2001:db8::1"),
            (Value::Mac(mac), "001BC500FF0A"),
            (Value::Number(2048), "2048"),
            (Value::Signed(-1), "-1"),
            (Value::Float(0.5), "0.5"),
            (Value::Bool(true), "true"),
            (Value::Bits { value: 0b10, width: 9 }, "000000010"),
            (Value::from("discard"), "discard"),
        ];
        for (value, text) in cases {
            assert_eq!(value.to_string(), text);
            assert_eq!(value.text(), text);
            assert!(value.is_text(text));
            assert!(!value.is_text(&format!("{text}0")), "{text}");
            assert!(!value.is_text(&text[1..]), "{text}");
        }
    }

    #[test]
    fn literals_are_read_by_the_kind_of_the_key() {
        let flags = Value::Bits { value: 2, width: 9 };
        assert_eq!(Value::literal(Kind::Bits(9), "000000010"), flags);
        assert_eq!(Value::literal(Kind::Bits(9), "10"), Value::from("10"));
        assert_eq!(Value::literal(Kind::Port, "561"), Value::Number(561));
        assert_eq!(Value::literal(Kind::Port, "discard"), Value::from("discard"));
        assert_eq!(Value::literal(Kind::Number, "080"), Value::from("080"));
        let mac = Value::Mac(MacAddress([0, 0x1b, 0xc5, 0, 0xff, 0x0a]));
        for text in ["001BC500FF0A", "00:1b:c5:00:ff:0a", "001b.c500.ff0a"] {
            assert_eq!(Value::literal(Kind::Mac, text), mac);
        }
        assert_eq!(Value::literal(Kind::Mac, "001BC500FF0A00"), Value::from("001BC500FF0A00"));
        assert_eq!(Value::literal(Kind::Ip, "::1"), Value::V6(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn values_are_the_same_if_their_text_is() {
        assert!(Value::Number(80).same(&Value::from("80")));
        assert!(Value::from("80").same(&Value::Number(80)));
        assert!(Value::Number(80).same(&Value::Signed(80)));
        assert!(!Value::Number(1).same(&Value::Bool(true)));
    }
}
