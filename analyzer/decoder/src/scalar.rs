//! [`Wire`] for the types that are one [`Value`].

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::malformed::MalformedKind;
use crate::value::{Address, MacAddress, Percentage, Text, Uuid};
use crate::visit::{Field, Kind, Value, Visitor};
use crate::xdr::{Cursor, Wire};

/// Implements [`Wire`] for a type that is one [`Value`], with the bytes of the shortest.
macro_rules! scalar {
    ($($type:ty as $value:ident, $min:literal: $read:expr, unknown $unknown:expr;)*) => {$(
        impl<'a> Wire<'a> for $type {
            const MIN: usize = $min;

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
    u32 as U32, 4: |c| c.array().map(u32::from_be_bytes),
        unknown |kind| if kind == Kind::Counter { u32::MAX } else { 0 };
    u64 as U64, 8: |c| c.array().map(u64::from_be_bytes),
        unknown |kind| if kind == Kind::Counter { u64::MAX } else { 0 };
    i32 as I32, 4: |c| c.array().map(i32::from_be_bytes), unknown |_| 0;
    f32 as F32, 4: |c| c.array().map(f32::from_be_bytes), unknown |_| -1.0;
    Percentage as Percentage, 4: |c| i32::read(c).map(Percentage), unknown |_| Percentage(-1);
    Address as Address, 4: read_address, unknown |_| Address::Unknown;
    Ipv4Addr as Ipv4, 4: |c| c.array().map(Ipv4Addr::from_octets), unknown |_| Ipv4Addr::UNSPECIFIED;
    Ipv6Addr as Ipv6, 16: |c| c.array().map(Ipv6Addr::from_octets), unknown |_| Ipv6Addr::UNSPECIFIED;
    MacAddress as Mac, 8: |c| c.mac().map(MacAddress), unknown |_| MacAddress::default();
    Uuid as Uuid, 16: |c| c.array().map(Uuid), unknown |_| Uuid::default();
    Text<'a> as Text, 4: |c| c.opaque().map(Text), unknown |_| Text::default();
    &'a [u8] as Bytes, 4: |c| c.opaque(), unknown |_| &[];
}

/// Opaque data of fixed length: no length word, no pad.
impl<'a, const N: usize> Wire<'a> for [u8; N] {
    const MIN: usize = N;

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
            // The fault is at the type word, not after it.
            *cursor = before;
            cursor.fail(MalformedKind::UnknownUnion);
            None
        }
    }
}
