//! Tunnels in UDP: VXLAN, VXLAN-GPE, GENEVE, GTP-U; and NSH, which VXLAN-GPE or Ethernet carries.
//!
//! Those in UDP are found by their destination port, which may also be that of a client. A header whose fixed
//! bits are wrong is payload.

use super::layer::layer;
use super::{Layer, Next, Read, guess, skip, take};

layer! {
    /// VXLAN header (RFC 7348).
    Vxlan {
        /// Virtual network, 24 bits.
        vni: u32,
    }
}

layer! {
    /// VXLAN header with the number of the next protocol (draft-ietf-nvo3-vxlan-gpe).
    VxlanGpe {
        /// Virtual network, 24 bits.
        vni: u32,
        /// 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS.
        next_protocol: u8,
    }
}

layer! {
    /// Network service header of a service chain (RFC 8300).
    Nsh {
        /// Service path, 24 bits.
        path: u32,
        /// Service index: counts down along the path.
        index: u8,
        /// 1 context of fixed length, 2 context of variable length.
        metadata_type: u8,
        /// 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS.
        next_protocol: u8,
    }
}

layer! {
    /// GENEVE header (RFC 8926).
    Geneve {
        /// Virtual network, 24 bits.
        vni: u32,
        /// EtherType of the next header.
        ether_type: u16,
        /// Bytes of options.
        options_length: u8,
    }
}

layer! {
    /// GTP version 1 user plane header (3GPP TS 29.281).
    GtpU {
        /// 255 for user data.
        message_type: u8,
        /// Bytes after the first eight.
        length: u16,
        /// Tunnel endpoint.
        teid: u32,
    }
}

pub(super) fn vxlan<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, r0, r1, r2, a, b, c, _] = *rest.first_chunk()?;
    // The reserved bytes hold a policy if the group extension is flagged.
    let sound = flags & VNI != 0 && (flags & GROUP != 0 || [r0, r1, r2] == [0; 3]);
    if !sound {
        return payload(rest);
    }
    skip(rest, 8)?;
    Some((Layer::Vxlan(Vxlan { vni: u32::from_be_bytes([0, a, b, c]) }), Next::Ethernet))
}

pub(super) fn vxlan_gpe<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, r0, r1, next_protocol, a, b, c, _] = *rest.first_chunk()?;
    // Two bits of version, which is 0.
    if flags & 0x30 != 0 || flags & NEXT_PROTOCOL == 0 || [r0, r1] != [0; 2] {
        return payload(rest);
    }
    skip(rest, 8)?;
    let vni = u32::from_be_bytes([0, a, b, c]);
    Some((Layer::VxlanGpe(VxlanGpe { vni, next_protocol }), next_of(next_protocol)))
}

/// The protocol after VXLAN-GPE or NSH, which number them alike.
fn next_of(next_protocol: u8) -> Next {
    match next_protocol {
        1 => Next::Ipv4,
        2 => Next::Ipv6,
        3 => Next::Ethernet,
        4 => Next::Nsh,
        5 => Next::Mpls,
        _ => Next::Payload,
    }
}

pub(super) fn nsh<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [first, second, metadata, next_protocol, a, b, c, index] = *rest.first_chunk()?;
    // In words of 4 bytes, this header and the path included. Two bits of version, which is 0.
    let words = usize::from(second & 0x3f);
    if first >> 6 != 0 || words < 2 {
        return payload(rest);
    }
    let path = u32::from_be_bytes([0, a, b, c]);
    let header = Nsh { path, index, metadata_type: metadata & 0x0f, next_protocol };
    skip(rest, words * 4)?;
    Some((Layer::Nsh(header), next_of(next_protocol)))
}

pub(super) fn geneve<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [first, flags, high, low, a, b, c, _] = *rest.first_chunk()?;
    let version = first >> 6;
    if version != 0 || flags & 0x3f != 0 {
        return payload(rest);
    }
    let options_length = (first & 0x3f) * 4;
    let ether_type = u16::from_be_bytes([high, low]);
    let header = Geneve { vni: u32::from_be_bytes([0, a, b, c]), ether_type, options_length };
    skip(rest, 8 + usize::from(options_length))?;
    Some((Layer::Geneve(header), Next::from_ether_type(ether_type)))
}

pub(super) fn gtp_u<'a>(rest: &mut &'a [u8], beyond: usize) -> Read<'a> {
    let [flags, message_type, high, low, t0, t1, t2, t3] = *rest.first_chunk()?;
    // Version 1 of GTP, not GTP'.
    if flags & 0xf0 != 0x30 {
        return payload(rest);
    }
    skip(rest, 8)?;
    let header = GtpU {
        message_type,
        length: u16::from_be_bytes([high, low]),
        teid: u32::from_be_bytes([t0, t1, t2, t3]),
    };
    if flags & 0x07 != 0 {
        let [_, _, _, mut extension] = take(rest)?;
        while flags & 0x04 != 0 && extension != 0 {
            extension = skip_extension(rest)?;
        }
    }
    let user_data = message_type == 255;
    let next = if user_data { guess::ip_or_ethernet(rest, beyond) } else { Next::Payload };
    Some((Layer::GtpU(header), next))
}

/// Skips an extension header of GTP-U and returns the type of the next one.
fn skip_extension(rest: &mut &[u8]) -> Option<u8> {
    let units = usize::from(*rest.first()?);
    let last = (units * 4).checked_sub(1)?;
    let next = *rest.get(last)?;
    skip(rest, last + 1)?;
    Some(next)
}

fn payload<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    Some((Layer::Payload(core::mem::take(rest)), Next::Payload))
}

/// Flags of VXLAN: the number of the network is valid, the group extension, the next protocol.
const VNI: u8 = 0x08;
const GROUP: u8 = 0x80;
const NEXT_PROTOCOL: u8 = 0x04;
