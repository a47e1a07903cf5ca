use std::collections::BTreeMap;

use super::*;
use crate::lookup::{Link, Node};

/// Adds samples of one flow for ten seconds; the rate is then 100 times 10 packets per second.
fn steady(bench: &mut Bench, samples: &[Observed], host: u32) {
    for tenth in 0..100 {
        for sample in samples {
            bench.ingest(f64::from(tenth) / 10.0, sample, &ipv4(host, 1000));
        }
    }
}

fn values(bench: &Bench, mode: AggMode, topology: &Topology) -> Vec<(f64, usize)> {
    let flows = active(&bench.snapshot(10.0), mode, topology);
    // 100/t·(e^-0.05 + … + e^-5).
    let flows = flows.iter().map(|flow| (flow.estimate.value / 968.0, flow.observers));
    flows.map(|(value, observers)| ((value * 10.0).round() / 10.0, observers)).collect()
}

const NONE: fn() -> Topology = Topology::default;

#[test]
fn packet_seen_when_it_enters_and_leaves_an_agent_counts_once_in_the_sum() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    let both = [sampled(agent(1), 1, (1, 2), 100), sampled(agent(1), 2, (1, 2), 100)];
    steady(&mut bench, &both, 7);
    assert_eq!(values(&bench, AggMode::Sum, &NONE()), [(1.0, 2)]);
    assert_eq!(values(&bench, AggMode::Max, &NONE()), [(1.0, 2)]);
}

#[test]
fn sum_adds_agents_and_packets_that_only_the_output_samples() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    let samples = [
        sampled(agent(1), 1, (1, 2), 100),
        // Port 7 is not sampled.
        sampled(agent(1), 2, (7, 2), 100),
        sampled(agent(2), 1, (1, 2), 100),
    ];
    steady(&mut bench, &samples, 7);
    assert_eq!(values(&bench, AggMode::Sum, &NONE()), [(3.0, 3)]);
    assert_eq!(values(&bench, AggMode::Max, &NONE()), [(1.0, 3)]);
}

#[test]
fn all_passages_at_a_data_source_count_for_a_limit() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    let mut samples = vec![sampled(agent(1), 1, (1, 2), 100); 8];
    // Packets that leave by the port are less than a third of the limit.
    samples.extend([sampled(agent(1), 1, (7, 1), 100); 3]);
    steady(&mut bench, &samples, 7);
    let above = |limit| bench.cache.above(at(10.0), "flow", limit * 968.0);
    let [(source, key, estimate)] = &above(10.0)[..] else { panic!("{:?}", above(10.0)) };
    assert_eq!((*source, key.as_str()), (samples[0].source, "10.0.0.7"));
    assert_eq!((estimate.value / 968.0).round(), 11.0);
    assert_eq!(above(11.5), []);
}

#[test]
fn max_takes_both_directions_of_the_best_data_source() {
    let mut bench = Bench::new(definition("ipprotocol", "frames"));
    let samples = [
        sampled(agent(1), 1, (1, 2), 100),
        sampled(agent(1), 1, (2, 1), 100),
        sampled(agent(2), 5, (5, 6), 100),
    ];
    steady(&mut bench, &samples, 7);
    let snapshot = bench.snapshot(10.0);
    let flows = active(&snapshot, AggMode::Max, &NONE());
    assert_eq!((flows.len(), flows[0].source, flows[0].observers), (1, samples[0].source, 2));
    assert_eq!(values(&bench, AggMode::Max, &NONE()), [(2.0, 2)]);
}

/// Agents 1 and 2 are joined by two links at ports 8 and 9; all other ports are edge.
fn two_switches() -> Topology {
    let node = |last| Node {
        agent: Some(agent(last)),
        ports: BTreeMap::from([("a".into(), 8), ("b".into(), 9)]),
        ..Node::default()
    };
    let nodes = BTreeMap::from([("s1".to_owned(), node(1)), ("s2".to_owned(), node(2))]);
    let link = |port: &str| Link {
        node1: "s1".into(),
        port1: port.into(),
        node2: "s2".into(),
        port2: port.into(),
    };
    Topology::new(nodes, BTreeMap::from([("x".into(), link("a")), ("y".into(), link("b"))]))
        .unwrap()
}

