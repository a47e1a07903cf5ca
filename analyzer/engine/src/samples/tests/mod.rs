//! Queries about samples with known totals.

use core::net::Ipv4Addr;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::collections::HashMap;

use flowmote_decoder::Address;

use crate::analyzer::Analyzer;
use crate::arrival::Arrival;
use crate::events::EventLog;
use crate::flowcache::{
    ActiveFlow, AggMode, Definition, DefinitionError, Estimate, FlowLog, Query,
};
use crate::instant::Instant;
use crate::lookup::Lookup;
use crate::samples::{Held, PastQuery, PastQueryError, PastResult};
use crate::source::AgentList;

mod logged;

fn at(seconds: f64) -> Instant {
    Instant::after_start(Duration::from_secs_f64(seconds))
}

fn agent(last: u8) -> Address {
    Address::V4(Ipv4Addr::new(192, 0, 2, last))
}

/// A packet that an agent samples.
#[derive(Clone, Copy)]
struct Sampled {
    agent: u8,
    /// Port of the sampler, and those by which the packet enters and leaves.
    port: u32,
    ports: (u32, u32),
    rate: u32,
    host: u8,
    bytes: u32,
}

/// Enters agent 1 by port 5.
const PACKET: Sampled =
    Sampled { agent: 1, port: 5, ports: (5, 6), rate: 100, host: 1, bytes: 1000 };

impl Sampled {
    /// A datagram with a flow sample.
    fn datagram(self, number: u32) -> Vec<u8> {
        let sample = [number, self.port, self.rate, 0, 0, self.ports.0, self.ports.1, 1];
        self.with_header(number, 1, &sample)
    }

    /// A datagram with the notice that the packet was discarded.
    fn notice(self, number: u32) -> Vec<u8> {
        let sample = [number, 0, self.port, 0, self.ports.0, self.ports.1, 256, 1];
        self.with_header(number, 5, &sample)
    }

    fn with_header(self, number: u32, format: u32, sample: &[u32]) -> Vec<u8> {
        let mut header = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let [.., high, low] = (self.bytes - 18).to_be_bytes();
        header.extend([0x45, 0, high, low, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        header.extend([10, 0, 0, self.host, 10, 0, 0, 99, 0x9c, 0x41, 1, 0xbb]);
        header.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 2, 4, 0, 0, 0, 0, 0, 0xa5, 0xa5]);
        let length = header.len() as u32;
        let record = [1, 16 + length, 1, self.bytes, 4, length];
        let size = 4 * (sample.len() + record.len()) as u32 + length;
        let head = [5, 1, 0xc000_0200 + u32::from(self.agent), 0, number, 1000, 1, format, size];
        let words = head.iter().chain(sample).chain(&record);
        words.flat_map(|word| word.to_be_bytes()).chain(header).collect()
    }
}

struct World {
    analyzer: Analyzer,
    number: u32,
}

impl World {
    fn new(memory: usize) -> Self {
        Self { analyzer: Analyzer::new(memory), number: 0 }
    }

    fn send(&mut self, seconds: f64, packet: Sampled) {
        self.number += 1;
        let arrival = Arrival { time: at(seconds), sender: None };
        self.analyzer.ingest(&arrival, &packet.datagram(self.number));
    }

    fn tick(&mut self, seconds: f64) {
        self.analyzer.tick(at(seconds), &mut FlowLog::new(1), &mut EventLog::default());
    }

    fn ask(&self, query: PastQuery) -> PastResult {
        let held = self.analyzer.history().held(query.from(), query.to());
        result(query, held)
    }
}

fn result(query: PastQuery, held: Held) -> PastResult {
    let query = query.within(&held);
    let stop = AtomicBool::new(false);
    let scans = held.split().map(|part| query.scan(&part, 1 << 20, &stop).unwrap());
    query.result(&scans, &stop).unwrap()
}

fn definition(keys: &str, value: &str) -> Definition {
    Definition { keys: keys.to_owned(), value: value.to_owned(), ..Definition::default() }
}

fn query(definition: Definition, span: (f64, f64)) -> PastQuery {
    PastQuery::new(definition, Lookup::default(), at(span.0), at(span.1)).unwrap()
}

