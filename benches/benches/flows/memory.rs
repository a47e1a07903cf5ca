//! Resident memory of an analyzer by the number of agents, ports and flow definitions.
//!
//! Each row is measured in a process of its own, because memory that is released does not always return
//! to the system.

use std::process::Command;

use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowSample, Interface,
    SampleMeta,
};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::{Arrival, Instant};

use crate::trace;

/// What there are several of, and the most of it.
const KINDS: [(&str, u32); 3] = [("agents", 10_000), ("ports", 10_000), ("definitions", 1000)];

/// Prints the table.
pub(crate) fn compare() {
    println!("kB of resident memory");
    for (kind, most) in KINDS {
        for number in [10, 100, 1000, 10_000].into_iter().filter(|number| *number <= most) {
            let program = std::env::current_exe().expect("the path of this program");
            let row = Command::new(program).args(["memory", kind, &number.to_string()]).output();
            let text = String::from_utf8(row.expect("this program starts").stdout);
            println!("{number:>8} {kind:12}{:>10}", text.expect("a number").trim());
        }
    }
}

/// Prints the kilobytes that `number` of a kind take.
pub(crate) fn measure(kind: &str, number: u32) {
    let (agents, ports, definitions) = match kind {
        "agents" => (number, 1, 1),
        "ports" => (1, number, 1),
        _ => (1, 1, number),
    };
    let before = resident();
    let mut analyzer = Analyzer::new(MEMORY);
    for at in 0..definitions {
        let (keys, value) = ("ipsource,ipdestination".to_owned(), "bytes".to_owned());
        let definition = Definition { keys, value, ..Definition::default() };
        analyzer.define(Instant::default(), &format!("f{at}"), definition).expect("a definition");
    }
    let arrival = Arrival { time: Instant::default(), sender: None };
    for agent in 0..agents {
        for port in 1..=ports {
            analyzer.ingest(&arrival, &datagram(agent, port));
        }
    }
    println!("{}", resident() - before);
}

/// A datagram with [`FLOWS`] flow samples and the counters of a port.
fn datagram(agent: u32, port: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let head = DatagramHead {
        address: core::net::Ipv4Addr::from_bits(0x0a00_0000 + agent).into(),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    for flow in 0..FLOWS {
        let header = trace::packet(20 * (port * FLOWS + flow), 1000);
        let sample = FlowSample {
            source: DataSource::interface(port),
            meta: SampleMeta { sampling_rate: 1000, sample_pool: flow * 1000, drops: 0 },
            input: Interface::Index(port),
            output: Interface::Index(port + 1),
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: 1000,
                stripped: 4,
                header: &header,
            }),
            records: &[],
        };
        builder.flow_sample(flow, &sample).expect("room for the flows");
    }
    let counters = IfCounters { if_index: port, if_in_octets: 1, ..IfCounters::UNKNOWN };
    let sample = CounterSample { records: &[&counters, &EthernetCounters::UNKNOWN] };
    builder.counter_sample(DataSource::interface(port), 1, &sample).expect("room for counters");
    builder.finish(port, 1000).to_vec()
}

/// Kilobytes of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("every Linux has this file");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of kilobytes")
}

/// Flows at each port.
const FLOWS: u32 = 4;
/// More than any row needs.
const MEMORY: usize = 4 << 30;
