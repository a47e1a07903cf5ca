//! `cargo bench --bench flows`: samples added to three flow definitions.
//!
//! 1,000 agents send 100,000 flows in random order, so that neither datagrams nor entries of tables are
//! in a cache when they are needed. Packets are decoded with and without definitions in turns; the
//! difference is the cost of keys, tables and totals. Times are CPU times of this thread.
//!
//! `flows decode TIMES` and `flows define TIMES` process TIMES datagrams of six samples for a counter of
//! instructions, after a preparation that does not depend on the number.

mod trace;

use core::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use flowmote_decoder::{Datagram, Sample};
use flowmote_engine::Instant;
use flowmote_engine::flowcache::{Definition, FlowCache, FlowLog, Observed};
use flowmote_engine::keys::{Context, Packet};
use flowmote_engine::lookup::Lookup;
use nix::time::{ClockId, clock_gettime};

use crate::trace::{SAMPLES, Trace};

/// Name, keys and value of the definitions.
const DEFINITIONS: [(&str, &str, &str); 3] = [
    ("flows", "ipsource,ipdestination,tcpsourceport,tcpdestinationport", "bytes"),
    ("pairs", "ipsource,ipdestination", "bytes"),
    ("ports", "tcpdestinationport", "frames"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let trace = Trace::new();
    match words.as_slice() {
        [] => {
            compare(&trace);
            ExitCode::SUCCESS
        }
        [case @ ("decode" | "define"), times] => {
            let Ok(times) = times.parse() else { return ExitCode::from(2) };
            let definitions = if *case == "define" { DEFINITIONS.len() } else { 0 };
            let mut analysis = Analysis::new(definitions);
            trace.datagrams().cycle().take(times).for_each(|datagram| analysis.ingest(datagram));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: flows, or flows decode|define TIMES");
            ExitCode::from(2)
        }
    }
}

/// Prints nanoseconds per sample for 0 to 3 definitions.
fn compare(trace: &Trace) {
    let mut analyses: Vec<Analysis> = (0..=DEFINITIONS.len()).map(Analysis::new).collect();
    let mut times = vec![Vec::new(); analyses.len()];
    // In the first round the tables are made.
    for _ in 0..=ROUNDS {
        for (analysis, times) in analyses.iter_mut().zip(&mut times) {
            let start = now();
            trace.datagrams().for_each(|datagram| analysis.ingest(datagram));
            times.push((now() - start) / f64::from(trace.samples()) * 1e9);
            analysis.tick();
        }
    }
    println!("ns per sample, {} samples, {} agents", trace.samples(), trace::AGENTS);
    for (number, (analysis, times)) in analyses.iter().zip(times).enumerate() {
        let mut later: Vec<f64> = times.iter().skip(1).copied().collect();
        later.sort_by(f64::total_cmp);
        let usage = analysis.cache.usage();
        println!(
            "  {number} definitions {:>8.1}   first {:>8.1}   {} flows, {:.1} MB",
            later[later.len() / 2],
            times[0],
            usage.flows,
            usage.bytes as f64 / 1e6
        );
    }
}

struct Analysis {
    cache: FlowCache,
    log: FlowLog,
    lookup: Lookup,
    datagrams: u64,
}

impl Analysis {
    fn new(definitions: usize) -> Self {
        let mut cache = FlowCache::new(256 << 20);
        for (name, keys, value) in DEFINITIONS.iter().take(definitions) {
            let (keys, value) = ((*keys).to_owned(), (*value).to_owned());
            let definition = Definition { keys, value, t: 10.0, ..Definition::default() };
            cache.define(Instant::default(), name, definition).expect("a definition");
        }
        Self { cache, log: FlowLog::new(1), lookup: Lookup::default(), datagrams: 0 }
    }

    /// The time at which 300,000 samples a second arrive.
    fn time(&self) -> Instant {
        Instant::after_start(Duration::from_micros(self.datagrams * 20))
    }

    fn ingest(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        let (now, context) = (self.time(), Context::new(&self.lookup));
        let datagram = Datagram::parse(payload).expect("a datagram");
        for sample in datagram.samples().flatten() {
            if let Sample::Flow(sample) = sample {
                let observed = Observed::flow(datagram.agent_address, &sample);
                let packet = Packet::flow(datagram.agent_address, &sample);
                self.cache.ingest(now, &observed, black_box(&packet), &context);
            }
        }
    }

    fn tick(&mut self) {
        self.cache.tick(self.time(), &mut self.log);
    }
}

fn now() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every Linux has this clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

const ROUNDS: usize = 9;
const _: () = assert!(SAMPLES == 6);
