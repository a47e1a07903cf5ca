//! The measured cases: short loops around one call each, as a platform makes it.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::counter::{IfCounters, PortName};
use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSample, DataSource, DatagramBuilder, DatagramHead,
    Duration, Encoding, FlowRecord, FlowSample, Instant, Interface, MAX_SAMPLING_RATE, SampleMeta,
    Sampler, SourceSlot,
};

use crate::analyzer::{
    analyze_flow_samples, read_counter_samples, read_flow_samples, walk_counter_samples,
    walk_flow_samples,
};

/// A measured case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name in tables and on command lines.
    pub name: &'static str,
    /// Unit of the figures.
    pub unit: &'static str,
    /// Units per repetition.
    pub units: u32,
    /// Runs this number of repetitions, after a preparation that does not depend on the number.
    pub repeat: fn(u32),
}

/// All cases.
pub const CASES: [Case; 14] = [
    Case { name: "unsampled-single", unit: "packet", units: 1, repeat: unsampled::<1> },
    Case { name: "unsampled-burst-64", unit: "packet", units: 64, repeat: unsampled::<64> },
    Case { name: "sampled", unit: "packet", units: 1, repeat: sampled },
    Case { name: "encode-flow-sample", unit: "sample", units: 1, repeat: encode_flow_sample },
    Case { name: "flow-sample", unit: "sample", units: 1, repeat: flow_sample },
    Case { name: "flow-sample-vlan-time", unit: "sample", units: 1, repeat: flow_sample_vlan_time },
    Case { name: "flow-sample-500-ports", unit: "sample", units: 1, repeat: flow_sample_500_ports },
    Case { name: "counter-sample", unit: "sample", units: 1, repeat: counter_sample },
    Case { name: "datagram", unit: "datagram", units: 1, repeat: datagram },
    Case { name: "read-flow-samples", unit: "sample", units: 6, repeat: read_flow_samples },
    Case { name: "read-counter-samples", unit: "sample", units: 4, repeat: read_counter_samples },
    Case { name: "walk-flow-samples", unit: "sample", units: 6, repeat: walk_flow_samples },
    Case { name: "walk-counter-samples", unit: "sample", units: 4, repeat: walk_counter_samples },
    Case { name: "analyze-flow-samples", unit: "sample", units: 6, repeat: analyze_flow_samples },
];

/// Packets that are not chosen, in bursts of `BURST`.
#[inline(never)]
fn unsampled<const BURST: u32>(times: u32) {
    let mut sampler = Sampler::new(MAX_SAMPLING_RATE, 1);
    for _ in 0..times {
        if let Some(taken) = sampler.advance(black_box(BURST)) {
            black_box(taken);
        }
    }
    black_box(sampler.meta());
}

/// Packets that are all chosen: the cost of drawing a skip.
#[inline(never)]
fn sampled(times: u32) {
    let mut sampler = Sampler::new(1, 1);
    for _ in 0..times {
        if sampler.advance(black_box(1)).is_some() {
            black_box(sampler.meta());
        }
    }
}

/// Encoding alone: flow samples with 128 header bytes, forty per datagram, so that the datagram
/// header hardly counts.
#[inline(never)]
fn encode_flow_sample(times: u32) {
    let header = [0x5a; 128];
    let sample = flow_sample_of(1, &header, &[]);
    let mut buffer = [0; 8192];
    let head = DatagramHead { max_bytes: buffer.len(), ..HEAD };
    let mut datagram = DatagramBuilder::new(&mut buffer, head);
    for _ in 0..times / 40 {
        datagram.restart(head);
        for sequence in 0..40 {
            datagram.flow_sample(sequence, black_box(&sample)).expect("forty fit");
        }
        black_box(datagram.finish(1, 0));
    }
}

/// Flow samples with 128 header bytes, six per datagram, which is lent out when it is full.
#[inline(never)]
fn flow_sample(times: u32) {
    flow_samples(times, 2, &[]);
}

/// Flow samples as above, with the records that Linux adds for a tagged packet.
#[inline(never)]
fn flow_sample_vlan_time(times: u32) {
    let vlan = ExtendedSwitch {
        src_vlan: Some(100),
        src_priority: Some(0),
        dst_vlan: Some(100),
        dst_priority: Some(0),
    };
    let time = ExtendedTimestamp { nanoseconds: 1_700_000_000_000_000_000 };
    flow_samples(times, 2, &[&vlan, &time]);
}

/// Flow samples without further records, from all ports of a large switch in turn.
#[inline(never)]
fn flow_sample_500_ports(times: u32) {
    flow_samples(times, 500, &[]);
}

/// Counter samples with the counters of an interface and its name.
#[inline(never)]
fn counter_sample(times: u32) {
    let counters = IfCounters { if_index: 1, if_speed: 10_000_000_000, ..IfCounters::UNKNOWN };
    let name = PortName { name: "enp3s0" };
    let records: &[&dyn CounterRecord] = &[&counters, &name];
    with_agent(1, |agent| {
        let source = DataSource::interface(1);
        for _ in 0..times {
            let sample = CounterSample { records: black_box(records) };
            while agent.handle_counters(NOW, black_box(source), &sample).is_err() {
                lend(agent);
            }
            lend(agent);
        }
    });
}

/// Whole datagrams of six flow samples.
#[inline(never)]
fn datagram(times: u32) {
    flow_samples(times.saturating_mul(6), 2, &[]);
}

fn flow_samples(times: u32, ports: u32, records: &[&dyn FlowRecord]) {
    let header = [0x5a; 128];
    let mut sample = flow_sample_of(1, &header, records);
    with_agent(ports, |agent| {
        let mut port = 0;
        for _ in 0..times {
            port = if port == ports { 1 } else { port + 1 };
            sample.source = DataSource::interface(port);
            while agent.handle_flow_sample(NOW, black_box(&sample)).is_err() {
                lend(agent);
            }
            lend(agent);
        }
    });
}

fn flow_sample_of<'a>(
    port: u32,
    header: &'a [u8],
    records: &'a [&'a dyn FlowRecord],
) -> FlowSample<'a> {
    FlowSample {
        source: DataSource::interface(port),
        meta: SampleMeta { sampling_rate: 400, sample_pool: 0, drops: 0 },
        input: Interface::Index(port),
        output: Interface::Internal,
        header: Some(SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: 1518,
            stripped: 4,
            header,
        }),
        records,
    }
}

/// The contract of the agent: after every `handle_*`, call `poll_transmit` until it returns `None`.
fn lend(agent: &mut Agent<'_>) {
    while let Some(datagram) = agent.poll_transmit(NOW) {
        black_box(datagram);
    }
}

fn with_agent(ports: u32, measure: impl FnOnce(&mut Agent<'_>)) {
    let config = AgentConfig {
        head: HEAD,
        header_bytes: 128,
        max_delay: Duration::from_millis(100),
        discard_limit: 10,
        seed: 1,
    };
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 500], [0; 1400]);
    let mut agent = Agent::new(config, &mut sources, &mut buffer);
    for port in 1..=ports {
        let added = agent.add_source(NOW, DataSource::interface(port), Duration::ZERO);
        added.expect("500 places");
    }
    measure(black_box(&mut agent));
}

const HEAD: DatagramHead = DatagramHead {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    sub_agent_id: 0,
    encoding: Encoding::Compact,
    max_bytes: 1400,
};

const NOW: Instant = Instant::from_millis(5_000);
