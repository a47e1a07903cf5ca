//! Who talks to whom, as one data source sees it.

use core::net::IpAddr;

use flowmote_decoder::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use flowmote_decoder::packet::{FiveTuple, Layer};
use flowmote_decoder::{Address, DataSource, FlowSample, MacAddress};

/// Where samples come from. A packet that passes two data sources is seen by both, so estimates are
/// kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) agent: Address,
    pub(super) sub_agent_id: u32,
    pub(super) source: DataSource,
}

/// A flow: IP by its 5-tuple, everything else by its MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Conversation {
    Ip(FiveTuple),
    Ethernet { src: MacAddress, dst: MacAddress, ether_type: u16 },
}

/// The two ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pair {
    Ip(IpAddr, IpAddr),
    Ethernet(MacAddress, MacAddress),
}

impl Conversation {
    pub(super) fn pair(&self) -> Pair {
        match self {
            Self::Ip(flow) => Pair::Ip(flow.src, flow.dst),
            Self::Ethernet { src, dst, .. } => Pair::Ethernet(*src, *dst),
        }
    }
}

/// The packet of a sample: its flow and its length on the wire; `None` if the sample is no packet.
pub(super) fn packet(sample: &FlowSample<'_>) -> Option<(Conversation, u32)> {
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

fn ip_flow(ends: (IpAddr, IpAddr), protocol: u32, ports: (u32, u32)) -> Conversation {
    Conversation::Ip(FiveTuple {
        src: ends.0,
        dst: ends.1,
        protocol: protocol as u8,
        src_port: ports.0 as u16,
        dst_port: ports.1 as u16,
    })
}
