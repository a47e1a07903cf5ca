//! Datagrams of many agents.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowSample, Interface,
    Random, SampleMeta,
};

/// The datagrams in the order of their arrival, one after the other in memory.
pub(crate) struct Trace {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(6343);
        let mut sequences = vec![0; AGENTS as usize];
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..DATAGRAMS {
            let agent = random.below(AGENTS);
            datagram(&mut random, agent, &mut sequences[agent as usize], &mut bytes);
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Flow samples.
    pub(crate) fn samples(&self) -> u32 {
        self.ends.len() as u32 * SAMPLES
    }
}

fn datagram(random: &mut Random, agent: u32, sequence: &mut u32, bytes: &mut Vec<u8>) {
    let mut buffer = [0; 1400];
    let head = DatagramHead {
        address: IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + agent)),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    for _ in 0..SAMPLES {
        *sequence += 1;
        // Flow number f is at agent f modulo 1,000.
        let flow = agent + AGENTS * random.below(FLOWS / AGENTS);
        let frame_length = 128 + random.below(1391);
        let header = packet(flow, frame_length);
        let sample = FlowSample {
            source: DataSource::interface(1 + flow / AGENTS % 4),
            meta: SampleMeta { sampling_rate: 1000, sample_pool: *sequence * 1000, drops: 0 },
            input: Interface::Index(1 + flow / AGENTS % 4),
            output: Interface::Index(9),
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length,
                stripped: 4,
                header: &header,
            }),
            records: &[],
        };
        builder.flow_sample(*sequence, &sample).expect("six samples fit");
    }
    if sequence.is_multiple_of(COUNTERS_EACH) {
        counters(*sequence, &mut builder);
    }
    bytes.extend_from_slice(builder.finish(*sequence / SAMPLES, 1000));
}

/// A counter sample of one of the ports.
fn counters(sequence: u32, builder: &mut DatagramBuilder<'_>) {
    let number = sequence / COUNTERS_EACH;
    let port = 1 + number % 4;
    let octets = u64::from(sequence) * 800_000;
    let counters = IfCounters {
        if_index: port,
        if_speed: 10_000_000_000,
        if_in_octets: octets,
        if_out_octets: octets,
        ..IfCounters::UNKNOWN
    };
    let sample = CounterSample { records: &[&counters, &EthernetCounters::UNKNOWN] };
    builder
        .counter_sample(DataSource::interface(port), 1 + number / 4, &sample)
        .expect("it fits after six");
}

/// The first 128 bytes of a TCP packet of a flow.
pub(crate) fn packet(flow: u32, frame_length: u32) -> [u8; 128] {
    let mut random = Random::new(u64::from(flow));
    let mut packet = [0; 128];
    packet[12..26].copy_from_slice(&[8, 0, 0x45, 0, 5, 0, 0, 1, 0x40, 0, 64, 6, 0, 0]);
    // Without Ethernet header and FCS.
    packet[16..18].copy_from_slice(&(frame_length as u16 - 18).to_be_bytes());
    // 20 flows of a pair of addresses, to a port of 1,000.
    packet[26..30].copy_from_slice(&(0x0a80_0000 + flow / 20).to_be_bytes());
    packet[30..34].copy_from_slice(&(0xc633_0000 + flow / 20 % 5000).to_be_bytes());
    packet[34..36].copy_from_slice(&(random.below(60_000) as u16 + 1024).to_be_bytes());
    packet[36..38].copy_from_slice(&(random.below(1000) as u16 + 1).to_be_bytes());
    packet[46] = 0x50;
    packet
}

pub(crate) const AGENTS: u32 = 1000;
/// Samples of a datagram.
pub(crate) const SAMPLES: u32 = 6;
/// Flow samples of an agent for each of its counter samples: 300 of them a second from an agent with
/// 150 ports that sends the counters of each every 30 s.
const COUNTERS_EACH: u32 = 60;
const FLOWS: u32 = 100_000;
const DATAGRAMS: u32 = 100_000;
