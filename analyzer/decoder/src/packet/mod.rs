//! Protocol headers of a sampled packet, nested to any depth and cut at any byte.
//!
//! [`Layers`] yields one header after the other and never fails. If the capture ends inside a
//! header, the last item is [`Layer::Truncated`]; where decoding ends, [`Layer::Payload`]. Each
//! step consumes bytes, so work is bounded by the length of the capture.

mod flow_key;
mod layer;
mod link;
mod network;
mod transport;
mod tunnel;

pub use flow_key::FiveTuple;
pub use link::{Ethernet, Llc, Mpls, Ppp, Pppoe, Vlan};
pub use network::{Arp, Ipv4, Ipv6, Ipv6Extension};
pub use transport::{Icmp, Sctp, Tcp, Udp};
pub use tunnel::{Geneve, Gre, GtpU, Vxlan};

use crate::flow::SampledHeader;
use crate::visit::Visitor;

/// One protocol header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is named after its protocol and documented there")]
pub enum Layer<'a> {
    Ethernet(Ethernet),
    Vlan(Vlan),
    Llc(Llc),
    Mpls(Mpls),
    Pppoe(Pppoe),
    Ppp(Ppp),
    Arp(Arp),
    Ipv4(Ipv4),
    Ipv6(Ipv6),
    Ipv6Extension(Ipv6Extension),
    Tcp(Tcp),
    Udp(Udp),
    Icmp(Icmp),
    Icmpv6(Icmp),
    Sctp(Sctp),
    Gre(Gre),
    Vxlan(Vxlan),
    Geneve(Geneve),
    GtpU(GtpU),
    /// Bytes that are not decoded further.
    Payload(&'a [u8]),
    /// The capture ends inside a header of this protocol.
    Truncated(&'static str),
}

impl Layer<'_> {
    /// Stable name, as the collector prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ethernet(_) => "ethernet",
            Self::Vlan(_) => "vlan",
            Self::Llc(_) => "llc",
            Self::Mpls(_) => "mpls",
            Self::Pppoe(_) => "pppoe",
            Self::Ppp(_) => "ppp",
            Self::Arp(_) => "arp",
            Self::Ipv4(_) => "ipv4",
            Self::Ipv6(_) => "ipv6",
            Self::Ipv6Extension(_) => "ipv6_extension",
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Icmp(_) => "icmp",
            Self::Icmpv6(_) => "icmpv6",
            Self::Sctp(_) => "sctp",
            Self::Gre(_) => "gre",
            Self::Vxlan(_) => "vxlan",
            Self::Geneve(_) => "geneve",
            Self::GtpU(_) => "gtp_u",
            Self::Payload(_) => "payload",
            Self::Truncated(_) => "truncated",
        }
    }

    /// Passes the fields of the header to `visitor`; [`Layer::Payload`] and [`Layer::Truncated`]
    /// have none.
    pub fn visit(&self, visitor: &mut dyn Visitor) {
        match self {
            Self::Ethernet(layer) => layer.visit(visitor),
            Self::Vlan(layer) => layer.visit(visitor),
            Self::Llc(layer) => layer.visit(visitor),
            Self::Mpls(layer) => layer.visit(visitor),
            Self::Pppoe(layer) => layer.visit(visitor),
            Self::Ppp(layer) => layer.visit(visitor),
            Self::Arp(layer) => layer.visit(visitor),
            Self::Ipv4(layer) => layer.visit(visitor),
            Self::Ipv6(layer) => layer.visit(visitor),
            Self::Ipv6Extension(layer) => layer.visit(visitor),
            Self::Tcp(layer) => layer.visit(visitor),
            Self::Udp(layer) => layer.visit(visitor),
            Self::Icmp(layer) | Self::Icmpv6(layer) => layer.visit(visitor),
            Self::Sctp(layer) => layer.visit(visitor),
            Self::Gre(layer) => layer.visit(visitor),
            Self::Vxlan(layer) => layer.visit(visitor),
            Self::Geneve(layer) => layer.visit(visitor),
            Self::GtpU(layer) => layer.visit(visitor),
            Self::Payload(_) | Self::Truncated(_) => {}
        }
    }
}

/// The headers of a packet, outermost first.
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    next: Next,
    rest: &'a [u8],
}

impl<'a> Layers<'a> {
    /// Returns the headers of `packet`. `header_protocol` is the first of them, coded as
    /// [`SampledHeader::protocol`]: 1 Ethernet, 7 and 14 PPP, 11 IPv4, 12 IPv6, 13 MPLS. With any
    /// other, the whole packet is payload.
    #[inline]
    pub fn new(header_protocol: u32, packet: &'a [u8]) -> Self {
        let next = match header_protocol {
            1 => Next::Ethernet,
            7 | 14 => Next::Ppp,
            11 => Next::Ipv4,
            12 => Next::Ipv6,
            13 => Next::Mpls,
            _ => Next::Payload,
        };
        Self { next, rest: packet }
    }

    /// Returns the headers of a packet that begins with an Ethernet header.
    pub fn ethernet(packet: &'a [u8]) -> Self {
        Self { next: Next::Ethernet, rest: packet }
    }

    /// Returns the headers of a packet that begins with the protocol of `ether_type`.
    pub fn ether_type(ether_type: u16, packet: &'a [u8]) -> Self {
        Self { next: Next::from_ether_type(ether_type), rest: packet }
    }

