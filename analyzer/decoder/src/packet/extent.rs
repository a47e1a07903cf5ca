//! The end of the IP packet in a sampled header.

use super::{Next, flow_key, network};
use crate::flow::SampledHeader;

impl SampledHeader<'_> {
    /// Bytes from the start of `header` to the end of the outermost IP packet, by the length that the
    /// packet declares, which may be beyond the captured part.
    ///
    /// `None` if there is no IP packet, or for a super-packet longer than its length field can express.
    pub fn ip_end(&self) -> Option<usize> {
        // IPv4 without options in Ethernet, without a walk.
        if let (1, [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, 0x45, _, high, low, ..]) =
            (self.protocol, self.header)
            && self.header.len() >= 34
        {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            return (length != 0).then_some(14 + length);
        }
        let mut layers = self.layers();
        flow_key::find_ip(&mut layers)?;
        let before = self.header.len().saturating_sub(layers.rest.len());
        let length = match layers.next {
            Next::Ipv4 => match network::ipv4(&mut layers.rest)?.0.total_length {
                0 => return None,
                length => usize::from(length),
            },
            _ => match network::ipv6(&mut layers.rest)?.0.payload_length {
                0 => return None,
                length => IPV6_HEADER + usize::from(length),
            },
        };
        Some(before + length)
    }
}

/// Bytes of the IPv6 header, which its length field does not count.
const IPV6_HEADER: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip_end(header: &[u8]) -> Option<usize> {
        SampledHeader { protocol: 1, frame_length: 1518, stripped: 4, header }.ip_end()
    }

    /// A frame with these bytes after the MAC addresses, and zeros to 64 bytes.
    fn frame(after: &[u8]) -> [u8; 64] {
        let mut frame = [0; 64];
        frame[6] = 2;
        frame[12..][..after.len()].copy_from_slice(after);
        frame
    }

    #[test]
    fn end_is_that_of_the_outermost_ip_packet() {
        let ipv4 = [8, 0, 0x45, 0, 5, 0xdc, 0, 0, 0, 0, 64, 4];
        assert_eq!(ip_end(&frame(&ipv4)), Some(14 + 1500));
        let tagged = [&[0x81, 0, 0, 7][..], &ipv4].concat();
        assert_eq!(ip_end(&frame(&tagged)), Some(18 + 1500));
        assert_eq!(ip_end(&frame(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17])), Some(14 + 40 + 8));
        let mpls = [&[0x88, 0x47, 0, 0, 0x11, 64][..], &ipv4[2..]].concat();
        assert_eq!(ip_end(&frame(&mpls)), None, "without a checksum no IP");
    }

    #[test]
    fn packet_without_ip_or_length_has_no_end() {
        assert_eq!(ip_end(&frame(&[8, 0, 0x45, 0, 0, 0])), None);
        assert_eq!(ip_end(&frame(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 17])), None);
        assert_eq!(ip_end(&frame(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1])), None);
        assert_eq!(ip_end(&frame(&[8, 0, 0x45, 0, 5, 0xdc])[..33]), None, "a cut header");
    }
}
