//! Cost of each value read: instructions per flow sample, counted by callgrind.

use std::hint::black_box;

use flowmote_benches::{Case, callgrind};
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Datagram, FlowRecord, FlowSample, Sample};

use crate::traces;

const CASES: [Case; 6] = [
    case("samples found by length", |times| repeat_with(times, |_| ())),
    case("+ rate and ports", |times| repeat_with(times, rate_and_ports)),
    case("+ records found by length", |times| repeat_with(times, records)),
    case("+ frame length, header", |times| repeat_with(times, header)),
    case("+ 5-tuple", |times| repeat_with(times, five_tuple)),
    case("every field by name", |times| repeat_with(times, every_field)),
];

/// A repetition is a datagram of six samples; the printed figure is that of one sample.
const fn case(name: &'static str, repeat: fn(u32)) -> Case {
    Case { name, unit: "sample", units: 6, repeat }
}

/// Prints the instructions of each case, or the reason why they cannot be counted.
pub(crate) fn count() {
    println!("instructions per flow sample, by the data read");
    if let Some(reason) = callgrind::unavailable() {
        return println!("  SKIPPED: {reason}");
    }
    let program = std::env::current_exe().expect("the path of this program");
    for case in &CASES {
        match callgrind::instructions(&program, case) {
            Ok(instructions) => {
                println!("  {:<28}{:>6}", case.name, instructions / u64::from(case.units));
            }
            Err(why) => println!("  {:<28}{why}", case.name),
        }
    }
}

/// Repeats one case under callgrind; returns false if no case has this name.
pub(crate) fn repeat(name: &str, times: &str) -> bool {
    let case = CASES.iter().find(|case| case.name == name);
    let (Some(case), Ok(times)) = (case, times.parse()) else { return false };
    (case.repeat)(times);
    true
}

fn repeat_with(times: u32, read: impl Fn(&FlowSample<'_>)) {
    let trace = traces::six_samples();
    for datagram in trace.datagrams.iter().cycle().take(times as usize) {
        let Ok(datagram) = Datagram::parse(black_box(datagram)) else { continue };
        for sample in datagram.samples().flatten() {
            if let Sample::Flow(sample) = sample {
                read(&sample);
            }
        }
    }
}

fn rate_and_ports(sample: &FlowSample<'_>) {
    black_box((sample.sampling_rate, sample.input.port(), sample.output.port()));
}

fn records(sample: &FlowSample<'_>) {
    rate_and_ports(sample);
    for record in sample.records().flatten() {
        black_box(record.data_format());
    }
}

fn header(sample: &FlowSample<'_>) {
    rate_and_ports(sample);
    for header in sample.records().flatten().filter_map(sampled_header) {
        black_box((header.frame_length, header.header));
    }
}

fn five_tuple(sample: &FlowSample<'_>) {
    rate_and_ports(sample);
    for header in sample.records().flatten().filter_map(sampled_header) {
        black_box((header.frame_length, header.five_tuple()));
    }
}

fn every_field(sample: &FlowSample<'_>) {
    rate_and_ports(sample);
    for record in sample.records().flatten() {
        let _ = record.visit(&mut Everything);
        if let Some(header) = sampled_header(record) {
            header.layers().for_each(|layer| layer.visit(&mut Everything));
        }
    }
}

fn sampled_header(record: FlowRecord<'_>) -> Option<SampledHeader<'_>> {
    record.read()
}

struct Everything;

impl Visitor for Everything {
    fn value(&mut self, _: Field, value: Value<'_>) {
        black_box(value);
    }

    fn open(&mut self, _: Field, _: Shape) {}

    fn close(&mut self, _: Shape) {}
}
