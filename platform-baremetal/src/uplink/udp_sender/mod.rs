//! UDP over IPv4 over Ethernet, for devices too small for an IP stack.

use core::net::{Ipv4Addr, SocketAddrV4};

use flowmote_core::{Duration, Instant};

/// Writes the headers of datagrams to one collector, and resolves the MAC address of the next hop
/// (RFC 826). It owns no device: the caller passes received frames and sends the returned ones.
///
/// The neighbour is requested before there is a datagram, and again a minute after its last reply.
/// Meanwhile, and if it does not reply, the known address stays in use.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UdpSender {
    config: UdpSenderConfig,
    neighbour: Neighbour,
    /// Time of the next ARP request.
    next_request: Instant,
    identification: u16,
}

/// Configuration of a [`UdpSender`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UdpSenderConfig {
    /// MAC address of the device.
    pub mac: [u8; 6],
    /// IPv4 address of the device, which is also the UDP source.
    pub address: Ipv4Addr,
    /// Length of its network prefix, 0 to 32.
    pub prefix: u8,
    /// Router for collectors outside the prefix.
    pub gateway: Option<Ipv4Addr>,
    /// UDP port of the device.
    pub port: u16,
    /// The collector, usually port 6343. 0.0.0.0: none yet, and no ARP requests are sent.
    pub collector: SocketAddrV4,
}

/// Link-layer address of the next hop: the collector or a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Neighbour {
    /// No reply yet.
    Unknown,
    /// Its MAC address.
    Known([u8; 6]),
}

/// Bytes of Ethernet, IPv4 and UDP header, and of an ARP frame. The device must pad frames below 60
/// bytes if its hardware does not.
pub const HEAD_BYTES: usize = 42;

impl UdpSender {
    /// Creates a sender whose neighbour is unknown.
    #[must_use]
    pub const fn new(config: UdpSenderConfig) -> Self {
        let neighbour = Neighbour::Unknown;
        let next_request =
            if config.collector.ip().is_unspecified() { NEVER } else { Instant::ZERO };
        Self { config, neighbour, next_request, identification: 0 }
    }

    /// Returns the neighbour; datagrams can be sent once it is known.
    #[must_use]
    pub const fn neighbour(&self) -> Neighbour {
        self.neighbour
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &UdpSenderConfig {
        &self.config
    }

    /// Changes the collector. A different next hop has to be resolved first.
    pub fn set_collector(&mut self, collector: SocketAddrV4) {
        let hop = self.next_hop();
        self.config.collector = collector;
        if self.next_hop() != hop {
            *self = Self { identification: self.identification, ..Self::new(self.config) };
        }
    }

    /// Returns true if `address` can be reached: through the gateway, or as another host on this
    /// network.
    #[must_use]
    pub fn reaches(&self, address: Ipv4Addr) -> bool {
        if !self.is_local(address) {
            return self.config.gateway.is_some();
        }
        let host = address.to_bits() & self.host_bits();
        // A network of two hosts or one has no broadcast address (RFC 3021).
        let is_host = self.host_bits() <= 1 || (host != 0 && host != self.host_bits());
        is_host && address != self.config.address
    }

    /// Handles a received frame: learns the neighbour's address, and returns the ARP reply to send,
    /// if any.
    pub fn handle_frame(&mut self, now: Instant, frame: &[u8]) -> Option<[u8; HEAD_BYTES]> {
        let arp = Arp::parse(frame)?;
        // An ARP probe has the sender 0.0.0.0 (RFC 5227), which is also the unset collector.
        let is_neighbour = arp.sender == self.next_hop() && !arp.sender.is_unspecified();
        if is_neighbour && arp.target == self.config.address {
            self.learn(now, arp.sender_mac);
        }
        if arp.operation != REQUEST || arp.target != self.config.address {
            return None;
        }
        Some(self.arp(REPLY, arp.sender_mac, (arp.sender_mac, arp.sender)))
    }

    /// Returns the ARP request for the neighbour if one is due.
    pub fn poll(&mut self, now: Instant) -> Option<[u8; HEAD_BYTES]> {
        if now < self.next_request {
            return None;
        }
        self.next_request = now.saturating_add(RETRY);
        Some(self.arp(REQUEST, BROADCAST, ([0; 6], self.next_hop())))
    }

    /// The time at which [`poll`](Self::poll) returns the next request.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.next_request
    }

    /// Returns the headers of the frame that carries `payload`; `None` while the neighbour is
    /// unknown, or if the payload does not fit a UDP datagram.
    pub fn head(&mut self, payload: &[u8]) -> Option<[u8; HEAD_BYTES]> {
        let Neighbour::Known(mac) = self.neighbour else { return None };
        let udp_len = u16::try_from(payload.len()).ok()?.checked_add(8)?;
        let ip_len = udp_len.checked_add(20)?;
        self.identification = self.identification.wrapping_add(1);
        let UdpSenderConfig { address, port, collector, .. } = self.config;
        let mut frame = self.frame(mac);
        frame.word::<12>(IPV4);
        frame.word::<14>(0x4500);
        frame.word::<16>(ip_len);
        frame.word::<18>(self.identification);
        frame.word::<20>(DONT_FRAGMENT);
        frame.word::<22>(TTL_64 | UDP);
        frame.put::<26, 4>(address.octets());
        frame.put::<30, 4>(collector.ip().octets());
        frame.word::<24>(Sum(0).bytes(frame.part::<14, 20>()).finish());
        frame.word::<34>(port);
        frame.word::<36>(collector.port());
        frame.word::<38>(udp_len);
        // Bytes 26 to 39 of the frame are addresses, ports and length. The pseudo header (RFC 768)
        // also has the protocol and the length again.
        let sum = Sum(UDP.into()).word(udp_len).bytes(frame.part::<26, 14>());
        let checksum = sum.bytes(payload).finish();
        // A checksum of 0 would mean "none" (RFC 768), so 0 is sent as its equal, all ones.
        frame.word::<40>(if checksum == 0 { 0xFFFF } else { checksum });
        Some(frame.0)
    }

