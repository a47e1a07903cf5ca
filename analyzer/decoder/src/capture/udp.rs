//! The UDP datagram in a captured packet.

use core::net::{IpAddr, SocketAddr};

use crate::packet::{Layer, Layers};

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
    /// A fragment of a UDP datagram. Only the first contains the port.
    Fragment,
    /// Anything else.
    Other,
}

/// Searches a captured packet for a UDP datagram to `port`.
///
/// Link types: Ethernet, Linux cooked (both versions), raw IP and BSD loopback. The datagram may be
/// inside VLAN tags, MPLS, PPPoE and tunnels.
pub fn find_udp(link_type: u16, packet: &[u8], port: u16) -> Found<'_> {
    let Some(mut layers) = layers(link_type, packet) else { return Found::Other };
    let mut src: Option<IpAddr> = None;
    while let Some(layer) = layers.next() {
        match layer {
            Layer::Ipv4(ip) if ip.more_fragments || ip.fragment_offset != 0 => {
                return if ip.protocol == UDP { Found::Fragment } else { Found::Other };
            }
            Layer::Ipv4(ip) => src = Some(ip.src.into()),
            Layer::Ipv6(ip) => src = Some(ip.src.into()),
            Layer::Ipv6Extension(header)
                if header.more_fragments == Some(true)
                    || header.fragment_offset.is_some_and(|offset| offset != 0) =>
            {
                return if header.next_header == UDP { Found::Fragment } else { Found::Other };
            }
            Layer::Udp(udp) if udp.dst_port == port => {
                let (Some(src), Some(length)) = (src, udp.length) else { return Found::Other };
                let rest = layers.rest();
                // Segmentation offload leaves a length of 0.
                let declared = match usize::from(length) {
                    0 => rest.len(),
                    length => length.saturating_sub(HEADER),
                };
                return Found::Udp {
                    from: SocketAddr::new(src, udp.src_port),
                    payload: rest.get(..declared).unwrap_or(rest),
                    cut: declared > rest.len(),
                };
            }
            _ => {}
        }
    }
    Found::Other
}

/// The headers of a packet of a link type.
fn layers(link_type: u16, packet: &[u8]) -> Option<Layers<'_>> {
    match link_type {
        ETHERNET => Some(Layers::ethernet(packet)),
        // The EtherType is at the end of the 16 bytes.
        LINUX_SLL => {
            let (head, rest) = packet.split_first_chunk::<16>()?;
            let [.., high, low] = *head;
            Some(Layers::ether_type(u16::from_be_bytes([high, low]), rest))
        }
        // The EtherType is at the start of the 20 bytes.
        LINUX_SLL2 => {
            let (head, rest) = packet.split_first_chunk::<20>()?;
            let [high, low, ..] = *head;
            Some(Layers::ether_type(u16::from_be_bytes([high, low]), rest))
        }
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => Some(Layers::ip(packet)),
        // The number of an address family differs between systems; the version of IP does not.
        NULL | LOOP => Some(Layers::ip(packet.get(4..)?)),
        _ => None,
    }
}

/// Protocol number of UDP.
const UDP: u8 = 17;
/// Bytes of the UDP header.
const HEADER: usize = 8;

/// Link types, `LINKTYPE_` of libpcap.
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const RAW: u16 = 101;
const LOOP: u16 = 108;
const LINUX_SLL: u16 = 113;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const LINUX_SLL2: u16 = 276;
