//! Questions about samples with known totals.

use core::net::Ipv4Addr;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::collections::HashMap;

use flowmote_decoder::Address;

use crate::analyzer::Analyzer;
use crate::arrival::Arrival;
use crate::events::EventLog;
use crate::flowcache::{ActiveFlow, AggMode, Definition, DefinitionError, FlowLog, Query};
use crate::instant::Instant;
use crate::lookup::Lookup;
use crate::samples::{Answer, Held, Question, QuestionError};
use crate::source::AgentList;

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

    fn ask(&self, question: Question) -> Answer {
        let held = self.analyzer.history().held(question.from(), question.to());
        answer(question, held)
    }
}

fn answer(question: Question, held: Held) -> Answer {
    let question = question.within(&held);
    let stop = AtomicBool::new(false);
    let scans = held.split().map(|part| question.scan(&part, 1 << 20, &stop).unwrap());
    question.answer(&scans, &stop).unwrap()
}

fn definition(keys: &str, value: &str) -> Definition {
    Definition { keys: keys.to_owned(), value: value.to_owned(), ..Definition::default() }
}

fn question(definition: Definition, span: (f64, f64)) -> Question {
    Question::new(definition, Lookup::default(), at(span.0), at(span.1)).unwrap()
}

/// Keys and values.
fn values(answer: &Answer) -> Vec<(&str, f64)> {
    answer.flows.iter().map(|(flow, _)| (flow.key.as_str(), flow.estimate.value)).collect()
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
    let ask = |value, span| world.ask(question(definition("src", value), span));
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
        world.ask(question(definition, (0.0, 10.0)))
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
        let answer = world.ask(question(filtered, (50.0, 100.0)));
        assert_eq!(values(&answer), [("10.0.0.2,64", 3000.0)], "{filter}");
        assert_eq!((answer.scanned, answer.matched), (2000, 1500), "{filter}");
    }
}

#[test]
fn course_has_a_value_for_each_step() {
    let world = two_hosts();
    let one = Definition { n: 1, ..definition("src", "frames") };
    let question = question(one, (0.0, 100.0)).in_steps(Duration::from_secs(25)).unwrap();
    let answer = world.ask(question);
    assert_eq!(answer.steps, [0.0, 25.0, 50.0, 75.0].map(at));
    let [(flow, series)] = &answer.flows[..] else { panic!("{answer:?}") };
    assert_eq!((flow.key.as_str(), flow.estimate.value), ("10.0.0.2", 1500.0));
    assert_eq!(series[..], [0.0, 0.0, 3000.0, 3000.0].map(Some));
    assert_eq!(answer.other.series[..], [1000.0; 4].map(Some));
    assert_eq!(answer.total.series[..], [1000.0, 1000.0, 4000.0, 4000.0].map(Some));
    assert_eq!(answer.other.estimate.value, 1000.0);
}

#[test]
fn steps_can_begin_within_the_span() {
    let world = two_hosts();
    let question = question(definition("dst", "frames"), (40.0, 80.0));
    let question = question.in_steps(Duration::from_secs(25)).unwrap().steps_from(at(50.0));
    let answer = world.ask(question);
    assert_eq!(answer.steps, [40.0, 50.0, 75.0].map(at));
    assert_eq!(answer.flows[0].1[..], [1000.0, 4000.0, 4000.0].map(Some));
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
        let question = question(definition("dst", value), (0.0, 100.0));
        let answer = world.ask(question.in_steps(Duration::from_secs(50)).unwrap());
        assert_eq!(values(&answer), [("10.0.0.99", expected)], "{value}");
        assert_eq!(answer.flows[0].1[..], series.map(Some), "{value}");
        assert_eq!(answer.total.estimate.value, expected, "{value}");
    }
}

#[test]
fn estimates_have_the_errors_of_a_definition_over_the_same_samples() {
    let world = two_hosts();
    let answer = world.ask(question(definition("src", "bytes"), (0.0, 100.0)));
    let estimate = answer.flows[0].0.estimate;
    // 1000 equal samples: 1.96 standard errors are 6.2 %.
    assert_eq!((estimate.samples, estimate.rate, estimate.bound), (1000.0, 100.0, 0.0));
    assert!((estimate.high / 1e6 - 1.0635).abs() < 0.001, "{estimate:?}");
    assert!((estimate.low / 1e6 - 0.9403).abs() < 0.001, "{estimate:?}");
    // Three samples of 100 packets of 500 to 1000 bytes.
    let unseen = answer.unseen.unwrap();
    assert!((1500.0..3000.0).contains(&unseen), "{unseen}");
}

