//! One collector: its address, its socket, and how it fares.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use flowmote_core::{Duration, Instant};
use log::{info, warn};
use nix::sys::socket::{setsockopt, sockopt};

use crate::config::{Collector, Host};
use crate::daemon::resolver::Resolver;
use crate::daemon::throttle::{Throttle, held_back};

/// One collector and how it fares.
#[derive(Debug)]
pub struct Destination {
    collector: Collector,
    lookup: Lookup,
    /// Time to the next question after one that failed.
    patience: Duration,
    address: Option<SocketAddr>,
    socket: Option<UdpSocket>,
    /// When to open the socket, if there is none though there is an address.
    open_at: Instant,
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
    /// Times that ICMP told of an earlier datagram that it did not arrive: nobody listened, or
    /// something on the path is in the way. Not lost a second time: the datagram is in `sent`.
    pub refused: u64,
}

/// Where the question for the address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    /// Nothing to ask: the configuration has the address.
    Never,
    /// To be asked then.
    Due(Instant),
    /// Asked under this number; nothing more is asked before the answer.
    Asked(u64),
}

impl Destination {
    pub(super) fn new(collector: &Collector) -> Self {
        let (lookup, address) = match &collector.host {
            Host::Address(ip) => (Lookup::Never, Some(SocketAddr::new(*ip, collector.port))),
            Host::Name(_) => (Lookup::Due(Instant::ZERO), None),
        };
        Self {
            collector: collector.clone(),
            lookup,
            patience: RETRY,
            address,
            socket: None,
            open_at: Instant::ZERO,
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

    /// Whether this is the question that the collector has asked.
    pub(super) fn has_asked(&self, question: u64) -> bool {
        self.lookup == Lookup::Asked(question)
    }

    /// Asks and opens what is due; returns when something is due next.
    pub(super) fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.ask(now, resolver);
        if self.socket.is_none() && self.open_at <= now {
            self.open(now);
        }
        let lookup = match self.lookup {
            Lookup::Due(due) => Some(due),
            Lookup::Never | Lookup::Asked(_) => None,
        };
        let open = (self.socket.is_none() && self.address.is_some()).then_some(self.open_at);
        [lookup, open].into_iter().flatten().min()
    }

    /// Takes the answer to its question.
    pub(super) fn resolved(&mut self, now: Instant, addresses: io::Result<Vec<SocketAddr>>) {
        let first = match &addresses {
            Ok(addresses) => addresses.first().copied(),
            Err(error) => {
                self.warn(now, &format!("cannot be resolved, trying again: {error}"));
                None
            }
        };
        // Without an answer the address that was known goes on being used.
        let Some(first) = first else { return self.ask_later(now) };
        (self.lookup, self.patience) = (Lookup::Due(now + RESOLVE_AGAIN), RETRY);
        // Of several addresses, which name servers rotate, the one in use is as good as any.
        let stays = |address| addresses.is_ok_and(|addresses| addresses.contains(&address));
        if !self.address.is_some_and(stays) {
            info!("collector {}: {}", self.collector, first.ip());
            self.address = Some(first);
            self.open(now);
        }
    }

    /// Interfaces or addresses have changed: what failed is tried again now, and a socket makes
    /// room for a new one if the kernel would give that another source address.
    pub(super) fn reconsider(&mut self, now: Instant) {
        if self.address.is_none() && matches!(self.lookup, Lookup::Due(_)) {
            self.lookup = Lookup::Due(now);
        }
        let (Some(address), Some(socket)) = (self.address, &self.socket) else {
            self.open_at = now;
            return;
        };
        // A socket stays with the index of its device, which another one may have taken over.
        let stays = self.collector.device.is_none()
            && connect(address, None).is_ok_and(|new| source(&new) == source(socket));
        if !stays {
            self.open(now);
        }
    }

    /// Sends to this collector; `false` if the datagram is lost for it.
    pub(super) fn send(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(socket) = &self.socket else {
            self.stats.unresolved = self.stats.unresolved.saturating_add(1);
            return false;
        };
        let mut outcome = socket.send(datagram);
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            // What ICMP told of an earlier datagram is reported before this one is tried
            // (net/core/sock.c, sock_alloc_send_pskb), and once.
            outcome = socket.send(datagram);
            self.stats.refused = self.stats.refused.saturating_add(u64::from(outcome.is_ok()));
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

    fn ask(&mut self, now: Instant, resolver: &Resolver) {
        let (Lookup::Due(due), Host::Name(name)) = (self.lookup, &self.collector.host) else {
            return;
        };
        if now < due {
            return;
        }
        match resolver.ask(name, self.collector.port) {
            Ok(question) => self.lookup = Lookup::Asked(question),
            Err(error) => {
                self.warn(now, &format!("cannot be resolved, trying again: {error}"));
                self.ask_later(now);
            }
        }
    }

    /// Each time after twice as long, so that a name that does not exist bothers nobody.
    fn ask_later(&mut self, now: Instant) {
        self.lookup = Lookup::Due(now + self.patience);
        let longer = Duration::from_millis(self.patience.as_millis().saturating_mul(2));
        self.patience = longer.min(RESOLVE_AGAIN);
    }

    fn open(&mut self, now: Instant) {
        let Some(address) = self.address else { return };
        self.socket = None;
        match connect(address, self.collector.device.as_deref()) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                self.warn(now, &format!("cannot be reached, trying again: {error}"));
                self.open_at = now + RETRY;
            }
        }
    }

    #[cold]
    fn failed(&mut self, now: Instant, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            return;
        }
        self.warn(now, &format!("datagram lost: {error}"));
        if !error.raw_os_error().is_some_and(|errno| PASSING.contains(&errno)) {
            // A source address or a route that is gone needs a new socket.
            self.socket = None;
            self.open_at = now + RETRY;
        }
    }

    fn warn(&mut self, now: Instant, text: &str) {
        if let Some(count) = self.throttle.admit(now) {
            warn!("collector {}: {text}{}", self.collector, held_back(count));
        }
    }
}

impl DestinationStats {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            unresolved: self.unresolved.saturating_add(other.unresolved),
            errors: self.errors.saturating_add(other.errors),
            refused: self.refused.saturating_add(other.refused),
        }
    }
}

/// A socket connected to `address`, which never blocks; on `device` if one is named.
fn connect(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
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

/// The address that the kernel chose for it; `None` if it does not say.
fn source(socket: &UdpSocket) -> Option<IpAddr> {
    socket.local_addr().ok().map(|local| local.ip())
}

/// Errors that a new socket would meet as well, or that end by themselves: nobody listens, a
/// firewall of this host, no memory, a path MTU that was just learned.
const PASSING: [i32; 5] =
    [libc::ECONNREFUSED, libc::EPERM, libc::ENOBUFS, libc::ENOMEM, libc::EMSGSIZE];
/// A burst of a full receive ring at 1:1: the kernel charges about 2.3 kB for 1,400 bytes.
const SEND_BUFFER: usize = 1 << 20;
const RETRY: Duration = Duration::from_secs(5);
const RESOLVE_AGAIN: Duration = Duration::from_secs(300);
