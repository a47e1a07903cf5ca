//! All test vectors. In those with status `ok` every byte is accounted for; those with status
//! `quirk` or `malformed` (tests/vectors/README.md) have the faults listed here.

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;
use flowmote_decoder::{Datagram, Error, Malformed, MalformedKind, Sample};
use flowmote_vectors::{Walk, all as vectors, walk};

/// Vectors that are refused, or have faults or bytes left over.
const REMARKABLE: &[(&str, Expect)] = &[
    ("flowparser-unit-invalid-address-type", Expect::Refused(Error::AddressType(3))),
    // Version 4 without the sub-agent: the number of samples is 1000, and the next word no sample.
    (
        "flowparser-unit-parse-datagram-bad-version",
        Expect::Faults(&[Malformed { kind: MalformedKind::UnknownUnion, offset: 24 }]),
    ),
    ("netflow-5", Expect::Refused(Error::NetFlow(5))),
    ("netflow-9", Expect::Refused(Error::NetFlow(9))),
    ("ipfix", Expect::Refused(Error::Ipfix)),
    ("stray-word", Expect::Faults(&[Malformed { kind: MalformedKind::StrayBytes, offset: 152 }])),
    (
        "header-size-beyond",
        Expect::Faults(&[Malformed { kind: MalformedKind::FieldOverrun, offset: 92 }]),
    ),
    (
        "version-4-unknown-extended",
        Expect::Faults(&[
            Malformed { kind: MalformedKind::UnknownUnion, offset: 156 },
            Malformed { kind: MalformedKind::SamplesMissing, offset: 276 },
        ]),
    ),
    ("flowparser-unit-parse-truncated-input", Expect::Refused(Error::Short)),
    ("flowparser-unit-max-samples-limit", SAMPLES_MISSING),
    // `localpref` is missing, the last four bytes of the record.
    ("flowparser-unit-extended-gateway-empty-segments", RECORD_SHORT_AT_104),
    ("flowparser-unit-parse-extended-gateway", RECORD_SHORT_AT_124),
    // The pad of the last string is missing; the string is complete.
    ("goflow2-decodedropextendedfunction", Expect::Clean),
    (
        "tcpdump-print-segv",
        Expect::Faults(&[
            Malformed { kind: MalformedKind::RecordOverrun, offset: 76 },
            Malformed { kind: MalformedKind::SampleOverrun, offset: 200 },
        ]),
    ),
    ("cistern-flow-samples-2", Expect::Trailing(244)),
    ("goflow2-expandeddecode", Expect::Trailing(332)),
    // A count of 2^32 - 1 communities, of which none is present.
    ("gateway-count-bomb", COUNT_BOMB),
    // Eight bytes that a later version of the record may define.
    ("extended-record-tail", Expect::Tail(8)),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Refused(Error),
    Faults(&'static [Malformed]),
    /// Bytes after the last sample.
    Trailing(usize),
    /// Bytes after the known fields of a record.
    Tail(usize),
    Clean,
}

const SAMPLES_MISSING: Expect =
    Expect::Faults(&[Malformed { kind: MalformedKind::SamplesMissing, offset: 28 }]);
const RECORD_SHORT_AT_104: Expect =
    Expect::Faults(&[Malformed { kind: MalformedKind::RecordShort, offset: 104 }]);
const RECORD_SHORT_AT_124: Expect =
    Expect::Faults(&[Malformed { kind: MalformedKind::RecordShort, offset: 124 }]);
const COUNT_BOMB: Expect =
    Expect::Faults(&[Malformed { kind: MalformedKind::FieldOverrun, offset: 104 }]);

#[test]
fn every_vector_has_exactly_the_expected_faults() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 236, "72 published and 164 synthetic");
    for (name, payload) in &vectors {
        let expect = REMARKABLE
            .iter()
            .find(|(remarkable, _)| remarkable == name)
            .map_or(Expect::Clean, |(_, expect)| *expect);
        check(name, payload, expect);
    }
}

fn check(name: &str, payload: &[u8], expect: Expect) {
    if let Expect::Refused(error) = expect {
        assert_eq!(Datagram::parse(payload).unwrap_err(), error, "{name}");
        return;
    }
    let walk = walk(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
    match expect {
        Expect::Faults(faults) => assert_eq!(walk.faults, faults, "{name}"),
        Expect::Trailing(len) => {
            assert_eq!(walk, Walk { trailing: len, ..walk.clone().clean() }, "{name}");
        }
        Expect::Tail(len) => {
            assert_eq!(walk, Walk { tails: len, ..walk.clone().clean() }, "{name}")
        }
        _ => assert_eq!(walk, walk.clone().clean(), "{name}"),
    }
}

#[test]
fn cut_vector_reports_what_it_lost() {
    for (name, payload) in vectors() {
        let Ok(whole) = walk(&payload) else { continue };
        for len in 0..payload.len() {
            let Ok(cut) = walk(&payload[..len]) else { continue };
            assert!(cut.records <= whole.records, "{name} cut at {len}");
            let lost = cut.records < whole.records;
            assert!(!lost || !cut.faults.is_empty(), "{name} cut at {len}: loss is not reported");
        }
    }
}

#[test]
fn every_record_of_the_synthetic_vectors_is_known() {
    let mut unnamed = Vec::new();
    for (name, payload) in vectors() {
        if name.starts_with("flow-") || name.starts_with("ctr-") {
            let walk = walk(&payload).unwrap();
            assert_eq!(walk.records - walk.unknown, walk.records, "{name}");
            if walk.records == 0 {
                unnamed.push(name);
            }
        }
    }
    assert_eq!(unnamed, Vec::<String>::new());
}

/// Vectors of tags and tunnels hold the same inner packet.
#[test]
fn every_packet_vector_leads_to_the_inner_packet() {
    let mut packets = 0;
    for (name, payload) in vectors().iter().filter(|(name, _)| name.starts_with("packet-")) {
        packets += 1;
        let sample = Datagram::parse(payload).unwrap().samples().next().unwrap().unwrap();
        let Sample::Flow(sample) = sample else { panic!("{name}") };
        let header = sample.records().next().unwrap().unwrap().read::<SampledHeader<'_>>().unwrap();
        let layers: Vec<_> = header.layers().collect();
        let [.., Layer::Ipv4(ip), Layer::Tcp(tcp), Layer::Payload(b"abcd")] = layers[..] else {
            panic!("{name}: {layers:?}")
        };
        let ends = (ip.src.octets(), tcp.src_port, ip.dst.octets(), tcp.dst_port);
        assert_eq!(ends, ([198, 51, 100, 1], 1000, [203, 0, 113, 2], 80), "{name}");
        let ipv6 = layers.iter().any(|layer| matches!(layer, Layer::Ipv6(_)));
        assert!(!ipv6, "{name}: {layers:?}");
    }
    assert_eq!(packets, 14);
}