#[test]
fn edge_and_core_count_a_packet_once_on_its_way() {
    let mut bench = Bench::new(definition("ipprotocol", "frames"));
    // From port 1 of the first switch by both links to port 1 of the second; all ports sample packets
    // that enter and packets that leave.
    let mut samples = Vec::new();
    for link in [8, 9] {
        samples.push(sampled(agent(1), 1, (1, link), 100));
        samples.push(sampled(agent(1), link, (1, link), 100));
        samples.push(sampled(agent(2), link, (link, 1), 100));
        samples.push(sampled(agent(2), 1, (link, 1), 100));
    }
    steady(&mut bench, &samples, 7);
    let topology = two_switches();
    assert_eq!(values(&bench, AggMode::Edge, &topology), [(2.0, 6)]);
    assert_eq!(values(&bench, AggMode::Core, &topology), [(2.0, 6)]);
    // Each switch counts the packet once.
    assert_eq!(values(&bench, AggMode::Sum, &topology), [(4.0, 6)]);
    assert_eq!(values(&bench, AggMode::Edge, &NONE()), []);
}

#[test]
fn agents_select_observers() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    steady(&mut bench, &[sampled(agent(1), 1, (1, 2), 100)], 7);
    steady(&mut bench, &[sampled(agent(2), 1, (1, 2), 100)], 8);
    let snapshot = bench.snapshot(10.0);
    let topology = NONE();
    let query = |agents| Query {
        agents,
        topology: &topology,
        agg_mode: None,
        max_flows: 100,
        min_value: 0.0,
    };
    let keys = |query: &Query<'_>| {
        snapshot.active(query).into_iter().map(|flow| flow.key).collect::<Vec<_>>()
    };
    let (second, both) = (AgentList::parse("192.0.2.2"), AgentList::parse("192.0.2.1;192.0.2.2"));
    assert_eq!(keys(&query(&second)), ["10.0.0.8"]);
    assert_eq!(keys(&query(&both)).len(), 2);
    assert_eq!(keys(&Query { max_flows: 1, ..query(&both) }).len(), 1);
    assert_eq!(keys(&Query { min_value: 1e9, ..query(&both) }).len(), 0);
}

#[test]
fn locations_are_all_data_sources_that_see_a_key() {
    let mut bench = Bench::new(definition("ipsource,ipdestination", "frames"));
    let samples = [
        sampled(agent(1), 1, (1, 2), 100),
        sampled(agent(1), 2, (1, 2), 100),
        sampled(agent(2), 3, (3, 4), 300),
    ];
    steady(&mut bench, &samples, 7);
    steady(&mut bench, &samples[..1], 8);
    let find = |key| bench.snapshot(10.0).locations(&AgentList::All, &NONE(), key);
    let sources: Vec<Source> = find("10.0.0.7,10.0.0.99").iter().map(|flow| flow.source).collect();
    assert_eq!(sources[0], samples[2].source);
    assert_eq!(sources.len(), 3);
    for absent in ["10.0.0.7", "10.0.0.7,10.0.0.9", "10.0.0.7,10.0.0.999", ""] {
        assert!(find(absent).is_empty(), "{absent}");
    }
}

#[test]
fn top_keys_of_each_data_source_are_limited_and_in_order() {
    let mut bench = Bench::new(Definition { n: 2, ..definition("ipsource", "frames") });
    for (host, rate) in [(1, 100), (2, 300), (3, 200)] {
        bench.ingest(1.0, &sampled(agent(1), 1, (1, 2), rate), &ipv4(host, 1000));
    }
    bench.ingest(1.0, &sampled(agent(2), 1, (1, 2), 50), &ipv4(4, 1000));
    let mut flows = bench.snapshot(1.0).top_keys(&AgentList::All, &NONE(), None);
    flows.sort_by_key(|flows| flows.source);
    let keys = |at: usize| flows[at].keys.iter().map(|top| &*top.key).collect::<Vec<_>>();
    assert_eq!(keys(0), ["10.0.0.2", "10.0.0.3"]);
    assert_eq!(keys(1), ["10.0.0.4"]);
    near(flows[0].total.value, 600.0 / 2.0);
    near(flows[0].keys[0].estimate.value, 300.0 / 2.0);
}

/// Flows of random sizes, the larger ones rarer, at ports of three agents.
fn filled(both_ways: bool, definition: Definition) -> Bench {
    let (mut bench, mut random) = (Bench::new(definition), Random::new(3));
    for _ in 0..20_000 {
        let host = (1.0 / (random.uniform() + 1e-4)) as u32 * 7 + (random.uniform() * 7.0) as u32;
        let (last, port) =
            (1 + (random.uniform() * 3.0) as u8, 1 + (random.uniform() * 2.0) as u32);
        let leaves = both_ways && random.uniform() < 0.5;
        let ports = if leaves { (9, port) } else { (port, 9) };
        let time = random.uniform() * 5.0;
        bench.ingest(time, &sampled(agent(last), port, ports, 100), &ipv4(host, 1000));
    }
    bench
}

