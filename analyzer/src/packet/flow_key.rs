//! Who talks to whom.

use core::net::IpAddr;

use super::{Layer, Layers};

/// Addresses, protocol and ports of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol number, after any IPv6 extension headers.
    pub protocol: u8,
    /// Source port of TCP, UDP or SCTP; 0 for others, later fragments and where it is cut off.
    pub src_port: u16,
    /// Destination port, likewise.
    pub dst_port: u16,
}

impl FiveTuple {
    /// That of the outermost IP packet; `None` if no IP header is among the layers.
    #[inline]
    pub fn from_layers(layers: Layers<'_>) -> Option<Self> {
        let mut found: Option<Self> = None;
        for layer in layers {
            match (layer, &mut found) {
                (Layer::Ipv4(ip), None) => {
                    found = Some(Self::without_ports(ip.src.into(), ip.dst.into(), ip.protocol));
                }
                (Layer::Ipv6(ip), None) => {
                    found = Some(Self::without_ports(ip.src.into(), ip.dst.into(), ip.next_header));
                }
                (Layer::Ipv6Extension(extension), Some(key)) => {
                    key.protocol = extension.next_header;
                }
                (Layer::Tcp(tcp), Some(key)) => return Some(key.with(tcp.src_port, tcp.dst_port)),
                (Layer::Udp(udp), Some(key)) => return Some(key.with(udp.src_port, udp.dst_port)),
                (Layer::Sctp(sctp), Some(key)) => {
                    return Some(key.with(sctp.src_port, sctp.dst_port));
                }
                (_, Some(_)) => break,
                (_, None) => {}
            }
        }
        found
    }

    #[inline]
    fn without_ports(src: IpAddr, dst: IpAddr, protocol: u8) -> Self {
        Self { src, dst, protocol, src_port: 0, dst_port: 0 }
    }

    #[inline]
    fn with(self, src_port: u16, dst_port: u16) -> Self {
        Self { src_port, dst_port, ..self }
    }
}
