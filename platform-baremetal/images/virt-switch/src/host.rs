//! The switch as a host: just enough ARP, IPv4 and UDP to reach one collector on its own network.

use core::net::Ipv4Addr;

use flowmote_core::{Duration, Instant};

use crate::frame::{BROADCAST, Frame, is_multicast};

/// An IPv4 host with one address that sends UDP to one neighbour.
///
/// While the neighbour's MAC address is not known nothing can be sent: look at
/// [`is_ready`](Self::is_ready) first, and no datagram is lost to ARP.
#[derive(Debug)]
pub struct Host {
    mac: [u8; 6],
    address: Ipv4Addr,
    prefix: u32,
    collector: Option<Collector>,
    identification: u16,
}

#[derive(Debug)]
struct Collector {
    address: Ipv4Addr,
    mac: Option<[u8; 6]>,
    /// When it said so last.
    confirmed: Instant,
    /// When to ask again.
    ask: Instant,
}

/// An ARP packet in the smallest frame that Ethernet has.
pub(crate) type ArpFrame = [u8; 60];

/// What comes before a datagram: addresses, then EtherType, IPv4 and UDP.
pub(crate) type UdpHead = ([u8; 12], [u8; 30]);

/// UDP port of collectors; ours is the same.
const SFLOW: u16 = 6343;
/// Between two questions while nobody answers.
const RETRY: Duration = Duration::from_secs(1);
/// An answer is asked for again after this time...
const CONFIRM: Duration = Duration::from_secs(60);
/// ...and no longer believed after this one.
const FORGET: Duration = Duration::from_secs(65);

impl Host {
    /// A host without a collector.
    #[must_use]
    pub fn new(mac: [u8; 6], address: Ipv4Addr, prefix: u32) -> Self {
        Self { mac, address, prefix, collector: None, identification: 0 }
    }

