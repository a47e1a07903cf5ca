//! Keys of IPv4 and ICMP.

use flowmote_decoder::flow::SampledIpv4;

use super::{KeyInfo, Section, dscp_name, header, number, v4};
use crate::keys::header::{Header, Protocol};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Ipv4, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("ip_offset", Kind::Number, "bytes before the header", |p, n| {
        Some(p.header(Protocol::Ipv4, n)?.offset.into())
    }),
    v4(Section::Ipv4, "ipsource", "source address", |p, n| match ip(p, n) {
        Some(ip) => ip.v4(12),
        None => Some(fields(p, n)?.src_ip),
    }),
    v4(Section::Ipv4, "ipdestination", "destination address", |p, n| match ip(p, n) {
        Some(ip) => ip.v4(16),
        None => Some(fields(p, n)?.dst_ip),
    }),
    number(Section::Ipv4, "ipprotocol", "number of the protocol in it", |p, n| match ip(p, n) {
        Some(ip) => ip.u8(9).map(u64::from),
        None => Some(fields(p, n)?.protocol.into()),
    }),
    key!("ipbytes", Kind::Number, "total length; absent if segmentation left it 0", |p, n| {
        match p.header(Protocol::Ipv4, n) {
            Some(ip) => ip.u16(2).filter(|length| *length != 0).map(Value::from),
            None => Some(fields(p, n)?.length.into()),
        }
    }),
    key!("iptos", Kind::Number, "differentiated services and ECN", |p, n| Some(tos(p, n)?.into())),
    key!("ipdscp", Kind::Number, "differentiated services", |p, n| Some((tos(p, n)? >> 2).into())),
    key!("ipdscpname", Kind::Text, "name of `ipdscp`: `CS0`, `AF11`, `EF`", |p, n| {
        Some(dscp_name(tos(p, n)? >> 2))
    }),
    key!("ipecn", Kind::Number, "explicit congestion notification", |p, n| {
        Some((tos(p, n)? & 3).into())
    }),
    key!("ipttl", Kind::Number, "time to live", |p, n| ip(p, n)?.u8(8).map(Value::from)),
    key!("ipflags", Kind::Bits(3), "reserved, don't fragment, more fragments", |p, n| {
        Some(Value::Bits { value: u32::from(ip(p, n)?.u8(6)? >> 5), width: 3 })
    }),
    key!("ipfragoffset", Kind::Number, "offset of the fragment in units of 8 bytes", |p, n| {
        Some((ip(p, n)?.u16(6)? & 0x1fff).into())
    }),
    key!("ipidentification", Kind::Number, "identification", |p, n| {
        ip(p, n)?.u16(4).map(Value::from)
    }),
    key!("icmptype", Kind::Number, "type of ICMP", |p, n| icmp(p, n)?.u8(0).map(Value::from)),
    key!("icmpcode", Kind::Number, "code of ICMP", |p, n| icmp(p, n)?.u8(1).map(Value::from)),
    key!("icmpseqno", Kind::Number, "sequence number of an echo", |p, n| {
        let icmp = icmp(p, n)?;
        matches!(icmp.u8(0)?, 0 | 8).then(|| icmp.u16(6).map(Value::from))?
    }),
    key!(
        "icmpunreachablenet",
        Kind::V4,
        "address in a network that ICMP reports as unreachable",
        |p, n| { unreachable(p, n, 0)?.v4(16).map(Value::V4) }
    ),
    key!("icmpunreachablehost", Kind::V4, "host that ICMP reports as unreachable", |p, n| {
        unreachable(p, n, 1)?.v4(16).map(Value::V4)
    }),
    key!(
        "icmpunreachableprotocol",
        Kind::Number,
        "IP protocol that a host does not have",
        |p, n| { unreachable(p, n, 2)?.u8(9).map(Value::from) }
    ),
    key!("icmpunreachableport", Kind::Number, "port on which a host does not listen", |p, n| {
        let ip = unreachable(p, n, 3)?;
        let transport = usize::from(ip.u8(0)? & 0x0f) * 4;
        ip.u16(transport + 2).map(Value::from)
    }),
];

#[inline]
fn ip<'a>(packet: &Packet<'a>, instance: u8) -> Option<Header<'a>> {
    packet.header(Protocol::Ipv4, instance)
}

fn icmp<'a>(packet: &Packet<'a>, instance: u8) -> Option<Header<'a>> {
    packet.header(Protocol::Icmp, instance)
}

#[cold]
fn fields(packet: &Packet<'_>, instance: u8) -> Option<SampledIpv4> {
    packet.fields(instance)
}

fn tos(packet: &Packet<'_>, instance: u8) -> Option<u8> {
    match packet.header(Protocol::Ipv4, instance) {
        Some(ip) => ip.u8(1),
        None => Some(fields(packet, instance)?.tos as u8),
    }
}

/// The IPv4 header that ICMP returns with "destination unreachable" of this code.
fn unreachable<'a>(packet: &Packet<'a>, instance: u8, code: u8) -> Option<Header<'a>> {
    let icmp = icmp(packet, instance)?;
    let returned = icmp.part(8)?;
    (icmp.array(0) == Some([3, code]) && returned.u8(0)? >> 4 == 4).then_some(returned)
}
