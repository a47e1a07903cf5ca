//! The cost of flow records beside that of the samples that they are made of.
//!
//! `cargo run --release -p flowmote-engine --example records -- [SAMPLES_PER_SECOND] [SECONDS] [FLOWS]`
//!
//! Datagrams of six samples of TCP in IPv4, 128 bytes each with `extended_switch` (1001), in virtual time. Records are
//! made five times a second, as `serve` does.
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use core::net::Ipv4Addr;
use core::time::Duration;
use std::time::Instant as Clock;

use flowmote_decoder::Address;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::FlowLog;
use flowmote_engine::records::{Closed, Meter, Windows};
use flowmote_engine::{Arrival, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: u32| {
        arguments.next().map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (rate, seconds, flows) = (argument(100_000), argument(20), argument(98_304));
    let mut analyzer = Analyzer::new(448 << 20);
    let mut meter = Meter::new(16 << 20, Duration::from_secs(1_795_867_800));
    meter.set_windows(Instant::default(), &[Windows { seconds: 10, link: false, early: false }]);
    let (mut read, mut records, mut packets) = (0, 0_u64, 0.0);
    let (mut ingest, mut held, mut add, mut close) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut flow_log, mut events) = (FlowLog::new(100), EventLog::default());
    let datagrams = rate / SAMPLES / 5;
    let mut number = 0;
    for fifth in 1..=seconds * 5 {
        let now = Instant::after_start(Duration::from_millis(200) * fifth);
        let payloads: Vec<_> = (0..datagrams).map(|at| datagram(number + at, flows)).collect();
        number += datagrams;
        let begin = Clock::now();
        for payload in &payloads {
            analyzer.ingest(&Arrival { time: now, sender: None }, payload);
        }
        ingest += begin.elapsed();
        analyzer.tick(now, &mut flow_log, &mut events);
        let begin = Clock::now();
        let fresh = analyzer.history().after(read);
        held += begin.elapsed();
        read = fresh.end;
        let begin = Clock::now();
        meter.add(&fresh, |_, _| {});
        add += begin.elapsed();
        let begin = Clock::now();
        meter.close(
            now,
            |_: Address| None,
            |_, closed| {
                if let Closed::Record(_, record, _) = closed {
                    records += 1;
                    packets += record.packets;
                }
            },
        );
        close += begin.elapsed();
    }
    let samples = f64::from(number * SAMPLES);
    let each = |time: Duration| time.as_secs_f64() * 1e9 / samples;
    println!(
        "{samples} samples, {records} records of {packets:.0} packets, {} refused\n\
         nanoseconds per sample: {:.0} ingest, {:.0} copy with the lock, {:.0} records, {:.0} closed windows",
        meter.refused,
        each(ingest),
        each(held),
        each(add),
        each(close),
    );
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A datagram of six ports.
fn datagram(number: u32, flows: u32) -> Vec<u8> {
    let agent = Ipv4Addr::new(192, 0, 2, 1).to_bits();
    let mut bytes = words(&[5, 1, agent, 0, number, number / 50, SAMPLES]);
    for sample in 0..SAMPLES {
        let flow = number.wrapping_mul(7919).wrapping_add(sample) % flows;
        let mut records = words(&[1001, 16, 10, 0, 20, 0, 1, 16 + 128, 1, 1518, 4, 128]);
        let mut header = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        header.extend([0x45, 0, 0x05, 0xdc, 0x1c, 0x46, 0x40, 0, 64, 6, 0xb1, 0xe6, 10, 1]);
        header.extend((flow as u16).to_be_bytes());
        header.extend([198, 51, 100, (flow >> 16) as u8, 0xc3, 0x50, 1, 187]);
        header.extend([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x50, 0x10]);
        header.resize(128, 0);
        records.extend(header);
        let body = words(&[number, 3 + sample, 4096, 4096 * number, 0, 3 + sample, 7, 2]);
        bytes.extend(words(&[1, (body.len() + records.len()) as u32]));
        bytes.extend(body);
        bytes.extend(records);
    }
    bytes
}

const SAMPLES: u32 = 6;
