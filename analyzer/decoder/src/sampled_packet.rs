//! The sampled packet, as all records of a flow sample describe it together.

use core::net::IpAddr;

use crate::Flow;
use crate::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use crate::packet::{FiveTuple, Layer};
use crate::record::Record;
use crate::sample::FlowSample;
use crate::value::MacAddress;

/// A sampled packet. The order of the records does not matter: for each field the most informative
/// record counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampledPacket {
    /// Bytes of the frame on the wire, from `sampled_header` (0:1), else from `sampled_ethernet`
    /// (0:2).
    pub frame_length: Option<u32>,
    /// Bytes of the IP packet, from `sampled_ipv4` (0:3) or `sampled_ipv6` (0:4).
    pub ip_length: Option<u32>,
    /// Addresses, protocol and ports: of the sampled header, else of 0:3 or 0:4.
    pub flow: Option<FiveTuple>,
    /// The outermost Ethernet header: of the sampled header, else of 0:2.
    pub ethernet: Option<EthernetEnds>,
}

/// Addresses and type of an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "fields of the Ethernet header")]
pub struct EthernetEnds {
    pub src: MacAddress,
    pub dst: MacAddress,
    pub ether_type: u16,
}

/// A value of a flow sample that no device can mean. An estimate that used it would be wrong by
/// orders of magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Implausible {
    /// The sampling rate is 0, which is "not sampling" (`sFlowFsPacketSamplingRate`).
    RateZero,
    /// The sampling rate is above 2^28. A port of 800 Gbit/s that is full of the shortest packets
    /// would yield four samples per second.
    RateHuge,
    /// The length of the packet is 0.
    LengthZero,
    /// The packet has more than 2^20 bytes. Linux segments the largest super-packet (BIG TCP) at
    /// 2^19.
    LengthHuge,
}

impl Implausible {
    /// Stable name, for output.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateZero => "rate_zero",
            Self::RateHuge => "rate_huge",
            Self::LengthZero => "length_zero",
            Self::LengthHuge => "length_huge",
        }
    }
}

impl FlowSample<'_> {
    /// The sampled packet. All fields are `None` if no record describes a packet.
    #[inline]
    pub fn packet(&self) -> SampledPacket {
        let (mut whole, mut parts) = (SampledPacket::default(), SampledPacket::default());
        for record in self.records().flatten() {
            match record.read::<SampledHeader<'_>>() {
                Some(header) if whole.frame_length.is_none() => whole = of_header(&header),
                Some(_) => {}
                None => parts.add(&record),
            }
        }
        SampledPacket {
            frame_length: whole.frame_length.or(parts.frame_length),
            ip_length: parts.ip_length,
            flow: whole.flow.or(parts.flow),
            ethernet: whole.ethernet.or(parts.ethernet),
        }
    }

    /// The first implausible value of the sample, of whose packet `length` is the
    /// [`length`](SampledPacket::length).
    pub fn implausible(&self, length: Option<u32>) -> Option<Implausible> {
        match (self.sampling_rate, length) {
            (0, _) => Some(Implausible::RateZero),
            (rate, _) if rate > MAX_RATE => Some(Implausible::RateHuge),
            (_, Some(0)) => Some(Implausible::LengthZero),
            (_, Some(length)) if length > MAX_LENGTH => Some(Implausible::LengthHuge),
            _ => None,
        }
    }
}

impl SampledPacket {
    /// Bytes of the frame, else of the IP packet; `None` if no record has a length.
    pub fn length(&self) -> Option<u32> {
        self.frame_length.or(self.ip_length)
    }

    /// Adds a record with a part of the packet. The first of several equal records counts.
    fn add(&mut self, record: &Record<'_, Flow>) {
        if let Some(ip) = record.read::<SampledIpv4>() {
            self.ip_length.get_or_insert(ip.length);
            let ports = [ip.src_port, ip.dst_port];
            self.flow.get_or_insert(flow(ip.src_ip.into(), ip.dst_ip.into(), ip.protocol, ports));
        } else if let Some(ip) = record.read::<SampledIpv6>() {
            self.ip_length.get_or_insert(ip.length);
            let ports = [ip.src_port, ip.dst_port];
            self.flow.get_or_insert(flow(ip.src_ip.into(), ip.dst_ip.into(), ip.protocol, ports));
        } else if let Some(SampledEthernet { length, src_mac, dst_mac, ether_type }) = record.read()
        {
            self.frame_length.get_or_insert(length);
            let ether_type = ether_type as u16;
            self.ethernet.get_or_insert(EthernetEnds { src: src_mac, dst: dst_mac, ether_type });
        }
    }
}

fn of_header(header: &SampledHeader<'_>) -> SampledPacket {
    let ethernet = match header.layers().next() {
        Some(Layer::Ethernet(frame)) => {
            Some(EthernetEnds { src: frame.src, dst: frame.dst, ether_type: frame.ether_type })
        }
        _ => None,
    };
    let (frame_length, flow) = (Some(header.frame_length), header.five_tuple());
    SampledPacket { frame_length, ip_length: None, flow, ethernet }
}

/// The 5-tuple of a record, whose protocol and ports have 32 bits.
fn flow(src: IpAddr, dst: IpAddr, protocol: u32, ports: [u32; 2]) -> FiveTuple {
    let [src_port, dst_port] = ports.map(|port| port as u16);
    FiveTuple { src, dst, protocol: protocol as u8, src_port, dst_port }
}

const MAX_RATE: u32 = 1 << 28;
const MAX_LENGTH: u32 = 1 << 20;
