//! The wire packets of a super-packet (TSO, GRO, UDP GSO).

use flowmote_core::Random;

use crate::headers::payload_offset;

/// The fields of the `virtio_net_hdr` that describe segmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offload {
    /// The segments are UDP datagrams, not TCP segments.
    pub(super) udp: bool,
    /// Payload bytes of a full segment; 0 if the skb is one packet.
    pub(super) gso_size: u16,
    /// Offset of the innermost transport header if its checksum is not computed yet, as in all
    /// super-packets of the kernel's own TSO and GRO.
    pub(super) checksum_start: Option<u16>,
}

/// The wire packets of one skb: `count` of them, all of `headers + size` bytes but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segments {
    count: u32,
    headers: u32,
    size: u32,
    payload: u32,
}

impl Segments {
    /// The segments of an skb of `length` bytes, of which `bytes` were kept.
    pub(super) fn of(offload: Offload, bytes: &[u8], length: u32) -> Self {
        let whole = Self::one(length);
        if offload.gso_size == 0 {
            return whole;
        }
        let headers = header_length(offload, bytes).unwrap_or(0);
        let size = u32::from(offload.gso_size);
        match length.checked_sub(headers) {
            Some(payload) if payload > 0 => {
                Self { count: payload.div_ceil(size), headers, size, payload }
            }
            _ => whole,
        }
    }

    /// The segments of an skb of `length` bytes whose number is known: `count` of `gso_size` bytes of
    /// payload. Headers that are not found in `bytes`, such as those of an unknown tunnel, are as long as
    /// the number requires: the length of each segment is short by the inner headers at most.
    pub(super) fn counted(count: u32, gso_size: u16, bytes: &[u8], length: u32) -> Self {
        let size = u32::from(gso_size);
        if size == 0 {
            return Self::one(length);
        }
        let found = payload_offset(bytes).and_then(|offset| u32::try_from(offset).ok());
        let least = length.saturating_sub(count.saturating_mul(size));
        let most = least.saturating_add(size - 1).min(length.saturating_sub(1));
        let headers = found.unwrap_or(0).clamp(least.min(most), most);
        Self { count, headers, size, payload: length - headers }
    }

    /// One packet of `length` bytes.
    pub(super) fn one(length: u32) -> Self {
        Self { count: 1, headers: 0, size: length, payload: length }
    }

    /// An estimate when only the length is known: `count` packets of at most `limit` bytes.
    pub(super) fn estimated(count: u32, length: u32, limit: u32) -> Self {
        let size = length.min(limit);
        // All of full size, because the length of the last one is unknown.
        Self { count: count.max(1), headers: 0, size, payload: size.saturating_mul(count.max(1)) }
    }

    /// Number of wire packets.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Lengths (without FCS) of `choices` of the packets. Each packet is equally likely, and none is
    /// repeated before all were taken, so that byte estimates have no bias.
    pub(super) fn choose(self, choices: u32, random: &mut Random) -> impl Iterator<Item = u32> {
        let start = match choices % self.count {
            0 => 0,
            _ => random.below(self.count),
        };
        (0..choices).map(move |choice| self.length(start.wrapping_add(choice) % self.count))
    }

    fn length(self, index: u32) -> u32 {
        let before = index.saturating_mul(self.size);
        self.headers.saturating_add(self.payload.saturating_sub(before).min(self.size))
    }
}

/// Bytes before the payload, which each segment repeats.
fn header_length(offload: Offload, bytes: &[u8]) -> Option<u32> {
    let outer = transport_offset(bytes, offload.udp);
    let transport = match (outer, offload.checksum_start.map(usize::from)) {
        // Beyond the outer transport header the checksum starts in a tunnel's inner header. A
        // difference of up to 4 bytes is a VLAN tag: until Linux 4.17 virtio_net_hdr_from_skb
        // (include/linux/virtio_net.h) adds VLAN_HLEN to csum_start if the tag is in the skb's
        // metadata, although a ring entry does not contain its bytes.
        (Some(outer), Some(inner)) if inner > outer + 4 => inner,
        (Some(outer), _) => outer,
        (None, inner) => inner?,
    };
    let own = match offload.udp {
        true => 8,
        false => usize::from(bytes.get(transport.checked_add(12)?)? >> 4) * 4,
    };
    u32::try_from(transport.checked_add(own)?).ok()
}

