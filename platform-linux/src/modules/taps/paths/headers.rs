//! The addresses of a sampled packet, as far as its way depends on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    let flow = match ip.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(ip),
        Some(6) => ipv6(ip),
        _ => None,
    };
    flow.map_or(Network::Other, Network::Ip)
}

fn ipv4(ip: &[u8]) -> Option<Flow> {
    let header = ip.first_chunk::<20>()?;
    let [first, tos, _, _, _, _, fragment, offset, _, protocol, _, _, addresses @ ..] = *header;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    let length = usize::from(first & 0x0f) * 4;
    let is_fragment = u16::from_be_bytes([fragment, offset]) & 0x3fff != 0;
    Some(Flow {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        // The bits of ECN do not take part in routing.
        tos: tos & 0x1c,
        transport: if is_fragment { None } else { ports(protocol, ip.get(length..)?) },
    })
}

fn ipv6(ip: &[u8]) -> Option<Flow> {
    let (header, rest) = ip.split_first_chunk::<40>()?;
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(Ipv6Addr::from(octets).into())
    };
    let transport = ports(*header.get(6)?, rest);
    Some(Flow { source: address(8)?, destination: address(24)?, tos: 0, transport })
}

/// Protocol and ports of TCP and UDP.
fn ports(protocol: u8, bytes: &[u8]) -> Option<(u8, u16, u16)> {
    let [s0, s1, d0, d1] = *bytes.first_chunk()?;
    matches!(protocol, 6 | 17).then_some((
        protocol,
        u16::from_be_bytes([s0, s1]),
        u16::from_be_bytes([d0, d1]),
    ))
}