    /// The next hop on this network; 0.0.0.0 if there is no collector.
    fn next_hop(&self) -> Ipv4Addr {
        let collector = *self.config.collector.ip();
        match self.config.gateway {
            Some(gateway) if !collector.is_unspecified() && !self.is_local(collector) => gateway,
            _ => collector,
        }
    }

    /// Returns true if an address is within the network prefix.
    fn is_local(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.config.address.to_bits()) <= self.host_bits()
    }

    /// Mask of the host part of an address.
    fn host_bits(&self) -> u32 {
        u32::MAX.checked_shr(self.config.prefix.into()).unwrap_or_default()
    }

    fn learn(&mut self, now: Instant, mac: [u8; 6]) {
        // A group address (bit 0 of the first byte) cannot be the address of one host.
        if mac.first().is_some_and(|byte| byte & 1 == 0) {
            if self.neighbour == Neighbour::Unknown {
                log_info!("collector {}: next hop resolved", self.config.collector.ip());
            }
            self.neighbour = Neighbour::Known(mac);
        }
        self.next_request = now.saturating_add(REFRESH);
    }

    fn frame(&self, to: [u8; 6]) -> Frame {
        let mut frame = Frame([0; HEAD_BYTES]);
        frame.put::<0, 6>(to);
        frame.put::<6, 6>(self.config.mac);
        frame
    }

    #[inline(never)]
    fn arp(
        &self,
        operation: u16,
        to: [u8; 6],
        (target_mac, target): ([u8; 6], Ipv4Addr),
    ) -> [u8; HEAD_BYTES] {
        let mut frame = self.frame(to);
        frame.put::<12, 8>(ARP_START);
        frame.word::<20>(operation);
        frame.put::<22, 6>(self.config.mac);
        frame.put::<28, 4>(self.config.address.octets());
        frame.put::<32, 6>(target_mac);
        frame.put::<38, 4>(target.octets());
        frame.0
    }
}

/// Sum of the Internet checksum (RFC 1071) before folding: 64 KiB of payload stay below 2^32.
#[derive(Clone, Copy)]
struct Sum(u32);

impl Sum {
    /// Adds bytes. An odd last byte counts as the high byte of a word, so only the last call may
    /// have one.
    fn bytes(self, bytes: &[u8]) -> Self {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let sum = pairs.iter().fold(self, |sum, pair| sum.word(u16::from_be_bytes(*pair)));
        odd.first().map_or(sum, |last| sum.word(u16::from(*last) << 8))
    }

    fn word(self, word: u16) -> Self {
        Self(self.0.wrapping_add(word.into()))
    }

    fn finish(self) -> u16 {
        let once = (self.0 >> 16).wrapping_add(self.0 & 0xFFFF);
        !((once >> 16).wrapping_add(once & 0xFFFF) as u16)
    }
}

/// An ARP packet for IPv4 over Ethernet.
struct Arp {
    operation: u16,
    sender_mac: [u8; 6],
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

impl Arp {
    fn parse(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(12..)?.strip_prefix(&ARP_START)?;
        let (operation, packet) = packet.split_first_chunk()?;
        let (sender_mac, packet) = packet.split_first_chunk()?;
        let (sender, packet) = packet.split_first_chunk::<4>()?;
        let (_, packet) = packet.split_first_chunk::<6>()?;
        let target = packet.first_chunk::<4>()?;
        Some(Self {
            operation: u16::from_be_bytes(*operation),
            sender_mac: *sender_mac,
            sender: Ipv4Addr::from(*sender),
            target: Ipv4Addr::from(*target),
        })
    }
}

/// A frame being written. Field offsets are const parameters, so the compiler removes every bounds
/// check; with run-time offsets the code is twice as large.
struct Frame([u8; HEAD_BYTES]);

impl Frame {
    #[inline]
    fn put<const AT: usize, const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(slot) = self.0.get_mut(AT..).and_then(<[u8]>::first_chunk_mut) {
            *slot = bytes;
        }
    }

    #[inline]
    fn word<const AT: usize>(&mut self, word: u16) {
        self.put::<AT, 2>(word.to_be_bytes());
    }

    #[inline]
    fn part<const AT: usize, const N: usize>(&self) -> &[u8] {
        let rest = self.0.get(AT..).unwrap_or_default();
        rest.get(..N).unwrap_or_default()
    }
}

/// Time of the next request while there is no collector.
const NEVER: Instant = Instant::from_millis(u64::MAX);
/// Interval of requests without a reply: at most one per second (RFC 1122, 2.3.2.1).
const RETRY: Duration = Duration::from_secs(1);
/// Age of a reply after which the neighbour is requested again.
const REFRESH: Duration = Duration::from_secs(60);
const BROADCAST: [u8; 6] = [0xFF; 6];
/// EtherType of ARP, then hardware type Ethernet, protocol IPv4, address lengths 6 and 4.
const ARP_START: [u8; 8] = [8, 6, 0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// EtherType of IPv4.
const IPV4: u16 = 0x0800;
const DONT_FRAGMENT: u16 = 0x4000;
const TTL_64: u16 = 64 << 8;
const UDP: u16 = 17;

#[cfg(test)]
mod tests;