/// Keys and values.
fn values(result: &PastResult) -> Vec<(&str, f64)> {
    result.flows.iter().map(|(flow, _)| (flow.key.as_str(), flow.estimate.value)).collect()
}

fn course(series: &[Option<Estimate>]) -> Vec<Option<f64>> {
    series.iter().map(|step| step.map(|step| step.value)).collect()
}

/// Ten samples a second of host 1 for 100 seconds, and in the second half 30 a second of host 2.
fn two_hosts() -> World {
    let mut world = World::new(64 << 20);
    for tenth in 0..1000 {
        let time = f64::from(tenth) / 10.0;
        world.send(time, PACKET);
        if tenth >= 500 {
            (0..3).for_each(|_| world.send(time, Sampled { host: 2, bytes: 500, ..PACKET }));
        }
    }
    world
}

#[test]
fn rates_are_those_of_the_span() {
    let world = two_hosts();
    let ask = |value, span| world.ask(query(definition("src", value), span));
    // 10 samples a second for 100 packets of 1000 bytes; 30 for 100 of 500, in half of the time.
    let all = ask("bytes", (0.0, 100.0));
    assert_eq!(values(&all), [("10.0.0.1", 1e6), ("10.0.0.2", 7.5e5)]);
    assert_eq!((all.scanned, all.matched, all.found), (2500, 2500, 2));
    assert_eq!(all.total.estimate.value, 1.75e6);
    assert_eq!(values(&ask("frames", (50.0, 100.0))), [("10.0.0.2", 3000.0), ("10.0.0.1", 1000.0)]);
    assert_eq!(values(&ask("frames", (10.0, 20.0))), [("10.0.0.1", 1000.0)]);
    assert_eq!(values(&ask("frames", (200.0, 300.0))), []);
}

#[test]
fn discarded_packets_are_asked_for_alone() {
    let mut world = World::new(64 << 20);
    for number in 1..=10 {
        let host = if number == 3 { 2 } else { 1 };
        let packet = Sampled { host, ..PACKET };
        let payload = if host == 2 { packet.notice(number) } else { packet.datagram(number) };
        world.analyzer.ingest(&Arrival { time: at(1.0), sender: None }, &payload);
    }
    let ask = |dropped| {
        let definition = Definition { dropped, ..definition("src", "frames") };
        world.ask(query(definition, (0.0, 10.0)))
    };
    assert_eq!(values(&ask(false)), [("10.0.0.1", 90.0)]);
    // Each of these is reported.
    assert_eq!(values(&ask(true)), [("10.0.0.2", 0.1)]);
}

#[test]
fn filter_of_a_stored_field_and_of_another_one_agree() {
    let world = two_hosts();
    for filter in ["src=10.0.0.2", "ipttl=64&src=10.0.0.2", "mask:src:31=10.0.0.2&dport=443"] {
        let filtered =
            Definition { filter: Some(filter.to_owned()), ..definition("src,ipttl", "frames") };
        let result = world.ask(query(filtered, (50.0, 100.0)));
        assert_eq!(values(&result), [("10.0.0.2,64", 3000.0)], "{filter}");
        assert_eq!((result.scanned, result.matched), (2000, 1500), "{filter}");
    }
}

#[test]
fn course_has_a_value_for_each_step() {
    let world = two_hosts();
    let one = Definition { n: 1, ..definition("src", "frames") };
    let query = query(one, (0.0, 100.0)).in_steps(Duration::from_secs(25)).unwrap();
    let result = world.ask(query);
    assert_eq!(result.steps, [0.0, 25.0, 50.0, 75.0].map(at));
    let [(flow, series)] = &result.flows[..] else { panic!("{result:?}") };
    assert_eq!((flow.key.as_str(), flow.estimate.value), ("10.0.0.2", 1500.0));
    assert_eq!(course(series), [0.0, 0.0, 3000.0, 3000.0].map(Some));
    assert_eq!(course(&result.other.series), [1000.0; 4].map(Some));
    assert_eq!(course(&result.total.series), [1000.0, 1000.0, 4000.0, 4000.0].map(Some));
    assert_eq!(result.other.estimate.value, 1000.0);
}

