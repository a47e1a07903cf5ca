//! The header of a packet that the kernel passes on with the number of its protocol only, without
//! the kind of its link layer.

use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};

/// The `sampled_header` (0:1) of a packet of `length` bytes, of which `bytes` are the first.
/// `protocol` is `skb->protocol`. `None` if it begins with no header that sFlow has a number for.
///
/// Whether the packet still has its link-layer header depends on the place where the kernel took it:
/// the EtherType in the bytes and `protocol` are compared.
pub(crate) fn sampled_header(
    bytes: &[u8],
    protocol: u16,
    length: u32,
) -> Option<SampledHeader<'_>> {
    let length = length.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    if is_ethernet(bytes, protocol) {
        return Some(SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: length.saturating_add(FCS).max(shortest(bytes)),
            stripped: FCS,
            header: bytes,
        });
    }
    let header_protocol = match (protocol, bytes.first().map(|byte| byte >> 4)) {
        (IPV4, Some(4)) => HeaderProtocol::IPV4,
        (IPV6, Some(6)) => HeaderProtocol::IPV6,
        _ => return None,
    };
    Some(SampledHeader {
        protocol: header_protocol,
        frame_length: length,
        stripped: 0,
        header: bytes,
    })
}

/// Returns true for an Ethernet header that announces `protocol`. The kernel's numbers for frames
/// with a length instead of an EtherType are below 0x600 (linux/if_ether.h, `ETH_P_802_2`).
pub(crate) fn is_ethernet(header: &[u8], protocol: u16) -> bool {
    let ether_type = header.get(MAC_ADDRESSES..).and_then(<[u8]>::first_chunk);
    ether_type.is_some_and(|bytes| u16::from_be_bytes(*bytes) == protocol || protocol < 0x600)
}

/// Bytes of the shortest frame: the IP layer has removed the padding of a frame that was received,
/// and the adapter adds it to one that is sent. Loopback, whose addresses are 0, has no padding.
fn shortest(ethernet: &[u8]) -> u32 {
    let is_loopback = ethernet.iter().take(MAC_ADDRESSES).all(|&byte| byte == 0);
    if is_loopback { 0 } else { MIN_FRAME }
}

/// EtherType of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub(crate) const IPV6: u16 = 0x86dd;
/// Bytes of destination and source address of an Ethernet header.
pub(crate) const MAC_ADDRESSES: usize = 12;
/// Bytes of the frame check sequence, which the kernel never has.
pub(crate) const FCS: u32 = 4;
/// Bytes of the shortest Ethernet frame, FCS included (IEEE 802.3, clause 4.4.2, `minFrameSize`).
pub(crate) const MIN_FRAME: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4_HEADER: [u8; 20] =
        [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

    fn framed(addresses: [u8; 12], ether_type: u16) -> Vec<u8> {
        [addresses.as_slice(), &ether_type.to_be_bytes(), &IPV4_HEADER].concat()
    }

    /// Header protocol, frame length, stripped bytes.
    fn header(bytes: &[u8], protocol: u16, length: u32) -> Option<(u32, u32, u32)> {
        let header = sampled_header(bytes, protocol, length)?;
        assert_eq!(header.header, bytes);
        Some((header.protocol.code(), header.frame_length, header.stripped))
    }

    #[test]
    fn ethernet_frame_has_its_fcs_and_its_padding() {
        let frame = framed([2; 12], IPV4);
        assert_eq!(header(&frame, IPV4, 1514), Some((1, 1518, 4)));
        assert_eq!(header(&frame, IPV4, 42), Some((1, 64, 4)));
        assert_eq!(header(&framed([0; 12], IPV4), IPV4, 42), Some((1, 46, 4)), "loopback");
        assert_eq!(header(&framed([2; 12], 60), 4, 74), Some((1, 78, 4)), "a length, ETH_P_802_2");
        assert_eq!(header(&frame, IPV4, 0), Some((1, 64, 4)), "a length that cannot be");
    }

    #[test]
    fn packet_without_link_layer_is_bare_ip() {
        assert_eq!(header(&IPV4_HEADER, IPV4, 28), Some((11, 28, 0)));
        assert_eq!(header(&[0x60; 40], IPV6, 1200), Some((12, 1200, 0)));
        assert_eq!(header(&[0x60; 40], IPV4, 1200), None, "not what the kernel announces");
        assert_eq!(header(&IPV4_HEADER, 0x0806, 28), None, "ARP");
        assert_eq!(header(&[], IPV4, 28), None);
    }
}
