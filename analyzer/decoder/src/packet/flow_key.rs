//! Who talks to whom.

use core::net::IpAddr;

use super::{Layer, Layers, Next, link, network, transport};

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
    ///
    /// The same as from iterating over them, without the cost of making every layer.
    #[inline]
    pub fn from_layers(mut layers: Layers<'_>) -> Option<Self> {
        loop {
            let Layers { next, rest } = &mut layers;
            match *next {
                Next::Ethernet => (_, *next) = link::ethernet(rest)?,
                Next::Vlan(tpid) => (_, *next) = link::vlan(tpid, rest)?,
                Next::Ipv4 => {
                    let (ip, next) = network::ipv4(rest)?;
                    return Some(Self::new(ip.src.into(), ip.dst.into(), ip.protocol, next, rest));
                }
                Next::Ipv6 => {
                    let (ip, next) = network::ipv6(rest)?;
                    let (src, dst) = (ip.src.into(), ip.dst.into());
                    return Some(Self::new(src, dst, ip.next_header, next, rest));
                }
                // whatever else there is between the link and IP
                _ => _ = skip(&mut layers)?,
            }
        }
    }

    /// Finds the ports in what comes `next` after the IP header.
    #[inline]
    fn new(src: IpAddr, dst: IpAddr, protocol: u8, next: Next, mut rest: &[u8]) -> Self {
        let mut key = Self { src, dst, protocol, src_port: 0, dst_port: 0 };
        let mut next = next;
        while let Next::Ipv6Extension(protocol) = next {
            let Some((extension, after)) = network::ipv6_extension(protocol, &mut rest) else {
                return key;
            };
            (key.protocol, next) = (extension.next_header, after);
        }
        if let Next::Tcp | Next::Udp | Next::Sctp = next {
            (key.src_port, key.dst_port) = transport::ports(&mut rest).unwrap_or_default();
        }
        key
    }
}

/// Out of the way of the common case.
#[cold]
fn skip<'a>(layers: &mut Layers<'a>) -> Option<Layer<'a>> {
    layers.next()
}