#[test]
fn copy_of_the_largest_flows_has_what_a_complete_one_has() {
    let (topology, third) = (Topology::default(), AgentList::parse("192.0.2.3"));
    for both_ways in [false, true] {
        let bench = filled(both_ways, definition("ipsource", "frames"));
        let complete = bench.snapshot(5.0);
        let mut fast = 0;
        for agents in [&AgentList::All, &third] {
            for mode in [AggMode::Max, AggMode::Sum] {
                for (max_flows, min_value) in [(1, 0.0), (10, 0.0), (50, 0.0), (200, 1e4)] {
                    let agg_mode = Some(mode);
                    let query =
                        Query { agents, topology: &topology, agg_mode, max_flows, min_value };
                    let copy = bench.cache.snapshot_largest(at(5.0), "flow", &query).unwrap();
                    if let Some(flows) = copy.active_of_largest(&query) {
                        let places = |flows: &[ActiveFlow]| {
                            let of = |it: &ActiveFlow| (it.estimate.value, it.observers);
                            flows.iter().map(of).collect::<Vec<_>>()
                        };
                        assert_eq!(places(&flows), places(&complete.active(&query)), "{query:?}");
                        fast += 1;
                    }
                }
            }
        }
        assert!(fast >= 8, "{fast} of 16 without a complete copy");
    }
}

#[test]
fn flows_of_equal_size_in_parts_need_a_complete_copy() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    for host in 0..1000 {
        bench.ingest(1.0, &entering(100), &ipv4(host, 1000));
    }
    // Some other flow could have two parts too.
    bench.ingest(1.0, &sampled(agent(1), 1, (2, 1), 100), &ipv4(7, 1000));
    let (agents, topology) = (AgentList::All, Topology::default());
    let query = |min_value| Query {
        agents: &agents,
        topology: &topology,
        agg_mode: None,
        max_flows: 10,
        min_value,
    };
    let flows = |min_value| {
        let query = query(min_value);
        bench.cache.snapshot_largest(at(1.0), "flow", &query).unwrap().active_of_largest(&query)
    };
    assert_eq!(flows(0.0), None);
    assert_eq!(flows(101.0), Some(Vec::new()));
}

#[test]
fn copy_of_top_keys_has_those_of_each_data_source() {
    for both_ways in [false, true] {
        let bench = filled(both_ways, Definition { n: 3, ..definition("ipsource", "frames") });
        let keys = |snapshot: Snapshot| {
            let mut sources = snapshot.top_keys(&AgentList::All, &Topology::default(), None);
            sources.sort_by_key(|flows| flows.source);
            let values = |flows: &SourceFlows| {
                flows.keys.iter().map(|top| top.estimate.value).collect::<Vec<_>>()
            };
            sources.iter().map(|it| (it.source, values(it))).collect::<Vec<_>>()
        };
        let copy = bench.cache.snapshot_top_keys(at(5.0), "flow").unwrap();
        let expected = keys(bench.snapshot(5.0));
        assert_eq!(keys(copy), expected);
        for flows in &expected {
            let copy = bench.cache.snapshot_source(at(5.0), "flow", &flows.0).unwrap();
            assert!(keys(copy).contains(flows));
        }
    }
}

#[test]
fn snapshots_of_two_caches_are_joined() {
    let mut first = Bench::new(definition("ipsource", "frames"));
    let mut second = Bench::new(definition("ipsource", "frames"));
    // Landmarks of different ages.
    second.ingest(0.0, &sampled(agent(2), 3, (3, 4), 1), &ipv4(9, 1000));
    first.ingest(500.0, &sampled(agent(1), 1, (1, 2), 100), &ipv4(7, 1000));
    second.ingest(500.0, &sampled(agent(2), 1, (1, 2), 300), &ipv4(7, 1000));
    let mut joined = first.snapshot(501.0);
    joined.join(second.snapshot(501.0));
    let flows = active(&joined, AggMode::Sum, &NONE());
    near(flows[0].estimate.value, 200.0 * (-0.5_f64).exp());
    assert_eq!((flows[0].source.agent, flows[0].observers), (agent(2), 2));
}
