//! Keys of IPv6 and ICMPv6.

use flowmote_decoder::flow::SampledIpv6;

use super::{KeyInfo, Section, dscp_name, header, joined};
use crate::keys::header::{Header, Protocol};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Ipv6, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("ip6_offset", Kind::Number, "bytes before the header", |p, n| {
        Some(p.header(Protocol::Ipv6, n)?.offset.into())
    }),
    key!("ip6source", Kind::V6, "source address", |p, n| match p.header(Protocol::Ipv6, n) {
        Some(ip) => ip.v6(8).map(Value::V6),
        None => Some(fields(p, n)?.src_ip.into()),
    }),
    key!("ip6destination", Kind::V6, "destination address", |p, n| {
        match p.header(Protocol::Ipv6, n) {
            Some(ip) => ip.v6(24).map(Value::V6),
            None => Some(fields(p, n)?.dst_ip.into()),
        }
    }),
    key!(
        "ip6nexthdr",
        Kind::Number,
        "number of the protocol after the extension headers",
        |p, n| match p.headers.place(Protocol::Ipv6, n) {
            Some((_, ip)) => Some(extensions(p, n).last().unwrap_or(ip.u8(6)?).into()),
            None => Some(fields(p, n)?.protocol.into()),
        }
    ),
    key!(
        "ip6bytes",
        Kind::Number,
        "bytes of the packet, header included; absent if segmentation left the length 0",
        |p, n| match p.header(Protocol::Ipv6, n) {
            Some(ip) => {
                ip.u16(4)
                    .filter(|length| *length != 0)
                    .map(|length| (u32::from(length) + 40).into())
            }
            None => Some(fields(p, n)?.length.into()),
        }
    ),
    key!("ip6tos", Kind::Number, "traffic class", |p, n| Some(class(p, n)?.into())),
    key!("ip6dscp", Kind::Number, "differentiated services", |p, n| {
        Some((class(p, n)? >> 2).into())
    }),
    key!("ip6dscpname", Kind::Text, "name of `ip6dscp`: `CS0`, `AF11`, `EF`", |p, n| {
        Some(dscp_name(class(p, n)? >> 2))
    }),
    key!("ip6ecn", Kind::Number, "explicit congestion notification", |p, n| {
        Some((class(p, n)? & 3).into())
    }),
    key!("ip6flowlabel", Kind::Number, "flow label, 20 bits", |p, n| {
        Some((p.header(Protocol::Ipv6, n)?.u32(0)? & 0xf_ffff).into())
    }),
    key!("ip6ttl", Kind::Number, "hop limit", |p, n| {
        p.header(Protocol::Ipv6, n)?.u8(7).map(Value::from)
    }),
    key!("ip6extensions", Kind::Text, "numbers of the extension headers: `0.44`", |p, n| {
        let first = p.header(Protocol::Ipv6, n)?.u8(6)?;
        let following: Vec<u8> = extensions(p, n).collect();
        let (_, before_last) = following.split_last()?;
        joined([first].iter().chain(before_last), '.')
    }),
    key!("ip6fragoffset", Kind::Number, "offset of the fragment in units of 8 bytes", |p, n| {
        Some((fragment(p, n)?.u16(2)? >> 3).into())
    }),
    key!("ip6fragm", Kind::Bool, "more fragments follow", |p, n| {
        Some((fragment(p, n)?.u8(3)? & 1 == 1).into())
    }),
    key!("ip6identification", Kind::Number, "identification of a fragment", |p, n| {
        fragment(p, n)?.u32(4).map(Value::from)
    }),
    key!("icmp6type", Kind::Number, "type of ICMPv6", |p, n| {
        p.header(Protocol::Icmpv6, n)?.u8(0).map(Value::from)
    }),
    key!("icmp6code", Kind::Number, "code of ICMPv6", |p, n| {
        p.header(Protocol::Icmpv6, n)?.u8(1).map(Value::from)
    }),
    key!("icmp6seqno", Kind::Number, "sequence number of an echo", |p, n| {
        let icmp = p.header(Protocol::Icmpv6, n)?;
        matches!(icmp.u8(0)?, 128 | 129).then(|| icmp.u16(6).map(Value::from))?
    }),
];

#[cold]
fn fields(packet: &Packet<'_>, instance: u8) -> Option<SampledIpv6> {
    packet.fields(instance)
}

fn class(packet: &Packet<'_>, instance: u8) -> Option<u8> {
    match packet.header(Protocol::Ipv6, instance) {
        Some(ip) => Some((ip.u16(0)? >> 4) as u8),
        None => Some(fields(packet, instance)?.priority as u8),
    }
}

/// The next-header numbers in the extension headers of an IPv6 header.
fn extensions(packet: &Packet<'_>, instance: u8) -> impl Iterator<Item = u8> {
    let place = packet.headers.place(Protocol::Ipv6, instance).map(|(place, _)| place);
    let after = place.into_iter().flat_map(|place| packet.headers.after(place));
    let extensions = after.take_while(|(protocol, _)| *protocol == Protocol::Ipv6Extension);
    extensions.filter_map(|(_, extension)| extension.u8(0))
}

/// The fragment header of an IPv6 header.
fn fragment<'a>(packet: &Packet<'a>, instance: u8) -> Option<Header<'a>> {
    let (place, ip) = packet.headers.place(Protocol::Ipv6, instance)?;
    let mut number = ip.u8(6)?;
    for (protocol, header) in packet.headers.after(place) {
        if protocol != Protocol::Ipv6Extension {
            return None;
        }
        if number == FRAGMENT {
            return Some(header);
        }
        number = header.u8(0)?;
    }
    None
}

const FRAGMENT: u8 = 44;
