//! Tunnels in IP: GRE, and in it ERSPAN and EoIP; L2TP. (IP in IP and MPLS in IP need no header of
//! their own.)

use super::layer::layer;
use super::{Layer, Next, Read, guess, skip, take};

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
    /// ERSPAN header, type II or III: a mirrored frame (draft-foschiano-erspan). Type I has none.
    Erspan {
        /// 1 for type II, 2 for type III.
        version: u8,
        /// VLAN of the mirrored frame.
        vlan: u16,
        /// Session, 10 bits.
        session: u16,
        /// True if the mirrored frame was truncated.
        cut: bool,
        /// Type III: time of the frame; its unit depends on the device.
        timestamp: Option<u32>,
    }
}

layer! {
    /// MikroTik's EoIP: an Ethernet frame in GRE version 1, EtherType 0x6400.
    Eoip {
        /// Number of the tunnel.
        tunnel_id: u16,
    }
}

layer! {
    /// L2TP data header, version 2 (RFC 2661) or 3 (RFC 3931).
    L2tp {
        /// 2 or 3.
        version: u8,
        /// Version 2: number of the tunnel.
        tunnel_id: Option<u16>,
        /// Number of the session: 16 bits in version 2, 32 in version 3.
        session_id: u32,
    }
}

pub(super) fn gre<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, more, high, low] = take(rest)?;
    let (version, ether_type) = (more & 7, u16::from_be_bytes([high, low]));
    if (version, ether_type) == (1, EOIP) {
        return Some((Layer::Gre(Gre { version, ether_type, key: None }), Next::Eoip));
    }
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
    let next = match ether_type {
        // Source routing is obsolete and has no fixed length.
        _ if flags & 0x40 != 0 => Next::Payload,
        // Type II has a sequence number in GRE, type I has not.
        ERSPAN if flags & 0x10 == 0 => Next::Ethernet,
        ERSPAN | ERSPAN_III => Next::Erspan,
        _ => Next::from_ether_type(ether_type),
    };
    Some((Layer::Gre(Gre { version, ether_type, key }), next))
}

pub(super) fn erspan<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [v0, v1, s0, s1] = take(rest)?;
    let (version, vlan) = (v0 >> 4, u16::from_be_bytes([v0 & 0x0f, v1]));
    let session = u16::from_be_bytes([s0 & 3, s1]);
    let mut header = Erspan { version, vlan, session, cut: s0 & 4 != 0, timestamp: None };
    let next = match version {
        1 => skip(rest, 4).map(|()| Next::Ethernet)?,
        2 => {
            header.timestamp = Some(u32::from_be_bytes(take(rest)?));
            type_iii(rest)?
        }
        _ => Next::Payload,
    };
    Some((Layer::Erspan(header), next))
}

/// Reads the last word of ERSPAN type III and the subheader that it announces.
fn type_iii(rest: &mut &[u8]) -> Option<Next> {
    let [_, _, kind, flags] = take(rest)?;
    if flags & 1 != 0 {
        skip(rest, 8)?;
    }
    Some(match kind >> 2 & 0x1f {
        0 => Next::Ethernet,
        2 => Next::from_ip_version(rest),
        _ => Next::Payload,
    })
}

pub(super) fn eoip<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    // The length comes first, in either order of bytes: senders differ.
    let [_, _, low, high] = take(rest)?;
    let tunnel_id = u16::from_be_bytes([high, low]);
    let keepalive = rest.is_empty();
    let next = if keepalive { Next::Payload } else { Next::Ethernet };
    Some((Layer::Eoip(Eoip { tunnel_id }), next))
}

/// Reads L2TP in UDP.
pub(super) fn l2tp<'a>(rest: &mut &'a [u8], beyond: usize) -> Read<'a> {
    let [flags, version] = *rest.first_chunk()?;
    match version & 0x0f {
        2 => l2tp_2(rest, flags),
        // Flags, version and two reserved bytes, as in RFC 3931, 4.1.2.1.
        3 if flags & CONTROL == 0 => {
            skip(rest, 4)?;
            l2tp_3(rest, beyond)
        }
        _ => Some((Layer::Payload(core::mem::take(rest)), Next::Payload)),
    }
}

fn l2tp_2<'a>(rest: &mut &'a [u8], flags: u8) -> Read<'a> {
    let with_length = flags & 0x40 != 0;
    skip(rest, if with_length { 4 } else { 2 })?;
    let [t0, t1, s0, s1] = take(rest)?;
    let (tunnel_id, session_id) =
        (Some(u16::from_be_bytes([t0, t1])), u32::from_be_bytes([0, 0, s0, s1]));
    if flags & 0x08 != 0 {
        // Sequence numbers.
        skip(rest, 4)?;
    }
    if flags & 0x02 != 0 {
        let offset = take(rest).map(u16::from_be_bytes)?;
        skip(rest, offset.into())?;
    }
    let next = if flags & CONTROL == 0 { Next::Ppp } else { Next::Payload };
    Some((Layer::L2tp(L2tp { version: 2, tunnel_id, session_id }), next))
}

/// Reads L2TP version 3 in IP, and in UDP after the flags. Session 0 is the control connection.
pub(super) fn l2tp_3<'a>(rest: &mut &'a [u8], beyond: usize) -> Read<'a> {
    let session_id = u32::from_be_bytes(take(rest)?);
    let next = if session_id == 0 { Next::Payload } else { guess::l2tp_frame(rest, beyond) };
    Some((Layer::L2tp(L2tp { version: 3, tunnel_id: None, session_id }), next))
}

const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const EOIP: u16 = 0x6400;
/// L2TP: the first bit of the flags marks a control message.
const CONTROL: u8 = 0x80;
