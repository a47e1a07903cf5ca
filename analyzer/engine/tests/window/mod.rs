//! Queries about the samples of a span of time, as `top` makes them.
#![allow(dead_code, reason = "each test file uses a part")]

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use flowmote_engine::Instant;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::{ActiveFlow, AggMode, Definition};
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::{PastQuery, PastResult};

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

/// The flows of each data source in the ten seconds before `end`, with bytes and frames per second.
pub(crate) fn flows(analyzer: &Analyzer, end: u64) -> Vec<ActiveFlow> {
    let flows = result(analyzer, "agent,datasource,src,dst,ipproto,sport,dport", AggMode::Max, end);
    flows.flows.into_iter().map(|(flow, _)| flow).collect()
}

/// All packets in these seconds, each counted once by each agent.
pub(crate) fn total(analyzer: &Analyzer, end: u64) -> PastResult {
    result(analyzer, "", AggMode::Sum, end)
}

fn result(analyzer: &Analyzer, keys: &str, agg_mode: AggMode, end: u64) -> PastResult {
    let definition = Definition {
        keys: keys.to_owned(),
        value: "bytes".to_owned(),
        values: vec!["frames".to_owned()],
        n: 10_000,
        agg_mode,
        ..Definition::default()
    };
    let (from, to) = (at(end.saturating_sub(10)), at(end));
    let query = PastQuery::new(definition, Lookup::default(), from, to).unwrap();
    let held = analyzer.history().held(from, to);
    let (query, stop) = (query.within(&held), AtomicBool::new(false));
    query.result(&[query.scan(&held, 1 << 20, &stop).unwrap()], &stop).unwrap()
}
