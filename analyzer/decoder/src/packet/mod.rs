//! Protocol headers of a sampled packet, nested to any depth and cut at any byte.
//!
//! [`Layers`] yields one header after the other and never fails. If the capture ends inside a
//! header, the last item is [`Layer::Truncated`]; where decoding ends, [`Layer::Payload`]. Each
//! step consumes bytes and none nests in another, so work is bounded by the length of the capture, and
//! the stack does not grow with the number of headers.
//!
//! Where no field names the protocol, the bytes must bear out the guess, or they are payload: see
//! `guess.rs`.

mod extent;
mod flow_key;
mod guess;
mod layer;
mod link;
mod network;
mod overlay;
mod tag;
mod transport;
mod tunnel;
mod wireless;

pub use flow_key::FiveTuple;
pub use link::{Ethernet, Llc, Mpls, Ppp, Pppoe};
pub use network::{Arp, Ipv4, Ipv6, Ipv6Extension};
pub use overlay::{Geneve, GtpU, Vxlan, VxlanGpe};
pub use tag::{ETag, ITag, Vlan, VnTag};
pub use transport::{Icmp, Sctp, Tcp, Udp};
pub use tunnel::{Eoip, Erspan, Gre, L2tp};
pub use wireless::Ieee80211;

use crate::flow::SampledHeader;
use crate::visit::Visitor;

/// One protocol header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is named after its protocol and documented there")]
pub enum Layer<'a> {
    Ethernet(Ethernet),
    Vlan(Vlan),
    VnTag(VnTag),
    ETag(ETag),
    ITag(ITag),
    Llc(Llc),
    Mpls(Mpls),
    Pppoe(Pppoe),
    Ppp(Ppp),
    Ieee80211(Ieee80211),
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
    Erspan(Erspan),
    Eoip(Eoip),
    L2tp(L2tp),
    Vxlan(Vxlan),
    VxlanGpe(VxlanGpe),
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
            Self::VnTag(_) => "vn_tag",
            Self::ETag(_) => "e_tag",
            Self::ITag(_) => "i_tag",
            Self::Llc(_) => "llc",
            Self::Mpls(_) => "mpls",
            Self::Pppoe(_) => "pppoe",
            Self::Ppp(_) => "ppp",
            Self::Ieee80211(_) => "ieee80211",
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
            Self::Erspan(_) => "erspan",
            Self::Eoip(_) => "eoip",
            Self::L2tp(_) => "l2tp",
            Self::Vxlan(_) => "vxlan",
            Self::VxlanGpe(_) => "vxlan_gpe",
            Self::Geneve(_) => "geneve",
            Self::GtpU(_) => "gtp_u",
            Self::Payload(_) => "payload",
            Self::Truncated(_) => "truncated",
        }
    }

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
            Self::Geneve(_) => Protocol::Geneve,
            Self::GtpU(_) => Protocol::GtpU,
            Self::Payload(_) => Protocol::Payload,
            Self::Truncated(_) => Protocol::Truncated,
        }
    }

    /// Passes the fields of the header to `visitor`; [`Layer::Payload`] and [`Layer::Truncated`]
    /// have none.
    pub fn visit(&self, visitor: &mut dyn Visitor) {
        match self {
            Self::Ethernet(layer) => layer.visit(visitor),
            Self::Vlan(layer) => layer.visit(visitor),
            Self::VnTag(layer) => layer.visit(visitor),
            Self::ETag(layer) => layer.visit(visitor),
            Self::ITag(layer) => layer.visit(visitor),
            Self::Llc(layer) => layer.visit(visitor),
            Self::Mpls(layer) => layer.visit(visitor),
            Self::Pppoe(layer) => layer.visit(visitor),
            Self::Ppp(layer) => layer.visit(visitor),
            Self::Ieee80211(layer) => layer.visit(visitor),
            Self::Arp(layer) => layer.visit(visitor),
            Self::Ipv4(layer) => layer.visit(visitor),
            Self::Ipv6(layer) => layer.visit(visitor),
            Self::Ipv6Extension(layer) => layer.visit(visitor),
            Self::Tcp(layer) => layer.visit(visitor),
            Self::Udp(layer) => layer.visit(visitor),
            Self::Icmp(layer) | Self::Icmpv6(layer) => layer.visit(visitor),
            Self::Sctp(layer) => layer.visit(visitor),
            Self::Gre(layer) => layer.visit(visitor),
            Self::Erspan(layer) => layer.visit(visitor),
            Self::Eoip(layer) => layer.visit(visitor),
            Self::L2tp(layer) => layer.visit(visitor),
            Self::Vxlan(layer) => layer.visit(visitor),
            Self::VxlanGpe(layer) => layer.visit(visitor),
            Self::Geneve(layer) => layer.visit(visitor),
            Self::GtpU(layer) => layer.visit(visitor),
            Self::Payload(_) | Self::Truncated(_) => {}
        }
    }
}

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
    Geneve,
    GtpU,
    Payload,
    Truncated,
}

