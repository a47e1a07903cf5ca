//! The decoder reads the values that `core` encoded: every record, every kind of sample, both
//! encodings, both kinds of agent address, and datagrams of many samples.

mod draw;
mod equal;
mod records;
mod samples;

use core::net::IpAddr;

use bumpalo::Bump;
use flowmote_core::{DatagramBuilder, DatagramHead, Encoding};
use flowmote_decoder::Datagram;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::draw::{Draw, Source};
use crate::equal::Equal;
use crate::samples::Sample;

#[test]
fn every_record_alone_round_trips() {
    for case in records::CASES {
        run(100, 0..400, |source| {
            let sample = Sample::of_record(case, source);
            round_trip(source, &[sample]);
        });
    }
}

#[test]
fn datagrams_of_many_samples_round_trip() {
    run(4000, 0..4000, |source| {
        let count = u8::draw(source) % 24;
        let samples: Vec<_> = (0..count).map(|_| Sample::draw(source)).collect();
        round_trip(source, &samples);
    });
}

#[test]
fn every_record_of_the_core_is_in_the_table() {
    let mut known: Vec<_> = records::CASES.iter().map(|case| case.name).collect();
    known.sort_unstable();
    assert_eq!(known, records::names_in_core());
}

/// Encodes the samples, as many as fit, and decodes them again.
fn round_trip(source: &mut Source<'_>, samples: &[Sample<'_>]) {
    let mut buffer = [0xa5; 9000];
    let head = head(source);
    let [sequence, uptime] = Draw::draw(source);
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    let samples: Vec<_> = samples.iter().filter(|sample| sample.encode(&mut builder)).collect();
    let payload = builder.finish(sequence, uptime);

    let datagram = Datagram::parse(payload).expect("a datagram");
    assert_eq!(datagram.agent_address.ip(), Some(head.address));
    head.sub_agent_id.equal(&datagram.sub_agent_id, "sub_agent_id");
    sequence.equal(&datagram.sequence_number, "sequence_number");
    uptime.equal(&datagram.uptime, "uptime");
    samples.len().equal(&(datagram.num_samples as usize), "num_samples");

    let mut decoded = datagram.samples();
    for sample in samples {
        let decoded = decoded.next().expect("every encoded sample").expect("well-formed");
        sample.check(decoded, head.encoding);
    }
    assert!(decoded.next().is_none(), "more samples than were encoded");
    assert_eq!(decoded.remaining(), [0u8; 0], "surplus bytes after the last sample");
}

fn head(source: &mut Source<'_>) -> DatagramHead {
    DatagramHead {
        address: IpAddr::draw(source),
        sub_agent_id: u32::draw(source),
        encoding: if bool::draw(source) { Encoding::Compact } else { Encoding::Expanded },
        max_bytes: 9000,
    }
}

/// Runs `test` on `cases` sources of random bytes; proptest minimises a failing one.
fn run(cases: u32, bytes: core::ops::Range<usize>, test: impl Fn(&mut Source<'_>)) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&vec(any::<u8>(), bytes), |bytes| {
        test(&mut Source::new(&bytes, &Bump::new()));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
