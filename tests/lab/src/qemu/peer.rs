//! The host at the other end of a link.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::time::Instant;

use super::{Link, packet};
use crate::deadline::DEADLINE;

/// A host that answers ARP and neighbour discovery, stores received sFlow datagrams, and counts
/// every frame of the link.
#[derive(Debug)]
pub struct Peer<'a> {
    link: &'a Link,
    /// Hosts that it answers for.
    hosts: Vec<Station>,
    /// Frames sent to the board.
    pub sent: Vec<Vec<u8>>,
    /// Frames received from the board.
    pub received: Vec<Vec<u8>>,
    /// The datagrams to port 6343, in order.
    pub exported: Vec<Exported>,
}

/// An sFlow datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Destination address.
    pub to: IpAddr,
    /// UDP payload.
    pub payload: Vec<u8>,
}

/// Addresses of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// MAC address.
    pub mac: [u8; 6],
    /// IPv4 address.
    pub ip: Ipv4Addr,
    /// IPv6 address.
    pub ip6: Ipv6Addr,
}

impl Station {
    /// The peer.
    pub const PEER: Self = Self {
        mac: [2, 0, 0, 0, 0, 1],
        ip: Ipv4Addr::new(192, 0, 2, 1),
        ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    };
}

impl<'a> Peer<'a> {
    /// Creates a host at this link.
    #[must_use]
    pub fn new(link: &'a Link) -> Self {
        let hosts = vec![Station::PEER];
        Self { link, hosts, sent: Vec::new(), received: Vec::new(), exported: Vec::new() }
    }

    /// Adds another host.
    pub fn add_host(&mut self, host: Station) {
        self.hosts.push(host);
    }

    /// Returns the number of frames in both directions.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.sent.len() + self.received.len()
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &[u8]) {
        self.link.send(frame);
        self.sent.push(frame.to_vec());
    }

    /// Returns the next frame that is neither an address request nor sFlow, which are handled here.
    /// `None` on timeout.
    pub fn receive(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let start = Instant::now();
        loop {
            let frame = self.link.receive(patience.saturating_sub(start.elapsed()))?;
            self.received.push(frame.clone());
            if let Some(answer) = self.hosts.iter().find_map(|host| packet::answer(host, &frame)) {
                self.send(&answer);
            } else if let Some(payload) = packet::udp_payload(&frame, SFLOW_PORT) {
                let to = packet::destination(&frame).expect("an IP packet");
                self.exported.push(Exported { to, payload: payload.to_vec() });
            } else {
                return Some(frame);
            }
        }
    }

    /// Sends a frame and waits for a reply that satisfies `is_it`.
    ///
    /// # Panics
    /// On timeout.
    pub fn ask(&mut self, frame: &[u8], is_it: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.send(frame);
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "no answer to {frame:02x?}");
            match self.receive(Duration::from_millis(100)) {
                Some(answer) if is_it(&answer) => return answer,
                _ => {}
            }
        }
    }

    /// Handles frames until `done` returns true.
    ///
    /// # Panics
    /// On timeout.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
            self.receive(Duration::from_millis(20));
        }
    }
}

const SFLOW_PORT: u16 = 6343;
