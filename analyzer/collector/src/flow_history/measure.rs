//! What the history costs: bytes and time of a record, and the time of queries over a day.
//!
//! `RECORDS=10000000 cargo test --release -p flowmote-analyzer --lib flow_history::measure -- --ignored --nocapture`

use core::fmt::Write;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::path::Path;
use std::time::Instant as Clock;

use flowmote_engine::Instant;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::PastQuery;

use super::{Files, FlowHistory, Reading};
use crate::flow_logs::write_history;

/// 2026-11-29T00:00:00Z.
const DAY: u64 = 1_795_910_400;

/// Records of a minute: connections of 50,000 hosts with 2,000 servers, sampled 1 in 1,000 at 200 ports.
fn lines(minute: u64, records: u64) -> String {
    let mut text = String::new();
    for number in 0..records {
        // Multiplicative hashing: the same in each run.
        let mut state = (minute * records + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = |limit: u64| {
            state = (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (state >> 33) % limit
        };
        let (agent, port) = (random(20), random(10));
        let (host, server, sport) = (random(50_000), random(2000), 32_768 + random(28_000));
        let dport = [443, 443, 443, 80, 53, 5432, 22, 9000 + random(500)][random(8) as usize];
        let (samples, bytes) =
            (1 + random(3), [64, 1518, 1518, 600 + random(800)][random(4) as usize]);
        let frames = samples * 1000;
        let (start, total) = (DAY + minute * 60 + random(60), frames * bytes);
        let squares = samples * (1000 * bytes) * (1000 * bytes);
        writeln!(
            text,
            "{start} {start} 192.0.2.{agent} {port} ingress 10.{}.{}.{} 198.51.{}.{} 6 {sport} {dport} 0 \
             02:00:00:00:{:02x}:{:02x} 02:00:00:00:00:01 {} {} {samples} {frames} {} {total} {squares} {} 0",
            host / 256 / 100, host / 100 % 256, host % 100, server / 100, server % 100,
            agent, port, 100 + port, frames * (bytes - 18),
            samples * 999_000, squares / 1000 * 999,
        )
        .unwrap();
    }
    text
}

fn query(keys: &str, value: &str, filter: &str) -> PastQuery {
    let definition = Definition {
        keys: keys.to_owned(),
        value: value.to_owned(),
        filter: Some(filter.to_owned()),
        n: 20,
        ..Definition::default()
    };
    let [from, to] =
        [DAY, DAY + 86_400].map(|time| Instant::after_start(Duration::from_secs(time)));
    PastQuery::new(definition, Lookup::default(), from, to).unwrap()
}

/// Seconds of a query, and the flows that it found.
fn time(history: &FlowHistory, query: PastQuery, step: Option<u64>) -> (f64, u64) {
    let begin = Clock::now();
    let stop = AtomicBool::new(false);
    let span = [query.from(), query.to(), query.to()];
    let query = match step {
        Some(step) => query.in_steps(Duration::from_secs(step)).unwrap(),
        None => query,
    };
    let query = query.with_records(span, span[0]);
    let reading = Reading::new(&query.logged().unwrap(), None, &stop);
    let files = Files::new(history, reading, history.files(DAY, DAY + 86_400));
    let scans = files.scan(&query, 8 << 20).unwrap();
    let result = query.result_with(&scans, &files, &stop).unwrap();
    (begin.elapsed().as_secs_f64(), result.found)
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| match entry.metadata().unwrap() {
        it if it.is_dir() => bytes_below(&entry.path()),
        it => it.len(),
    });
    bytes.sum()
}

#[test]
#[ignore = "measures"]
fn cost_of_a_day() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let records: u64 = number("RECORDS", 1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let mut writing = Duration::ZERO;
    for minute in 0..1440 {
        let lines = lines(minute, records / 1440);
        let begin = Clock::now();
        write_history(directory.path(), 1, DAY + minute * 60, &lines);
        writing += begin.elapsed();
    }
    let records = records / 1440 * 1440;
    let bytes = bytes_below(directory.path());
    println!(
        "{records} records: {:.1} bytes each, written in {:.2} us each",
        bytes as f64 / records as f64,
        writing.as_secs_f64() * 1e6 / records as f64
    );
    let history = FlowHistory::new(directory.path().to_owned());
    for (keys, value, filter, step) in [
        ("", "bytes", "", None),
        ("agent,datasource", "frames", "", None),
        ("dst", "bytes", "", None),
        ("ipsource,ipdestination", "bytes", "", None),
        ("ipsource,ipdestination", "bytes", "", Some(900)),
        ("src,dst,ipproto,sport,dport", "bytes", "", None),
        ("src", "bytes", "dport=22", None),
        ("null:vlan:untagged,macsource", "frames", "", None),
    ] {
        let runs = (0..3).map(|_| time(&history, query(keys, value, filter), step));
        let (seconds, found) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!(
            "{seconds:.2} s: keys={keys} value={value} filter={filter} step={step:?}: {found} flows"
        );
    }
}
