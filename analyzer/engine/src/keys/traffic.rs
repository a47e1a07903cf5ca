//! What a flow record has of a packet: addresses, ports, length, flags, and the state of its connection.

use core::net::IpAddr;

use flowmote_decoder::flow::{ExtendedTcpInfo, SampledIpv4, SampledIpv6};
use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{DataSource, FlowRecords, MacAddress, Port};

use super::catalogue::{ip_transport, macs, passes, port_vlan_of, protocol};
use super::header::{Header, Protocol};
use super::packet::Packet;
use super::records::Records;

/// The outermost IP packet of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) tuple: FiveTuple,
    /// Bytes of the IP packet with its header.
    pub(crate) bytes: u64,
    /// FIN 1, SYN 2, RST 4, SYN with ACK 18.
    pub(crate) tcp_flags: u8,
}

/// What a flow record has of a sampled packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Passed {
    pub(crate) traffic: Traffic,
    pub(crate) direction: Direction,
    /// Why it was discarded in its output port, or by the notification.
    pub(crate) reason: Option<u32>,
    pub(crate) connection: Option<Connection>,
}

/// The way of a packet through an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The interface received it.
    Ingress,
    /// The interface sent it.
    Egress,
    /// The sample does not show it: its data source is neither of its ports.
    #[default]
    Unknown,
}

/// Ends and VLAN of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "fields of the Ethernet header")]
pub struct Link {
    pub src: MacAddress,
    pub dst: MacAddress,
    /// The VLAN of the outer tag, or of the port.
    pub vlan: Option<u16>,
}

/// The state of a TCP connection in a sample; `None` for what is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Smoothed round-trip time, microseconds.
    pub(crate) rtt: Option<u32>,
    /// Segments sent again since the connection was opened.
    pub(crate) retransmissions: Option<u32>,
}

impl Packet<'_> {
    /// The outermost IP packet; `None` if the sample has none.
    #[inline]
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        let Some((_, version, ip)) = self.headers.ip(0) else { return self.traffic_of_fields() };
        let (src, dst): (IpAddr, IpAddr) = match version {
            Protocol::Ipv4 => (ip.v4(12)?.into(), ip.v4(16)?.into()),
            _ => (ip.v6(8)?.into(), ip.v6(24)?.into()),
        };
        let transport = ip_transport(self, 0);
        let port = |at| transport.and_then(|transport| transport.u16(at)).unwrap_or_default();
        let (protocol, src_port, dst_port) = (protocol(self, 0)?, port(0), port(2));
        let tuple = FiveTuple { src, dst, protocol, src_port, dst_port };
        let tcp_flags = match transport {
            Some(tcp) if protocol == TCP => Traffic::tcp_flags(tcp),
            _ => 0,
        };
        Some(Traffic { tuple, bytes: self.ip_bytes(version, ip)?, tcp_flags })
    }

    /// Bytes of an IP packet with its header.
    #[inline]
    pub(super) fn ip_bytes(&self, version: Protocol, ip: Header<'_>) -> Option<u64> {
        let stated = match version {
            Protocol::Ipv4 => u64::from(ip.u16(2)?),
            _ => u64::from(ip.u16(4)?) + IPV6_HEADER * u64::from(ip.u16(4)? != 0),
        };
        // A super-packet states its own length, and its sample the length of a segment. Segmentation
        // may leave the length 0.
        let frame = self.sampled?;
        let before = u64::from(frame.stripped) + u64::from(ip.offset);
        let rest = u64::from(frame.frame_length).saturating_sub(before);
        Some(if stated == 0 { rest } else { stated.min(rest) })
    }

    /// What a flow record has of the packet; `None` if it is none of IP.
    pub(crate) fn passed(&self) -> Option<Passed> {
        let traffic = self.traffic()?;
        let is_tcp = traffic.tuple.protocol == TCP;
        let connection = if is_tcp { Connection::of(&self.records) } else { None };
        let (direction, reason) = (passes(self), self.reason());
        Some(Passed { traffic, direction, reason, connection })
    }

    /// Of the records that some agents send in place of a header.
    #[cold]
    fn traffic_of_fields(&self) -> Option<Traffic> {
        let of = |src: IpAddr, dst: IpAddr, [protocol, sport, dport, flags]: [u32; 4], length| {
            let has_ports = matches!(protocol, 6 | 17 | 132);
            let port = |port: u32| if has_ports { port as u16 } else { 0 };
            let (src_port, dst_port) = (port(sport), port(dport));
            let tuple = FiveTuple { src, dst, protocol: protocol as u8, src_port, dst_port };
            let flags = if protocol == 6 { flags as u8 } else { 0 };
            Traffic { tuple, bytes: u64::from(length), tcp_flags: flags_of_connection(flags) }
        };
        if let Some(ip) = self.fields::<SampledIpv4>(0) {
            let words = [ip.protocol, ip.src_port, ip.dst_port, ip.tcp_flags];
            return Some(of(ip.src_ip.into(), ip.dst_ip.into(), words, ip.length));
        }
        let ip = self.fields::<SampledIpv6>(0)?;
        let words = [ip.protocol, ip.src_port, ip.dst_port, ip.tcp_flags];
        Some(of(ip.src_ip.into(), ip.dst_ip.into(), words, ip.length))
    }

    /// The ifIndex of input and output, as far as they are ports.
    pub(crate) fn port_indexes(&self) -> [Option<u32>; 2] {
        let index = |port| match port {
            Port::Index(index) if index != 0 => Some(index),
            _ => None,
        };
        let (input, output) = self.ports().unzip();
        [input, output].map(|port| port.and_then(index))
    }

    /// Ends and VLAN of the frame; `None` without an Ethernet header.
    pub(crate) fn link(&self) -> Option<Link> {
        let (src, dst) = macs(self)?;
        let tag = self.header(Protocol::Vlan, 0).and_then(|tag| tag.u16(0));
        let vlan = match tag {
            Some(tag) => Some(tag & 0xfff),
            None => port_vlan_of(self).and_then(|vlan| u16::try_from(vlan).ok()),
        };
        // An agent without VLANs sends 0.
        Some(Link { src, dst, vlan: vlan.filter(|vlan| *vlan != 0) })
    }

    /// True for the notification of a discard.
    pub(crate) fn is_notification(&self) -> bool {
        self.discarded.is_some()
    }
}

