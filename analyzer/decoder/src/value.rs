//! Types of fields: addresses, text, percentages.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str;

use crate::visit::{Field, Kind, Shape, Value, Visitor};
use crate::xdr::{Cursor, Wire};

/// The address union of sFlow: a type word, then 0, 4 or 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// Type 0: unknown.
    Unknown,
    /// Type 1.
    V4(Ipv4Addr),
    /// Type 2.
    V6(Ipv6Addr),
}

impl Address {
    /// The address, if it is known.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Unknown => None,
            Self::V4(address) => Some(address.into()),
            Self::V6(address) => Some(address.into()),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

/// As one number: the derived hash takes an address byte by byte, and collectors look one up for each
/// sample.
impl Hash for Address {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Unknown => state.write_u8(0),
            Self::V4(address) => state.write_u32(address.to_bits()),
            Self::V6(address) => state.write_u128(address.to_bits()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.pad("unknown"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}

/// A MAC address: 6 bytes, padded to 8 in structures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A UUID of 16 bytes without a length word; all zero if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Hundredths of a percent; -1 if unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percentage(pub i32);

impl Percentage {
    /// The value in percent; `None` if it is unknown (negative).
    pub fn percent(self) -> Option<f32> {
        (self.0 >= 0).then_some(self.0 as f32 / 100.0)
    }
}

/// A string as received: usually UTF-8, but not checked. No NUL terminator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// Returns the text as `str`.
    ///
    /// # Errors
    ///
    /// If the bytes are not UTF-8; `Display` replaces the invalid ones instead.
    pub fn to_str(self) -> Result<&'a str, str::Utf8Error> {
        str::from_utf8(self.0)
    }
}

/// Writes U+FFFD for each invalid sequence.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// Text in ISO 8859-1, in which every byte is one character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Latin1<'a>(pub &'a [u8]);

impl Latin1<'_> {
    /// The characters in order.
    pub fn chars(&self) -> impl Iterator<Item = char> {
        self.0.iter().map(|byte| char::from(*byte))
    }
}

impl fmt::Display for Latin1<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

/// One entry of an MPLS label stack (RFC 3032), in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MplsLabel(pub u32);

impl MplsLabel {
    /// The label, 20 bits.
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The experimental bits, now the traffic class: 0..=7.
    pub const fn exp(self) -> u32 {
        self.0 >> 9 & 7
    }

    /// The bit S, 1 at the bottom of the stack.
    pub const fn s(self) -> u32 {
        self.0 >> 8 & 1
    }

    /// Time to live.
    pub const fn ttl(self) -> u32 {
        self.0 & 0xff
    }
}

/// Written like `sflowtool`: `label.exp.s.ttl`.
impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.label(), self.exp(), self.s(), self.ttl())
    }
}

/// Visited as a structure of four fields.
impl<'a> Wire<'a> for MplsLabel {
    const MIN: usize = 4;

    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        u32::read(cursor).map(Self)
    }

    fn unknown(_: Kind) -> Self {
        Self(0)
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        let Some(entry) = Self::read(cursor) else { return };
        visitor.open(field, Shape::Structure);
        let parts = [entry.label(), entry.exp(), entry.s(), entry.ttl()];
        for (name, value) in ["label", "exp", "s", "ttl"].into_iter().zip(parts) {
            visitor.value(Field { name, ..field }, Value::U32(value));
        }
        visitor.close(Shape::Structure);
    }
}
