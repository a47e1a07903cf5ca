//! Layer 3: ARP, IPv4, IPv6 and its extension headers.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::layer::layer;
use super::{Layer, Next, Read, skip, take};
use crate::value::MacAddress;

layer! {
    /// ARP for IPv4 over Ethernet (RFC 826).
    Arp {
        /// 1 request, 2 reply.
        operation: u16,
        /// Sender's MAC address.
        sender_mac: MacAddress,
        /// Sender's IP address.
        sender_ip: Ipv4Addr,
        /// Target's MAC address; zero in requests.
        target_mac: MacAddress,
        /// Target's IP address.
        target_ip: Ipv4Addr,
    }
}

layer! {
    /// IPv4 header (RFC 791).
    Ipv4 {
        /// Source address.
        src: Ipv4Addr,
        /// Destination address.
        dst: Ipv4Addr,
        /// Number of the protocol that follows.
        protocol: u8,
        /// Differentiated services and ECN: the former TOS byte.
        tos: u8,
        /// Bytes of the packet, this header included.
        total_length: u16,
        /// Identification, equal in all fragments of a packet.
        id: u16,
        /// Don't Fragment flag.
        dont_fragment: bool,
        /// More fragments follow.
        more_fragments: bool,
        /// Offset of the fragment, bytes.
        fragment_offset: u16,
        /// Time to live.
        ttl: u8,
        /// Bytes of options.
        options_length: u8,
    }
}

layer! {
    /// IPv6 header (RFC 8200).
    Ipv6 {
        /// Source address.
        src: Ipv6Addr,
        /// Destination address.
        dst: Ipv6Addr,
        /// Number of the protocol or extension header that follows.
        next_header: u8,
        /// Traffic class.
        traffic_class: u8,
        /// Flow label, 20 bits.
        flow_label: u32,
        /// Bytes after this header.
        payload_length: u16,
        /// Hop limit.
        hop_limit: u8,
    }
}

layer! {
    /// An extension header of IPv6, or the authentication header of IPsec.
    Ipv6Extension {
        /// 0 hop-by-hop, 43 routing, 44 fragment, 51 authentication, 60 destination options,
        /// 135 mobility, 139 HIP, 140 shim6.
        protocol: u8,
        /// Number of the protocol or extension header that follows.
        next_header: u8,
        /// Bytes of this header.
        length: u16,
        /// Fragment: offset, bytes.
        fragment_offset: Option<u16>,
        /// Fragment: more fragments follow.
        more_fragments: Option<bool>,
    }
}

pub(super) fn arp<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [hardware, protocol, lengths, operation] = take::<8>(rest)?
        .as_chunks()
        .0
        .try_into()
        .map(|words: [[u8; 2]; 4]| words.map(u16::from_be_bytes))
        .ok()?;
    if (hardware, protocol, lengths) != (1, 0x0800, 0x0604) {
        return Some((Layer::Payload(core::mem::take(rest)), Next::Payload));
    }
    let arp = Arp {
        operation,
        sender_mac: MacAddress(take(rest)?),
        sender_ip: take(rest).map(Ipv4Addr::from_octets)?,
        target_mac: MacAddress(take(rest)?),
        target_ip: take(rest).map(Ipv4Addr::from_octets)?,
    };
    // The rest is Ethernet padding.
    *rest = &[];
    Some((Layer::Arp(arp), Next::Payload))
}

#[inline(always)]
pub(super) fn ipv4(rest: &mut &[u8]) -> Option<(Ipv4, Next)> {
    let [first, tos, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s @ .., d0, d1, d2, d3] =
        take::<20>(rest)?;
    let header_length = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header_length < 20 {
        return None;
    }
    let fragment = u16::from_be_bytes([f0, f1]);
    let header = Ipv4 {
        src: Ipv4Addr::from_octets(s),
        dst: Ipv4Addr::new(d0, d1, d2, d3),
        protocol,
        tos,
        total_length: u16::from_be_bytes([l0, l1]),
        id: u16::from_be_bytes([i0, i1]),
        dont_fragment: fragment & 0x4000 != 0,
        more_fragments: fragment & 0x2000 != 0,
        fragment_offset: fragment << 3,
        ttl,
        options_length: (header_length - 20) as u8,
    };
    let options_cut = skip(rest, header_length - 20).is_none();
    if options_cut {
        *rest = &[];
    }
    let payload = usize::from(header.total_length).saturating_sub(header_length);
    // Segmentation offload leaves a total length of 0: such a packet is not cut to its length.
    if header.total_length != 0 {
        *rest = rest.get(..payload).unwrap_or(rest);
    }
    let next = match header.fragment_offset {
        0 if !options_cut => Next::from_ip_protocol(protocol),
        _ => Next::Payload,
    };
    Some((header, next))
}

#[inline(always)]
pub(super) fn ipv6(rest: &mut &[u8]) -> Option<(Ipv6, Next)> {
    let [v0, v1, v2, v3, l0, l1, next_header, hop_limit] = take(rest)?;
    let word = u32::from_be_bytes([v0, v1, v2, v3]);
    if word >> 28 != 6 {
        return None;
    }
    let src = take(rest).map(Ipv6Addr::from_octets)?;
    let dst = take(rest).map(Ipv6Addr::from_octets)?;
    let payload_length = u16::from_be_bytes([l0, l1]);
    // 0 for a jumbogram (RFC 2675) or with segmentation offload.
    if payload_length != 0 {
        *rest = rest.get(..usize::from(payload_length)).unwrap_or(rest);
    }
    let header = Ipv6 {
        src,
        dst,
        next_header,
        traffic_class: (word >> 20) as u8,
        flow_label: word & 0x000f_ffff,
        payload_length,
        hop_limit,
    };
    Some((header, Next::from_ip_protocol(next_header)))
}

pub(super) fn ipv6_extension(protocol: u8, rest: &mut &[u8]) -> Option<(Ipv6Extension, Next)> {
    let [next_header, units, high, low] = take(rest)?;
    let length = match protocol {
        FRAGMENT => 8,
        AUTHENTICATION => (u16::from(units) + 2) * 4,
        _ => (u16::from(units) + 1) * 8,
    };
    let fragment = (protocol == FRAGMENT).then(|| u16::from_be_bytes([high, low]));
    let header = Ipv6Extension {
        protocol,
        next_header,
        length,
        fragment_offset: fragment.map(|fragment| fragment & !7),
        more_fragments: fragment.map(|fragment| fragment & 1 != 0),
    };
    let cut = skip(rest, usize::from(length) - 4).is_none();
    if cut {
        *rest = &[];
    }
    let later_fragment = header.fragment_offset.is_some_and(|offset| offset != 0);
    let next =
        if cut || later_fragment { Next::Payload } else { Next::from_ip_protocol(next_header) };
    Some((header, next))
}

const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
