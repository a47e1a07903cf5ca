mod batch;
mod counted;
mod definitions;
mod log;
mod memory;
mod merge;
mod truth;
mod values;

use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{Address, DataSource, Datagram, Interface, Sample as Decoded};

use super::*;
use crate::flowcache::random::Random;
use crate::flowcache::snapshot::{ActiveFlow, Query};
use crate::flowcache::sources::Ports;
use crate::flowcache::{AggMode, SampleCounters, Snapshot, SourceFlows};
use crate::lookup::{Lookup, Topology};
use crate::source::AgentList;

pub(super) fn at(seconds: f64) -> Instant {
    Instant::after_start(Duration::from_secs_f64(seconds))
}

pub(super) fn definition(keys: &str, value: &str) -> Definition {
    Definition { keys: keys.into(), value: value.into(), ..Definition::default() }
}

pub(super) fn agent(last: u8) -> Address {
    Address::V4(Ipv4Addr::new(192, 0, 2, last))
}

/// A datagram of one flow sample with one record.
pub(super) fn datagram(number: u32, record: &[u32]) -> Vec<u8> {
    let record = [&[number, 4 * record.len() as u32], record].concat();
    let sample = [&[1, 5, 100, 1000, 0, 5, 9, 1], &record[..]].concat();
    let header = [5, 1, 0xc000_0201, 0, 1, 1000, 1, 1, 4 * sample.len() as u32];
    header.iter().chain(&sample).flat_map(|word| word.to_be_bytes()).collect()
}

/// `sampled_ipv4` (3) of `length` bytes from 10.0.0.`host` to 10.0.0.99.
pub(super) fn ipv4(host: u32, length: u32) -> Vec<u8> {
    datagram(3, &[length, 6, 0x0a00_0000_u32.wrapping_add(host), 0x0a00_0063, 40_000, 443, 0x10, 0])
}

/// Calls `use_it` with the packet of a datagram.
pub(super) fn with_packet<T>(datagram: &[u8], use_it: impl FnOnce(&Packet<'_>) -> T) -> T {
    let datagram = Datagram::parse(datagram).expect("a datagram");
    match datagram.samples().next() {
        Some(Ok(Decoded::Flow(sample))) => use_it(&Packet::flow(datagram.agent_address, &sample)),
        other => panic!("{other:?}"),
    }
}

/// A sample at a port, of a packet that enters and leaves by these ports.
pub(super) fn sampled(agent: Address, port: u32, ports: (u32, u32), rate: u32) -> Observed {
    let source = Source { agent, data_source: DataSource { class: 0, index: port } };
    let interface = |value| Interface { format: 0, value };
    let ports = Ports { input: interface(ports.0), output: interface(ports.1) };
    Observed { ports: Some(ports), ..Observed::other(source, rate) }
}

/// A sample of a packet that enters by port 1 of agent 1.
pub(super) fn entering(rate: u32) -> Observed {
    sampled(agent(1), 1, (1, 2), rate)
}

pub(super) struct Bench {
    pub(super) cache: FlowCache,
    pub(super) log: FlowLog,
}

impl Bench {
    pub(super) fn new(definition: Definition) -> Self {
        Self::with_memory(definition, 64 << 20)
    }

    pub(super) fn with_memory(definition: Definition, bytes: usize) -> Self {
        let mut cache = FlowCache::new(bytes);
        cache.define(at(0.0), "flow", definition).expect("a definition");
        Self { cache, log: FlowLog::new(1000) }
    }

    pub(super) fn ingest(&mut self, seconds: f64, sample: &Observed, datagram: &[u8]) {
        let lookup = Lookup::default();
        with_packet(datagram, |packet| {
            self.cache.batch(at(seconds)).ingest(sample, packet, &Context::new(&lookup));
        });
    }

    pub(super) fn snapshot(&self, seconds: f64) -> Snapshot {
        self.cache.snapshot(at(seconds), "flow").expect("defined")
    }

    pub(super) fn active(&self, seconds: f64) -> Vec<ActiveFlow> {
        active(&self.snapshot(seconds), AggMode::Max, &Topology::default())
    }
}

pub(super) fn active(snapshot: &Snapshot, mode: AggMode, topology: &Topology) -> Vec<ActiveFlow> {
    snapshot.active(&Query {
        agents: &AgentList::All,
        topology,
        agg_mode: Some(mode),
        max_flows: 100,
        min_value: 0.0,
    })
}

pub(super) fn near(got: f64, expected: f64) {
    assert!((got / expected - 1.0).abs() < 1e-6, "{got} instead of {expected}");
}