#[test]
fn each_step_has_the_error_of_its_samples() {
    let world = two_hosts();
    let one = Definition { n: 1, ..definition("src", "frames") };
    let query = query(one, (0.0, 100.0)).in_steps(Duration::from_secs(25)).unwrap();
    let result = world.ask(query);
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 0.001, "{a} {b}");
    // 750 samples of 100 packets: 1.96 standard errors are 7.1 %.
    let step = result.flows[0].1[2].unwrap();
    assert_eq!((step.samples, step.bound), (750.0, 0.0));
    near(step.low, 3000.0 * 0.9311);
    near(step.high, 3000.0 * 1.0739);
    // None: fewer than three, of 100 packets of which 99 were not seen.
    let empty = result.flows[0].1[0].unwrap();
    assert_eq!((empty.value, empty.low), (0.0, 0.0));
    near(empty.high, 3.0 * 99.0 / 25.0);
    let (other, total) = (result.other.series[3].unwrap(), result.total.series[3].unwrap());
    assert_eq!((other.samples, total.samples), (250.0, 1000.0));
    assert!(total.high < step.high + other.high, "{total:?}");
}

#[test]
fn steps_can_begin_within_the_span() {
    let world = two_hosts();
    let query = query(definition("dst", "frames"), (40.0, 80.0));
    let query = query.in_steps(Duration::from_secs(25)).unwrap().steps_from(at(50.0));
    let result = world.ask(query);
    assert_eq!(result.steps, [40.0, 50.0, 75.0].map(at));
    assert_eq!(course(&result.flows[0].1), [1000.0, 4000.0, 4000.0].map(Some));
}

#[test]
fn averages_extremes_and_numbers_of_values_are_those_of_the_span() {
    let world = two_hosts();
    for (value, expected, series) in [
        ("avg:bytes", 700.0, [1000.0, 625.0]),
        ("min:bytes", 500.0, [1000.0, 500.0]),
        ("max:bytes", 1000.0, [1000.0, 1000.0]),
        ("count:src", 2.0, [1.0, 2.0]),
    ] {
        let query = query(definition("dst", value), (0.0, 100.0));
        let result = world.ask(query.in_steps(Duration::from_secs(50)).unwrap());
        assert_eq!(values(&result), [("10.0.0.99", expected)], "{value}");
        assert_eq!(course(&result.flows[0].1), series.map(Some), "{value}");
        assert_eq!(result.total.estimate.value, expected, "{value}");
    }
}

#[test]
fn estimates_have_the_errors_of_a_definition_over_the_same_samples() {
    let world = two_hosts();
    let result = world.ask(query(definition("src", "bytes"), (0.0, 100.0)));
    let estimate = result.flows[0].0.estimate;
    // 1000 equal samples: 1.96 standard errors are 6.2 %.
    assert_eq!((estimate.samples, estimate.rate, estimate.bound), (1000.0, 100.0, 0.0));
    assert!((estimate.high / 1e6 - 1.0635).abs() < 0.001, "{estimate:?}");
    assert!((estimate.low / 1e6 - 0.9403).abs() < 0.001, "{estimate:?}");
    // Three samples of 100 packets of 500 to 1000 bytes.
    let unseen = result.unseen.unwrap();
    assert!((1500.0..3000.0).contains(&unseen), "{unseen}");
}

#[test]
fn unseen_flow_is_below_three_samples() {
    let world = two_hosts();
    let none =
        |value| Definition { filter: Some("src=10.9.9.9".to_owned()), ..definition("src", value) };
    let result = world.ask(query(none("frames"), (0.0, 100.0)));
    assert_eq!((result.matched, result.found, result.unseen), (0, 0, Some(3.0)));
    assert_eq!(world.ask(query(none("bytes"), (0.0, 100.0))).unseen, Some(3000.0));
    // Without samples nothing is known.
    assert_eq!(world.ask(query(none("frames"), (200.0, 300.0))).unseen, None);
}