impl Protocol {
    /// Number of protocols: `protocol as usize` is smaller.
    pub const COUNT: usize = Self::Truncated as usize + 1;
}

/// The headers of a packet, outermost first.
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    next: Next,
    rest: &'a [u8],
    /// Bytes on the wire after those captured.
    beyond: usize,
}

impl<'a> Layers<'a> {
    /// Returns the headers of `packet`, which is whole. `header_protocol` is the first of them, coded
    /// as [`SampledHeader::protocol`]: 1 Ethernet, 7 and 14 PPP, 11 IPv4, 12 IPv6, 13 MPLS, 15 to 17
    /// IEEE 802.11. With any other that sFlow defines, the whole packet is payload.
    ///
    /// An undefined number, and bytes that contradict the number and bear out another protocol, are
    /// taken as what they are: IPv4, IPv6 or Ethernet.
    #[inline]
    pub fn new(header_protocol: u32, packet: &'a [u8]) -> Self {
        Self::captured(header_protocol, packet, packet.len())
    }

    /// Returns the headers of a packet that had `length` bytes, of which `packet` was captured. The
    /// length helps to recognise protocols that no field names.
    #[inline]
    pub fn captured(header_protocol: u32, packet: &'a [u8], length: usize) -> Self {
        let beyond = length.saturating_sub(packet.len());
        Self { next: Next::first(header_protocol, packet, beyond), rest: packet, beyond }
    }

    /// Returns the headers of a packet that begins with an Ethernet header.
    pub fn ethernet(packet: &'a [u8]) -> Self {
        Self { next: Next::Ethernet, rest: packet, beyond: 0 }
    }

    /// Returns the headers of a packet that begins with the protocol of `ether_type`.
    pub fn ether_type(ether_type: u16, packet: &'a [u8]) -> Self {
        Self { next: Next::from_ether_type(ether_type), rest: packet, beyond: 0 }
    }

    /// Returns the headers of an IP packet of either version.
    pub fn ip(packet: &'a [u8]) -> Self {
        Self { next: Next::from_ip_version(packet), rest: packet, beyond: 0 }
    }

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

    /// The bytes after the headers returned so far, within the lengths that IP declares.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Layers<'a> {
    type Item = Layer<'a>;

    #[inline]
    fn next(&mut self) -> Option<Layer<'a>> {
        let (rest, beyond) = (&mut self.rest, self.beyond);
        let read = match self.next {
            Next::Ethernet => link::ethernet(rest).map(of(Layer::Ethernet)),
            Next::Vlan(tpid) => tag::vlan(tpid, rest).map(of(Layer::Vlan)),
            Next::Llc => link::llc(rest),
            Next::VnTag => tag::vn_tag(rest),
            Next::ETag => tag::e_tag(rest),
            Next::ITag => tag::i_tag(rest),
            Next::Mpls => link::mpls(rest, beyond),
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
            Next::Ieee80211 => wireless::ieee80211(rest),
            Next::Ampdu => wireless::ampdu(rest),
            Next::Amsdu => wireless::amsdu(rest),
            Next::Gre => tunnel::gre(rest),
            Next::Erspan => tunnel::erspan(rest),
            Next::Eoip => tunnel::eoip(rest),
            Next::L2tp => tunnel::l2tp(rest, beyond),
            Next::L2tpIp => tunnel::l2tp_3(rest, beyond),
            Next::Vxlan => overlay::vxlan(rest),
            Next::VxlanGpe => overlay::vxlan_gpe(rest),
            Next::Geneve => overlay::geneve(rest),
            Next::GtpU => overlay::gtp_u(rest, beyond),
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
        Layers::captured(self.protocol, self.header, self.length())
    }

