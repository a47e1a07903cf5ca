//! The small types that fields are made of, and how each is read.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str;

use crate::malformed::MalformedKind;
use crate::visit::{Field, Kind, Value, Visitor};
use crate::xdr::{Cursor, Wire};

/// The address union of sFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.pad("unknown"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}

/// A MAC address: 6 bytes, 8 on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A UUID; all zero if unknown.
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
    /// Percent, if known.
    pub fn percent(self) -> Option<f32> {
        (self.0 >= 0).then_some(self.0 as f32 / 100.0)
    }
}

/// A string as it was sent: mostly UTF-8, never trusted to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The text, if it is UTF-8.
    pub fn to_str(self) -> Result<&'a str, str::Utf8Error> {
        str::from_utf8(self.0)
    }
}

/// Writes U+FFFD for what is not UTF-8.
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

/// Implements [`Wire`] for a type that is one [`Value`].
macro_rules! scalar {
    ($($type:ty as $value:ident: $read:expr, unknown $unknown:expr;)*) => {$(
        impl<'a> Wire<'a> for $type {
            #[inline]
            fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
                let read: fn(&mut Cursor<'a>) -> Option<Self> = $read;
                read(cursor)
            }

            #[inline]
            fn unknown(kind: Kind) -> Self {
                let unknown: fn(Kind) -> Self = $unknown;
                unknown(kind)
            }

            fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
                if let Some(value) = Self::read(cursor) {
                    visitor.value(field, Value::$value(value.into()));
                }
            }
        }
    )*};
}

scalar! {
    u32 as U32: |c| c.array().map(u32::from_be_bytes),
        unknown |kind| if kind == Kind::Counter { u32::MAX } else { 0 };
    u64 as U64: |c| c.array().map(u64::from_be_bytes),
        unknown |kind| if kind == Kind::Counter { u64::MAX } else { 0 };
    i32 as I32: |c| c.array().map(i32::from_be_bytes), unknown |_| 0;
    f32 as F32: |c| c.array().map(f32::from_be_bytes), unknown |_| -1.0;
    Percentage as Percentage: |c| i32::read(c).map(Percentage), unknown |_| Percentage(-1);
    Address as Address: read_address, unknown |_| Address::Unknown;
    Ipv4Addr as Ipv4: |c| c.array().map(Ipv4Addr::from_octets), unknown |_| Ipv4Addr::UNSPECIFIED;
    Ipv6Addr as Ipv6: |c| c.array().map(Ipv6Addr::from_octets), unknown |_| Ipv6Addr::UNSPECIFIED;
    MacAddress as Mac: |c| c.array().map(|[a, b, d, e, f, g, _, _]| MacAddress([a, b, d, e, f, g])),
        unknown |_| MacAddress::default();
    Uuid as Uuid: |c| c.array().map(Uuid), unknown |_| Uuid::default();
    Text<'a> as Text: |c| c.opaque().map(Text), unknown |_| Text::default();
    &'a [u8] as Bytes: |c| c.opaque(), unknown |_| &[];
}

/// Opaque data of fixed length.
impl<'a, const N: usize> Wire<'a> for [u8; N] {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        cursor.array()
    }

    fn unknown(_: Kind) -> Self {
        [0; N]
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        if let Some(bytes) = Self::read(cursor) {
            visitor.value(field, Value::Bytes(&bytes));
        }
    }
}

fn read_address(cursor: &mut Cursor<'_>) -> Option<Address> {
    let before = *cursor;
    match u32::read(cursor)? {
        0 => Some(Address::Unknown),
        1 => Wire::read(cursor).map(Address::V4),
        2 => Wire::read(cursor).map(Address::V6),
        _ => {
            *cursor = before;
            cursor.fail(MalformedKind::UnknownUnion);
            None
        }
    }
}
