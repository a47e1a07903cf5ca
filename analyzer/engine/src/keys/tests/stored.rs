//! A stored packet has all keys of the packet that was received.

use flowmote_decoder::{DataSource, Datagram, Sample};

use super::*;
use crate::keys::{Facts, Live, Stored, Subject};
use crate::source::Source;

/// All expressions whose values must agree: each key, also of the second and third header, and functions
/// of what lies beyond the common keys.
fn expressions() -> Vec<Expression> {
    let layered = catalogue().filter(|key| key.layered);
    let inner = layered.flat_map(|key| [1, 2].map(|n| format!("{}.{n}", key.name)));
    let functions = ["mask:src:24:64", "or:ip6source:[ipsource]", "rtflow:bytes", "len:stack"];
    let outer = catalogue().map(|key| key.name.to_owned());
    let all = outer.chain(inner).chain(functions.map(str::to_owned));
    all.filter_map(|text| Expression::parse(&text).ok()).collect()
}

/// Stores and restores a packet. Returns what was stored, for comparison of sizes.
fn compare(packet: &Packet<'_>, source: &Source, expressions: &[Expression]) -> (Facts, usize) {
    // Bytes before and after it belong to others.
    let mut raw = vec![0xee; 13];
    let bound = raw.len() + packet.stored_bytes();
    let facts = packet.store(&mut raw);
    assert!(raw.len() <= bound, "{} bytes of {bound}", raw.len());
    let (lookup, length) = (Lookup::default(), raw.len() - 13);
    let context = Context::new(&lookup);
    let live = Live { packet, context: &context };
    for expression in expressions {
        let stored = Stored::new(source, &facts, &raw[13..], &context);
        assert_eq!(stored.value(expression), live.value(expression), "{expression:?}");
        let (mut one, mut other) = (KeyBuffer::new(), KeyBuffer::new());
        let written = [stored.write(expression, &mut one), live.write(expression, &mut other)];
        assert_eq!(written[0], written[1], "{expression:?}");
        assert_eq!(one, other, "{expression:?}");
    }
    // Flow records have the same of what is noted as of the packet.
    if let Some(passed) = facts.passed(source, &raw[13..]) {
        assert_eq!(Some(passed), packet.passed());
    }
    (facts, length)
}

fn compare_all(datagram: &[u8], expressions: &[Expression]) -> Vec<(Facts, usize)> {
    let Ok(datagram) = Datagram::parse(datagram) else { return Vec::new() };
    let agent = datagram.agent_address;
    let source = |data_source| Source { agent, data_source };
    let mut stored = Vec::new();
    for sample in datagram.samples().flatten() {
        let (packet, source) = match &sample {
            Sample::Flow(sample) => (Packet::flow(agent, sample), source(sample.source_id)),
            Sample::Discarded(sample) => {
                (Packet::discarded(agent, sample), source(sample.source_id))
            }
            Sample::RtFlow(sample) => {
                (Packet::rtflow(agent, sample), source(DataSource { class: 2, index: 1 }))
            }
            _ => continue,
        };
        stored.push(compare(&packet, &source, expressions));
    }
    stored
}

#[test]
fn every_key_of_every_vector_is_restored() {
    let expressions = expressions();
    let mut count = 0;
    for (name, vector) in flowmote_vectors::all() {
        println!("{name}");
        count += compare_all(&vector, &expressions).len();
    }
    assert!(count > 150, "{count} samples");
}

#[test]
fn packets_of_all_depths_are_restored() {
    let expressions = expressions();
    let dns = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'w', b'w', 0, 0, 1, 0, 1];
    let inner = ethernet(0x0800, &ipv4(6, TCP));
    let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner].concat();
    let filled = |header: &[u8]| [header, &[0xa5; 60]].concat();
    let packets = [
        ethernet(0x0800, &ipv4(6, &filled(TCP))),
        ethernet(0x0800, &ipv4(17, &udp(5000, 443, &[0xa5; 60]))),
        ethernet(0x0800, &ipv4(17, &udp(5000, 53, &dns))),
        ethernet(0x0800, &ipv4(17, &udp(53, 5000, &dns))),
        ethernet(0x0800, &ipv4(17, &udp(5000, 4789, &vxlan))),
        ethernet(0x0800, &ipv4(17, &udp(5000, 4791, &[0x0a; 40]))),
        ethernet(0x8100, &[&[0, 7, 8, 0][..], &ipv4(6, &filled(TCP))].concat()),
        ethernet(0x0800, &ipv4(4, &ipv4(6, &filled(TCP)))),
        ethernet(0x0800, &ipv4(132, &filled(TCP))),
        ethernet(0x0800, &ipv4(1, &[3, 3, 0, 0, 0, 0, 0, 0, 0x45])),
        ethernet(0x0806, &[0xa5; 28]),
        ethernet(0x88b5, &[0xa5; 28]),
        Vec::new(),
    ];
    for packet in &packets {
        // Cut at every byte.
        for length in 0..=packet.len() {
            compare_all(&flow_sample(&[header(&packet[..length])]), &expressions);
        }
        let after = (1001, words(&[7, 0, 7, 0]));
        compare_all(&flow_sample(&[after.clone(), header(packet), after]), &expressions);
    }
}

#[test]
fn interfaces_of_any_number_and_discards_are_restored() {
    let expressions = expressions();
    let packet = header(&ethernet(0x0800, &ipv4(6, TCP)));
    for (format, value) in
        [(0, 7), (0, 0), (0, 0x3fff_ffff), (0, u32::MAX), (1, 258), (2, 3), (9, 1)]
    {
        let fixed = [1, 0, 5, 100, 1000, 0, format, value, 2, value & 0xff];
        compare_all(&sample(3, &fixed, core::slice::from_ref(&packet)), &expressions);
    }
    let discard = sample(5, &[1, 0, 5, 0, 5, 9, 262], &[packet]);
    let stored = compare_all(&discard, &expressions);
    assert!(stored[0].0.is_discarded());
}

#[test]
fn payload_of_tcp_and_udp_is_not_stored() {
    let stored = |packet: &[u8]| compare_all(&flow_sample(&[header(packet)]), &[])[0].1;
    // Number, length, four words of the record, headers padded to words.
    let filled = [TCP, &[0xa5; 74]].concat();
    assert_eq!(stored(&ethernet(0x0800, &ipv4(6, &filled))), 24 + 56);
    assert_eq!(stored(&ethernet(0x0800, &ipv4(17, &udp(5000, 443, &[0xa5; 86])))), 24 + 44);
}
