//! The protocol headers of a sampled packet: decoded once, read often.
//!
//! Decoding notes where each header begins and ends. Keys read their fields from there: a packet has far more
//! fields than any definition asks for.

use core::net::{Ipv4Addr, Ipv6Addr};

use flowmote_decoder::MacAddress;
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;

/// A protocol header that keys can be read from, or that is named in `stack`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Protocol {
    #[default]
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
    /// Base transport header of InfiniBand, in UDP.
    Bth,
}

impl Protocol {
    const COUNT: usize = Self::Bth as usize + 1;

    fn of(layer: &Layer<'_>) -> Option<Self> {
        Some(match layer {
            Layer::Ethernet(_) => Self::Ethernet,
            Layer::Vlan(_) => Self::Vlan,
            Layer::VnTag(_) => Self::VnTag,
            Layer::ETag(_) => Self::ETag,
            Layer::ITag(_) => Self::ITag,
            Layer::Llc(_) => Self::Llc,
            Layer::Mpls(_) => Self::Mpls,
            Layer::Pppoe(_) => Self::Pppoe,
            Layer::Ppp(_) => Self::Ppp,
            Layer::Ieee80211(_) => Self::Ieee80211,
            Layer::Arp(_) => Self::Arp,
            Layer::Ipv4(_) => Self::Ipv4,
            Layer::Ipv6(_) => Self::Ipv6,
            Layer::Ipv6Extension(_) => Self::Ipv6Extension,
            Layer::Tcp(_) => Self::Tcp,
            Layer::Udp(_) => Self::Udp,
            Layer::Icmp(_) => Self::Icmp,
            Layer::Icmpv6(_) => Self::Icmpv6,
            Layer::Sctp(_) => Self::Sctp,
            Layer::Gre(_) => Self::Gre,
            Layer::Erspan(_) => Self::Erspan,
            Layer::Eoip(_) => Self::Eoip,
            Layer::L2tp(_) => Self::L2tp,
            Layer::Vxlan(_) => Self::Vxlan,
            Layer::VxlanGpe(_) => Self::VxlanGpe,
            Layer::Geneve(_) => Self::Geneve,
            Layer::GtpU(_) => Self::GtpU,
            _ => return None,
        })
    }

    /// The name in `stack`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "eth",
            Self::Vlan => "vlan",
            Self::VnTag => "vntag",
            Self::ETag => "etag",
            Self::ITag => "itag",
            Self::Llc => "llc",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Ppp => "ppp",
            Self::Ieee80211 => "ieee80211",
            Self::Arp => "arp",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
            Self::Ipv6Extension => "ip6ext",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmp6",
            Self::Sctp => "sctp",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Eoip => "eoip",
            Self::L2tp => "l2tp",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlangpe",
            Self::Geneve => "geneve",
            Self::GtpU => "gtpu",
            Self::Bth => "ibbt",
        }
    }

    fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// The headers of a packet, outermost first. Headers after the 24th are not noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headers<'a> {
    /// The captured bytes.
    packet: &'a [u8],
    places: [Place; MAX_HEADERS],
    count: usize,
    /// For each protocol the place of its first header; [`NONE`] without one.
    first: [u8; Protocol::COUNT],
}

