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
        Protocol::Nsh => "nsh",
        Protocol::Geneve => "geneve",
        Protocol::GtpU => "gtpu",
        _ => return None,
    })
}

fn is_transport(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Sctp)
}

fn is_ip(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Ipv4 | Protocol::Ipv6)
}

/// The headers of a packet, outermost first. Headers after the 16th are not noted.
///
/// Two cache lines, so that a packet is copied without a loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Headers<'a> {
    /// The captured bytes.
    packet: &'a [u8],
    places: [Place; MAX_HEADERS],
    protocols: [Protocol; MAX_HEADERS],
    count: u8,
    /// For each protocol the place of its first header; [`NONE`] without one.
    first: [u8; Protocol::COUNT],
}

/// Where a header begins in the packet, and where the bytes end that may belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    start: u16,
    end: u16,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub(super) const EMPTY: Self = Self {
        packet: &[],
        places: [Place { start: 0, end: 0 }; MAX_HEADERS],
        protocols: [Protocol::Ethernet; MAX_HEADERS],
        count: 0,
        first: [NONE; Protocol::COUNT],
    };

    #[inline]
    pub(super) fn decode(header: &SampledHeader<'a>) -> Self {
        let mut headers = Self { packet: header.header, ..Self::EMPTY };
        if headers.note_tcp(header).is_none() {
            headers.note_all(header);
        }
        headers
    }

    /// Notes TCP in IPv4 without options in Ethernet, which most packets are. The result is that of
    /// [`note_all`](Self::note_all).
    #[inline]
    fn note_tcp(&mut self, header: &SampledHeader<'a>) -> Option<()> {
        let (&before, rest) = header.header.split_first_chunk::<34>()?;
        let [.., 0x08, 0, 0x45, _, high, low, _, _, flags, 0, _, 6, _, _, _, _, _, _, _, _, _, _] =
            before
        else {
            return None;
        };
        let rest = match usize::from(u16::from_be_bytes([high, low])) {
            0 => rest.len(),
            total => total.saturating_sub(20).min(rest.len()),
        };
        if header.protocol != 1 || flags & 0x1f != 0 || rest < 4 {
            return None;
        }
        let end = header.header.len() as u16;
        *self.places.first_chunk_mut()? = [
            Place { start: 0, end },
            Place { start: 14, end },
            Place { start: 34, end: (34 + rest) as u16 },
        ];
        *self.protocols.first_chunk_mut()? = TCP;
        self.first = FIRST_OF_TCP;
        self.count = 3;
        Some(())
    }

    /// Out of line, so that the common packets stay small.
    #[inline(never)]
    fn note_all(&mut self, header: &SampledHeader<'a>) {
        let mut layers = header.layers();
        let begin = header.header.as_ptr().addr();
        for (place, noted) in self.places.iter_mut().zip(&mut self.protocols) {
            let rest = layers.rest();
            let protocol = match layers.step() {
                None | Some(Protocol::Payload | Protocol::Truncated) => break,
                Some(protocol) => protocol,
            };
            // Headers are within the first bytes: a datagram is shorter than 64 KiB.
            let start = rest.as_ptr().addr().wrapping_sub(begin);
            *place = Place { start: start as u16, end: (start + rest.len()) as u16 };
            *noted = protocol;
            if let Some(first @ &mut NONE) = self.first.get_mut(protocol as usize) {
                *first = self.count;
            }
            self.count += 1;
            if protocol == Protocol::Tcp {
                // The payload of the common packets is not looked at.
                break;
            }
        }
    }

    /// The IP and the TCP header of a packet that has no others but Ethernet, which most packets are.
    #[inline]
    pub(super) fn tcp_in_v4(&self) -> Option<(Header<'a>, Header<'a>)> {
        let is_tcp = self.count == 3 && self.protocols.first_chunk() == Some(&TCP);
        // Not if Ethernet has another type, which `needed` has to know.
        if !is_tcp || self.packet.get(12..14) != Some(&[8, 0]) {
            return None;
        }
        Some((self.at(1)?.1, self.at(2)?.1))
    }

    #[inline]
    fn at(&self, at: usize) -> Option<(Protocol, Header<'a>)> {
        let (place, protocol) = (self.places.get(at)?, *self.protocols.get(at)?);
        let bytes = self.packet.get(usize::from(place.start)..usize::from(place.end))?;
        Some((protocol, Header { bytes, offset: place.start }))
    }

    /// The protocols, outermost first.
    pub(super) fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.protocols.iter().take(self.count.into()).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True if there are headers, but no second one of IP or of a transport protocol.
    pub(super) fn is_plain(&self) -> bool {
        let count = |is: fn(Protocol) -> bool| self.protocols().filter(|it| is(*it)).count();
        !self.is_empty() && count(is_ip) <= 1 && count(is_transport) <= count(is_ip)
    }

    /// The number of captured bytes that keys read: all, but for TCP and UDP directly in IP. There the
    /// payload is read of DNS and RoCE only, and what a tunnel contains is further headers.
    #[inline]
    pub(super) fn needed(&self) -> usize {
        match self.tcp_in_v4() {
            Some((_, tcp)) => tcp.end_of_tcp().min(self.packet.len()),
            None => self.needed_of_any(),
        }
    }

    /// Out of line, so that the common packets stay small.
    #[inline(never)]
    fn needed_of_any(&self) -> usize {
        let all = self.packet.len();
        // Other types of frames are recognised by all their bytes.
        let known = matches!(self.packet.get(12..14), Some([8 | 0x81, 0] | [0x86, 0xdd]));
        let simple = |protocol| {
            use Protocol::{Ethernet, Ipv4, Ipv6, Tcp, Udp, Vlan};
            matches!(protocol, Ethernet | Vlan | Ipv4 | Ipv6 | Tcp | Udp)
        };
        let last = self.count.checked_sub(1).and_then(|last| self.at(last.into()));
        let Some((protocol, header)) = last else { return all };
        let end = match protocol {
            _ if !known || !self.protocols().all(simple) => return all,
            Protocol::Tcp => header.end_of_tcp(),
            Protocol::Udp if !header.has_port(DNS) && !header.has_port(ROCE) => {
                usize::from(header.offset) + 8
            }
            _ => return all,
        };
        end.min(all)
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
        let mut matching = (first..self.count.into()).filter_map(|place| {
            let (protocol, header) = self.at(place)?;
            is(protocol).then_some((place, protocol, header))
        });
        matching.nth(instance.into())
    }

    /// The headers after `place` that belong to the same IP packet: up to the next IP header.
    pub(super) fn after(&self, place: usize) -> impl Iterator<Item = (Protocol, Header<'a>)> {
        (place + 1..self.count.into())
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

    /// Bytes of the packet up to the end of this header of TCP, with its options.
    #[inline]
    fn end_of_tcp(self) -> usize {
        usize::from(self.offset) + usize::from(self.u8(12).unwrap_or(0) >> 4).max(5) * 4
    }

    /// True if this is one of the two ports of a transport header.
    fn has_port(self, port: u16) -> bool {
        [self.u16(0), self.u16(2)].contains(&Some(port))
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

const _: () = assert!(size_of::<Headers<'_>>() == 128);
const MAX_HEADERS: usize = 16;
/// Ports of UDP whose payload keys read.
const DNS: u16 = 53;
const ROCE: u16 = 4791;
const NONE: u8 = u8::MAX;
const TCP: [Protocol; 3] = [Protocol::Ethernet, Protocol::Ipv4, Protocol::Tcp];
/// The places of the three.
const FIRST_OF_TCP: [u8; Protocol::COUNT] = {
    let mut first = [NONE; Protocol::COUNT];
    first[Protocol::Ethernet as usize] = 0;
    first[Protocol::Ipv4 as usize] = 1;
    first[Protocol::Tcp as usize] = 2;
    first
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::{flow_sample, with, words};

    /// Ethernet, IPv4 and TCP, with the values of some bytes replaced.
    fn packet(changes: &[(usize, u8)], length: usize) -> Vec<u8> {
        let mut packet = vec![0; 128];
        packet[12..24].copy_from_slice(&[8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0x40, 0, 64, 6]);
        packet[46] = 0x50;
        changes.iter().for_each(|(at, value)| packet[*at] = *value);
        packet.truncate(length);
        packet
    }

    #[test]
    fn tcp_is_noted_like_any_other_packet() {
        let values = [0, 1, 4, 5, 6, 8, 17, 0x1f, 0x20, 0x40, 0x44, 0x45, 0x46, 0x60, 0x81, 0xff];
        let changes = (12..48).flat_map(|at| values.map(|value| vec![(at, value)]));
        // Short packets, whose total length ends before, in and after the TCP header.
        let totals = (0..100).map(|total| vec![(16, 0), (17, total)]);
        let mut noted = 0;
        for changes in changes.chain(totals).chain([vec![]]) {
            for length in [0, 13, 14, 33, 34, 37, 38, 53, 54, 128] {
                for protocol in [1, 2, 11] {
                    let packet = packet(&changes, length);
                    let record = [words(&[protocol, 1518, 4, length as u32]), packet].concat();
                    with(&flow_sample(&[(1, record)]), |packet| {
                        let header = packet.sampled.expect("the record is whole");
                        let (mut tcp, mut all) = (Headers::EMPTY, Headers::EMPTY);
                        all.note_all(&header);
                        if tcp.note_tcp(&header).is_some() {
                            noted += 1;
                            assert_eq!(tcp, all, "{changes:?} of {length}");
                        }
                    });
                }
            }
        }
        assert!(noted > 1000, "{noted}");
    }
}