    /// Addresses, protocol and ports of the outermost IP packet; `None` if there is none.
    #[inline]
    pub fn five_tuple(&self) -> Option<FiveTuple> {
        let next = Next::claimed(self.protocol);
        let claimed = Layers { next, rest: self.header, beyond: self.beyond() };
        // The claim is examined only if it leads to no IP packet: most are right.
        FiveTuple::from_layers(claimed).or_else(|| Self::without_claim(*self))
    }

    #[cold]
    fn without_claim(self) -> Option<FiveTuple> {
        FiveTuple::from_layers(self.layers())
    }

    /// Bytes of the packet on the wire, from the first byte of `header` on.
    fn length(&self) -> usize {
        self.frame_length.saturating_sub(self.stripped) as usize
    }

    /// Those of them after `header`.
    #[inline]
    fn beyond(&self) -> usize {
        self.length().saturating_sub(self.header.len())
    }
}

/// The protocol of the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ethernet,
    /// The tag of a VLAN, announced by this TPID.
    Vlan(u16),
    VnTag,
    ETag,
    ITag,
    Llc,
    Mpls,
    Pppoe,
    Ppp,
    Ieee80211,
    /// A frame of an A-MPDU, after its delimiter.
    Ampdu,
    /// A subframe of an A-MSDU.
    Amsdu,
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
    Erspan,
    Eoip,
    L2tp,
    /// L2TP version 3 directly in IP.
    L2tpIp,
    Vxlan,
    VxlanGpe,
    Geneve,
    GtpU,
    Payload,
}

impl Next {
    /// The first protocol of a sampled header, as claimed by its number.
    #[inline]
    fn claimed(header_protocol: u32) -> Self {
        match header_protocol {
            1 => Self::Ethernet,
            7 | 14 => Self::Ppp,
            11 => Self::Ipv4,
            12 => Self::Ipv6,
            13 => Self::Mpls,
            15 => Self::Ieee80211,
            16 => Self::Ampdu,
            17 => Self::Amsdu,
            _ => Self::Payload,
        }
    }

    /// The first protocol of a sampled header: the claimed one, unless the bytes contradict it.
    #[inline]
    fn first(header_protocol: u32, packet: &[u8], beyond: usize) -> Self {
        let claimed = Self::claimed(header_protocol);
        let evident = match claimed {
            Self::Ethernet => matches!(
                packet,
                [_, _, _, _, _, _, _, _, _, _, _, _, 0x08 | 0x81, 0, ..]
                    | [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, ..]
            ),
            Self::Ipv4 | Self::Ipv6 => Self::from_ip_version(packet) == claimed,
            Self::Payload => matches!(header_protocol, 2..=10 | 18),
            _ => true,
        };
        if evident { claimed } else { guess::first(claimed, packet, beyond) }
    }

    #[inline(always)]
    fn from_ether_type(ether_type: u16) -> Self {
        match ether_type {
            0x0800 => Self::Ipv4,
            0x86dd => Self::Ipv6,
            0x8100 => Self::Vlan(ether_type),
            _ => Self::from_other_ether_type(ether_type),
        }
    }

    /// Out of line, so that the common types stay small wherever they are matched.
    #[inline(never)]
    fn from_other_ether_type(ether_type: u16) -> Self {
        match ether_type {
            0x88a8 | 0x9100 | 0x9200 | 0x9300 => Self::Vlan(ether_type),
            0x0806 => Self::Arp,
            0x8847 | 0x8848 => Self::Mpls,
            0x8863 | 0x8864 => Self::Pppoe,
            // Transparent Ethernet bridging, in GRE and GENEVE.
            0x6558 => Self::Ethernet,
            0x880b => Self::Ppp,
            0x8926 => Self::VnTag,
            0x893f => Self::ETag,
            0x88e7 => Self::ITag,
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
            115 => Self::L2tpIp,
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
            Self::VnTag => "vn_tag",
            Self::ETag => "e_tag",
            Self::ITag => "i_tag",
            Self::Llc => "llc",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Ppp => "ppp",
            Self::Ieee80211 | Self::Ampdu => "ieee80211",
            Self::Amsdu => "ethernet",
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
            Self::Erspan => "erspan",
            Self::Eoip => "eoip",
            Self::L2tp | Self::L2tpIp => "l2tp",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan_gpe",
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
