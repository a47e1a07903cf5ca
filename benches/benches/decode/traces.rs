//! Input of the decoders.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{ExtendedSwitch, HeaderProtocol, SampledHeader};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowSample, Interface,
    Random, SampleMeta,
};

/// Datagrams that are decoded one after the other.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) datagrams: Vec<Vec<u8>>,
}

pub(crate) fn all() -> [Trace; 3] {
    [six_samples(), counters(), mixed()]
}

/// Datagrams as from a switch: six flow samples with 128 bytes of header and the VLAN, 1,324 bytes.
/// Each holds different packets; together they exceed the first-level cache.
pub(crate) fn six_samples() -> Trace {
    let mut random = Random::new(6343);
    let datagrams = (0..256).map(|_| datagram(&mut random, six_flow_samples)).collect();
    Trace { name: "six flow samples", datagrams }
}

/// Counters of four ports.
fn counters() -> Trace {
    let mut random = Random::new(6343);
    let datagrams = (0..256).map(|_| datagram(&mut random, four_counter_samples)).collect();
    Trace { name: "counters of four ports", datagrams }
}

/// All published vectors without malformed or surplus bytes.
fn mixed() -> Trace {
    let datagrams = flowmote_vectors::sound().into_iter().map(|(_, payload)| payload).collect();
    Trace { name: "all sound published vectors", datagrams }
}

type Fill = fn(&mut Random, &mut DatagramBuilder<'_>);

fn datagram(random: &mut Random, fill: Fill) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let head = DatagramHead {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    fill(random, &mut builder);
    builder.finish(random.next_u32(), random.next_u32()).to_vec()
}

fn six_flow_samples(random: &mut Random, builder: &mut DatagramBuilder<'_>) {
    for sequence in 1..=6 {
        let packet = packet(random, 1400);
        let vlan = Some(1 + random.below(4094));
        let switch = ExtendedSwitch { src_vlan: vlan, dst_vlan: vlan, ..ExtendedSwitch::default() };
        let sample = FlowSample {
            source: DataSource::interface(1 + random.below(63)),
            meta: SampleMeta { sampling_rate: 1000, sample_pool: random.next_u32(), drops: 0 },
            input: Interface::Index(1 + random.below(63)),
            output: Interface::Index(1 + random.below(63)),
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: 128 + random.below(1391),
                stripped: 4,
                header: &packet,
            }),
            records: &[&switch],
        };
        builder.flow_sample(sequence, &sample).expect("six samples fit");
    }
    assert_eq!(builder.len(), 1324);
}

/// The first 128 bytes of a packet whose IP header gives the length `ip_length`: mostly TCP over
/// IPv4, some UDP, VLAN tags and IPv6.
pub(crate) fn packet(random: &mut Random, ip_length: u16) -> [u8; 128] {
    let mut packet = [0; 128];
    random.fill(&mut packet);
    let tag: &[u8] = if random.below(4) == 0 { &[0x81, 0, 0, 100] } else { &[] };
    let protocol = if random.below(4) == 0 { 17 } else { 6 };
    let ip: &[u8] = if random.below(4) == 0 {
        let [high, low] = (ip_length - 40).to_be_bytes();
        &[0x86, 0xdd, 0x60, 0, 0, 0, high, low, protocol, 64]
    } else {
        let [high, low] = ip_length.to_be_bytes();
        &[8, 0, 0x45, 0, high, low, 0, 1, 0x40, 0, 64, protocol, 0, 0]
    };
    packet[12..][..tag.len()].copy_from_slice(tag);
    packet[12 + tag.len()..][..ip.len()].copy_from_slice(ip);
    let transport = 12 + tag.len() + if ip[0] == 8 { 22 } else { 42 };
    // A port without a tunnel protocol, a short UDP datagram, a TCP header of 20 bytes.
    packet[transport + 2..][..4].copy_from_slice(&[1, 0xbb, 0, 40]);
    packet[transport + 12] = 0x50;
    packet
}

fn four_counter_samples(random: &mut Random, builder: &mut DatagramBuilder<'_>) {
    for port in 1..=4 {
        let interface = IfCounters {
            if_index: port,
            if_in_octets: octets(random),
            if_out_octets: octets(random),
            ..IfCounters::UNKNOWN
        };
        let sample = CounterSample { records: &[&interface, &EthernetCounters::UNKNOWN] };
        builder.counter_sample(DataSource::interface(port), 1, &sample).expect("four fit");
    }
}

/// A total of octets, uniform on all 64-bit numbers.
fn octets(random: &mut Random) -> u64 {
    (u64::from(random.next_u32()) << 32) | u64::from(random.next_u32())
}
