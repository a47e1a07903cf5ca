//! The decoder does not allocate, neither for sound nor for corrupted datagrams.

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::record::{Records, Space};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Datagram, Sample};
use flowmote_vectors::all as vectors;

#[test]
fn reading_everything_allocates_nothing() {
    for (name, mut payload) in vectors() {
        let info = allocation_counter::measure(|| read(&payload));
        assert_eq!(info.count_total, 0, "{name}");
        // Each word as a count or length of four billion.
        for at in (0..payload.len().saturating_sub(3)).step_by(4) {
            let word = payload[at..at + 4].to_vec();
            payload[at..at + 4].fill(0xff);
            let info = allocation_counter::measure(|| read(&payload));
            assert_eq!(info.count_total, 0, "{name}, all ones at {at}");
            payload[at..at + 4].copy_from_slice(&word);
        }
    }
}

#[test]
fn allocation_counter_detects_an_allocation() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(vec![1u8])));
    assert_eq!(info.count_total, 1);
}

fn read(payload: &[u8]) {
    let Ok(datagram) = Datagram::parse(payload) else { return };
    for sample in datagram.samples().flatten() {
        match sample {
            Sample::Flow(sample) => {
                packets(sample.records());
                records(sample.records());
            }
            Sample::Counters(sample) => records(sample.records()),
            Sample::Discarded(sample) => records(sample.records()),
            Sample::RtMetric(sample) => assert!(sample.values().count() <= payload.len()),
            Sample::RtFlow(sample) => assert!(sample.values().count() <= payload.len()),
            _ => {}
        }
    }
}

fn packets(records: flowmote_decoder::FlowRecords<'_>) {
    for header in records.flatten().filter_map(|record| record.read::<SampledHeader<'_>>()) {
        std::hint::black_box(header.five_tuple());
        header.layers().for_each(|layer| layer.visit(&mut Discard));
    }
}

fn records<S: Space>(records: Records<'_, S>) {
    for record in records.flatten() {
        let _ = record.visit(&mut Discard);
        std::hint::black_box(&record.decode());
    }
}

struct Discard;

impl Visitor for Discard {
    fn value(&mut self, _: Field, value: Value<'_>) {
        std::hint::black_box(value);
    }

    fn open(&mut self, _: Field, _: Shape) {}

    fn close(&mut self, _: Shape) {}
}
