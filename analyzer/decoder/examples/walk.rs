//! Speed of a walk that reads rate, ports, frame length and 5-tuple of each flow sample.
//!
//! `cargo run --release -p flowmote-decoder --example walk -- FILE.hex...`

use core::hint::black_box;
use std::time::Instant;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{Datagram, Sample};
use flowmote_vectors::unhex;

fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).expect("a file of hex digits");
        let payload = unhex(&text);
        let runs = 300_000;
        for _ in 0..3 {
            let start = Instant::now();
            let mut samples = 0;
            for _ in 0..runs {
                samples += walk(black_box(&payload));
            }
            let seconds = start.elapsed().as_secs_f64();
            let rate = f64::from(samples) / seconds / 1e6;
            println!("{path}: {rate:.1} million flow samples/s");
        }
    }
}

/// Walks over `payload` and returns the number of flow samples.
fn walk(payload: &[u8]) -> u32 {
    let Ok(datagram) = Datagram::parse(payload) else { return 0 };
    let mut samples = 0;
    for sample in datagram.samples().flatten() {
        let Sample::Flow(sample) = sample else { continue };
        samples += 1;
        black_box((sample.sampling_rate, sample.input.port(), sample.output.port()));
        for record in sample.records().flatten() {
            if let Some(header) = record.read::<SampledHeader>() {
                let key: Option<FiveTuple> = header.five_tuple();
                black_box((header.frame_length, key));
            }
        }
    }
    samples
}
