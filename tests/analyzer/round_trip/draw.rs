//! Random values for all field types of records, drawn from random bytes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::slice;

use bumpalo::Bump;
use flowmote_core::record::counter::{
    IfDirection, IfType, LacpState, MachineType, OsName, VirtState,
};
use flowmote_core::record::flow::{
    AclDirection, AppStatus, AsPathSegment, HeaderProtocol, HttpMethod, PacketDirection,
};
use flowmote_core::{DropReason, FlowValue, MetricValue};

/// Random bytes (zeros once they are used up), and an arena for borrowed values.
pub(crate) struct Source<'a> {
    bytes: slice::Iter<'a, u8>,
    pub(crate) arena: &'a Bump,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8], arena: &'a Bump) -> Self {
        Self { bytes: bytes.iter(), arena }
    }

    /// A value below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::draw(self) % bound
    }
}

/// A type whose values can be drawn at random.
pub(crate) trait Draw<'a>: Sized {
    fn draw(source: &mut Source<'a>) -> Self;
}

impl<'a> Draw<'a> for u8 {
    fn draw(source: &mut Source<'a>) -> Self {
        source.bytes.next().copied().unwrap_or(0)
    }
}

impl<'a> Draw<'a> for bool {
    fn draw(source: &mut Source<'a>) -> Self {
        u8::draw(source) & 1 == 0
    }
}

impl<'a, T: Draw<'a>, const N: usize> Draw<'a> for [T; N] {
    fn draw(source: &mut Source<'a>) -> Self {
        core::array::from_fn(|_| T::draw(source))
    }
}

/// Integers are often at the ends of their range, where they mean "unknown" or wrap.
macro_rules! number {
    ($($type:ty),*) => {$(
        impl<'a> Draw<'a> for $type {
            fn draw(source: &mut Source<'a>) -> Self {
                match u8::draw(source) {
                    0 => 0,
                    1 => Self::MAX,
                    2 => Self::MIN,
                    3 => Self::MAX - 1,
                    4..32 => u8::draw(source).into(),
                    _ => Self::from_be_bytes(Draw::draw(source)),
                }
            }
        }
    )*};
}

number!(u32, i32, u64, i64);

/// All bit patterns, including NaN.
impl<'a> Draw<'a> for f32 {
    fn draw(source: &mut Source<'a>) -> Self {
        Self::from_bits(u32::draw(source))
    }
}

impl<'a> Draw<'a> for f64 {
    fn draw(source: &mut Source<'a>) -> Self {
        Self::from_bits(u64::draw(source))
    }
}

impl<'a, T: Draw<'a>> Draw<'a> for Option<T> {
    fn draw(source: &mut Source<'a>) -> Self {
        bool::draw(source).then(|| T::draw(source))
    }
}

/// Up to [`MAX_ITEMS`] items.
impl<'a, T: Draw<'a>> Draw<'a> for &'a [T] {
    fn draw(source: &mut Source<'a>) -> Self {
        let count = u8::draw(source) % MAX_ITEMS;
        source.arena.alloc_slice_fill_iter((0..count).map(|_| T::draw(source)))
    }
}

/// Up to 32 bytes, the smallest limit of a string in sFlow, in characters of one to four bytes.
impl<'a> Draw<'a> for &'a str {
    fn draw(source: &mut Source<'a>) -> Self {
        let mut text = String::new();
        for _ in 0..u8::draw(source) % 33 {
            let character = match u8::draw(source) {
                byte @ 0..200 => char::from(byte & 0x7f),
                _ => char::from_u32(u32::draw(source) & 0x0f_ffff).unwrap_or('\u{fffd}'),
            };
            if text.len() + character.len_utf8() <= 32 {
                text.push(character);
            }
        }
        source.arena.alloc_str(&text)
    }
}

impl<'a> Draw<'a> for Ipv4Addr {
    fn draw(source: &mut Source<'a>) -> Self {
        Self::from_bits(u32::draw(source))
    }
}

impl<'a> Draw<'a> for Ipv6Addr {
    fn draw(source: &mut Source<'a>) -> Self {
        Self::from_octets(Draw::draw(source))
    }
}

impl<'a> Draw<'a> for IpAddr {
    fn draw(source: &mut Source<'a>) -> Self {
        if bool::draw(source) {
            Ipv4Addr::draw(source).into()
        } else {
            Ipv6Addr::draw(source).into()
        }
    }
}

macro_rules! code {
    ($($type:ty),*) => {$(
        impl<'a> Draw<'a> for $type {
            fn draw(source: &mut Source<'a>) -> Self {
                Self::new(u32::draw(source))
            }
        }
    )*};
}

code!(AclDirection, AppStatus, DropReason, HeaderProtocol, HttpMethod, IfDirection, IfType);
code!(MachineType, OsName, PacketDirection, VirtState);

impl<'a> Draw<'a> for LacpState {
    fn draw(source: &mut Source<'a>) -> Self {
        let [actor_admin, actor_oper, partner_admin, partner_oper] = Draw::draw(source);
        Self { actor_admin, actor_oper, partner_admin, partner_oper }
    }
}

impl<'a> Draw<'a> for AsPathSegment<'a> {
    fn draw(source: &mut Source<'a>) -> Self {
        let segment = if bool::draw(source) { Self::Set } else { Self::Sequence };
        segment(Draw::draw(source))
    }
}

impl<'a> Draw<'a> for MetricValue<'a> {
    fn draw(source: &mut Source<'a>) -> Self {
        match u8::draw(source) % 7 {
            0 => Self::String(Draw::draw(source)),
            1 => Self::Counter32(Draw::draw(source)),
            2 => Self::Counter64(Draw::draw(source)),
            3 => Self::Gauge32(Draw::draw(source)),
            4 => Self::Gauge64(Draw::draw(source)),
            5 => Self::GaugeFloat(Draw::draw(source)),
            _ => Self::GaugeDouble(Draw::draw(source)),
        }
    }
}

impl<'a> Draw<'a> for FlowValue<'a> {
    fn draw(source: &mut Source<'a>) -> Self {
        match u8::draw(source) % 7 {
            0 => Self::String(Draw::draw(source)),
            1 => Self::Mac(Draw::draw(source)),
            2 => Self::Address(Draw::draw(source)),
            3 => Self::Int32(Draw::draw(source)),
            4 => Self::Int64(Draw::draw(source)),
            5 => Self::Float(Draw::draw(source)),
            _ => Self::Double(Draw::draw(source)),
        }
    }
}

impl<'a, A: Draw<'a>, B: Draw<'a>> Draw<'a> for (A, B) {
    fn draw(source: &mut Source<'a>) -> Self {
        (A::draw(source), B::draw(source))
    }
}

const MAX_ITEMS: u8 = 5;
