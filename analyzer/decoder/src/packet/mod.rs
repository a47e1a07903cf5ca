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
mod next;
mod overlay;
mod step;
mod tag;
mod transport;
mod tunnel;
mod wireless;

pub use flow_key::FiveTuple;
pub use link::{Ethernet, Llc, Mpls, Ppp, Pppoe};
pub use network::{Arp, Ipv4, Ipv6, Ipv6Extension};
pub use overlay::{Geneve, GtpU, Nsh, Vxlan, VxlanGpe};
pub use step::Protocol;
pub use tag::{ETag, ITag, Vlan, VnTag};
pub use transport::{Icmp, Sctp, Tcp, Udp};
pub use tunnel::{Eoip, Erspan, Gre, L2tp};
pub use wireless::Ieee80211;

use self::next::Next;
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
    Nsh(Nsh),
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
            Self::Nsh(_) => "nsh",
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
            Self::Nsh(layer) => layer.visit(visitor),
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
            Next::Nsh => overlay::nsh(rest),
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
