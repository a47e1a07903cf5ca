//! The protocol headers of a sampled packet: decoded once, read often.
//!
//! Decoding notes where each header begins and ends. Keys read their fields from there: a packet has far more
//! fields than any definition needs.

use core::net::{Ipv4Addr, Ipv6Addr};

use flowmote_decoder::MacAddress;
use flowmote_decoder::flow::SampledHeader;
pub(super) use flowmote_decoder::packet::Protocol;

/// The name of a protocol in `stack`; `None` for what is no header.
pub(super) fn name(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Ethernet => "eth",
        Protocol::Vlan => "vlan",
        Protocol::VnTag => "vntag",
        Protocol::ETag => "etag",
        Protocol::ITag => "itag",
        Protocol::Llc => "llc",
        Protocol::Mpls => "mpls",
        Protocol::Pppoe => "pppoe",
        Protocol::Ppp => "ppp",
        Protocol::Ieee80211 => "ieee80211",
        Protocol::Arp => "arp",
        Protocol::Ipv4 => "ip",
        Protocol::Ipv6 => "ip6",
        Protocol::Ipv6Extension => "ip6ext",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
        Protocol::Icmpv6 => "icmp6",
        Protocol::Sctp => "sctp",
        Protocol::Gre => "gre",
        Protocol::Erspan => "erspan",
        Protocol::Eoip => "eoip",
        Protocol::L2tp => "l2tp",
        Protocol::Vxlan => "vxlan",
        Protocol::VxlanGpe => "vxlangpe",
        Protocol::Geneve => "geneve",
        Protocol::GtpU => "gtpu",
        _ => return None,
    })
}

fn is_ip(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6)
}

/// The headers of a packet, outermost first. Headers after the 16th are not noted.
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
#[derive(Clone, Copy, Debug)]
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

    #[inline]
    pub(super) fn decode(header: &SampledHeader<'a>) -> Self {
        let mut headers = Self { packet: header.header, ..Self::EMPTY };
        let mut layers = header.layers();
        let begin = header.header.as_ptr().addr();
        for slot in &mut headers.places {
            let rest = layers.rest();
            let protocol = match layers.step() {
                None | Some(Protocol::Payload | Protocol::Truncated) => break,
                Some(protocol) => protocol,
            };
            // Headers are within the first bytes: a datagram is shorter than 64 KiB.
            let start = rest.as_ptr().addr().wrapping_sub(begin);
            *slot = Place { protocol, start: start as u16, end: (start + rest.len()) as u16 };
            if let Some(first @ &mut NONE) = headers.first.get_mut(protocol as usize) {
                *first = headers.count as u8;
            }
            headers.count += 1;
            if protocol == Protocol::Tcp {
                // The payload of the common packets is not looked at.
                break;
            }
        }
        headers
    }

    #[inline]
    fn at(&self, at: usize) -> Option<(Protocol, Header<'a>)> {
        let place = self.places.get(at)?;
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
        self.later(first, instance, is_ip)
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
            .take_while(|(protocol, _)| !is_ip(*protocol))
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

const MAX_HEADERS: usize = 16;
const NONE: u8 = u8::MAX;
