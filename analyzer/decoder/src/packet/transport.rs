//! Layer 4: TCP, UDP, SCTP, ICMP. Ports are read even if the rest of the header is cut off.

use super::layer::layer;
use super::{Layer, Next, Read, skip, take};

layer! {
    /// TCP header (RFC 9293).
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Sequence number.
        sequence: Option<u32>,
        /// Acknowledgment number.
        acknowledgment: Option<u32>,
        /// Flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
        flags: Option<u8>,
        /// Window, not scaled.
        window: Option<u16>,
    }
}

layer! {
    /// UDP header (RFC 768).
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Bytes of header and data.
        length: Option<u16>,
    }
}

layer! {
    /// SCTP common header (RFC 9260).
    Sctp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Verification tag.
        verification_tag: Option<u32>,
    }
}

layer! {
    /// ICMP or ICMPv6 header (RFC 792, 4443).
    Icmp {
        /// Type, numbered separately for ICMP and ICMPv6.
        icmp_type: u8,
        /// Code within the type.
        code: u8,
    }
}

#[inline]
pub(super) fn tcp<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let (src_port, dst_port) = ports(rest)?;
    let mut tcp =
        Tcp { src_port, dst_port, sequence: None, acknowledgment: None, flags: None, window: None };
    if tcp_fields(&mut tcp, rest).is_none() {
        *rest = &[];
    }
    Some((Layer::Tcp(tcp), Next::Payload))
}

/// Reads the fields after the ports; if one is cut off, all after it are `None`.
#[inline]
fn tcp_fields(tcp: &mut Tcp, rest: &mut &[u8]) -> Option<()> {
    tcp.sequence = Some(u32::from_be_bytes(take(rest)?));
    tcp.acknowledgment = Some(u32::from_be_bytes(take(rest)?));
    let [offset, flags] = take(rest)?;
    tcp.flags = Some(flags);
    tcp.window = Some(u16::from_be_bytes(take(rest)?));
    // Checksum, urgent pointer and options. A data offset below 5 is invalid and taken as 5.
    skip(rest, usize::from(offset >> 4).saturating_mul(4).max(20) - 16)
}

#[inline]
pub(super) fn udp<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let (src_port, dst_port) = ports(rest)?;
    let length = take(rest).map(u16::from_be_bytes);
    let cut = skip(rest, 2).is_none();
    if cut {
        *rest = &[];
    }
    // By the destination port only: tunnels take a random source port for load balancing.
    let next = match dst_port {
        _ if cut => Next::Payload,
        4789 | 8472 => Next::Vxlan,
        4790 => Next::VxlanGpe,
        6081 => Next::Geneve,
        2152 => Next::GtpU,
        6635 => Next::Mpls,
        1701 => Next::L2tp,
        _ => Next::Payload,
    };
    Some((Layer::Udp(Udp { src_port, dst_port, length }), next))
}

pub(super) fn sctp<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let (src_port, dst_port) = ports(rest)?;
    let verification_tag = take(rest).map(u32::from_be_bytes);
    if skip(rest, 4).is_none() {
        *rest = &[];
    }
    Some((Layer::Sctp(Sctp { src_port, dst_port, verification_tag }), Next::Payload))
}

pub(super) fn icmp(rest: &mut &[u8]) -> Option<Icmp> {
    let [icmp_type, code] = take(rest)?;
    // Checksum.
    if skip(rest, 2).is_none() {
        *rest = &[];
    }
    Some(Icmp { icmp_type, code })
}

#[inline(always)]
pub(super) fn ports(rest: &mut &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = take(rest)?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}
