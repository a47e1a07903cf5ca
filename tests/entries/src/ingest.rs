//! Arbitrary datagrams at arbitrary times into an analyzer with definitions, then all that is read from
//! it. Each datagram has its length in two bytes before it, and the time since the last one in one.

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::{EventLog, Threshold};
use flowmote_engine::flowcache::{AggMode, Definition, Estimate, FlowLog, Query};
use flowmote_engine::lookup::{Lookup, Topology};
use flowmote_engine::metrics::{MetricFilter, Search};
use flowmote_engine::samples::PastQuery;
use flowmote_engine::source::AgentList;
use flowmote_engine::{Arrival, Instant};

/// Ingests the datagrams.
///
/// # Panics
/// If something is read that cannot be true.
pub fn ingest(input: &[u8]) {
    let (mut analyzer, mut now) = (analyzer(), Duration::from_secs(1));
    let (mut flows, mut events) = (FlowLog::new(10), EventLog::default());
    let mut rest = input;
    while let Some(([high, low, time], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (datagram, after) = after.split_at(length);
        now += Duration::from_millis(1 << (time % 24));
        let arrival = Arrival { time: Instant::after_start(now), sender: None };
        analyzer.ingest(&arrival, datagram);
        analyzer.tick(arrival.time, &mut flows, &mut events);
        rest = after;
    }
    read(&mut analyzer, Instant::after_start(now));
}

fn analyzer() -> Analyzer {
    let mut analyzer = Analyzer::new(1 << 20);
    for (number, (keys, value)) in (0..).zip(DEFINITIONS) {
        let definition = Definition {
            keys: keys.to_owned(),
            value: value.to_owned(),
            dropped: number % 4 == 3,
            log: true,
            counter: COUNTED.contains(&value),
            agg_mode: if number % 2 == 0 { AggMode::Max } else { AggMode::Sum },
            ..Definition::default()
        };
        let name = format!("flow{number}");
        analyzer.define(Instant::default(), &name, definition).expect("a definition");
        let threshold = Threshold {
            metric: name.clone(),
            value: 1.0,
            by_flow: true,
            timeout: Duration::from_secs(1),
            filter: MetricFilter::default(),
            plain: false,
        };
        analyzer.set_threshold(&name, threshold);
    }
    analyzer
}

/// Reads everything, and checks what holds for any traffic.
fn read(analyzer: &mut Analyzer, now: Instant) {
    let topology = Topology::default();
    let query = Query {
        agents: &AgentList::All,
        topology: &topology,
        agg_mode: None,
        max_flows: 100,
        min_value: 0.0,
    };
    for number in 0..DEFINITIONS.len() {
        let name = format!("flow{number}");
        let snapshot = analyzer.flows().snapshot(now, &name).expect("it is defined");
        let flows = snapshot.active(&query);
        flows.iter().for_each(|flow| check(&flow.estimate));
        snapshot.totals().for_each(|(_, total)| check(&total));
        let largest = analyzer.flows().snapshot_largest(now, &name, &query).expect("it is defined");
        if let Some(same) = largest.active_of_largest(&query) {
            assert_eq!(same.len(), flows.len());
        }
        if let Some(flow) = flows.first() {
            assert!(!snapshot.locations(&AgentList::All, &topology, &flow.key).is_empty());
        }
        analyzer.counters(&name);
    }
    let (agents, filter) = (&AgentList::All, &MetricFilter::default());
    analyzer.find(now, &Search { agents, pin: None, name: None, filter });
    for (_, agent) in analyzer.agents().iter() {
        let account = agent.ledger.account();
        let lost = account.dropped + account.lost + account.malformed + account.unknown;
        assert_eq!(account.made, lost + account.implausible + account.used);
    }
    for (port, _) in analyzer.checks().ports() {
        assert!(analyzer.checks().get(port).is_some());
    }
    let usage = analyzer.flows().usage();
    assert!(usage.bytes <= usage.limit + 3400 * DEFINITIONS.len(), "{usage:?}");
    ask(analyzer, now);
}

/// Asks for the last hour.
fn ask(analyzer: &Analyzer, now: Instant) {
    let from = Instant::default();
    let held = analyzer.history().held(from, now);
    for (keys, value) in DEFINITIONS.into_iter().step_by(3) {
        let definition =
            Definition { keys: keys.to_owned(), value: value.to_owned(), ..Definition::default() };
        let query = PastQuery::new(definition, Lookup::default(), from, now).expect("a query");
        let step = now.since(from) / 10;
        let query = query.in_steps(step).expect("ten steps").within(&held);
        let stop = AtomicBool::new(false);
        let scan = query.scan(&held, 1 << 16, &stop).expect("not stopped");
        let result = query.result(&[scan], &stop).expect("not stopped");
        assert!(result.matched <= result.scanned, "{result:?}");
        result.flows.iter().for_each(|(flow, _)| check(&flow.estimate));
        check(&result.total.estimate);
    }
}

fn check(estimate: &Estimate) {
    let Estimate { value, low, high, .. } = *estimate;
    assert!(value.is_finite() && low <= value && value <= high, "{estimate:?}");
}

const DEFINITIONS: [(&str, &str); 8] = [
    ("ipsource,ipdestination", "bytes"),
    ("", "frames"),
    ("or:ipsource:ip6source,ipprotocol,null:vlan:0", "avg:ipbytes"),
    ("reason,function", "frames"),
    ("src,dst,sport,dport", "bytes"),
    ("macsource,inputifindex,outputifindex,agent", "avg:ipttl"),
    ("src.1,stack,macsource.1", "frames"),
    ("reason", "bytes"),
];
/// Values that are sums.
const COUNTED: [&str; 2] = ["frames", "bytes"];
