//! Queries about the past over millions of stored samples.

use core::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant as Clock};

use flowmote_engine::Instant;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::{History, PastQuery, PastResult};
use nix::time::ClockId;

use crate::trace::Trace;
use crate::{Analysis, seconds};

/// A query over all samples.
struct Case {
    keys: &'static str,
    value: &'static str,
    filter: Option<&'static str>,
    /// True for a value of each flow in each second.
    series: bool,
}

const CASES: [Case; 8] = [
    Case { keys: "src,dst", value: "bytes", filter: None, series: false },
    Case { keys: "src,dst", value: "bytes", filter: None, series: true },
    Case { keys: "src,dst", value: "bytes", filter: Some("dport=443"), series: false },
    Case { keys: "src,dst,sport,dport", value: "bytes", filter: None, series: false },
    Case { keys: "dport", value: "frames", filter: None, series: false },
    Case { keys: "agent,inputifindex", value: "frames", filter: None, series: false },
    Case { keys: "dst", value: "count:src", filter: None, series: false },
    Case { keys: "ipttl,tcpflags", value: "frames", filter: None, series: false },
];

/// Stores samples, and prints the time of each query over them, which two threads share.
pub(crate) fn compare(trace: &Trace, millions: f64) {
    let samples = (millions * 1e6) as usize;
    let mut analysis = Analysis::storing(samples);
    let datagrams = samples / crate::SAMPLES as usize;
    trace.datagrams().cycle().take(datagrams).for_each(|datagram| analysis.ingest(datagram));
    let (history, end) = (analysis.history(), analysis.time());
    println!("{} samples, {} bytes each", history.samples(), history.bytes() / history.samples());
    println!("{:>10}{:>10}{:>10}{:>10}", "median ms", "least ms", "CPU ms", "flows");
    for case in &CASES {
        let (mut times, mut found) = (Vec::new(), 0);
        let start = cpu();
        for _ in 0..ROUNDS {
            let start = Clock::now();
            found = case.ask(history, end).found;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let cpu = (cpu() - start) * 1e3 / ROUNDS as f64;
        times.sort_by(f64::total_cmp);
        let (median, least) = (times[ROUNDS / 2], times[0]);
        println!("{median:>10.0}{least:>10.0}{cpu:>10.0}{found:>10}  {}", case.text());
    }
}

/// CPU time of this process, seconds.
fn cpu() -> f64 {
    seconds(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

impl Case {
    fn text(&self) -> String {
        let Self { keys, value, filter, series } = self;
        let filter = filter.map_or_else(String::new, |filter| format!(" if {filter}"));
        format!("{value} of {keys}{filter}{}", if *series { ", each second" } else { "" })
    }

    fn ask(&self, history: &History, end: Instant) -> PastResult {
        let definition = Definition {
            keys: self.keys.to_owned(),
            value: self.value.to_owned(),
            filter: self.filter.map(str::to_owned),
            n: 20,
            ..Definition::default()
        };
        let query = PastQuery::new(definition, Lookup::default(), Instant::default(), end);
        let mut query = query.expect("the query is valid");
        if self.series {
            query = query.in_steps(Duration::from_secs(1)).expect("few steps");
        }
        let held = history.held(query.from(), query.to());
        let (query, stop) = (query.within(&held), AtomicBool::new(false));
        let scan = |part| query.scan(part, MEMORY, &stop).expect("it is not stopped");
        let [first, second] = held.split();
        let scans = thread::scope(|scope| {
            let other = scope.spawn(|| scan(&first));
            let scan = scan(&second);
            [other.join().expect("no panic"), scan]
        });
        query.result(&scans, &stop).expect("it is not stopped")
    }
}

const ROUNDS: usize = 5;
/// Bytes for the flows of a scan.
const MEMORY: usize = 128 << 20;
