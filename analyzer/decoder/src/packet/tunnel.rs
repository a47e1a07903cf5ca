//! Tunnels: GRE, VXLAN, GENEVE, GTP-U. (IP in IP and MPLS in IP need no header of their own.)

use super::layer::layer;
use super::{Layer, Next, Read, skip, take};

layer! {
    /// GRE header (RFC 2784, 2890; version 1 of RFC 2637).
    Gre {
        /// 0, or 1 for PPTP.
        version: u8,
        /// EtherType of the next header.
        ether_type: u16,
        /// Key, if present.
        key: Option<u32>,
    }
}

layer! {
    /// VXLAN header (RFC 7348).
    Vxlan {
        /// Virtual network, 24 bits.
        vni: u32,
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

pub(super) fn gre<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, more, high, low] = take(rest)?;
    let (version, ether_type) = (more & 7, u16::from_be_bytes([high, low]));
    if flags & 0xc0 != 0 {
        // Either flag, checksum or routing, adds both words: checksum and offset.
        skip(rest, 4)?;
    }
    let key = if flags & 0x20 != 0 { Some(u32::from_be_bytes(take(rest)?)) } else { None };
    if flags & 0x10 != 0 {
        skip(rest, 4)?;
    }
    if version == 1 && more & 0x80 != 0 {
        // Acknowledgment number of PPTP.
        skip(rest, 4)?;
    }
    // Source routing is obsolete and has no fixed length.
    let next = if flags & 0x40 != 0 { Next::Payload } else { Next::from_ether_type(ether_type) };
    Some((Layer::Gre(Gre { version, ether_type, key }), next))
}

pub(super) fn vxlan<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [_flags, _, _, _, a, b, c, _] = take(rest)?;
    Some((Layer::Vxlan(Vxlan { vni: u32::from_be_bytes([0, a, b, c]) }), Next::Ethernet))
}

pub(super) fn geneve<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [first, _flags, high, low, a, b, c, _] = take(rest)?;
    let options_length = (first & 0x3f) * 4;
    let ether_type = u16::from_be_bytes([high, low]);
    let header = Geneve { vni: u32::from_be_bytes([0, a, b, c]), ether_type, options_length };
    skip(rest, usize::from(options_length))?;
    Some((Layer::Geneve(header), Next::from_ether_type(ether_type)))
}

pub(super) fn gtp_u<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, message_type, high, low, t0, t1, t2, t3] = take(rest)?;
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
    let user_data = flags >> 5 == 1 && message_type == 255;
    let next = if user_data { Next::from_ip_version(rest) } else { Next::Payload };
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
