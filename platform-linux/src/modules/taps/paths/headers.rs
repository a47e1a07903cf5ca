//! The addresses of a sampled packet, as far as its way depends on them.

use crate::headers::flow;
use crate::links::Flow;
use crate::modules::taps::capture::Packet;

/// The headers of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Headers {
    /// Destination and source; `None` on an interface without link-layer header.
    pub(super) macs: Option<([u8; 6], [u8; 6])>,
    /// VLAN id of the outer tag; `None` without a tag or with one of priority only.
    pub(super) vlan: Option<u16>,
    pub(super) network: Network,
}

/// The protocol of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// ARP, which no router forwards.
    Arp,
    /// IPv4 or IPv6.
    Ip(Flow),
    /// Another protocol, or a header that is cut off.
    Other,
}

impl Headers {
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        let ethernet = matches!(packet.hardware_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK);
        let vlan = packet.vlan.map(|tag| tag.id()).filter(|id| *id != 0);
        let Some((macs, rest)) = packet.header.split_first_chunk::<12>().filter(|_| ethernet)
        else {
            return Self { macs: None, vlan, network: bare_ip(packet.header) };
        };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *macs;
        // The tag is in the bytes: the tap has put it back.
        let rest = rest.get(if packet.vlan.is_some() { 4 } else { 0 }..).unwrap_or_default();
        let network = match rest.split_first_chunk() {
            Some(([0x08, 0x06], _)) => Network::Arp,
            Some(([0x08, 0x00] | [0x86, 0xdd], ip)) => bare_ip(ip),
            _ => Network::Other,
        };
        Self { macs: Some(([d0, d1, d2, d3, d4, d5], [s0, s1, s2, s3, s4, s5])), vlan, network }
    }
}

fn bare_ip(ip: &[u8]) -> Network {
    flow(ip).map_or(Network::Other, Network::Ip)
}
