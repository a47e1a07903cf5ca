//! A walk over the headers that reads no more of them than it needs to find the next.

use super::{Layer, Layers, Next, link, network, tag, transport};

/// The kind of a [`Layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
#[expect(missing_docs, reason = "the variants of Layer")]
pub enum Protocol {
    Ethernet,
    Vlan,
    VnTag,
    ETag,
    ITag,
    Llc,
    Mpls,
    Pppoe,
    Ppp,
    Ieee80211,
    Arp,
    Ipv4,
    Ipv6,
    Ipv6Extension,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Sctp,
    Gre,
    Erspan,
    Eoip,
    L2tp,
    Vxlan,
    VxlanGpe,
    Nsh,
    Geneve,
    GtpU,
    Payload,
    Truncated,
}

impl Protocol {
    /// Number of protocols: `protocol as usize` is smaller.
    pub const COUNT: usize = Self::Truncated as usize + 1;
}

impl Layer<'_> {
    /// The kind of the layer.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Ethernet(_) => Protocol::Ethernet,
            Self::Vlan(_) => Protocol::Vlan,
            Self::VnTag(_) => Protocol::VnTag,
            Self::ETag(_) => Protocol::ETag,
            Self::ITag(_) => Protocol::ITag,
            Self::Llc(_) => Protocol::Llc,
            Self::Mpls(_) => Protocol::Mpls,
            Self::Pppoe(_) => Protocol::Pppoe,
            Self::Ppp(_) => Protocol::Ppp,
            Self::Ieee80211(_) => Protocol::Ieee80211,
            Self::Arp(_) => Protocol::Arp,
            Self::Ipv4(_) => Protocol::Ipv4,
            Self::Ipv6(_) => Protocol::Ipv6,
            Self::Ipv6Extension(_) => Protocol::Ipv6Extension,
            Self::Tcp(_) => Protocol::Tcp,
            Self::Udp(_) => Protocol::Udp,
            Self::Icmp(_) => Protocol::Icmp,
            Self::Icmpv6(_) => Protocol::Icmpv6,
            Self::Sctp(_) => Protocol::Sctp,
            Self::Gre(_) => Protocol::Gre,
            Self::Erspan(_) => Protocol::Erspan,
            Self::Eoip(_) => Protocol::Eoip,
            Self::L2tp(_) => Protocol::L2tp,
            Self::Vxlan(_) => Protocol::Vxlan,
            Self::VxlanGpe(_) => Protocol::VxlanGpe,
            Self::Nsh(_) => Protocol::Nsh,
            Self::Geneve(_) => Protocol::Geneve,
            Self::GtpU(_) => Protocol::GtpU,
            Self::Payload(_) => Protocol::Payload,
            Self::Truncated(_) => Protocol::Truncated,
        }
    }
}

impl Layers<'_> {
    /// Goes to the next layer and returns its protocol. The same as [`next`](Iterator::next), but no
    /// field is read that is not needed to find the layer after it.
    #[inline]
    pub fn step(&mut self) -> Option<Protocol> {
        let rest = &mut self.rest;
        let read = match self.next {
            Next::Ethernet => link::ethernet(rest).map(|(_, next)| (Protocol::Ethernet, next)),
            Next::Vlan(tpid) => tag::vlan(tpid, rest).map(|(_, next)| (Protocol::Vlan, next)),
            Next::Ipv4 => network::ipv4(rest).map(|(_, next)| (Protocol::Ipv4, next)),
            Next::Ipv6 => network::ipv6(rest).map(|(_, next)| (Protocol::Ipv6, next)),
            Next::Tcp => transport::tcp(rest).map(|(_, next)| (Protocol::Tcp, next)),
            Next::Udp => transport::udp(rest).map(|(_, next)| (Protocol::Udp, next)),
            _ => return self.other(),
        };
        let (protocol, next) = read.unwrap_or_else(|| {
            self.rest = &[];
            (Protocol::Truncated, Next::Payload)
        });
        self.next = next;
        Some(protocol)
    }

    /// Out of line, so that the common layers stay small.
    #[cold]
    #[inline(never)]
    fn other(&mut self) -> Option<Protocol> {
        self.next().map(|layer| layer.protocol())
    }
}
