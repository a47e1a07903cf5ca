//! The table of all keys: name, kind, meaning and reader, by the part of a sample that they are from.

mod application;
mod device;
mod ethernet;
mod forwarding;
mod infiniband;
mod ipv4;
mod ipv6;
mod neutral;
mod sample;
mod transport;
mod tunnel;

use core::fmt;
use core::net::Ipv4Addr;

use flowmote_decoder::Text;

use super::buffer::KeyBuffer;
use super::kind::Kind;
use super::packet::Packet;
use super::value::Value;

pub(super) use ethernet::{macs, port_vlan_of};
pub(super) use neutral::{protocol, transport as ip_transport};
pub(super) use sample::{frame_bytes, passes, port};
pub(super) use transport::udp_payload;

/// A key of packets.
#[derive(Clone, Copy, Debug)]
pub struct KeyInfo {
    /// The name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Meaning, unit, and where it is from.
    pub doc: &'static str,
    /// The part of a sample that it is from.
    pub section: Section,
    /// True if a suffix `.1`, `.2` selects inner headers.
    pub layered: bool,
    pub(super) read: Read,
}

/// Reads the value of a key from a packet. The number is that of the header: 0 outermost.
///
/// The values of the keys that most definitions have are returned in registers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    V4(fn(&Packet<'_>, u8) -> Option<Ipv4Addr>),
    Number(fn(&Packet<'_>, u8) -> Option<u64>),
    Any(ReadAny),
}

type ReadAny = for<'p> fn(&'p Packet<'_>, u8) -> Option<Value<'p>>;

impl KeyInfo {
    #[inline]
    pub(super) fn value<'p>(&self, packet: &'p Packet<'_>, instance: u8) -> Option<Value<'p>> {
        match self.read {
            Read::V4(read) => read(packet, instance).map(Value::V4),
            Read::Number(read) => read(packet, instance).map(Value::Number),
            Read::Any(read) => read(packet, instance),
        }
    }

    /// The value as a number, if it is one.
    #[inline]
    pub(super) fn number(&self, packet: &Packet<'_>, instance: u8) -> Option<f64> {
        match self.read {
            Read::Number(read) => read(packet, instance).map(|number| number as f64),
            _ => self.value(packet, instance)?.number(),
        }
    }

    /// Appends the value to a key; returns false if there is none.
    #[inline]
    pub(super) fn write(&self, packet: &Packet<'_>, instance: u8, buffer: &mut KeyBuffer) -> bool {
        let written = match self.read {
            Read::V4(read) => read(packet, instance).map(|address| buffer.v4(address)),
            Read::Number(read) => read(packet, instance).map(|number| buffer.number(number)),
            Read::Any(read) => read(packet, instance).map(|value| buffer.push(&value)),
        };
        written.is_some()
    }
}

/// The part of a sample that a key is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after what they are from; see Display")]
pub enum Section {
    Sample,
    Neutral,
    Ethernet,
    Ipv4,
    Ipv6,
    Transport,
    Tunnel,
    InfiniBand,
    Forwarding,
    Device,
    Application,
    Groups,
}

/// The heading of the section.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sample => "Sample",
            Self::Neutral => "Any version of IP, any transport",
            Self::Ethernet => "Ethernet, VLAN, MPLS, ARP",
            Self::Ipv4 => "IPv4 and ICMP",
            Self::Ipv6 => "IPv6 and ICMPv6",
            Self::Transport => "TCP, UDP, SCTP, DNS",
            Self::Tunnel => "Tunnels",
            Self::InfiniBand => "InfiniBand and RoCEv2",
            Self::Forwarding => "Routing, BGP, NAT",
            Self::Device => "Queues, discards, wireless",
            Self::Application => "Applications and TCP state",
            Self::Groups => "Groups",
        })
    }
}

/// All keys, by section.
pub fn catalogue() -> impl Iterator<Item = &'static KeyInfo> {
    SECTIONS.into_iter().flatten()
}

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static KeyInfo> {
    catalogue().find(|key| key.name == name)
}

const SECTIONS: [&[KeyInfo]; 12] = [
    sample::KEYS,
    neutral::KEYS,
    ethernet::KEYS,
    ipv4::KEYS,
    ipv6::KEYS,
    transport::KEYS,
    tunnel::KEYS,
    infiniband::KEYS,
    forwarding::KEYS,
    device::KEYS,
    application::KEYS,
    GROUPS,
];

/// Keys that are made of others with the default group map; see `Expression::parse`.
const GROUPS: &[KeyInfo] = &[
    record(
        Section::Groups,
        "sourcegroup",
        Kind::Text,
        "label of `src` in the default group map",
        |_, _| None,
    ),
    record(
        Section::Groups,
        "destinationgroup",
        Kind::Text,
        "label of `dst` in the default group map",
        |_, _| None,
    ),
];

/// A row of the table for a key that is read from protocol headers.
const fn header(
    section: Section,
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    read: ReadAny,
) -> KeyInfo {
    KeyInfo { name, kind, doc, section, layered: true, read: Read::Any(read) }
}

/// A row for an IPv4 address in a protocol header.
const fn v4(
    section: Section,
    name: &'static str,
    doc: &'static str,
    read: fn(&Packet<'_>, u8) -> Option<Ipv4Addr>,
) -> KeyInfo {
    KeyInfo { name, kind: Kind::V4, doc, section, layered: true, read: Read::V4(read) }
}

/// A row for a number in a protocol header.
const fn number(
    section: Section,
    name: &'static str,
    doc: &'static str,
    read: fn(&Packet<'_>, u8) -> Option<u64>,
) -> KeyInfo {
    KeyInfo { name, kind: Kind::Number, doc, section, layered: true, read: Read::Number(read) }
}

/// A row of the table for a key that a sample has once.
const fn record(
    section: Section,
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    read: ReadAny,
) -> KeyInfo {
    KeyInfo { name, kind, doc, section, layered: false, read: Read::Any(read) }
}

/// The value of a word of a record; `None` for sFlow's code for unknown.
fn known<'p>(word: u32) -> Option<Value<'p>> {
    (word != u32::MAX).then(|| word.into())
}

fn text(text: Text<'_>) -> Option<Value<'_>> {
    Value::received(text)
}

/// The name of a code; its number if the table has no name.
fn named<'p>(names: &[&'static str], code: u32) -> Value<'p> {
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| code.into(), |name| Value::from(*name))
}

/// The items, separated.
fn joined<'p>(
    items: impl Iterator<Item = impl fmt::Display>,
    separator: char,
) -> Option<Value<'p>> {
    use fmt::Write;
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(separator);
        }
        write!(text, "{item}").ok()?;
    }
    (!text.is_empty()).then(|| text.into())
}

/// Names of the code points of differentiated services (IANA); the number if there is none.
fn dscp_name<'p>(code: u8) -> Value<'p> {
    Value::from(match code {
        0 => "CS0",
        1 => "LE",
        8 => "CS1",
        10 => "AF11",
        12 => "AF12",
        14 => "AF13",
        16 => "CS2",
        18 => "AF21",
        20 => "AF22",
        22 => "AF23",
        24 => "CS3",
        26 => "AF31",
        28 => "AF32",
        30 => "AF33",
        32 => "CS4",
        34 => "AF41",
        36 => "AF42",
        38 => "AF43",
        40 => "CS5",
        44 => "VOICE-ADMIT",
        46 => "EF",
        48 => "CS6",
        56 => "CS7",
        other => return other.into(),
    })
}
