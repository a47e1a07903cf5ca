//! Walk over a structure field by field, with names. Text and JSON output and the comparison with
//! other decoders are visitors.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::format::DataFormat;
use crate::value::{Address, Latin1, MacAddress, Percentage, Text, Uuid};

/// Receives the fields of a structure in the order of the specification.
///
/// Absent fields are omitted. Structures and lists are bracketed by [`open`](Visitor::open) and
/// [`close`](Visitor::close); the items of a list have the empty name.
pub trait Visitor {
    /// One value.
    fn value(&mut self, field: Field, value: Value<'_>);
    /// A structure or list begins.
    fn open(&mut self, field: Field, shape: Shape);
    /// The structure or list opened last ends.
    fn close(&mut self, shape: Shape);
}

/// Name and kind of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The published name, `ifInOctets` for instance; empty for an item of a list.
    pub name: &'static str,
    /// The kind of quantity, which determines the unknown value.
    pub kind: Kind,
}

/// The kind of a field, which also determines the code for "unknown".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Counts up and wraps modulo 2^32 or 2^64. Unknown is all ones.
    Counter,
    /// Rises and falls. Unknown is 0; for a percentage -1, for a load average -1.0.
    Gauge,
    /// Enumeration or bit field; undefined values are accepted. Unknown is 0.
    Enumeration,
    /// Identity, setting or attribute of a packet. Unknown is 0, an empty string or address type 0.
    Identity,
    /// Point in time or duration. Unknown is 0.
    Time,
}

/// The two kinds of brackets of [`Visitor::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Named fields follow.
    Structure,
    /// Items without names follow.
    List,
}

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is named after its type")]
pub enum Value<'a> {
    U32(u32),
    U64(u64),
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
    Text(Text<'a>),
    Latin1(Latin1<'a>),
    Bytes(&'a [u8]),
    Mac(MacAddress),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    Address(Address),
    Percentage(Percentage),
    Uuid(Uuid),
    Format(DataFormat),
    Bool(bool),
}