/// Offset of TCP or UDP in an Ethernet frame; `None` for other protocols, such as tunnels.
fn transport_offset(bytes: &[u8], udp: bool) -> Option<usize> {
    let mut network = 14;
    let mut ether_type = u16_at(bytes, 12)?;
    // At most two tags: 802.1ad.
    for _ in 0..2 {
        if matches!(ether_type, 0x8100 | 0x88a8) {
            ether_type = u16_at(bytes, network + 2)?;
            network += 4;
        }
    }
    let (length, protocol) = match ether_type {
        0x0800 => (usize::from(bytes.get(network)? & 15) * 4, *bytes.get(network + 9)?),
        0x86dd => (40, *bytes.get(network + 6)?),
        _ => return None,
    };
    let expected = if udp { libc::IPPROTO_UDP } else { libc::IPPROTO_TCP };
    (i32::from(protocol) == expected).then_some(network + length)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: Offload = Offload { udp: false, gso_size: 1448, checksum_start: Some(34) };

    /// Ethernet, IPv4 and TCP with timestamps: 66 bytes of headers.
    fn tcp4() -> Vec<u8> {
        let mut bytes = vec![0xa5; 128];
        bytes[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        bytes[23] = 6;
        bytes[46] = 0x80;
        bytes
    }

    #[test]
    fn tcp_super_packet_is_full_segments_and_a_rest() {
        let segments = Segments::of(TCP, &tcp4(), 66 + 3 * 1448 + 100);
        assert_eq!(segments.count(), 4);
        let mut random = Random::new(1);
        let lengths: Vec<u32> = segments.choose(4, &mut random).collect();
        assert_eq!(lengths, [1514, 1514, 1514, 166]);
    }

    #[test]
    fn tag_and_ipv6_move_the_headers() {
        let mut bytes = vec![0xa5; 128];
        bytes[12..18].copy_from_slice(&[0x81, 0x00, 0x00, 0x64, 0x86, 0xdd]);
        bytes[24] = 17;
        let udp = Offload { udp: true, gso_size: 1000, checksum_start: None };
        let segments = Segments::of(udp, &bytes, 18 + 40 + 8 + 2000);
        assert_eq!((segments.count(), segments.headers), (2, 66));
    }

    #[test]
    fn tunnel_headers_include_the_inner_ones() {
        // VXLAN: outer UDP at 34, inner TCP header at 84.
        let mut bytes = vec![0xa5; 128];
        bytes[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        bytes[23] = 17;
        bytes[96] = 0x80;
        let tunnel = Offload { checksum_start: Some(84), gso_size: 1398, ..TCP };
        let segments = Segments::of(tunnel, &bytes, 116 + 10 * 1398);
        assert_eq!((segments.count(), segments.headers), (10, 116));
    }

    #[test]
    fn number_of_segments_is_that_of_the_kernel() {
        let whole = Segments::counted(4, 1448, &tcp4(), 66 + 3 * 1448 + 100);
        assert_eq!(whole, Segments::of(TCP, &tcp4(), 66 + 3 * 1448 + 100));
        // An unknown tunnel, with 116 bytes of headers: all segments are full, or the last is not.
        let full = Segments::counted(10, 1398, &[0xa5; 128], 116 + 10 * 1398);
        assert_eq!((full.count(), full.headers, full.length(9)), (10, 116, 1514));
        let rest = Segments::counted(10, 1398, &[0xa5; 128], 116 + 9 * 1398 + 100);
        assert_eq!((rest.count(), rest.headers), (10, 0));
        assert_eq!(Segments::counted(1, 0, &tcp4(), 60).length(0), 60);
    }

    #[test]
    fn inner_headers_are_found_without_the_start_of_the_checksum() {
        // VXLAN: outer UDP at 34, inner frame at 50, inner TCP header at 84.
        let mut bytes = vec![0; 128];
        bytes[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        bytes[23] = 17;
        bytes[36..38].copy_from_slice(&4789_u16.to_be_bytes());
        bytes[62..65].copy_from_slice(&[0x08, 0x00, 0x45]);
        bytes[73] = 6;
        bytes[96] = 0x80;
        let rest = Segments::counted(10, 1398, &bytes, 116 + 9 * 1398 + 100);
        assert_eq!((rest.count(), rest.headers), (10, 116));
        assert_eq!((rest.length(0), rest.length(9)), (1514, 216));
        let cut = Segments::counted(10, 1398, &bytes[..96], 116 + 9 * 1398 + 100);
        assert_eq!((cut.headers, cut.length(0)), (0, 1398), "short by the headers");
    }

    #[test]
    fn tag_counted_in_csum_start_only_is_ignored() {
        let quirk = Offload { checksum_start: Some(38), ..TCP };
        assert_eq!(Segments::of(quirk, &tcp4(), 66 + 1449).headers, 66);
    }

    #[test]
    fn headers_that_were_not_kept_count_as_0_bytes() {
        let segments = Segments::of(TCP, &tcp4()[..40], 66 + 2 * 1448);
        assert_eq!((segments.count(), segments.headers), (3, 0));
    }

    #[test]
    fn ordinary_packet_is_one_segment() {
        let plain = Offload { gso_size: 0, ..TCP };
        let segments = Segments::of(plain, &tcp4(), 60);
        let lengths: Vec<u32> = segments.choose(2, &mut Random::new(1)).collect();
        assert_eq!(lengths, [60, 60]);
    }

    #[test]
    fn chosen_segments_are_distinct_and_unbiased() {
        let segments = Segments::of(TCP, &tcp4(), 66 + 6 * 1448 + 500);
        let mut random = Random::new(2);
        let (mut bytes, mut short, rounds) = (0_u64, 0_u64, 70_000);
        for _ in 0..rounds {
            let lengths: Vec<u32> = segments.choose(3, &mut random).collect();
            assert!(lengths.iter().filter(|&&length| length == 566).count() <= 1);
            bytes += lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
            short += lengths.iter().filter(|&&length| length == 566).count() as u64;
        }
        let mean = bytes as f64 / (3 * rounds) as f64;
        let true_mean = f64::from(6 * 1514 + 566) / 7.0;
        assert!((mean / true_mean - 1.0).abs() < 0.005, "{mean} against {true_mean}");
        let share = short as f64 / rounds as f64;
        assert!((share - 3.0 / 7.0).abs() < 0.01, "{share}");
    }

    #[test]
    fn arbitrary_headers_neither_panic_nor_divide_by_zero() {
        let mut random = Random::new(3);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(130)).map(|_| random.next_u32() as u8).collect();
            let offload = Offload {
                udp: random.below(2) == 0,
                gso_size: random.next_u32() as u16,
                checksum_start: (random.below(2) == 0).then_some(random.next_u32() as u16),
            };
            let length = random.next_u32();
            let count = 1 + random.below(1 << 16);
            for segments in [
                Segments::of(offload, &bytes, length),
                Segments::counted(count, offload.gso_size, &bytes, length),
            ] {
                assert!(segments.count() > 0);
                assert_eq!(segments.choose(2, &mut random).count(), 2);
            }
        }
    }
}
