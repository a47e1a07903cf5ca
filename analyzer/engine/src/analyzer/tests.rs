use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::DataSource;

use super::*;
use crate::agents::{Account, Samples};
use crate::flowcache::AggMode;
use crate::metrics::MetricFilter;

const AGENT: Address = Address::V4(Ipv4Addr::new(192, 0, 2, 1));

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A datagram of samples, each with its format.
fn datagram(sequence: u32, samples: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut payload = words(&[5, 1, 0xc000_0201, 0, sequence, 1000, samples.len() as u32]);
    for (format, sample) in samples {
        payload.extend(words(&[*format, sample.len() as u32]));
        payload.extend(sample);
    }
    payload
}

/// A flow sample, 1 in 100, of a TCP packet of 1000 bytes from 10.0.0.1 that enters ifIndex 5.
fn flow_sample(sequence: u32) -> (u32, Vec<u8>) {
    let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let ip = [0x45, 0, 3, 0xda, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let tcp = [0xc0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 2, 4, 0, 0, 0, 0, 0];
    let mut header: Vec<u8> = [&ethernet[..], &ip[..], &tcp[..]].concat();
    let length = header.len() as u32;
    header.resize(header.len().next_multiple_of(4), 0);
    let mut sample = words(&[sequence, 5, 100, sequence * 100, 0, 5, 6, 1]);
    sample.extend(words(&[1, 16 + header.len() as u32, 1, 1000, 4, length]));
    sample.extend(header);
    (1, sample)
}

struct World {
    analyzer: Analyzer,
    flows: FlowLog,
    events: EventLog,
    sequence: u32,
    milliseconds: u64,
}

impl World {
    fn new() -> Self {
        let (flows, events) = (FlowLog::new(100), EventLog::default());
        let mut analyzer = Analyzer::new(64 << 20);
        let definition = Definition {
            keys: "ipsource,ipdestination".to_owned(),
            value: "bytes".to_owned(),
            ..Definition::default()
        };
        analyzer.define(Instant::default(), "pairs", definition).unwrap();
        Self { analyzer, flows, events, sequence: 0, milliseconds: 0 }
    }

    fn now(&self) -> Instant {
        Instant::after_start(Duration::from_millis(self.milliseconds))
    }

    /// Ten samples in each of so many tenths of a second.
    fn send(&mut self, tenths: u32) {
        for _ in 0..tenths {
            self.milliseconds += 100;
            self.sequence += 1;
            let first = self.sequence * 10;
            let samples: Vec<_> = (first..first + 10).map(flow_sample).collect();
            let arrival = Arrival { time: self.now(), sender: None };
            self.analyzer.ingest(&arrival, &datagram(self.sequence, &samples));
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.analyzer.tick(self.now(), &mut self.flows, &mut self.events);
    }
}

fn threshold(by_flow: bool) -> Threshold {
    Threshold {
        metric: "pairs".to_owned(),
        value: 5e6,
        by_flow,
        timeout: Duration::from_secs(1),
        filter: MetricFilter::default(),
        plain: false,
    }
}

#[test]
fn each_start_of_an_agent_begins_its_sequences() {
    let mut world = World::new();
    for tenths in [10, 5, 3] {
        world.milliseconds += 301_000;
        world.sequence = 0;
        world.send(tenths);
    }
    let ledger = world.analyzer.agents().get(AGENT).unwrap().ledger;
    let expected = Samples { received: 180, restarts: 2, ..Samples::default() };
    assert_eq!((ledger.flow, ledger.datagrams.gaps.restarts), (expected, 2));
}

#[test]
fn samples_of_a_copy_are_in_flows_once() {
    let mut world = World::new();
    world.send(10);
    let samples = |world: &World| world.analyzer.flows().samples().next().map(|(_, it)| it);
    assert_eq!(samples(&world), Some(100));
    let last = datagram(world.sequence, &(100..110).map(flow_sample).collect::<Vec<_>>());
    world.analyzer.ingest(&Arrival { time: world.now(), sender: None }, &last);
    let ledger = world.analyzer.agents().get(AGENT).unwrap().ledger;
    assert_eq!((samples(&world), ledger.datagrams.copies), (Some(100), 1));
}

#[test]
fn definition_is_a_metric_of_each_data_source() {
    let mut world = World::new();
    world.send(200);
    let find = |pin, name| {
        let (agents, filter) = (&AgentList::All, &MetricFilter::default());
        world.analyzer.find(world.now(), &Search { agents, pin, name, filter })
    };
    let mut found = find(None, Some("pairs"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].source.data_source, DataSource { class: 0, index: 5 });
    // 100 samples a second, each for 100 packets of 1000 bytes.
    let rate = found[0].value.number().unwrap();
    assert!((9.5e6..10.5e6).contains(&rate), "{rate}");
    let snapshot = world.analyzer.flows().snapshot(world.now(), "pairs").unwrap();
    add_top_keys(&mut found, &snapshot, world.analyzer.lookup());
    assert_eq!(found[0].top_keys[0].key, "10.0.0.1,10.0.0.2");
    assert_eq!(find(Some(DataSource { class: 0, index: 6 }), Some("pairs")), []);
    assert_eq!(find(None, None).len(), 1);
}

#[test]
fn event_follows_the_first_samples_that_clear_the_threshold() {
    for by_flow in [true, false] {
        let mut world = World::new();
        world.analyzer.set_threshold("big", threshold(by_flow));
        world.send(100);
        let events = world.events.after(None, 10, Some("big")).events;
        assert_eq!(events.len(), 1);
        let key = by_flow.then(|| "10.0.0.1,10.0.0.2".to_owned());
        assert_eq!(events[0].flow_key, key);
        assert_eq!(events[0].source.agent, AGENT);
        // 5 MB/s is reached after 1.4 s; the interval needs a little more.
        assert!(events[0].time.since(Instant::default()) < Duration::from_secs(3));
    }
}

#[test]
fn identical_threshold_keeps_what_is_above_it() {
    let mut world = World::new();
    world.analyzer.set_threshold("big", threshold(true));
    world.send(100);
    world.analyzer.set_threshold("big", threshold(true));
    world.send(10);
    assert_eq!(world.events.total(), 1);
    world.analyzer.set_threshold("big", Threshold { value: 6e6, ..threshold(true) });
    world.send(10);
    assert_eq!(world.events.total(), 2);
    assert!(world.analyzer.remove_threshold("big"));
    assert!(!world.analyzer.remove_threshold("big"));
}

#[test]
fn ledger_counts_what_was_lost_on_the_way() {
    let mut world = World::new();
    world.send(10);
    // A datagram with ten samples is lost.
    world.sequence += 1;
    world.send(10);
    let ledger = world.analyzer.agents().get(AGENT).unwrap().ledger;
    assert_eq!(
        (ledger.datagrams.received, ledger.flow.received, ledger.flow.missing),
        (20, 200, 10)
    );
    assert_eq!((ledger.datagrams.gaps.lost, ledger.datagrams.sent()), (1, 21));
    let Account { made, lost, used, .. } = ledger.account();
    assert_eq!((made, lost, used), (210, 10, 200));
}

#[test]
fn flows_of_several_analyzers_are_joined() {
    let mut worlds = [World::new(), World::new()];
    worlds.iter_mut().for_each(|world| world.send(200));
    let snapshots = worlds.map(|world| world.analyzer.flows().snapshot(world.now(), "pairs"));
    let [Some(mut all), Some(other)] = snapshots else { panic!() };
    all.join(other);
    assert_eq!(keys(&all).len(), 1);
}

/// The keys of all flows.
fn keys(snapshot: &Snapshot) -> Vec<String> {
    let query = crate::flowcache::Query {
        agents: &AgentList::All,
        topology: &Default::default(),
        agg_mode: Some(AggMode::Max),
        max_flows: 10,
        min_value: 0.0,
    };
    snapshot.active(&query).into_iter().map(|flow| flow.key).collect()
}

/// A string of a multiple of four bytes.
fn string(text: &str) -> Vec<u8> {
    [words(&[text.len() as u32]), text.as_bytes().to_vec()].concat()
}

/// A counter sample of records, each with its format.
fn counter_sample(sequence: u32, source: u32, records: &[(u32, Vec<u8>)]) -> (u32, Vec<u8>) {
    let mut sample = words(&[sequence, source, records.len() as u32]);
    for (format, record) in records {
        sample.extend(words(&[*format, record.len() as u32]));
        sample.extend(record);
    }
    (2, sample)
}

#[test]
fn keys_read_the_names_that_agents_report() {
    let mut world = World::new();
    let definition = Definition {
        keys: "ifname:inputifindex,host:macsource:vir_host_name".to_owned(),
        value: "frames".to_owned(),
        ..Definition::default()
    };
    world.analyzer.define(Instant::default(), "named", definition).unwrap();
    world.send(1);
    let named =
        |world: &World| keys(&world.analyzer.flows().snapshot(world.now(), "named").unwrap());
    assert_eq!(named(&world), [""; 0]);
    // A virtual machine has the source address of the packets.
    let description = [string("vm01"), words(&[0, 0, 0, 0, 3, 2]), string("6.12")].concat();
    let adapters = words(&[1, 0, 1, 0x0200_0000, 0x0001_0000]);
    let machine = [(2000, description), (2001, adapters)];
    let samples =
        [counter_sample(1, 5, &[(1005, string("eth5"))]), counter_sample(1, 3 << 24 | 7, &machine)];
    world.sequence += 1;
    let arrival = Arrival { time: world.now(), sender: None };
    world.analyzer.ingest(&arrival, &datagram(world.sequence, &samples));
    world.send(1);
    assert_eq!(named(&world), ["eth5,vm01"]);
}

#[test]
fn keys_of_packets_are_listed() {
    let mut world = World::new();
    assert_eq!(world.analyzer.flow_keys().count(), 0);
    world.send(2);
    let keys: Vec<_> = world.analyzer.flow_keys().collect();
    let seen = |name| keys.iter().find(|(key, _)| *key == name).map(|(_, seen)| *seen);
    assert_eq!(seen("ipsource"), Some(world.now()));
    assert_eq!(seen("tcpdestinationport"), Some(world.now()));
    assert_eq!(seen("udpdestinationport"), None);
    assert_eq!(seen("ip6source"), None);
}

#[test]
fn thresholds_on_counters_take_turns() {
    let mut world = World::new();
    let speed = [1, 88, 5, 6, 0, 1_000_000_000, 1, 3].iter().copied().chain([0; 16]);
    let speed: Vec<u32> = speed.skip(2).collect();
    let counters = counter_sample(1, 5, &[(1, words(&speed))]);
    world.sequence += 1;
    let arrival = Arrival { time: world.now(), sender: None };
    world.analyzer.ingest(&arrival, &datagram(world.sequence, &[counters]));
    for name in ["a", "b", "c", "d", "e", "f"] {
        let metric = "ifspeed".to_owned();
        world.analyzer.set_threshold(name, Threshold { metric, value: 1.0, ..threshold(false) });
    }
    let mut found = Vec::new();
    for _ in 0..5 {
        world.milliseconds += 50;
        world.tick();
        found.push(world.events.total());
    }
    // All within half a second, and none again.
    assert_eq!(found, [2, 4, 6, 6, 6]);
    (0..40).for_each(|_| {
        world.milliseconds += 50;
        world.tick();
    });
    assert_eq!(world.events.total(), 6);
}