    /// Sends to this collector from now on.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn set_collector(&mut self, now: Instant, address: Ipv4Addr) -> Result<(), &'static str> {
        let mask = u32::MAX.unbounded_shl(32u32.saturating_sub(self.prefix));
        let place = address.to_bits() & !mask;
        if (address.to_bits() ^ self.address.to_bits()) & mask != 0 {
            return Err("the collector must be in the network of the switch, there is no router");
        }
        if address == self.address || place == 0 || place == !mask {
            return Err("not the address of another host");
        }
        let collector = Collector { address, mac: None, confirmed: now, ask: now };
        self.collector = Some(collector);
        Ok(())
    }

    /// The collector, and its MAC address if that is known.
    #[must_use]
    pub fn collector(&self) -> Option<(Ipv4Addr, Option<[u8; 6]>)> {
        self.collector.as_ref().map(|collector| (collector.address, collector.mac))
    }

    /// Whether a datagram could be sent now.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.mac.is_some())
    }

    /// Takes a frame for this host; returns the answer to it.
    pub fn receive(&mut self, now: Instant, frame: &Frame<'_>) -> Option<[u8; 60]> {
        let packet = Arp::parse(frame)?;
        if let Some(collector) = &mut self.collector
            && collector.address == packet.sender
            && !is_multicast(packet.sender_mac)
        {
            collector.mac = Some(packet.sender_mac);
            (collector.confirmed, collector.ask) = (now, now.saturating_add(CONFIRM));
        }
        let asked = packet.operation == REQUEST && packet.target == self.address;
        asked.then(|| self.arp(REPLY, packet.sender_mac, packet.sender))
    }

    /// What is to be sent of the host's own accord.
    pub fn poll(&mut self, now: Instant) -> Option<[u8; 60]> {
        let collector = self.collector.as_mut().filter(|collector| collector.ask <= now)?;
        if now.since(collector.confirmed) >= FORGET {
            collector.mac = None;
        }
        collector.ask = now.saturating_add(RETRY);
        let target = collector.address;
        Some(self.arp(REQUEST, BROADCAST, target))
    }

    /// When to call [`poll`](Self::poll) again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.collector.as_ref().map(|collector| collector.ask)
    }

    /// The headers before `datagram`; `None` if nobody can get it.
    pub(crate) fn head(&mut self, datagram: &[u8]) -> Option<UdpHead> {
        let collector = self.collector.as_ref()?;
        let (to, mac) = (collector.address.octets(), collector.mac?);
        let from = self.address.octets();
        let udp_length = u16::try_from(datagram.len().checked_add(8)?).ok()?;
        let [uh, ul] = udp_length.to_be_bytes();
        let [th, tl] = udp_length.checked_add(20)?.to_be_bytes();
        self.identification = self.identification.wrapping_add(1);
        let [ih, il] = self.identification.to_be_bytes();
        let [ph, pl] = SFLOW.to_be_bytes();
        let ([fa, fb, fc, fd], [ta, tb, tc, td]) = (from, to);
        // RFC 791: no options, don't fragment, TTL 64, protocol 17.
        let ip = |ch, cl| {
            [0x45, 0, th, tl, ih, il, 0x40, 0, 64, 17, ch, cl, fa, fb, fc, fd, ta, tb, tc, td]
        };
        let [ch, cl] = (!fold(sum(&ip(0, 0)))).to_be_bytes();
        let pseudo = [fa, fb, fc, fd, ta, tb, tc, td, 0, 17, uh, ul, ph, pl, ph, pl, uh, ul];
        // RFC 768: a sum of zero is sent as all ones.
        let udp_sum = match !fold(sum(&pseudo).wrapping_add(sum(datagram))) {
            0 => 0xffff,
            other => other,
        };
        let [xh, xl] = udp_sum.to_be_bytes();
        let mut body = [0; 30];
        let parts = [&[8, 0][..], &ip(ch, cl), &[ph, pl, ph, pl, uh, ul, xh, xl]];
        for (to, from) in body.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        Some((addresses(mac, self.mac), body))
    }

    fn arp(&self, operation: u8, to: [u8; 6], target: Ipv4Addr) -> ArpFrame {
        let target_mac = if operation == REQUEST { [0; 6] } else { to };
        let mut frame = [0; 60];
        let addresses = addresses(to, self.mac);
        let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
        let (from, target) = (self.address.octets(), target.octets());
        let parts = [&addresses[..], &head, &self.mac, &from, &target_mac, &target];
        for (to, from) in frame.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        frame
    }
}

/// An ARP packet for IPv4 over Ethernet (RFC 826).
struct Arp {
    operation: u8,
    sender_mac: [u8; 6],
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

const REQUEST: u8 = 1;
const REPLY: u8 = 2;

impl Arp {
    fn parse(frame: &Frame<'_>) -> Option<Self> {
        let (head, rest) = frame.body.split_first_chunk()?;
        let [8, 6, 0, 1, 8, 0, 6, 4, 0, operation @ (REQUEST | REPLY)] = *head else { return None };
        let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let (_, rest) = rest.split_first_chunk::<6>()?;
        let target = *rest.first_chunk::<4>()?;
        let (sender, target) = (Ipv4Addr::from_octets(*sender), Ipv4Addr::from_octets(target));
        Some(Self { operation, sender_mac: *sender_mac, sender, target })
    }
}

fn addresses(to: [u8; 6], from: [u8; 6]) -> [u8; 12] {
    let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (to, from);
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// The sum of RFC 1071, not yet folded; exact for up to 128 KiB.
fn sum(bytes: &[u8]) -> u32 {
    let (words, odd) = bytes.as_chunks::<2>();
    let words =
        words.iter().fold(0u32, |sum, word| sum.wrapping_add(u32::from(u16::from_be_bytes(*word))));
    words.wrapping_add(odd.first().map_or(0, |byte| u32::from(*byte) << 8))
}

fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff).wrapping_add(sum >> 16);
    (once & 0xffff).wrapping_add(once >> 16) as u16
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MAC: [u8; 6] = [2, 0xf1, 0, 0, 0, 1];
    const THEIRS: [u8; 6] = [2, 0, 0, 0, 0, 9];
    const COLLECTOR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

