//! The UDP datagram in a captured packet.

use core::net::{IpAddr, SocketAddr};

use super::fragments::Fragment;
use super::link::{Link, link};
use crate::packet::{Ipv6Extension, Layer, Layers, Udp};

/// Result of the search in a captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A UDP datagram to the given port.
    Udp {
        /// Source address and port.
        from: SocketAddr,
        /// The payload, as far as it was captured.
        payload: &'a [u8],
        /// True if the payload is longer than the captured part.
        cut: bool,
    },
    /// A fragment of an IP packet, for [`Reassembly`](super::Reassembly).
    Fragment(Fragment<'a>),
    /// Anything else.
    Other,
    /// The link type is not supported.
    UnsupportedLink,
}

/// Searches a captured packet for a UDP datagram to `port`.
///
/// Link types: Ethernet (1), raw IP (12, 14, 101, 228, 229), BSD loopback (0, 108), Linux cooked (113,
/// 276), NFLOG (239), PPP (9, 50, 51, 104, 166, 204), IEEE 802.11 (105, with radiotap 127), Juniper
/// (167, 178, 179, 181). The datagram may be inside VLAN tags, MPLS, PPPoE and tunnels.
pub fn find_udp(link_type: u16, packet: &[u8], port: u16) -> Found<'_> {
    match link(link_type, packet) {
        Link::Layers(layers) => search(layers, port),
        Link::Nothing => Found::Other,
        Link::Unsupported => Found::UnsupportedLink,
    }
}

fn search(mut layers: Layers<'_>, port: u16) -> Found<'_> {
    let mut addresses: Option<(IpAddr, IpAddr)> = None;
    // Bytes after the IPv6 header and its extensions, as declared.
    let mut length = 0;
    loop {
        let header = layers.rest();
        let Some(layer) = layers.next() else { return Found::Other };
        match layer {
            Layer::Ipv4(ip) if ip.more_fragments || ip.fragment_offset != 0 => {
                return Found::Fragment(Fragment::v4(&ip, layers.rest()));
            }
            Layer::Ipv4(ip) => addresses = Some((ip.src.into(), ip.dst.into())),
            Layer::Ipv6(ip) => {
                addresses = Some((ip.src.into(), ip.dst.into()));
                length = usize::from(ip.payload_length);
            }
            Layer::Ipv6Extension(extension) => {
                length = length.saturating_sub(extension.length.into());
                if is_fragment(&extension) {
                    let (Some(addresses), Some(id)) = (addresses, identification(header)) else {
                        return Found::Other;
                    };
                    let bytes = layers.rest();
                    let fragment = Fragment::v6(addresses, &extension, id, length, bytes);
                    return Found::Fragment(fragment);
                }
            }
            Layer::Udp(udp) if udp.dst_port == port => {
                let Some((src, _)) = addresses else { return Found::Other };
                return datagram(src, &udp, layers.rest());
            }
            _ => {}
        }
    }
}

/// True if the packet consists of more than this one: offset 0 without further fragments is a whole
/// packet (RFC 6946).
fn is_fragment(extension: &Ipv6Extension) -> bool {
    let later = extension.fragment_offset.is_some_and(|offset| offset != 0);
    later || extension.more_fragments == Some(true)
}

/// The identification in a fragment header, its last four bytes.
fn identification(header: &[u8]) -> Option<u32> {
    header.get(4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The datagram whose payload begins `rest`.
fn datagram<'a>(src: IpAddr, udp: &Udp, rest: &'a [u8]) -> Found<'a> {
    let Some(length) = udp.length else { return Found::Other };
    // Segmentation offload leaves a length of 0.
    let declared = match usize::from(length) {
        0 => rest.len(),
        length => length.saturating_sub(HEADER),
    };
    Found::Udp {
        from: SocketAddr::new(src, udp.src_port),
        payload: rest.get(..declared).unwrap_or(rest),
        cut: declared > rest.len(),
    }
}

/// Bytes of the UDP header.
const HEADER: usize = 8;
