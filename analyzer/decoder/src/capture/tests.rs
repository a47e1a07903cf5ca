use core::time::Duration;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Seconds, nanoseconds, link type and bytes of each packet, and the error at the end.
type Read = (Vec<(u64, u32, u16, Vec<u8>)>, Option<CaptureError>);

fn read(file: &[u8]) -> Read {
    let mut reader = match CaptureReader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut packets = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                let since = packet.time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                let time = (since.as_secs(), since.subsec_nanos());
                packets.push((time.0, time.1, packet.link_type, packet.bytes.to_vec()));
            }
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

/// Numbers of a file in its byte order.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn words(self, words: &[u32]) -> Vec<u8> {
        let bytes = |word: &u32| if self.big { word.to_be_bytes() } else { word.to_le_bytes() };
        words.iter().flat_map(bytes).collect()
    }

    fn halves(self, first: u16, second: u16) -> u32 {
        let (first, second) = (u32::from(first), u32::from(second));
        if self.big { first << 16 | second } else { second << 16 | first }
    }

    fn block(self, kind: u32, content: &[u8]) -> Vec<u8> {
        let padded = content.len().next_multiple_of(4);
        let length = 12 + padded as u32;
        let mut block = self.words(&[kind, length]);
        block.extend(content);
        block.resize(8 + padded, 0);
        block.extend(self.words(&[length]));
        block
    }

    fn section(self) -> Vec<u8> {
        // Version 1.0, unknown length.
        let content = [0x1a2b_3c4d, self.halves(1, 0), u32::MAX, u32::MAX];
        self.block(0x0a0d_0d0a, &self.words(&content))
    }

    fn interface(self, link_type: u16, snapshot_length: u32, options: &[u8]) -> Vec<u8> {
        let mut content = self.words(&[self.halves(link_type, 0), snapshot_length]);
        content.extend(options);
        self.block(1, &content)
    }

    fn enhanced(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let len = packet.len() as u32;
        let ticks = [(ticks >> 32) as u32, ticks as u32];
        let mut content = self.words(&[interface, ticks[0], ticks[1], len, len + 9]);
        content.extend(packet);
        self.block(6, &content)
    }
}

const ORDERS: [Order; 2] = [Order { big: true }, Order { big: false }];

#[test]
fn pcap_is_read_in_both_byte_orders_and_time_units() {
    for order in ORDERS {
        for (magic, fraction, nanoseconds) in [(0xa1b2_c3d4, 5, 5000), (0xa1b2_3c4d, 5, 5)] {
            // A link type with the FCS bits in the upper half.
            let mut file = order.words(&[magic, order.halves(2, 4), 0, 0, 65_535, 0x5400_0071]);
            file.extend(order.words(&[1_700_000_000, fraction, 3, 60]));
            file.extend(b"abc");
            file.extend(order.words(&[1, 0, 0, 60]));
            let packets =
                vec![(1_700_000_000, nanoseconds, 113, b"abc".to_vec()), (1, 0, 113, Vec::new())];
            let (read, error) = read(&file);
            assert_eq!(read, packets);
            assert!(error.is_none(), "{error:?}");
        }
    }
}

#[test]
fn pcapng_interfaces_have_their_own_link_type_and_resolution() {
    for order in ORDERS {
        let mut file = order.section();
        file.extend(order.interface(1, 0, &[]));
        // Nanoseconds and a comment; an option of length 1 is padded.
        let mut options = order.words(&[order.halves(1, 3), 0x6161_6161]);
        options.extend(order.words(&[order.halves(9, 1)]));
        options.extend([9, 0, 0, 0]);
        options.extend(order.words(&[order.halves(0, 0)]));
        file.extend(order.interface(276, 0, &options));
        file.extend(order.block(0x0bad, b"unknown block"));
        file.extend(order.enhanced(0, 1_700_000_000_000_007, b"hello"));
        file.extend(order.enhanced(1, 1_700_000_000_000_000_007, b"world!!!"));
        // A new section resets the interfaces and may have another byte order.
        let other = Order { big: !order.big };
        file.extend(other.section());
        file.extend(other.interface(101, 4, &[]));
        file.extend(other.block(3, &[other.words(&[60]), b"wxyz".to_vec()].concat()));
        file.extend(other.enhanced(1, 0, b"no interface 1"));
        let (packets, error) = read(&file);
        assert_eq!(
            packets,
            [
                (1_700_000_000, 7000, 1, b"hello".to_vec()),
                (1_700_000_000, 7, 276, b"world!!!".to_vec()),
                (0, 0, 101, b"wxyz".to_vec()),
            ]
        );
        let offset = (file.len() - 12 - 20 - 16) as u64;
        assert!(matches!(error, Some(CaptureError::Corrupt { offset: at, .. }) if at == offset));
    }
}