impl Traffic {
    /// The flags in a header of TCP.
    #[inline]
    pub(super) fn tcp_flags(tcp: Header<'_>) -> u8 {
        flags_of_connection(tcp.u8(13).unwrap_or_default())
    }
}

impl Connection {
    /// The state in the records of a sample, if the agent sent it.
    pub(super) fn read(records: FlowRecords<'_>) -> Option<Self> {
        Self::of(&Records(Some(records)))
    }

    fn of(records: &Records<'_>) -> Option<Self> {
        let info = records.read::<ExtendedTcpInfo>()?;
        let known = |word: u32| (word != u32::MAX).then_some(word);
        // Zero: not yet measured.
        let rtt = known(info.rtt).filter(|rtt| *rtt != 0);
        Some(Self { rtt, retransmissions: known(info.retrans) })
    }
}

/// The way of a packet with these ports, input and output, through a data source.
#[inline]
pub(super) fn way(source: DataSource, ports: Option<(Port, Port)>) -> Direction {
    let DataSource { class: 0, index } = source else { return Direction::Unknown };
    match (Port::Index(index), ports) {
        (sampler, Some((input, _))) if sampler == input => Direction::Ingress,
        (sampler, Some((_, output))) if sampler == output => Direction::Egress,
        _ => Direction::Unknown,
    }
}

/// The flags that flow logs have: those of a packet that only acknowledges are 0.
fn flags_of_connection(flags: u8) -> u8 {
    let acknowledged = flags & (SYN | ACK) == SYN | ACK;
    flags & (FIN | SYN | RST) | if acknowledged { ACK } else { 0 }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const IPV6_HEADER: u64 = 40;
const TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::{flow_sample, with, words};

    fn traffic(frame_length: u32, stripped: u32, header: &[u8]) -> Option<Traffic> {
        let mut record = words(&[1, frame_length, stripped, header.len() as u32]);
        record.extend(header);
        let mut found = None;
        with(&flow_sample(&[(1, record)]), |packet| found = packet.traffic());
        found
    }

    /// Ethernet, IPv4 of a length, TCP with flags.
    fn tcp(length: u16, flags: u8) -> Vec<u8> {
        let mut packet = vec![2; 12];
        packet.extend([8, 0, 0x45, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend([0x12, 0x34, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0]);
        packet.resize(60, 0);
        packet
    }

    #[test]
    fn bytes_are_those_of_the_ip_packet() {
        let bytes =
            |frame, stripped, length| traffic(frame, stripped, &tcp(length, 0)).unwrap().bytes;
        assert_eq!(bytes(1518, 4, 1500), 1500);
        // Padded to the shortest frame.
        assert_eq!(bytes(64, 4, 40), 40);
        // A segment of a super-packet.
        assert_eq!(bytes(1518, 4, 64_000), 1500);
        // Segmentation left it 0.
        assert_eq!(bytes(1018, 4, 0), 1000);
    }

    #[test]
    fn ipv6_has_its_header_too() {
        let mut packet = vec![2; 12];
        packet.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0x01, 0, 58, 64]);
        packet.extend([1; 32]);
        packet.extend([128, 0, 0, 0, 0, 0, 0, 0]);
        let found = traffic(14 + 40 + 256 + 4, 4, &packet).unwrap();
        assert_eq!(found.bytes, 296);
        let FiveTuple { protocol, src_port, dst_port, .. } = found.tuple;
        assert_eq!((protocol, src_port, dst_port), (58, 0, 0));
    }

    #[test]
    fn flags_are_those_of_flow_logs() {
        let flags = |flags| traffic(1518, 4, &tcp(1500, flags)).unwrap().tcp_flags;
        for (sent, logged) in
            [(0x02, 2), (0x12, 18), (0x10, 0), (0x18, 0), (0x11, 1), (0x14, 4), (0x29, 1)]
        {
            assert_eq!(flags(sent), logged, "{sent:#x}");
        }
    }

    #[test]
    fn other_protocols_than_ip_are_left_out() {
        let mut arp = vec![0xff; 12];
        arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        arp.resize(60, 0);
        assert_eq!(traffic(64, 4, &arp), None);
    }
}
