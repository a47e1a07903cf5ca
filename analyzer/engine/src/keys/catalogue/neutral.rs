//! Keys that do not depend on the version of IP or on the transport protocol.

use core::net::IpAddr;

use flowmote_decoder::flow::{SampledIpv4, SampledIpv6};

use super::{KeyInfo, Section, header, number};
use crate::keys::header::{Header, Protocol};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Neutral, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("src", Kind::Ip, "source address", |p, n| match p.headers.ip(n) {
        Some((_, Protocol::Ipv4, ip)) => ip.v4(12).map(Value::V4),
        Some((_, _, ip)) => ip.v6(8).map(Value::V6),
        None => Some(fields(p, n)?.src.into()),
    }),
    key!("dst", Kind::Ip, "destination address", |p, n| match p.headers.ip(n) {
        Some((_, Protocol::Ipv4, ip)) => ip.v4(16).map(Value::V4),
        Some((_, _, ip)) => ip.v6(24).map(Value::V6),
        None => Some(fields(p, n)?.dst.into()),
    }),
    number(
        Section::Neutral,
        "ipproto",
        "number of the protocol in IP, after the extension headers",
        |p, n| match p.headers.ip(n) {
            Some(_) => protocol(p, n).map(u64::from),
            None => Some(fields(p, n)?.protocol.into()),
        },
    ),
    number(
        Section::Neutral,
        "sport",
        "source port of TCP, UDP or SCTP in the same IP packet",
        |p, n| match transport(p, n) {
            Some(transport) => transport.u16(0).map(u64::from),
            None => fields(p, n)?.port(|fields| fields.src_port).map(u64::from),
        },
    ),
    number(
        Section::Neutral,
        "dport",
        "destination port of TCP, UDP or SCTP in the same IP packet",
        |p, n| match transport(p, n) {
            Some(transport) => transport.u16(2).map(u64::from),
            None => fields(p, n)?.port(|fields| fields.dst_port).map(u64::from),
        },
    ),
];

fn is_transport(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Sctp)
}

/// The transport header of the IP packet number `instance`.
#[inline]
pub(in crate::keys) fn transport<'a>(packet: &Packet<'a>, instance: u8) -> Option<Header<'a>> {
    let (place, ..) = packet.headers.ip(instance)?;
    let mut after = packet.headers.after(place);
    after.find(|(protocol, _)| is_transport(*protocol)).map(|(_, header)| header)
}

/// The number of the protocol in the IP header number `instance`, after its extension headers.
pub(in crate::keys) fn protocol(packet: &Packet<'_>, instance: u8) -> Option<u8> {
    let (place, version, ip) = packet.headers.ip(instance)?;
    let first = ip.u8(if version == Protocol::Ipv4 { 9 } else { 6 })?;
    let extensions = packet
        .headers
        .after(place)
        .take_while(|(protocol, _)| *protocol == Protocol::Ipv6Extension);
    Some(extensions.filter_map(|(_, extension)| extension.u8(0)).last().unwrap_or(first))
}

/// Fields of an IP packet in a record.
struct Fields {
    src: IpAddr,
    dst: IpAddr,
    protocol: u32,
    src_port: u32,
    dst_port: u32,
}

impl Fields {
    fn port(&self, port: fn(&Self) -> u32) -> Option<u32> {
        matches!(self.protocol, 6 | 17 | 132).then(|| port(self))
    }
}

/// Where the agent sent no header bytes.
#[cold]
fn fields(packet: &Packet<'_>, instance: u8) -> Option<Fields> {
    if let Some(ip) = packet.fields::<SampledIpv4>(instance) {
        let SampledIpv4 { src_ip, dst_ip, protocol, src_port, dst_port, .. } = ip;
        return Some(Fields {
            src: src_ip.into(),
            dst: dst_ip.into(),
            protocol,
            src_port,
            dst_port,
        });
    }
    let SampledIpv6 { src_ip, dst_ip, protocol, src_port, dst_port, .. } =
        packet.fields(instance)?;
    Some(Fields { src: src_ip.into(), dst: dst_ip.into(), protocol, src_port, dst_port })
}