#[test]
fn packet_is_counted_once_at_two_ports_of_an_agent() {
    let mut world = World::new(64 << 20);
    for tenth in 0..1000 {
        let time = f64::from(tenth) / 10.0;
        world.send(time, PACKET);
        world.send(time, Sampled { port: 6, ..PACKET });
        world.send(time, Sampled { agent: 2, ..PACKET });
    }
    for (mode, expected) in [(AggMode::Max, 1000.0), (AggMode::Sum, 2000.0)] {
        let merged = Definition { agg_mode: mode, ..definition("src", "frames") };
        let query = query(merged, (0.0, 100.0)).in_steps(Duration::from_secs(50)).unwrap();
        let result = world.ask(query);
        assert_eq!(values(&result), [("10.0.0.1", expected)], "{mode:?}");
        assert_eq!(result.total.estimate.value, expected, "{mode:?}");
        assert_eq!(course(&result.flows[0].1), [expected; 2].map(Some), "{mode:?}");
        assert_eq!(result.flows[0].0.observers, 3);
    }
    let second = AgentList::Named { addresses: vec![agent(2)], names: Vec::new() };
    let result = world.ask(query(definition("agent", "frames"), (0.0, 100.0)).of(second));
    assert_eq!(values(&result), [("192.0.2.2", 1000.0)]);
    assert_eq!(result.flows[0].0.source.agent, agent(2));
}

#[test]
fn full_history_drops_the_oldest_and_reports_its_beginning() {
    let mut world = World::new(4 << 20);
    for tenth in 0..20_000 {
        world.send(f64::from(tenth) / 10.0, PACKET);
    }
    let history = world.analyzer.history();
    assert!(history.bytes() <= 1 << 20, "{} bytes", history.bytes());
    let begin = history.begin().since(Instant::default()).as_secs_f64();
    assert!((500.0..1990.0).contains(&begin), "{begin}");
    let result = world.ask(query(definition("src", "frames"), (0.0, 2000.0)));
    assert_eq!(result.from, history.begin());
    let rate = result.flows[0].0.estimate.value;
    assert!((rate / 1000.0 - 1.0).abs() < 0.001, "{rate}");
}

#[test]
fn samples_older_than_an_hour_are_dropped() {
    let mut world = World::new(64 << 20);
    for minute in 0..180 {
        let time = f64::from(minute) * 60.0;
        world.send(time, PACKET);
        world.tick(time);
    }
    let samples = world.analyzer.history().samples();
    assert!((60..=64).contains(&samples), "{samples}");
    let result = world.ask(query(definition("src", "frames"), (0.0, 10_800.0)));
    let begin = result.from.since(Instant::default()).as_secs_f64();
    assert!((6900.0..7260.0).contains(&begin), "{begin}");
}

#[test]
fn samples_are_kept_for_a_shorter_time() {
    let mut world = World::new(64 << 20);
    world.analyzer.keep_samples(Duration::from_secs(10));
    for tenth in 0..1000 {
        let time = f64::from(tenth) / 10.0;
        world.send(time, PACKET);
        world.tick(time);
        let history = world.analyzer.history();
        // Blocks of a third of a second.
        assert!(history.samples() <= 105, "{} samples at {time}", history.samples());
        let begin = history.begin().since(Instant::default()).as_secs_f64();
        assert!(begin <= (time - 9.9).max(0.0), "{begin} at {time}");
    }
    let result = world.ask(query(definition("src", "frames"), (89.95, 99.95)));
    assert_eq!(result.matched, 100);
}

