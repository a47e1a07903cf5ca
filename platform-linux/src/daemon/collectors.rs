//! The way out: one UDP socket for each collector.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use flowmote_core::{Duration, Instant, SendError, Transport};
use log::{info, warn};
use nix::sys::socket::{setsockopt, sockopt};

use crate::config::{Collector, Host};
use crate::daemon::resolver::{Answer, Resolver};
use crate::daemon::throttle::{Throttle, held_back};

/// Every collector of the configuration; each gets every datagram.
#[derive(Debug)]
pub struct Collectors {
    all: Vec<Destination>,
    /// When this wake-up began: sending must not ask the clock for each datagram.
    now: Instant,
}

/// One collector and how it fares.
#[derive(Debug)]
pub struct Destination {
    collector: Collector,
    address: Option<SocketAddr>,
    socket: Option<UdpSocket>,
    /// When to try again what failed, or to ask again for the name.
    retry: Option<Instant>,
    asked: bool,
    throttle: Throttle,
    stats: DestinationStats,
}

/// What became of the datagrams for one collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestinationStats {
    /// Handed to the kernel.
    pub sent: u64,
    /// Lost: no socket yet, because the name has no address or there is no route.
    pub unresolved: u64,
    /// Lost: the kernel refused, or its send buffer is full.
    pub errors: u64,
    /// ICMP port unreachable: nobody listened when an earlier datagram came.
    pub refused: u64,
}

impl Collectors {
    /// The collectors of a configuration, in its order; sockets follow in
    /// [`maintain`](Self::maintain).
    #[must_use]
    pub fn new(collectors: &[Collector]) -> Self {
        Self { all: collectors.iter().map(Destination::new).collect(), now: Instant::ZERO }
    }

    /// Takes over a new configuration; a collector that stays keeps its socket and its numbers.
    pub fn reconfigure(&mut self, collectors: &[Collector]) {
        let mut old = std::mem::take(&mut self.all);
        let known = |collector: &Collector, old: &mut Vec<Destination>| {
            let at = old.iter().position(|destination| destination.collector == *collector)?;
            Some(old.swap_remove(at))
        };
        self.all = collectors
            .iter()
            .map(|collector| {
                known(collector, &mut old).unwrap_or_else(|| Destination::new(collector))
            })
            .collect();
        for destination in &mut self.all {
            // The numbers of questions have changed; an answer to an old one is not taken.
            destination.asked = false;
        }
    }

    /// Opens what is not open and asks for names; returns when to call again.
    pub fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.now = now;
        self.all
            .iter_mut()
            .enumerate()
            .filter_map(|(id, destination)| destination.maintain(id, now, resolver))
            .min()
    }

    /// Takes the answer to a question that `maintain` has asked.
    pub fn resolved(&mut self, now: Instant, answer: Answer) {
        if let Some(destination) = self.all.get_mut(answer.id) {
            destination.resolved(now, answer.address);
        }
    }

    /// The host's addresses or routes have changed: choose the source address anew.
    pub fn reconnect(&mut self) {
        for destination in &mut self.all {
            destination.socket = None;
            if matches!(destination.collector.host, Host::Address(_)) {
                destination.retry = None;
            }
        }
    }

    /// Each collector, for the statistics.
    pub fn iter(&self) -> impl Iterator<Item = &Destination> {
        self.all.iter()
    }
}

impl Transport for Collectors {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let now = self.now;
        let mut sent = false;
        for destination in &mut self.all {
            sent |= destination.send(now, datagram);
        }
        if sent { Ok(()) } else { Err(SendError) }
    }
}

impl Destination {
    fn new(collector: &Collector) -> Self {
        Self {
            address: match &collector.host {
                Host::Address(address) => Some(SocketAddr::new(*address, collector.port)),
                Host::Name(_) => None,
            },
            collector: collector.clone(),
            socket: None,
            retry: None,
            asked: false,
            throttle: Throttle::default(),
            stats: DestinationStats::default(),
        }
    }

    /// The collector as configured.
    #[must_use]
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Where its datagrams go, once that is known.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What became of its datagrams.
    #[must_use]
    pub fn stats(&self) -> DestinationStats {
        self.stats
    }

    fn maintain(&mut self, id: usize, now: Instant, resolver: &Resolver) -> Option<Instant> {
        if self.retry.is_some_and(|retry| now < retry) {
            return self.retry;
        }
        if let Host::Name(name) = &self.collector.host
            && !self.asked
        {
            self.asked = resolver.ask(id, name, self.collector.port).is_ok();
            self.retry = Some(now + RESOLVE_AGAIN);
        } else if self.address.is_some() && self.socket.is_none() {
            self.connect(now);
        } else {
            self.retry = None;
            self.asked = false;
        }
        self.retry
    }

    fn resolved(&mut self, now: Instant, address: io::Result<SocketAddr>) {
        if !std::mem::take(&mut self.asked) {
            return;
        }
        match address {
            Ok(address) if self.address == Some(address) && self.socket.is_some() => {}
            Ok(address) => {
                info!("collector {}: {}", self.collector, address.ip());
                self.address = Some(address);
                self.connect(now);
            }
            Err(error) => {
                self.warn(now, &format!("cannot be resolved, trying again: {error}"));
                // An address that was known goes on being used.
                self.retry = Some(now + RETRY);
            }
        }
    }

    fn connect(&mut self, now: Instant) {
        let Some(address) = self.address else { return };
        let is_name = matches!(self.collector.host, Host::Name(_));
        match open(address, self.collector.device.as_deref()) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.retry = is_name.then_some(now + RESOLVE_AGAIN);
            }
            Err(error) => {
                self.warn(now, &format!("cannot be reached, trying again: {error}"));
                self.retry = Some(now + RETRY);
            }
        }
    }

    /// Sends to this collector; `false` if the datagram is lost for it.
    fn send(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(socket) = &self.socket else {
            self.stats.unresolved = self.stats.unresolved.saturating_add(1);
            return false;
        };
        let mut outcome = socket.send(datagram);
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            // The error belongs to an earlier datagram; this one was not tried yet.
            self.stats.refused = self.stats.refused.saturating_add(1);
            outcome = socket.send(datagram);
        }
        match outcome {
            Ok(_) => {
                self.stats.sent = self.stats.sent.saturating_add(1);
                true
            }
            Err(error) => {
                self.stats.errors = self.stats.errors.saturating_add(1);
                self.failed(now, &error);
                false
            }
        }
    }

    #[cold]
    fn failed(&mut self, now: Instant, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            return;
        }
        self.warn(now, &format!("datagram lost: {error}"));
        if error.kind() != io::ErrorKind::ConnectionRefused {
            // A source address that is gone needs a new socket.
            self.socket = None;
            self.retry = Some(now + RETRY);
        }
    }

    fn warn(&mut self, now: Instant, text: &str) {
        if let Some(count) = self.throttle.admit(now) {
            warn!("collector {}: {text}{}", self.collector, held_back(count));
        }
    }
}

/// A socket connected to `address`, which never blocks; on `device` if one is named.
fn open(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    if let Some(device) = device {
        setsockopt(&socket, sockopt::BindToDevice, &device.into())?;
    }
    setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

/// A burst of a full receive ring at 1:1: the kernel charges about 2.3 kB for 1,400 bytes.
const SEND_BUFFER: usize = 1 << 20;
const RETRY: Duration = Duration::from_secs(5);
const RESOLVE_AGAIN: Duration = Duration::from_secs(300);
