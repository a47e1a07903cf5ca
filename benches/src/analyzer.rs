//! The cases of the analyzer: decoder, and the walk of the engine with its checks.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use flowmote_core::record::counter::{EthernetCounters, IfCounters as CoreIfCounters};
use flowmote_core::record::flow::{ExtendedSwitch, HeaderProtocol, SampledHeader as CoreHeader};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowSample, Interface,
    SampleMeta,
};
use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::{Datagram, Sample};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::{Arrival, Instant, Sink, Tally, walk};

/// Datagrams of six flow samples: rate, ports, frame length and 5-tuple of each.
#[inline(never)]
pub(crate) fn read_flow_samples(times: u32) {
    let payload = flow_samples();
    for _ in 0..times {
        let Ok(datagram) = Datagram::parse(black_box(&payload)) else { continue };
        for sample in datagram.samples().flatten() {
            let Sample::Flow(sample) = sample else { continue };
            black_box((sample.sampling_rate, sample.input.port(), sample.output.port()));
            let records = sample.records().flatten();
            for header in records.filter_map(|record| record.read::<SampledHeader<'_>>()) {
                black_box((header.frame_length, header.five_tuple()));
            }
        }
    }
}

/// Datagrams of four counter samples: index and octets of each interface.
#[inline(never)]
pub(crate) fn read_counter_samples(times: u32) {
    let payload = counter_samples();
    for _ in 0..times {
        let Ok(datagram) = Datagram::parse(black_box(&payload)) else { continue };
        for sample in datagram.samples().flatten() {
            let Sample::Counters(sample) = sample else { continue };
            let records = sample.records().flatten();
            for counters in records.filter_map(|record| record.read::<IfCounters>()) {
                black_box((counters.if_index, counters.if_in_octets, counters.if_out_octets));
            }
        }
    }
}

/// Datagrams of six flow samples through the engine: sequence numbers, faults, plausibility.
#[inline(never)]
pub(crate) fn walk_flow_samples(times: u32) {
    walk_over(times, flow_samples());
}

/// Datagrams of four counter samples through the engine.
#[inline(never)]
pub(crate) fn walk_counter_samples(times: u32) {
    walk_over(times, counter_samples());
}

fn walk_over(times: u32, mut payload: Vec<u8>) {
    let (mut tally, mut checks) = (Tally::default(), Checks);
    let arrival = Arrival { time: Instant::default(), sender: Some(HEAD.address) };
    for number in 0..times {
        // The sequence number of the datagram, so that none is a duplicate.
        payload[16..20].copy_from_slice(&number.to_be_bytes());
        walk(&arrival, black_box(&payload), &mut tally, &mut checks);
    }
    black_box(&tally);
}

/// Datagrams of six flow samples through an analyzer with three definitions: checks, ledger, keys,
/// entries and totals.
#[inline(never)]
pub(crate) fn analyze_flow_samples(times: u32) {
    let mut payload = flow_samples();
    let mut analyzer = Analyzer::new(64 << 20);
    for (name, keys, value) in DEFINITIONS {
        let (keys, value) = (keys.to_owned(), value.to_owned());
        let definition = Definition { keys, value, t: 10.0, ..Definition::default() };
        analyzer.define(Instant::default(), name, definition).expect("a definition");
    }
    let size = (payload.len() - HEADER) / 6;
    for number in 0..times {
        let micros = u64::from(number) * 20;
        let time = Instant::after_start(Duration::from_micros(micros));
        payload[16..20].copy_from_slice(&number.to_be_bytes());
        for (at, sample) in payload[HEADER..].chunks_exact_mut(size).enumerate() {
            let sequence = number * 6 + at as u32;
            sample[8..12].copy_from_slice(&sequence.to_be_bytes());
            sample[20..24].copy_from_slice(&sequence.wrapping_mul(400).to_be_bytes());
        }
        analyzer.ingest(&Arrival { time, sender: Some(HEAD.address) }, black_box(&payload));
    }
    black_box(&analyzer);
}

/// Name, keys and value of three definitions.
pub const DEFINITIONS: [(&str, &str, &str); 3] = [
    ("flows", "ipsource,ipdestination,tcpsourceport,tcpdestinationport", "bytes"),
    ("pairs", "ipsource,ipdestination", "bytes"),
    ("ports", "tcpdestinationport", "frames"),
];

/// Bytes of the header of a datagram of an agent with an IPv4 address.
const HEADER: usize = 28;

/// Checks every record, as the walk does by default.
struct Checks;

impl Sink for Checks {}

fn flow_samples() -> Vec<u8> {
    let mut packet = [0x5a; 128];
    packet[12..36].copy_from_slice(&[
        8, 0, 0x45, 0, 5, 0x78, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0xc0, 0,
    ]);
    let switch = ExtendedSwitch { src_vlan: Some(7), dst_vlan: Some(7), ..Default::default() };
    let sample = FlowSample {
        source: DataSource::interface(1),
        meta: SampleMeta { sampling_rate: 400, sample_pool: 0, drops: 0 },
        input: Interface::Index(1),
        output: Interface::Index(2),
        header: Some(CoreHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: 1418,
            stripped: 4,
            header: &packet,
        }),
        records: &[&switch],
    };
    datagram(|builder| {
        for sequence in 1..=6 {
            builder.flow_sample(sequence, &sample).expect("six fit");
        }
    })
}

fn counter_samples() -> Vec<u8> {
    datagram(|builder| {
        for port in 1..=4 {
            let counters = CoreIfCounters { if_index: port, ..CoreIfCounters::UNKNOWN };
            let sample = CounterSample { records: &[&counters, &EthernetCounters::UNKNOWN] };
            builder.counter_sample(DataSource::interface(port), 1, &sample).expect("four fit");
        }
    })
}

fn datagram(fill: impl FnOnce(&mut DatagramBuilder<'_>)) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, HEAD);
    fill(&mut builder);
    builder.finish(1, 0).to_vec()
}

const HEAD: DatagramHead = DatagramHead {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    sub_agent_id: 0,
    encoding: Encoding::Compact,
    max_bytes: 1400,
};