#[test]
fn unseen_flow_is_below_three_samples() {
    let world = two_hosts();
    let none =
        |value| Definition { filter: Some("src=10.9.9.9".to_owned()), ..definition("src", value) };
    let answer = world.ask(question(none("frames"), (0.0, 100.0)));
    assert_eq!((answer.matched, answer.found, answer.unseen), (0, 0, Some(3.0)));
    assert_eq!(world.ask(question(none("bytes"), (0.0, 100.0))).unseen, Some(3000.0));
    // Without samples nothing is known.
    assert_eq!(world.ask(question(none("frames"), (200.0, 300.0))).unseen, None);
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
        let question = question(merged, (0.0, 100.0)).in_steps(Duration::from_secs(50)).unwrap();
        let answer = world.ask(question);
        assert_eq!(values(&answer), [("10.0.0.1", expected)], "{mode:?}");
        assert_eq!(answer.total.estimate.value, expected, "{mode:?}");
        assert_eq!(answer.flows[0].1[..], [expected; 2].map(Some), "{mode:?}");
        assert_eq!(answer.flows[0].0.observers, 3);
    }
    let second = AgentList::Named { addresses: vec![agent(2)], names: Vec::new() };
    let answer = world.ask(question(definition("agent", "frames"), (0.0, 100.0)).of(second));
    assert_eq!(values(&answer), [("192.0.2.2", 1000.0)]);
    assert_eq!(answer.flows[0].0.source.agent, agent(2));
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
    let answer = world.ask(question(definition("src", "frames"), (0.0, 2000.0)));
    assert_eq!(answer.from, history.begin());
    let rate = answer.flows[0].0.estimate.value;
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
    let answer = world.ask(question(definition("src", "frames"), (0.0, 10_800.0)));
    let begin = answer.from.since(Instant::default()).as_secs_f64();
    assert!((6900.0..7260.0).contains(&begin), "{begin}");
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
    let question = question(definition("src,bytes", "frames"), (0.0, 300.0));
    let held = world.analyzer.history().held(at(0.0), at(300.0));
    let (question, stop) = (question.within(&held), AtomicBool::new(false));
    let scans = held.split().map(|part| question.scan(&part, 64 << 10, &stop).unwrap());
    let answer = question.answer(&scans, &stop).unwrap();
    assert_eq!((answer.scanned, answer.matched), (30_000, 30_000));
    assert_eq!(answer.flows[0].0.key, "10.0.0.1,1000");
    for (flow, _) in &answer.flows {
        let (true_value, estimate) = (truth[&flow.key], flow.estimate);
        assert!(estimate.value <= true_value + 1e-9, "{flow:?}");
        assert!(true_value <= estimate.value + estimate.bound + 1e-9, "{true_value} {flow:?}");
    }
    // The largest was never evicted, most others were.
    assert_eq!(answer.flows[0].0.estimate.bound, 0.0);
    assert!(answer.flows.iter().any(|(flow, _)| flow.estimate.bound > 0.0));
    // A flow that was evicted may have had more than three samples.
    assert!(answer.unseen.is_some_and(|unseen| unseen > 1.0), "{:?}", answer.unseen);
    // Nothing is missing from the total: 100 samples a second.
    assert!((answer.total.estimate.value - 1e4).abs() < 1e-6, "{:?}", answer.total);
}

#[test]
fn question_ends_early_when_it_is_stopped() {
    let world = two_hosts();
    let held = world.analyzer.history().held(at(0.0), at(100.0));
    let question = question(definition("src", "frames"), (0.0, 100.0));
    let question = question.in_steps(Duration::from_secs(10)).unwrap().within(&held);
    let stop = |set| AtomicBool::new(set);
    assert!(question.scan(&held, 1 << 20, &stop(true)).is_none());
    let scans = [question.scan(&held, 1 << 20, &stop(false)).unwrap()];
    assert!(question.answer(&scans, &stop(true)).is_none());
}

#[test]
fn definition_and_question_about_the_same_time_agree() {
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
    let query = Query {
        agents: &AgentList::All,
        topology: &Lookup::default().topology,
        agg_mode: None,
        max_flows: 100,
        min_value: 0.0,
    };
    let live: Vec<ActiveFlow> = snapshot.active(&query);
    let answer = world.ask(question(steady, (50.0, 100.0)));
    assert_eq!(answer.flows.len(), live.len());
    for ((past, _), live) in answer.flows.iter().zip(&live) {
        assert_eq!((&past.key, past.source), (&live.key, live.source));
        let ratio = past.estimate.value / live.estimate.value;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }
}

#[test]
fn questions_without_an_answer_are_refused() {
    let new = |definition, to| Question::new(definition, Lookup::default(), at(1.0), at(to)).err();
    let key = new(definition("nosuchkey", "bytes"), 2.0);
    assert!(matches!(key, Some(QuestionError::Definition(DefinitionError::Syntax { .. }))));
    assert_eq!(new(definition("src", "bytes"), 1.0), Some(QuestionError::Empty));
    let wide = Definition { n: 10_000, ..definition("src", "bytes") };
    let steps =
        |seconds| question(wide.clone(), (0.0, 300.0)).in_steps(Duration::from_secs(seconds));
    assert!(steps(11).is_ok());
    assert_eq!(steps(10).err(), Some(QuestionError::TooManySteps(29)));
}
