//! Flows and address pairs, for each data source.

use core::net::IpAddr;

use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{Address, DataSource, Datagram, EthernetEnds, MacAddress, SampledPacket};

use crate::arrival::Arrival;
use crate::window::Rate;

/// A data source: agent, sub-agent, sender and data source of a sample.
///
/// Estimates are kept for each data source, because a packet that passes two of them is sampled by
/// both: the sum would count it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The agent address in the datagram.
    pub agent: Address,
    /// The sub-agent id in the datagram.
    pub sub_agent_id: u32,
    /// The source address of the datagram. Several hosts may have the same agent address by mistake.
    pub sender: Option<IpAddr>,
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

impl Origin {
    /// The origin of a datagram. The data source is that of no sample yet.
    pub(crate) fn of(arrival: &Arrival, datagram: &Datagram<'_>) -> Self {
        Self {
            agent: datagram.agent_address,
            sub_agent_id: datagram.sub_agent_id,
            sender: arrival.sender,
            source: DataSource { class: 0, index: 0 },
        }
    }

    /// The data source of a sample in the same datagram.
    pub(crate) fn at(self, source: DataSource) -> Self {
        Self { source, ..self }
    }
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

impl Conversation {
    /// The flow of a sampled packet: IP wherever it is, else the outermost Ethernet header; `None`
    /// if neither is present.
    pub(crate) fn of(packet: &SampledPacket) -> Option<Self> {
        let ethernet =
            |EthernetEnds { src, dst, ether_type }| Self::Ethernet { src, dst, ether_type };
        packet.flow.map(Self::Ip).or_else(|| packet.ethernet.map(ethernet))
    }
}