#[test]
fn more_flows_than_memory_have_a_bound() {
    let mut world = World::new(64 << 20);
    let mut truth: HashMap<String, f64> = HashMap::new();
    for number in 0..30_000 {
        let (host, bytes) = match number % 3 {
            0 => (1, 1000),
            _ => ((number % 251) as u8, 1000 + number % 1400),
        };
        // One sample of 100 packets in 300 seconds.
        *truth.entry(format!("10.0.0.{host},{bytes}")).or_default() += 100.0 / 300.0;
        world.send(f64::from(number) / 100.0, Sampled { host, bytes, ..PACKET });
    }
    let query = query(definition("src,bytes", "frames"), (0.0, 300.0));
    let held = world.analyzer.history().held(at(0.0), at(300.0));
    let (query, stop) = (query.within(&held), AtomicBool::new(false));
    let scans = held.split().map(|part| query.scan(&part, 64 << 10, &stop).unwrap());
    let result = query.result(&scans, &stop).unwrap();
    assert_eq!((result.scanned, result.matched), (30_000, 30_000));
    assert_eq!(result.flows[0].0.key, "10.0.0.1,1000");
    for (flow, _) in &result.flows {
        let (true_value, estimate) = (truth[&flow.key], flow.estimate);
        assert!(estimate.value <= true_value + 1e-9, "{flow:?}");
        assert!(true_value <= estimate.value + estimate.bound + 1e-9, "{true_value} {flow:?}");
    }
    // The largest was never evicted, most others were.
    assert_eq!(result.flows[0].0.estimate.bound, 0.0);
    assert!(result.flows.iter().any(|(flow, _)| flow.estimate.bound > 0.0));
    // A flow that was evicted may have had more than three samples.
    assert!(result.unseen.is_some_and(|unseen| unseen > 1.0), "{:?}", result.unseen);
    // Nothing is missing from the total: 100 samples a second.
    assert!((result.total.estimate.value - 1e4).abs() < 1e-6, "{:?}", result.total);
}

#[test]
fn query_ends_early_when_it_is_stopped() {
    let world = two_hosts();
    let held = world.analyzer.history().held(at(0.0), at(100.0));
    let query = query(definition("src", "frames"), (0.0, 100.0));
    let query = query.in_steps(Duration::from_secs(10)).unwrap().within(&held);
    let stop = |set| AtomicBool::new(set);
    assert!(query.scan(&held, 1 << 20, &stop(true)).is_none());
    let scans = [query.scan(&held, 1 << 20, &stop(false)).unwrap()];
    assert!(query.result(&scans, &stop(true)).is_none());
}

#[test]
fn definition_and_query_about_the_same_time_agree() {
    let mut world = World::new(64 << 20);
    let keys = "src,dport,inputifindex";
    // Over a long time constant, a steady rate is that of the span.
    let steady = Definition { t: 5.0, n: 100, ..definition(keys, "bytes") };
    world.analyzer.define(at(0.0), "steady", steady.clone()).unwrap();
    for tenth in 0..2000_u32 {
        let host = (tenth % 7) as u8 + 1;
        let rate = 50 * (1 + tenth % 2);
        let bytes = 100 * (1 + u32::from(host));
        world.send(f64::from(tenth) / 20.0, Sampled { host, rate, bytes, ..PACKET });
    }
    let snapshot = world.analyzer.flows().snapshot(at(100.0), "steady").unwrap();
    let all = Query {
        agents: &AgentList::All,
        topology: &Lookup::default().topology,
        agg_mode: None,
        max_flows: 100,
        min_value: 0.0,
    };
    let live: Vec<ActiveFlow> = snapshot.active(&all);
    let result = world.ask(query(steady, (50.0, 100.0)));
    assert_eq!(result.flows.len(), live.len());
    for ((past, _), live) in result.flows.iter().zip(&live) {
        assert_eq!((&past.key, past.source), (&live.key, live.source));
        let ratio = past.estimate.value / live.estimate.value;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }
}

#[test]
fn queries_without_a_result_are_refused() {
    let new = |definition, to| PastQuery::new(definition, Lookup::default(), at(1.0), at(to)).err();
    let key = new(definition("nosuchkey", "bytes"), 2.0);
    assert!(matches!(key, Some(PastQueryError::Definition(DefinitionError::Syntax { .. }))));
    assert_eq!(new(definition("src", "bytes"), 1.0), Some(PastQueryError::Empty));
    let wide = Definition { n: 10_000, ..definition("src", "bytes") };
    let steps = |seconds| query(wide.clone(), (0.0, 300.0)).in_steps(Duration::from_secs(seconds));
    assert!(steps(11).is_ok());
    assert_eq!(steps(10).err(), Some(PastQueryError::TooManySteps(29)));
}
