//! All test vectors. In those with status `ok` every byte is accounted for; those with status
//! `quirk` or `malformed` (tests/vectors/README.md) have the faults listed here.

use flowmote_decoder::{Datagram, Error, Malformed, MalformedKind};
use flowmote_vectors::{Walk, all as vectors, walk};

/// Vectors that are refused, or have faults or bytes left over.
const REMARKABLE: &[(&str, Expect)] = &[
    ("flowparser-unit-invalid-address-type", Expect::Refused(Error::AddressType(3))),
    ("flowparser-unit-parse-datagram-bad-version", Expect::Refused(Error::Version(4))),
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
    assert_eq!(vectors.len(), 209, "72 published and 137 synthetic");
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