    /// Returns the headers of an IP packet of either version.
    pub fn ip(packet: &'a [u8]) -> Self {
        Self { next: Next::from_ip_version(packet), rest: packet }
    }

    /// The bytes after the headers returned so far, within the lengths that IP declares.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Layers<'a> {
    type Item = Layer<'a>;

    #[inline]
    fn next(&mut self) -> Option<Layer<'a>> {
        let rest = &mut self.rest;
        let read = match self.next {
            Next::Ethernet => link::ethernet(rest).map(of(Layer::Ethernet)),
            Next::Vlan(tpid) => link::vlan(tpid, rest).map(of(Layer::Vlan)),
            Next::Llc => link::llc(rest),
            Next::Mpls => link::mpls(rest),
            Next::Pppoe => link::pppoe(rest),
            Next::Ppp => link::ppp(rest),
            Next::Arp => network::arp(rest),
            Next::Ipv4 => network::ipv4(rest).map(of(Layer::Ipv4)),
            Next::Ipv6 => network::ipv6(rest).map(of(Layer::Ipv6)),
            Next::Ipv6Extension(protocol) => {
                network::ipv6_extension(protocol, rest).map(of(Layer::Ipv6Extension))
            }
            Next::Tcp => transport::tcp(rest),
            Next::Udp => transport::udp(rest),
            Next::Icmp => transport::icmp(rest).map(|icmp| (Layer::Icmp(icmp), Next::Payload)),
            Next::Icmpv6 => transport::icmp(rest).map(|icmp| (Layer::Icmpv6(icmp), Next::Payload)),
            Next::Sctp => transport::sctp(rest),
            Next::Gre => tunnel::gre(rest),
            Next::Vxlan => tunnel::vxlan(rest),
            Next::Geneve => tunnel::geneve(rest),
            Next::GtpU => tunnel::gtp_u(rest),
            Next::Payload if rest.is_empty() => return None,
            Next::Payload => Some((Layer::Payload(core::mem::take(rest)), Next::Payload)),
        };
        let (layer, next) = read.unwrap_or_else(|| {
            self.rest = &[];
            (Layer::Truncated(self.next.name()), Next::Payload)
        });
        self.next = next;
        Some(layer)
    }
}

impl<'a> SampledHeader<'a> {
    /// The headers of the sampled packet.
    #[inline]
    pub fn layers(&self) -> Layers<'a> {
        Layers::new(self.protocol, self.header)
    }

    /// Addresses, protocol and ports of the outermost IP packet; `None` if there is none.
    #[inline]
    pub fn five_tuple(&self) -> Option<FiveTuple> {
        FiveTuple::from_layers(self.layers())
    }
}

/// The protocol of the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ethernet,
    /// The tag of a VLAN, announced by this TPID.
    Vlan(u16),
    Llc,
    Mpls,
    Pppoe,
    Ppp,
    Arp,
    Ipv4,
    Ipv6,
    /// An extension header of this protocol number.
    Ipv6Extension(u8),
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Sctp,
    Gre,
    Vxlan,
    Geneve,
    GtpU,
    Payload,
}

impl Next {
    #[inline(always)]
    fn from_ether_type(ether_type: u16) -> Self {
        match ether_type {
            0x0800 => Self::Ipv4,
            0x86dd => Self::Ipv6,
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => Self::Vlan(ether_type),
            0x0806 => Self::Arp,
            0x8847 | 0x8848 => Self::Mpls,
            0x8863 | 0x8864 => Self::Pppoe,
            // Transparent Ethernet bridging, in GRE and GENEVE.
            0x6558 => Self::Ethernet,
            0x880b => Self::Ppp,
            // IEEE 802.3: a length, not a type.
            0..=0x05dc => Self::Llc,
            _ => Self::Payload,
        }
    }

    #[inline(always)]
    fn from_ip_protocol(protocol: u8) -> Self {
        match protocol {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 => Self::Icmp,
            58 => Self::Icmpv6,
            132 => Self::Sctp,
            47 => Self::Gre,
            4 => Self::Ipv4,
            41 => Self::Ipv6,
            137 => Self::Mpls,
            0 | 43 | 44 | 51 | 60 | 135 | 139 | 140 => Self::Ipv6Extension(protocol),
            _ => Self::Payload,
        }
    }

    /// IPv4 or IPv6, by the version in the next byte.
    fn from_ip_version(rest: &[u8]) -> Self {
        match rest.first().map(|byte| byte >> 4) {
            Some(4) => Self::Ipv4,
            Some(6) => Self::Ipv6,
            _ => Self::Payload,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan(_) => "vlan",
            Self::Llc => "llc",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Ppp => "ppp",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension(_) => "ipv6_extension",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Sctp => "sctp",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtp_u",
            Self::Payload => "payload",
        }
    }
}

/// A header, and the protocol of the next.
type Read<'a> = Option<(Layer<'a>, Next)>;

/// Wraps a header in its layer.
#[inline(always)]
fn of<'a, T>(layer: fn(T) -> Layer<'a>) -> impl Fn((T, Next)) -> (Layer<'a>, Next) {
    move |(header, next)| (layer(header), next)
}

/// Takes the next `N` bytes; on `None` nothing is taken.
#[inline(always)]
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[inline(always)]
fn skip(rest: &mut &[u8], len: usize) -> Option<()> {
    *rest = rest.get(len..)?;
    Some(())
}
