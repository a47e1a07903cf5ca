//! `cargo bench --bench flows`: samples added to flow definitions, and all that an analyzer does.
//!
//! 1,000 agents send 100,000 flows in random order, so that neither datagrams nor entries of tables are
//! in a cache when they are needed. A tenth of the datagrams has a counter sample beside its six flow
//! samples. The cases are processed in turns: packets decoded, and added to one and to three
//! definitions; then the same three in an analyzer, with its checks, ledgers and metrics of counters.
//! Times are CPU times of this thread.
//!
//! `flows CASE TIMES` processes TIMES datagrams for a counter of instructions, after a preparation that
//! does not depend on the number. CASE is `decode`, `one`, `three` or `analyzer`.
//!
//! `flows past MILLIONS` stores millions of samples, about 140 bytes each, and measures queries over
//! them. Two threads share each query. `flows memory` prints the resident memory of an analyzer by the
//! number of agents, ports and definitions.

mod memory;
mod past;
mod trace;

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use flowmote_benches::DEFINITIONS;
use flowmote_decoder::{Datagram, Sample};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::{Definition, FlowCache, FlowLog, Observed};
use flowmote_engine::keys::{Context, Packet};
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::History;
use flowmote_engine::{Arrival, Instant};
use nix::time::{ClockId, clock_gettime};

use crate::trace::{SAMPLES, Trace};

/// What is done with each datagram.
const CASES: [Case; 4] = [
    Case { name: "decode", meaning: "packets decoded", definitions: 0, whole: false },
    Case { name: "one", meaning: "one definition", definitions: 1, whole: false },
    Case { name: "three", meaning: "three definitions", definitions: 3, whole: false },
    Case { name: "analyzer", meaning: "three and all metrics", definitions: 3, whole: true },
];

struct Case {
    name: &'static str,
    meaning: &'static str,
    definitions: usize,
    /// True for an analyzer, false for its flows alone.
    whole: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => compare(&Trace::new()),
        ["memory"] => memory::compare(),
        ["memory", kind, number] => {
            let Ok(number) = number.parse() else { return usage() };
            memory::measure(kind, number);
        }
        ["past", millions] => {
            let Ok(millions) = millions.parse() else { return usage() };
            past::compare(&Trace::new(), millions);
        }
        [name, times] => {
            let case = CASES.iter().find(|case| case.name == *name);
            let (Some(case), Ok(times)) = (case, times.parse()) else { return usage() };
            let (mut analysis, trace) = (Analysis::new(case), Trace::new());
            trace.datagrams().cycle().take(times).for_each(|datagram| analysis.ingest(datagram));
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let cases = CASES.map(|case| case.name).join("|");
    eprintln!("usage: flows, flows {cases} TIMES, flows past MILLIONS, flows memory");
    ExitCode::from(2)
}

/// Prints nanoseconds per flow sample for each case.
fn compare(trace: &Trace) {
    let mut analyses: Vec<Analysis> = CASES.iter().map(Analysis::new).collect();
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
    println!("  {:24}{:>8}{:>8}{:>8}", "", "median", "least", "first");
    for ((case, analysis), times) in CASES.iter().zip(&analyses).zip(times) {
        let mut later: Vec<f64> = times.iter().skip(1).copied().collect();
        later.sort_by(f64::total_cmp);
        let usage = analysis.flows().usage();
        println!(
            "  {:24}{:>8.1}{:>8.1}{:>8.1}   {} flows, {:.1} MB",
            case.meaning,
            later[later.len() / 2],
            later[0],
            times[0],
            usage.flows,
            usage.bytes as f64 / 1e6
        );
    }
}

struct Analysis {
    work: Work,
    lookup: Lookup,
    datagrams: u64,
}

enum Work {
    Flows(Box<FlowCache>),
    Whole(Box<Analyzer>),
}

impl Analysis {
    fn new(case: &Case) -> Self {
        let (mut flows, mut analyzer) = (FlowCache::new(MEMORY), Analyzer::new(4 * MEMORY));
        for (name, keys, value) in DEFINITIONS.iter().take(case.definitions) {
            let (keys, value) = ((*keys).to_owned(), (*value).to_owned());
            let definition = Definition { keys, value, t: 10.0, ..Definition::default() };
            let start = Instant::default();
            let defined = match case.whole {
                false => flows.define(start, name, definition),
                true => analyzer.define(start, name, definition),
            };
            defined.expect("a definition");
        }
        let work = match case.whole {
            false => Work::Flows(flows.into()),
            true => Work::Whole(analyzer.into()),
        };
        Self { work, lookup: Lookup::default(), datagrams: 0 }
    }

    /// An analyzer without definitions that keeps a number of samples.
    fn storing(samples: usize) -> Self {
        // Samples have a fifth of the memory.
        let analyzer = Analyzer::new((samples * 160).max(1 << 20) * 5);
        Self { work: Work::Whole(analyzer.into()), lookup: Lookup::default(), datagrams: 0 }
    }

    /// The samples that are stored.
    ///
    /// # Panics
    /// There is no analyzer.
    fn history(&self) -> &History {
        let Work::Whole(analyzer) = &self.work else { panic!("flows alone store no samples") };
        analyzer.history()
    }

    /// The time at which 300,000 samples a second arrive.
    fn time(&self) -> Instant {
        Instant::after_start(Duration::from_micros(self.datagrams * 20))
    }

    fn ingest(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        let time = self.time();
        let cache = match &mut self.work {
            Work::Flows(cache) => cache,
            Work::Whole(analyzer) => {
                return analyzer.ingest(&Arrival { time, sender: Some(SENDER) }, payload);
            }
        };
        let (mut batch, context) = (cache.batch(time), Context::new(&self.lookup));
        let datagram = Datagram::parse(payload).expect("a datagram");
        for sample in datagram.samples().flatten() {
            if let Sample::Flow(sample) = sample {
                let observed = Observed::flow(datagram.agent_address, &sample);
                let packet = Packet::flow(datagram.agent_address, &sample);
                batch.ingest(&observed, black_box(&packet), &context);
            }
        }
    }

    fn tick(&mut self) {
        let (time, mut flows) = (self.time(), FlowLog::new(1));
        match &mut self.work {
            Work::Flows(cache) => cache.tick(time, &mut flows),
            Work::Whole(analyzer) => analyzer.tick(time, &mut flows, &mut EventLog::default()),
        }
    }

    fn flows(&self) -> &FlowCache {
        match &self.work {
            Work::Flows(cache) => cache,
            Work::Whole(analyzer) => analyzer.flows(),
        }
    }
}

fn now() -> f64 {
    seconds(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock).expect("every Linux has this clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

const ROUNDS: usize = 9;
/// Bytes of the tables of flows.
const MEMORY: usize = 256 << 20;
/// A relay, from which all datagrams come.
const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const _: () = assert!(SAMPLES == 6);
