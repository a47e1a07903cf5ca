//! Layer 2 and 2½: Ethernet, LLC/SNAP, MPLS, PPPoE, PPP.

use super::layer::layer;
use super::{Layer, Next, Read, guess, skip, take};
use crate::value::MacAddress;

layer! {
    /// Ethernet II or IEEE 802.3 header.
    Ethernet {
        /// Destination address.
        dst: MacAddress,
        /// Source address.
        src: MacAddress,
        /// EtherType, or below 0x0600 the length of an IEEE 802.3 frame.
        ether_type: u16,
    }
}

layer! {
    /// IEEE 802.2 LLC header, with SNAP where it has one.
    Llc {
        /// Destination service access point.
        dsap: u8,
        /// Source service access point.
        ssap: u8,
        /// Control field.
        control: u8,
        /// SNAP: organisation, 24 bits.
        oui: Option<u32>,
        /// SNAP: EtherType if the organisation is 0.
        ether_type: Option<u16>,
    }
}

layer! {
    /// One MPLS label stack entry (RFC 3032).
    Mpls {
        /// Label, 20 bits.
        label: u32,
        /// Traffic class, 3 bits.
        traffic_class: u8,
        /// Bottom of the stack.
        bottom: bool,
        /// Time to live.
        ttl: u8,
    }
}

layer! {
    /// PPP over Ethernet (RFC 2516).
    Pppoe {
        /// 0 for session data.
        code: u8,
        /// Session number.
        session_id: u16,
        /// Bytes after this header.
        length: u16,
    }
}

layer! {
    /// The Point-to-Point Protocol's protocol field.
    Ppp {
        /// 0x0021 IPv4, 0x0057 IPv6, 0x0281 MPLS.
        protocol: u16,
    }
}

#[inline(always)]
pub(super) fn ethernet(rest: &mut &[u8]) -> Option<(Ethernet, Next)> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, high, low] = take(rest)?;
    let ether_type = u16::from_be_bytes([high, low]);
    let (dst, src) = (MacAddress([a, b, c, d, e, f]), MacAddress([g, h, i, j, k, l]));
    let next = Next::from_ether_type(ether_type);
    Some((Ethernet { dst, src, ether_type }, next))
}

pub(super) fn llc<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [dsap, ssap, control] = take(rest)?;
    let mut llc = Llc { dsap, ssap, control, oui: None, ether_type: None };
    if (dsap, ssap, control) != (0xaa, 0xaa, 3) {
        return Some((Layer::Llc(llc), Next::Payload));
    }
    let [a, b, c, high, low] = take(rest)?;
    let ether_type = u16::from_be_bytes([high, low]);
    llc.oui = Some(u32::from_be_bytes([0, a, b, c]));
    llc.ether_type = Some(ether_type);
    let next = if llc.oui == Some(0) { Next::from_ether_type(ether_type) } else { Next::Payload };
    Some((Layer::Llc(llc), next))
}

pub(super) fn mpls<'a>(rest: &mut &'a [u8], beyond: usize) -> Read<'a> {
    let word = u32::from_be_bytes(take(rest)?);
    let [_, _, _, ttl] = word.to_be_bytes();
    let bottom = word & 0x100 != 0;
    let traffic_class = (word >> 9 & 7) as u8;
    let next = if bottom { guess::below_mpls(rest, beyond) } else { Next::Mpls };
    Some((Layer::Mpls(Mpls { label: word >> 12, traffic_class, bottom, ttl }), next))
}

pub(super) fn pppoe<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [_version_type, code, id_high, id_low, high, low] = take(rest)?;
    let session_id = u16::from_be_bytes([id_high, id_low]);
    let length = u16::from_be_bytes([high, low]);
    let next = if code == 0 { Next::Ppp } else { Next::Payload };
    Some((Layer::Pppoe(Pppoe { code, session_id, length }), next))
}

/// Reads PPP with or without address and control bytes, with or without protocol field compression
/// (RFC 1661).
pub(super) fn ppp<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    if rest.starts_with(&[0xff, 0x03]) {
        skip(rest, 2)?;
    }
    let compressed = rest.first()? & 1 == 1;
    let protocol = if compressed {
        take(rest).map(|[low]| u16::from(low))
    } else {
        take(rest).map(u16::from_be_bytes)
    }?;
    let next = match protocol {
        0x0021 => Next::Ipv4,
        0x0057 => Next::Ipv6,
        0x0281 | 0x0283 => Next::Mpls,
        _ => Next::Payload,
    };
    Some((Layer::Ppp(Ppp { protocol }), next))
}