#[test]
fn pcapng_time_resolutions_and_offset() {
    let order = Order { big: true };
    for (resolution, ticks, since) in [
        (0, 9, Duration::from_secs(9)),
        (3, 9, Duration::from_millis(9)),
        (12, 9_000_000, Duration::from_micros(9)),
        (0x80 | 10, 1536, Duration::from_millis(1500)),
        (0x80 | 127, u64::MAX, Duration::ZERO),
        (127, u64::MAX, Duration::ZERO),
    ] {
        let mut options =
            order.words(&[order.halves(9, 1), u32::from_be_bytes([resolution, 0, 0, 0])]);
        options.extend(order.words(&[order.halves(14, 8), 0, 1000]));
        let mut file = [order.section(), order.interface(1, 0, &options)].concat();
        file.extend(order.enhanced(0, ticks, b""));
        let (packets, _) = read(&file);
        let since = since + Duration::from_secs(1000);
        assert_eq!(packets, [(since.as_secs(), since.subsec_nanos(), 1, Vec::new())]);
    }
}

#[test]
fn file_cut_anywhere_yields_the_whole_packets() {
    let order = Order { big: false };
    let mut pcap = order.words(&[0xa1b2_c3d4, 0, 0, 0, 65_535, 1]);
    let mut pcapng = [order.section(), order.interface(1, 0, &[])].concat();
    let (mut ends, mut ng_ends) = (vec![pcap.len()], vec![28, pcapng.len()]);
    for packet in [b"one".as_slice(), b"two two", b"three three three"] {
        pcap.extend(order.words(&[1, 1, packet.len() as u32, 99]));
        pcap.extend(packet);
        ends.push(pcap.len());
        pcapng.extend(order.enhanced(0, 1, packet));
        ng_ends.push(pcapng.len());
    }
    for (file, ends, before) in [(pcap, ends, 0), (pcapng, ng_ends, 1)] {
        for cut in 4..file.len() {
            let (packets, error) = read(&file[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(packets.len(), whole.saturating_sub(1 + before), "{cut}");
            match error {
                None => assert!(ends.contains(&cut), "{cut}"),
                Some(CaptureError::Truncated { offset }) => {
                    let start = if whole == 0 { 0 } else { ends[whole - 1] };
                    assert_eq!(offset, start as u64, "{cut}");
                }
                Some(other) => panic!("{cut}: {other}"),
            }
        }
    }
}

#[test]
fn other_files_are_not_a_capture() {
    assert!(matches!(read(b"").1, Some(CaptureError::Empty)));
    for file in [b"\xd4\xc3".as_slice(), b"#!/bin/sh\necho no capture here, ever"] {
        let error = read(file).1.unwrap();
        assert!(matches!(error, CaptureError::NotACapture), "{error}");
    }
    let lengthy = Order { big: true }.words(&[0xa1b2_c3d4, 0, 0, 0, 0, 1, 0, 0, u32::MAX, 0]);
    let error = read(&lengthy).1.unwrap();
    assert_eq!(error.to_string(), "a packet longer than any capture holds at byte 24");
}

/// IPv4 with UDP from 10.0.0.1:1000 to port 6343, no options.
fn ipv4(fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = (28 + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x03, 0xe8, 0x18, 0xc7]);
    packet.extend((total - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

/// The same over IPv6 from ::1, after an extension header.
fn ipv6(extension: &[u8], number: u8, payload: &[u8]) -> Vec<u8> {
    let udp = (8 + payload.len()) as u16;
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((udp + extension.len() as u16).to_be_bytes());
    packet.extend([number, 64]);
    packet.extend([[0; 15].as_slice(), &[1], &[0; 15], &[2], extension].concat());
    packet.extend([0x03, 0xe8, 0x18, 0xc7]);
    packet.extend(udp.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

fn after(head: &[u8], packet: &[u8]) -> Vec<u8> {
    [head, packet].concat()
}

#[test]
fn datagrams_are_found_after_every_link_layer() {
    let mac = [0; 12];
    let v4 = ipv4(0x4000, b"sflow");
    let v6 = ipv6(&[17, 0, 1, 4, 0, 0, 0, 0], 60, b"sflow");
    for (link_type, packet, from) in [
        (1, after(&[&mac[..], &[8, 0]].concat(), &v4), "10.0.0.1:1000"),
        (1, after(&[&mac[..], &[0x81, 0, 0, 5, 0x86, 0xdd]].concat(), &v6), "[::1]:1000"),
        (
            1,
            after(&[&mac[..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]].concat(), &v4),
            "10.0.0.1:1000",
        ),
        (113, after(&[0, 4, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0], &v4), "10.0.0.1:1000"),
        (276, after(&[&[0x86, 0xdd][..], &[0; 18]].concat(), &v6), "[::1]:1000"),
        (101, v4.clone(), "10.0.0.1:1000"),
        (101, v6.clone(), "[::1]:1000"),
        (228, v4.clone(), "10.0.0.1:1000"),
        (229, v6.clone(), "[::1]:1000"),
        (0, after(&[2, 0, 0, 0], &v4), "10.0.0.1:1000"),
        (108, after(&[0, 0, 0, 24], &v6), "[::1]:1000"),
        // NFLOG: attributes of both byte orders, the first padded, before the payload (9).
        (239, after(&nflog(u16::to_le_bytes, v4.len()), &v4), "10.0.0.1:1000"),
        (239, after(&nflog(u16::to_be_bytes, v6.len()), &v6), "[::1]:1000"),
        // PPP: with and without address and control, compressed protocol.
        (9, after(&[0xff, 3, 0, 0x21], &v4), "10.0.0.1:1000"),
        (9, after(&[0x57], &v6), "[::1]:1000"),
        (50, after(&[0xff, 3, 0, 0x57], &v6), "[::1]:1000"),
        // Cisco's HDLC, in its own link type and in that of PPP.
        (50, after(&[0x0f, 0, 8, 0], &v4), "10.0.0.1:1000"),
        (104, after(&[0x8f, 0, 0x86, 0xdd], &v6), "[::1]:1000"),
        // A direction in the place of the address, and before it.
        (166, after(&[1, 3, 0, 0x21], &v4), "10.0.0.1:1000"),
        (204, after(&[0, 0xff, 3, 0, 0x21], &v4), "10.0.0.1:1000"),
        (51, after(&[0x11, 0, 0, 7, 0, 40, 0, 0x21], &v4), "10.0.0.1:1000"),
        // IEEE 802.11: to the access point, with quality of service, with four addresses, padded.
        (105, after(&ieee80211(0x08, 1, 24), &v4), "10.0.0.1:1000"),
        (105, after(&ieee80211(0x88, 2, 26), &v4), "10.0.0.1:1000"),
        (105, after(&ieee80211(0x88, 3, 32), &v4), "10.0.0.1:1000"),
        (105, after(&ieee80211(0x88, 2, 28), &v4), "10.0.0.1:1000"),
        (
            127,
            [&[0, 0, 9, 0, 0, 0, 0, 0, 0xa5], &ieee80211(0x08, 2, 24)[..], &v4].concat(),
            "10.0.0.1:1000",
        ),
        // Juniper: with extensions, with the address family in the place of the link layer.
        (178, [b"MGC\x80\0\x02\xa5\xa5", &mac[..], &[8, 0], &v4].concat(), "10.0.0.1:1000"),
        (178, [b"MGC\x03\0\0\0\x1c", &v6[..]].concat(), "[::1]:1000"),
        (167, [b"MGC\0", &mac[..], &[0x86, 0xdd], &v6].concat(), "[::1]:1000"),
        (179, [b"MGC\x01\xff\x03\0\x21", &v4[..]].concat(), "10.0.0.1:1000"),
        (181, [b"MGC\x01\x0f\0\x08\0", &v4[..]].concat(), "10.0.0.1:1000"),
    ] {
        // Padding of a short frame is not payload.
        let padded = after(&packet, &[0; 9]);
        let found = Found::Udp { from: from.parse().unwrap(), payload: b"sflow", cut: false };
        assert_eq!(find_udp(link_type, &padded, 6343), found, "{link_type}");
        assert_eq!(find_udp(link_type, &padded, 6344), Found::Other);
        assert_eq!(find_udp(147, &padded, 6343), Found::UnsupportedLink);
        for cut in 0..packet.len() {
            find_udp(link_type, &packet[..cut], 6343);
        }
    }
}

/// The header of NFLOG for IPv4, an attribute of five bytes, and the head of the payload.
fn nflog(bytes: fn(u16) -> [u8; 2], payload: usize) -> Vec<u8> {
    let mut header = vec![2, 0, 0, 5];
    header.extend([bytes(5), bytes(1)].concat());
    header.extend([0xa5, 0, 0, 0]);
    header.extend([bytes(4 + payload as u16), bytes(9)].concat());
    header
}

/// The header of a data frame with these bytes, then LLC with SNAP for IPv4.
fn ieee80211(kind: u8, flags: u8, length: usize) -> Vec<u8> {
    let mut header = vec![0; length];
    (header[0], header[1]) = (kind, flags);
    header.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    header
}

#[test]
fn other_frames_of_a_supported_link_are_not_datagrams() {
    let v4 = ipv4(0x4000, b"sflow");
    for (link_type, head) in [
        // Beacon, data without content, encrypted data.
        (105, ieee80211(0x80, 0, 24)),
        (105, ieee80211(0x48, 0, 24)),
        (105, ieee80211(0x08, 0x41, 24)),
        (178, b"MGD\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0".to_vec()),
        (239, vec![2, 0, 0, 5, 3, 0, 1, 0]),
    ] {
        assert_eq!(find_udp(link_type, &after(&head, &v4), 6343), Found::Other, "{link_type}");
    }
}

#[test]
fn fragments_and_cut_datagrams_are_reported() {
    for fragment in [0x2000, 0x2003, 0x0003] {
        let packet = ipv4(fragment, b"sflow");
        let found = find_udp(101, &packet, 6343);
        assert!(matches!(found, Found::Fragment(_)));
    }
    for place in [[0, 1], [0, 8]] {
        let header = [17, 0, place[0], place[1], 0, 0, 0, 7];
        let packet = ipv6(&header, 44, b"sflow");
        let found = find_udp(101, &packet, 6343);
        assert!(matches!(found, Found::Fragment(_)));
    }
    // An atomic fragment (RFC 6946): offset 0, no more fragments.
    let packet = ipv6(&[17, 0, 0, 0, 0, 0, 0, 7], 44, b"sflow");
    let whole = find_udp(101, &packet, 6343);
    assert!(matches!(whole, Found::Udp { payload: b"sflow", cut: false, .. }));
    let packet = ipv4(0, b"sflow");
    let cut = find_udp(101, &packet[..packet.len() - 2], 6343);
    assert!(matches!(cut, Found::Udp { payload: b"sfl", cut: true, .. }), "{cut:?}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(
        magic in prop::sample::select(vec![0xa1b2_c3d4_u32, 0xd4c3_b2a1, 0x0a0d_0d0a, 0]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        link_type in any::<u16>(),
    ) {
        read(&bytes);
        read(&[&magic.to_be_bytes()[..], &bytes].concat());
        let section = Order { big: true }.section();
        read(&[&section[..], &bytes].concat());
        find_udp(link_type, &bytes, 6343);
        find_udp(link_type % 280, &bytes, 6343);
    }

    #[test]
    fn arbitrary_blocks_do_not_panic(
        blocks in prop::collection::vec((0_u32..8, prop::collection::vec(any::<u8>(), 0..60)), 0..9),
    ) {
        let order = Order { big: false };
        let mut file = [order.section(), order.interface(1, 0, &[])].concat();
        blocks.iter().for_each(|(kind, content)| file.extend(order.block(*kind, content)));
        read(&file);
    }
}