    fn host() -> Host {
        Host::new(MAC, Ipv4Addr::new(192, 0, 2, 1), 24)
    }

    fn arp(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
        let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
        [&MAC[..], &THEIRS, &head, &THEIRS, &sender, &[0; 6], &target].concat()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_question_for_our_address_is_answered() {
        let asked = arp(1, [192, 0, 2, 9], [192, 0, 2, 1]);
        let answer = host().receive(at(0), &Frame::parse(&asked).unwrap()).unwrap();
        assert_eq!(answer[..12], [&THEIRS[..], &MAC].concat());
        assert_eq!(answer[12..22], [8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
        assert_eq!(answer[22..32], [&MAC[..], &[192, 0, 2, 1]].concat());
        assert_eq!(answer[32..42], [&THEIRS[..], &[192, 0, 2, 9]].concat());
        assert_eq!(answer[42..], [0; 18]);
        let other = arp(1, [192, 0, 2, 9], [192, 0, 2, 2]);
        assert!(host().receive(at(0), &Frame::parse(&other).unwrap()).is_none());
    }

    #[test]
    fn cut_arp_is_ignored() {
        let whole = arp(1, [192, 0, 2, 9], [192, 0, 2, 1]);
        for length in 14..whole.len() {
            let frame = Frame::parse(&whole[..length]).unwrap();
            assert!(host().receive(at(0), &frame).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn the_collector_is_asked_for_until_it_answers_and_once_a_minute_then() {
        let mut host = host();
        assert_eq!((host.poll(at(0)), host.poll_timeout()), (None, None));
        host.set_collector(at(0), COLLECTOR).unwrap();
        let request = host.poll(at(0)).unwrap();
        assert_eq!(request[..6], [0xff; 6]);
        assert_eq!(request[38..42], [192, 0, 2, 9]);
        assert_eq!((host.poll(at(999)), host.is_ready()), (None, false));
        assert!(host.poll(at(1000)).is_some());
        let reply = arp(2, [192, 0, 2, 9], [192, 0, 2, 1]);
        assert!(host.receive(at(1500), &Frame::parse(&reply).unwrap()).is_none());
        assert_eq!(host.collector(), Some((COLLECTOR, Some(THEIRS))));
        assert_eq!(host.poll_timeout(), Some(at(61_500)));
        for second in 0..5 {
            assert!(host.poll(at(61_500 + second * 1000)).is_some());
            assert!(host.is_ready(), "second {second}");
        }
        assert!(host.poll(at(66_500)).is_some());
        assert!(!host.is_ready(), "nobody has answered for 65 s");
    }

    #[test]
    fn addresses_that_cannot_be_a_collector() {
        let mut host = host();
        for wrong in [[192, 0, 3, 9], [192, 0, 2, 1], [192, 0, 2, 0], [192, 0, 2, 255], [0; 4]] {
            assert!(host.set_collector(at(0), wrong.into()).is_err(), "{wrong:?}");
        }
        assert_eq!(host.collector(), None);
    }

    #[test]
    fn the_checksums_are_right() {
        let mut host = host();
        assert!(host.head(b"x").is_none());
        host.set_collector(at(0), COLLECTOR).unwrap();
        assert!(host.head(b"x").is_none());
        let reply = arp(2, [192, 0, 2, 9], [192, 0, 2, 1]);
        host.receive(at(0), &Frame::parse(&reply).unwrap());
        for payload in [&b"odd"[..], b"even", &[0xff; 1400], &[]] {
            let (addresses, body) = host.head(payload).unwrap();
            assert_eq!(addresses[..], [&THEIRS[..], &MAC].concat());
            assert_eq!(fold(sum(&body[2..22])), 0xffff, "IPv4");
            assert_eq!(body[4..6], (28 + payload.len() as u16).to_be_bytes());
            assert_eq!(body[26..28], (8 + payload.len() as u16).to_be_bytes());
            let pseudo = [&body[14..22], &[0, 17], &body[26..28]].concat();
            let all = [&pseudo, &body[22..], payload].concat();
            assert_eq!(fold(sum(&all)), 0xffff, "UDP");
        }
    }
}
