use std::net::SocketAddr;
use std::time::UNIX_EPOCH;
use std::vec;

use proptest::prelude::*;

use super::super::{Found, find_udp};
use super::*;

/// UDP from port 1000 to port 6343 with `length` bytes of payload that differ by place.
fn udp(length: usize) -> Vec<u8> {
    let total = (8 + length) as u16;
    let mut bytes =
        vec![0x03, 0xe8, 0x18, 0xc7, total.to_be_bytes()[0], total.to_be_bytes()[1], 0, 0];
    bytes.extend((0..length).map(|at| (at % 251) as u8));
    bytes
}

/// The fragment `range` of the content of an IPv4 packet.
fn v4(id: u16, content: &[u8], range: Range<usize>) -> Vec<u8> {
    let more = if range.end < content.len() { 0x2000 } else { 0 };
    let mut packet = vec![0x45, 0];
    packet.extend((20 + range.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend((more | (range.start / 8) as u16).to_be_bytes());
    packet.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(&content[range]);
    packet
}

/// The same in IPv6, after a header of destination options.
fn v6(id: u32, content: &[u8], range: Range<usize>) -> Vec<u8> {
    let more = u16::from(range.end < content.len());
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((16 + range.len() as u16).to_be_bytes());
    packet.extend([60, 64]);
    packet.extend([[0x20, 1].as_slice(), &[0; 13], &[1], &[0x20, 1], &[0; 13], &[2]].concat());
    packet.extend([44, 0, 1, 4, 0, 0, 0, 0, 17, 0]);
    packet.extend((range.start as u16 | more).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(&content[range]);
    packet
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Source and payload of a datagram, and whether it is cut.
type Datagram = (SocketAddr, Vec<u8>, bool);

fn datagram(packet: &Reassembled) -> Datagram {
    match find_udp(Reassembled::LINK_TYPE, &packet.bytes, 6343) {
        Found::Udp { from, payload, cut } => (from, payload.to_vec(), cut),
        other => panic!("{other:?}"),
    }
}

fn add(reassembly: &mut Reassembly, time: SystemTime, packet: &[u8]) -> Option<Datagram> {
    let Found::Fragment(fragment) = find_udp(101, packet, 6343) else { panic!("no fragment") };
    let whole = reassembly.add(time, &fragment)?;
    assert_eq!(whole.time, time);
    Some(datagram(&whole))
}

#[test]
fn fragments_in_any_order_become_the_datagram() {
    let content = udp(3000);
    let cuts = [0..1480, 1480..2960, 2960..3008];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for version in [4, 6] {
            let mut reassembly = Reassembly::default();
            let mut found = None;
            for (seconds, index) in order.into_iter().enumerate() {
                assert_eq!(found, None);
                let packet = match version {
                    4 => v4(7, &content, cuts[index].clone()),
                    _ => v6(70_000, &content, cuts[index].clone()),
                };
                found = add(&mut reassembly, at(seconds as u64), &packet);
            }
            let from = if version == 4 { "192.0.2.1:1000" } else { "[2001::1]:1000" };
            let whole = (from.parse().unwrap(), content[8..].to_vec(), false);
            assert_eq!(found, Some(whole), "{order:?}");
            let counts = ReassemblyCounts { fragments: 3, whole: 1, incomplete: 0, discarded: 0 };
            assert_eq!(reassembly.counts, counts);
            assert_eq!(reassembly.rest(), None);
        }
    }
}

#[test]
fn packets_are_told_apart_by_addresses_protocol_and_identification() {
    let content = udp(100);
    let mut reassembly = Reassembly::default();
    assert_eq!(add(&mut reassembly, at(0), &v4(1, &content, 0..64)), None);
    for change in [(4, 9), (9, 6), (12, 10), (16, 10)] {
        let mut other = v4(1, &content, 64..108);
        other[change.0] = change.1;
        assert_eq!(add(&mut reassembly, at(0), &other), None, "{change:?}");
    }
    assert!(add(&mut reassembly, at(0), &v4(1, &content, 64..108)).is_some());
    assert_eq!(reassembly.counts.whole, 1);
}

#[test]
fn overlaps_discard_the_packet_and_repetitions_do_not() {
    let content = udp(100);
    let mut reassembly = Reassembly::default();
    for _ in 0..2 {
        assert_eq!(add(&mut reassembly, at(0), &v4(1, &content, 0..64)), None);
        assert_eq!(add(&mut reassembly, at(0), &v4(1, &content, 8..16)), None);
    }
    assert!(add(&mut reassembly, at(0), &v4(1, &content, 64..108)).is_some());
    let mut other = content.clone();
    other[60] ^= 1;
    for overlap in [v4(2, &other, 56..64), v4(2, &content, 56..72), v4(2, &content, 56..108)] {
        let mut reassembly = Reassembly::default();
        assert_eq!(add(&mut reassembly, at(0), &v4(2, &content, 0..64)), None);
        assert_eq!(add(&mut reassembly, at(0), &overlap), None);
        // Nothing that follows brings it back.
        assert_eq!(add(&mut reassembly, at(0), &v4(2, &content, 0..64)), None);
        assert_eq!(add(&mut reassembly, at(0), &v4(2, &content, 64..108)), None);
        assert_eq!((reassembly.counts.discarded, reassembly.counts.whole), (1, 0));
        assert_eq!(reassembly.rest(), None);
        assert_eq!(reassembly.counts.incomplete, 0);
    }
}

#[test]
fn fragments_that_contradict_one_another_discard_the_packet() {
    let content = udp(100);
    let longer = udp(200);
    for (first, second) in [
        // Two ends, bytes beyond the end, a length that is no multiple of 8, beyond 65,535 bytes.
        (v4(3, &content, 64..108), v4(3, &longer, 200..208)),
        (v4(3, &content, 64..108), v4(3, &longer, 112..120)),
        (v4(3, &longer, 112..120), v4(3, &content, 64..108)),
        (v4(3, &longer, 0..8), v4(3, &longer, 16..25)),
        (v4(3, &longer, 0..8), v4(3, &[udp(65_507), vec![0; 600]].concat(), 65_512..65_600)),
    ] {
        let mut reassembly = Reassembly::default();
        assert_eq!(add(&mut reassembly, at(0), &first), None);
        assert_eq!(add(&mut reassembly, at(0), &second), None);
        assert_eq!(reassembly.counts.discarded, 1);
    }
}

#[test]
fn incomplete_packet_is_returned_up_to_its_gap() {
    let content = udp(100);
    let mut reassembly = Reassembly::default();
    add(&mut reassembly, at(5), &v4(1, &content, 0..32));
    add(&mut reassembly, at(6), &v4(1, &content, 32..64));
    add(&mut reassembly, at(6), &v4(1, &content, 96..108));
    add(&mut reassembly, at(7), &v4(2, &content, 64..108));
    assert_eq!(reassembly.overdue(at(35)), None);
    let part = reassembly.overdue(at(36)).unwrap();
    assert_eq!(part.time, at(5));
    assert_eq!(datagram(&part), ("192.0.2.1:1000".parse().unwrap(), content[8..64].to_vec(), true));
    // The other one lacks its beginning.
    assert_eq!(reassembly.overdue(at(38)), None);
    assert_eq!(reassembly.counts.incomplete, 2);
    // What the capture cut off is missing as well.
    let cut = v4(3, &content, 0..64);
    add(&mut reassembly, at(40), &cut[..60]);
    add(&mut reassembly, at(40), &v4(3, &content, 64..108));
    assert_eq!(datagram(&reassembly.rest().unwrap()).1, content[8..40]);
    assert_eq!(reassembly.rest(), None);
}

#[test]
fn table_is_bounded() {
    let content = udp(65_400);
    let mut reassembly = Reassembly::default();
    for id in 0..1000 {
        assert_eq!(reassembly.overdue(at(0)).is_some(), id >= Reassembly::CAPACITY as u16);
        add(&mut reassembly, at(0), &v4(id, &content, 0..64));
    }
    // Without `overdue`, the oldest is lost, and counted.
    for id in 1000..1010 {
        add(&mut reassembly, at(0), &v4(id, &content, 0..64));
        assert!(reassembly.packets.len() <= Reassembly::CAPACITY);
    }
    let counts = reassembly.counts;
    assert_eq!(counts.incomplete as usize, 1010 - Reassembly::CAPACITY);
    // As many gaps as there can be.
    let mut reassembly = Reassembly::default();
    for at_byte in (0..65_400).step_by(16) {
        add(&mut reassembly, at(0), &v4(1, &content, at_byte..at_byte + 8));
    }
    assert_eq!(reassembly.counts.discarded, 1);
}

proptest! {
    #[test]
    fn arbitrary_fragments_never_change_the_content(
        fragments in prop::collection::vec((0_u16..3, 0_usize..80, 1_usize..12, any::<bool>()), 0..60),
    ) {
        let content = udp(600);
        let mut reassembly = Reassembly::default();
        for (id, start, length, spoilt) in fragments {
            let start = start * 8 % content.len();
            let end = (start + length * 8).min(content.len());
            let mut packet = v4(id, &content, start..end);
            // Later than the UDP header, so that the port is right.
            if spoilt && start > 8 && packet.len() > 21 {
                packet.truncate(packet.len() - 1);
            }
            if let Some((_, payload, _)) = add(&mut reassembly, at(0), &packet) {
                prop_assert_eq!(&payload, &content[8..]);
            }
        }
    }
}
