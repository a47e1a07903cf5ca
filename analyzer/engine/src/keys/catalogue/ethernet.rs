//! Keys of layer 2: Ethernet, VLAN tags, MPLS, ARP.

use flowmote_decoder::MacAddress;
use flowmote_decoder::flow::{ExtendedSwitch, SampledEthernet};

use super::{KeyInfo, Section, header, joined, known, record};
use crate::keys::header::Protocol;
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::traffic::Direction;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Ethernet, $($row),*) };
}

macro_rules! switch {
    ($name:literal, $doc:literal, $field:ident) => {
        record(Section::Ethernet, $name, Kind::Number, $doc, |p, _| {
            known(p.record::<ExtendedSwitch>()?.$field)
        })
    };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("macsource", Kind::Mac, "source address", |p, n| source(p, n).map(Value::Mac)),
    key!("macdestination", Kind::Mac, "destination address", |p, n| {
        destination(p, n).map(Value::Mac)
    }),
    key!(
        "ethernetprotocol",
        Kind::Number,
        "EtherType after the tags, decimal; absent in an IEEE 802.3 frame without SNAP",
        |p, n| ether_type(p, n).map(Value::from)
    ),
    key!("isunicast", Kind::Bool, "true if the destination is a single station", |p, n| {
        Some((destination(p, n)?.0[0] & 1 == 0).into())
    }),
    key!("ismulticast", Kind::Bool, "true if it is a group, but not all stations", |p, n| {
        let MacAddress(bytes) = destination(p, n)?;
        Some((bytes[0] & 1 == 1 && bytes != BROADCAST).into())
    }),
    key!("isbroadcast", Kind::Bool, "true if it is all stations", |p, n| {
        Some((destination(p, n)?.0 == BROADCAST).into())
    }),
    key!(
        "vlan",
        Kind::Number,
        "VLAN of the tag; without a tag, of the port that sampled the packet. `.1` is the second tag",
        |p, n| match p.header(Protocol::Vlan, n) {
            Some(tag) => Some((tag.u16(0)? & 0xfff).into()),
            None => port_vlan(p, n, |switch| switch.src_vlan, |switch| switch.dst_vlan),
        }
    ),
    key!("priority", Kind::Number, "IEEE 802.1p priority, found as `vlan` is", |p, n| {
        match p.header(Protocol::Vlan, n) {
            Some(tag) => Some((tag.u8(0)? >> 5).into()),
            None => port_vlan(p, n, |switch| switch.src_priority, |switch| switch.dst_priority),
        }
    }),
    switch!("vlansource", "VLAN in which the switch received the packet", src_vlan),
    switch!("vlandestination", "VLAN in which it sent it", dst_vlan),
    switch!("prioritysource", "IEEE 802.1p priority at reception", src_priority),
    switch!("prioritydestination", "IEEE 802.1p priority at sending", dst_priority),
    record(
        Section::Ethernet,
        "mplslabels",
        Kind::Text,
        "labels of MPLS, outermost first: `16.200`",
        |p, _| {
            let entries = (0..u8::MAX).map_while(|n| p.header(Protocol::Mpls, n)?.u32(0));
            joined(entries.map(|entry| entry >> 12), '.')
        },
    ),
    key!("mplslabel", Kind::Number, "one label of MPLS; `.1` is the second", |p, n| {
        Some((p.header(Protocol::Mpls, n)?.u32(0)? >> 12).into())
    }),
    key!("mplsexp", Kind::Number, "traffic class of a label", |p, n| {
        Some((p.header(Protocol::Mpls, n)?.u8(2)? >> 1 & 7).into())
    }),
    key!("arpoperation", Kind::Number, "1 request, 2 reply", |p, n| {
        Some(p.header(Protocol::Arp, n)?.u16(6)?.into())
    }),
    key!("arpmacsender", Kind::Mac, "MAC address of the sender", |p, n| {
        Some(p.header(Protocol::Arp, n)?.mac(8)?.into())
    }),
    key!("arpipsender", Kind::V4, "IP address of the sender", |p, n| {
        Some(p.header(Protocol::Arp, n)?.v4(14)?.into())
    }),
    key!("arpmactarget", Kind::Mac, "MAC address of the target; 0 in requests", |p, n| {
        Some(p.header(Protocol::Arp, n)?.mac(18)?.into())
    }),
    key!("arpiptarget", Kind::V4, "IP address of the target", |p, n| {
        Some(p.header(Protocol::Arp, n)?.v4(24)?.into())
    }),
];

fn source(packet: &Packet<'_>, instance: u8) -> Option<MacAddress> {
    match packet.header(Protocol::Ethernet, instance) {
        Some(ethernet) => ethernet.mac(6),
        None => packet.fields::<SampledEthernet>(instance).map(|fields| fields.src_mac),
    }
}

fn destination(packet: &Packet<'_>, instance: u8) -> Option<MacAddress> {
    match packet.header(Protocol::Ethernet, instance) {
        Some(ethernet) => ethernet.mac(0),
        None => packet.fields::<SampledEthernet>(instance).map(|fields| fields.dst_mac),
    }
}

fn ether_type(packet: &Packet<'_>, instance: u8) -> Option<u16> {
    let Some((place, ethernet)) = packet.headers.place(Protocol::Ethernet, instance) else {
        let fields = packet.fields::<SampledEthernet>(instance)?;
        return Some(fields.ether_type as u16);
    };
    let mut ether_type = ethernet.u16(12)?;
    for (protocol, header) in packet.headers.after(place) {
        ether_type = match protocol {
            Protocol::Vlan => header.u16(2)?,
            Protocol::VnTag => header.u16(4)?,
            Protocol::ETag => header.u16(6)?,
            Protocol::Llc if header.array(0) == Some(SNAP) => header.u16(6)?,
            _ => break,
        };
    }
    (ether_type >= FIRST_TYPE).then_some(ether_type)
}

/// A field of the switch record: of the port that the packet left by if it was sampled there, else of
/// the port that received it.
fn port_vlan<'p>(
    packet: &Packet<'_>,
    instance: u8,
    input: fn(&ExtendedSwitch) -> u32,
    output: fn(&ExtendedSwitch) -> u32,
) -> Option<Value<'p>> {
    if instance != 0 {
        return None;
    }
    known(of_port(packet, input, output)?)
}

fn of_port(
    packet: &Packet<'_>,
    input: fn(&ExtendedSwitch) -> u32,
    output: fn(&ExtendedSwitch) -> u32,
) -> Option<u32> {
    let switch = packet.record::<ExtendedSwitch>()?;
    let leaves = super::sample::passes(packet) == Direction::Egress;
    Some(if leaves { output(&switch) } else { input(&switch) })
}

/// The VLAN of the port that sampled a packet without a tag.
pub(in crate::keys) fn port_vlan_of(packet: &Packet<'_>) -> Option<u32> {
    of_port(packet, |switch| switch.src_vlan, |switch| switch.dst_vlan)
}

/// Source and destination of the outermost Ethernet header.
pub(in crate::keys) fn macs(packet: &Packet<'_>) -> Option<(MacAddress, MacAddress)> {
    source(packet, 0).zip(destination(packet, 0))
}

const BROADCAST: [u8; 6] = [0xff; 6];
/// LLC header that announces SNAP with an EtherType.
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
/// Smaller numbers are lengths.
const FIRST_TYPE: u16 = 0x600;