/// Where a header begins in the packet, and where the bytes end that may belong to it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    protocol: Protocol,
    start: u16,
    end: u16,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub(super) const EMPTY: Self = Self {
        packet: &[],
        places: [Place { protocol: Protocol::Ethernet, start: 0, end: 0 }; MAX_HEADERS],
        count: 0,
        first: [NONE; Protocol::COUNT],
    };

    pub(super) fn decode(header: &SampledHeader<'a>) -> Self {
        let mut headers = Self { packet: header.header, ..Self::EMPTY };
        let mut layers = header.layers();
        loop {
            let rest = layers.rest();
            let Some(layer) = layers.next() else { break };
            match Protocol::of(&layer) {
                Some(protocol) => headers.note(protocol, rest),
                None => {
                    headers.note_payload(&layer, rest);
                    break;
                }
            }
        }
        headers
    }

    fn note(&mut self, protocol: Protocol, rest: &[u8]) {
        let start = rest.as_ptr().addr().wrapping_sub(self.packet.as_ptr().addr());
        let place = (u16::try_from(start), u16::try_from(start + rest.len()));
        if let (Ok(start), Ok(end)) = place
            && let Some(free) = self.places.get_mut(self.count)
        {
            *free = Place { protocol, start, end };
            if let Some(first) = self.first.get_mut(protocol as usize)
                && *first == NONE
            {
                *first = self.count as u8;
            }
            self.count += 1;
        }
    }

    /// RoCEv2: the decoder has no layer for it.
    fn note_payload(&mut self, layer: &Layer<'_>, rest: &[u8]) {
        let roce = |udp: Header<'_>| udp.u16(2) == Some(ROCE);
        if matches!(layer, Layer::Payload(_))
            && rest.len() >= BTH_LEN
            && self
                .last()
                .is_some_and(|(protocol, header)| protocol == Protocol::Udp && roce(header))
        {
            self.note(Protocol::Bth, rest);
        }
    }

    fn last(&self) -> Option<(Protocol, Header<'a>)> {
        self.at(self.count.checked_sub(1)?)
    }

    fn at(&self, at: usize) -> Option<(Protocol, Header<'a>)> {
        let place = self.places.get(..self.count)?.get(at)?;
        let bytes = self.packet.get(usize::from(place.start)..usize::from(place.end))?;
        Some((place.protocol, Header { bytes, offset: place.start }))
    }

    /// The protocols, outermost first.
    pub(super) fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.places.iter().take(self.count).map(|place| place.protocol)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The header number `instance` of a protocol, counted from 0.
    #[inline]
    pub(super) fn get(&self, protocol: Protocol, instance: u8) -> Option<Header<'a>> {
        let first = *self.first.get(protocol as usize)?;
        if instance == 0 {
            return self.at(first.into()).map(|(_, header)| header);
        }
        self.later(first.into(), instance, |candidate| candidate == protocol)
            .map(|(_, _, header)| header)
    }

    /// The same, with its place.
    pub(super) fn place(&self, protocol: Protocol, instance: u8) -> Option<(usize, Header<'a>)> {
        let first = *self.first.get(protocol as usize)?;
        let found = self.later(first.into(), instance, |candidate| candidate == protocol);
        found.map(|(place, _, header)| (place, header))
    }

    /// The IP header number `instance`, of either version, and its place.
    #[inline]
    pub(super) fn ip(&self, instance: u8) -> Option<(usize, Protocol, Header<'a>)> {
        let [v4, v6] =
            [Protocol::Ipv4, Protocol::Ipv6].map(|protocol| self.first[protocol as usize]);
        let first = usize::from(v4.min(v6));
        if instance == 0 {
            return self.at(first).map(|(protocol, header)| (first, protocol, header));
        }
        self.later(first, instance, Protocol::is_ip)
    }

    /// The headers of the protocol from place `first` on; `instance` of them are skipped.
    fn later(
        &self,
        first: usize,
        instance: u8,
        is: impl Fn(Protocol) -> bool,
    ) -> Option<(usize, Protocol, Header<'a>)> {
        let mut matching = (first..self.count).filter_map(|place| {
            let (protocol, header) = self.at(place)?;
            is(protocol).then_some((place, protocol, header))
        });
        matching.nth(instance.into())
    }

    /// The headers after `place` that belong to the same IP packet: up to the next IP header.
    pub(super) fn after(&self, place: usize) -> impl Iterator<Item = (Protocol, Header<'a>)> {
        (place + 1..self.count)
            .map_while(|place| self.at(place))
            .take_while(|(protocol, _)| !protocol.is_ip())
    }
}

/// One header, and the bytes after it that were captured of the same packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) bytes: &'a [u8],
    /// Bytes of the packet before the header.
    pub(super) offset: u16,
}

/// Fields by their offset; `None` if they were not captured.
impl<'a> Header<'a> {
    #[inline]
    pub(super) fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    #[inline]
    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub(super) fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// A number of 24 bits.
    pub(super) fn u24(self, at: usize) -> Option<u32> {
        self.array(at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    #[inline]
    pub(super) fn v4(self, at: usize) -> Option<Ipv4Addr> {
        self.array(at).map(Ipv4Addr::from_octets)
    }

    #[inline]
    pub(super) fn v6(self, at: usize) -> Option<Ipv6Addr> {
        self.array(at).map(Ipv6Addr::from_octets)
    }

    #[inline]
    pub(super) fn mac(self, at: usize) -> Option<MacAddress> {
        self.array(at).map(MacAddress)
    }

    /// What begins `at` bytes after the start of the header.
    pub(super) fn part(self, at: usize) -> Option<Self> {
        let offset = self.offset.saturating_add(at as u16);
        self.bytes.get(at..).map(|bytes| Self { bytes, offset })
    }
}

const MAX_HEADERS: usize = 24;
const NONE: u8 = u8::MAX;
/// UDP port of RoCEv2.
const ROCE: u16 = 4791;
const BTH_LEN: usize = 12;
