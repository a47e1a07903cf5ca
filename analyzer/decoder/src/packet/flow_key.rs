//! The 5-tuple of a packet.

use core::net::IpAddr;

use super::{Layer, Layers, Next, link, network, tag, transport};

/// Addresses, protocol and ports of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol number, after any IPv6 extension headers.
    pub protocol: u8,
    /// Source port of TCP, UDP or SCTP; 0 for others, for later fragments, or if cut off.
    pub src_port: u16,
    /// Destination port; 0 as for `src_port`.
    pub dst_port: u16,
}

impl FiveTuple {
    /// Returns the 5-tuple of the outermost IP packet; `None` if there is no IP header.
    ///
    /// Equal to the result of iterating over the layers, but does not build each [`Layer`].
    #[inline]
    pub fn from_layers(mut layers: Layers<'_>) -> Option<Self> {
        find_ip(&mut layers)?;
        let Layers { next, rest, .. } = &mut layers;
        if *next == Next::Ipv4 {
            let (ip, next) = network::ipv4(rest)?;
            return Some(Self::new(ip.src.into(), ip.dst.into(), ip.protocol, next, rest));
        }
        let (ip, next) = network::ipv6(rest)?;
        Some(Self::new(ip.src.into(), ip.dst.into(), ip.next_header, next, rest))
    }

    /// Finds the ports, in the headers from `next` on.
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

/// Moves to the outermost header of IPv4 or IPv6; `None` if there is none.
#[inline(always)]
pub(super) fn find_ip(layers: &mut Layers<'_>) -> Option<()> {
    loop {
        let Layers { next, rest, .. } = layers;
        match *next {
            Next::Ethernet => (_, *next) = link::ethernet(rest)?,
            Next::Vlan(tpid) => (_, *next) = tag::vlan(tpid, rest)?,
            Next::Ipv4 | Next::Ipv6 => return Some(()),
            // Rare layers between the link and IP: LLC, MPLS, PPPoE, PPP. On a copy, so that the
            // layers stay in registers in all other steps.
            _ => {
                let mut copy = layers.clone();
                skip(&mut copy)?;
                *layers = copy;
            }
        }
    }
}

/// Out of line, so that the loop over the common layers stays small.
#[cold]
#[inline(never)]
fn skip<'a>(layers: &mut Layers<'a>) -> Option<Layer<'a>> {
    layers.next()
}
