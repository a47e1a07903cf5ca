//! Flows and address pairs, for each data source.

use core::net::IpAddr;

use flowmote_decoder::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use flowmote_decoder::packet::{FiveTuple, Layer};
use flowmote_decoder::{Address, DataSource, FlowSample, MacAddress};

use crate::window::Rate;

/// A data source: agent, sub-agent and data source of a sample.
///
/// Estimates are kept for each data source, because a packet that passes two of them is sampled by
/// both: the sum would count it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The agent address in the datagram.
    pub agent: Address,
    /// The sub-agent id in the datagram.
    pub sub_agent_id: u32,
    /// The data source in the sample.
    pub source: DataSource,
}

/// The key of a flow: the 5-tuple of IP packets, the MAC addresses of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversation {
    /// Addresses, protocol and ports. Ports are 0 if the protocol has none.
    Ip(FiveTuple),
    /// A packet that is not IP.
    #[expect(missing_docs, reason = "fields of the Ethernet header")]
    Ethernet { src: MacAddress, dst: MacAddress, ether_type: u16 },
}

/// The addresses of a flow, in the direction of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// Source and destination of IP packets.
    Ip(IpAddr, IpAddr),
    /// Source and destination of other packets.
    Ethernet(MacAddress, MacAddress),
}

/// A flow and its estimate over the window.
#[derive(Clone, Copy, Debug)]
pub struct FlowRate {
    /// The data source of its samples.
    pub origin: Origin,
    /// The key of the flow.
    pub flow: Conversation,
    /// The estimated rate.
    pub rate: Rate,
}

/// A pair of addresses and its estimate over the window.
#[derive(Clone, Copy, Debug)]
pub struct PairRate {
    /// The data source of its samples.
    pub origin: Origin,
    /// The two addresses.
    pub pair: Pair,
    /// The estimated rate.
    pub rate: Rate,
}

impl Conversation {
    /// The flow without protocol and ports.
    pub fn pair(&self) -> Pair {
        match self {
            Self::Ip(flow) => Pair::Ip(flow.src, flow.dst),
            Self::Ethernet { src, dst, .. } => Pair::Ethernet(*src, *dst),
        }
    }
}

/// The flow of the sampled packet and its length on the wire in bytes; `None` if no record of the
/// sample describes a packet.
pub(crate) fn packet(sample: &FlowSample<'_>) -> Option<(Conversation, u32)> {
    sample.records().flatten().find_map(|record| {
        if let Some(header) = record.read::<SampledHeader<'_>>() {
            return conversation(&header).map(|flow| (flow, header.frame_length));
        }
        if let Some(ip) = record.read::<SampledIpv4>() {
            let ends = (ip.src_ip.into(), ip.dst_ip.into());
            return Some((ip_flow(ends, ip.protocol, (ip.src_port, ip.dst_port)), ip.length));
        }
        if let Some(ip) = record.read::<SampledIpv6>() {
            let ends = (ip.src_ip.into(), ip.dst_ip.into());
            return Some((ip_flow(ends, ip.protocol, (ip.src_port, ip.dst_port)), ip.length));
        }
        let frame = record.read::<SampledEthernet>()?;
        let (src, dst) = (frame.src_mac, frame.dst_mac);
        let ether_type = frame.ether_type as u16;
        Some((Conversation::Ethernet { src, dst, ether_type }, frame.length))
    })
}

/// The flow of a sampled header: IP wherever it is, else the outermost Ethernet header.
fn conversation(header: &SampledHeader<'_>) -> Option<Conversation> {
    if let Some(flow) = header.five_tuple() {
        return Some(Conversation::Ip(flow));
    }
    match header.layers().next()? {
        Layer::Ethernet(ethernet) => {
            let (src, dst) = (ethernet.src, ethernet.dst);
            Some(Conversation::Ethernet { src, dst, ether_type: ethernet.ether_type })
        }
        _ => None,
    }
}

/// A flow of `sampled_ipv4` (3) or `sampled_ipv6` (4), whose protocol and ports have 32 bits.
fn ip_flow(ends: (IpAddr, IpAddr), protocol: u32, ports: (u32, u32)) -> Conversation {
    Conversation::Ip(FiveTuple {
        src: ends.0,
        dst: ends.1,
        protocol: protocol as u8,
        src_port: ports.0 as u16,
        dst_port: ports.1 as u16,
    })
}
