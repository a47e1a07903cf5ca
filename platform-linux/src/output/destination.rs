//! One collector: its address, its socket and its counters.

use core::ops::AddAssign;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use flowmote_core::{Duration, Instant};
use log::info;
use nix::sys::socket::{setsockopt, sockopt};

use crate::config::{Collector, Host};
use crate::output::resolver::Resolver;
use crate::throttle::Throttle;

/// A collector of the configuration with the socket that is connected to it.
#[derive(Debug)]
pub struct Destination {
    collector: Collector,
    /// The kernel's name of the collector's device.
    device: Option<String>,
    lookup: Lookup,
    /// Time to the next lookup after one that failed.
    backoff: Duration,
    address: Option<SocketAddr>,
    socket: Option<UdpSocket>,
    /// When to open the socket, if the address is known and there is no socket.
    open_at: Instant,
    throttle: Throttle,
    stats: DestinationStats,
}

/// Counters of the datagrams for one collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestinationStats {
    /// Accepted by the kernel.
    pub sent: u64,
    /// Lost because there was no socket: the name has no address yet, or there is no route.
    pub unresolved: u64,
    /// Lost to errors of send(2), a full send buffer (EAGAIN) included.
    pub errors: u64,
    /// ICMP errors about earlier datagrams, which are among `sent`: port unreachable, or an
    /// obstacle on the path.
    pub refused: u64,
}

/// The state of the lookup of the collector's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    /// The configuration has an address instead of a name.
    Never,
    /// To be started at this time.
    Due(Instant),
    /// In progress under this number; no other is started before it ends.
    Pending(u64),
}

impl Destination {
    pub(super) fn new(collector: &Collector) -> Self {
        let (lookup, address) = match &collector.host {
            Host::Address(ip) => (Lookup::Never, Some(SocketAddr::new(*ip, collector.port))),
            Host::Name(_) => (Lookup::Due(Instant::ZERO), None),
        };
        Self {
            collector: collector.clone(),
            device: collector.device.clone(),
            lookup,
            backoff: RETRY,
            address,
            socket: None,
            open_at: Instant::ZERO,
            throttle: Throttle::default(),
            stats: DestinationStats::default(),
        }
    }

    /// Looks up the kernel's name of the collector's device. A device that does not exist keeps the
    /// name of the configuration, so that opening the socket fails with ENODEV.
    pub(super) fn locate_device(&mut self, name_of: &impl Fn(&str) -> Option<String>) {
        let configured = self.collector.device.clone();
        self.device = configured.map(|device| name_of(&device).unwrap_or(device));
    }

    /// The collector as configured.
    #[must_use]
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// The address in use, once it is known.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Counters since the collector was configured.
    #[must_use]
    pub fn stats(&self) -> DestinationStats {
        self.stats
    }

    /// Returns true if the lookup with this number is the collector's.
    pub(super) fn waits_for(&self, question: u64) -> bool {
        self.lookup == Lookup::Pending(question)
    }

    /// Starts a lookup and opens the socket if they are due. Returns when something is due next.
    pub(super) fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.look_up(now, resolver);
        if self.socket.is_none() && self.open_at <= now {
            self.open(now);
        }
        let lookup = match self.lookup {
            Lookup::Due(due) => Some(due),
            Lookup::Never | Lookup::Pending(_) => None,
        };
        let open = (self.socket.is_none() && self.address.is_some()).then_some(self.open_at);
        [lookup, open].into_iter().flatten().min()
    }

    /// Handles the outcome of its lookup.
    pub(super) fn resolved(&mut self, now: Instant, addresses: io::Result<Vec<SocketAddr>>) {
        let first = match &addresses {
            Ok(addresses) => addresses.first().copied(),
            Err(error) => {
                let Self { collector, throttle, .. } = self;
                throttle.warn(
                    now,
                    format_args!("collector {collector}: name not resolved, retrying: {error}"),
                );
                None
            }
        };
        // After a failure the last known address stays in use.
        let Some(first) = first else { return self.look_up_later(now) };
        (self.lookup, self.backoff) = (Lookup::Due(now + RESOLVE_AGAIN), RETRY);
        // Name servers rotate several addresses; the one in use is as good as the first.
        let is_valid = |address| addresses.is_ok_and(|addresses| addresses.contains(&address));
        if !self.address.is_some_and(is_valid) {
            info!("collector {}: resolved to {}", self.collector, first.ip());
            self.address = Some(first);
            self.open(now);
        }
    }

    /// Retries what had failed, after a change of interfaces or addresses. Replaces the socket if
    /// the kernel would now choose another source address.
    pub(super) fn reconsider(&mut self, now: Instant) {
        if self.address.is_none() && matches!(self.lookup, Lookup::Due(_)) {
            self.lookup = Lookup::Due(now);
        }
        let (Some(address), Some(socket)) = (self.address, &self.socket) else {
            self.open_at = now;
            return;
        };
        // SO_BINDTODEVICE binds to the ifIndex at the time of the call, and the name may have
        // moved to another interface since.
        let is_current = self.collector.device.is_none()
            && connect(address, None).is_ok_and(|new| source(&new) == source(socket));
        if !is_current {
            self.open(now);
        }
    }

    /// Sends to this collector. Returns false if the datagram is lost for it.
    pub(super) fn send(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(socket) = &self.socket else {
            self.stats.unresolved = self.stats.unresolved.saturating_add(1);
            return false;
        };
        let mut outcome = socket.send(datagram);
        if outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            // An ICMP error about an earlier datagram is returned once, before the kernel tries to
            // send this one (net/core/sock.c, sock_alloc_send_pskb).
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

    fn look_up(&mut self, now: Instant, resolver: &Resolver) {
        let (Lookup::Due(due), Host::Name(name)) = (self.lookup, &self.collector.host) else {
            return;
        };
        if now < due {
            return;
        }
        match resolver.start(name, self.collector.port) {
            Ok(question) => self.lookup = Lookup::Pending(question),
            Err(error) => {
                let Self { collector, throttle, .. } = self;
                throttle.warn(
                    now,
                    format_args!("collector {collector}: name not resolved, retrying: {error}"),
                );
                self.look_up_later(now);
            }
        }
    }

    /// Exponential backoff, so that a name that does not exist does not load the resolver.
    fn look_up_later(&mut self, now: Instant) {
        self.lookup = Lookup::Due(now + self.backoff);
        let longer = Duration::from_millis(self.backoff.as_millis().saturating_mul(2));
        self.backoff = longer.min(RESOLVE_AGAIN);
    }

    fn open(&mut self, now: Instant) {
        let Some(address) = self.address else { return };
        self.socket = None;
        match connect(address, self.device.as_deref()) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                let Self { collector, throttle, .. } = self;
                throttle.warn(
                    now,
                    format_args!("collector {collector}: no socket, retrying in 5 s: {error}"),
                );
                self.open_at = now + RETRY;
            }
        }
    }

    #[cold]
    fn failed(&mut self, now: Instant, error: &io::Error) {
        // A full send buffer is counted only: it is an overload, and a line would add to it.
        if error.kind() == io::ErrorKind::WouldBlock {
            return;
        }
        let Self { collector, throttle, .. } = self;
        throttle.warn(now, format_args!("collector {collector}: datagram lost: {error}"));
        if !error.raw_os_error().is_some_and(|errno| TRANSIENT.contains(&errno)) {
            // After the loss of the source address or the route only a new socket helps.
            self.socket = None;
            self.open_at = now + RETRY;
        }
    }
}

/// The sum over several collectors.
impl AddAssign for DestinationStats {
    fn add_assign(&mut self, other: Self) {
        let Self { sent, unresolved, errors, refused } = other;
        self.sent = self.sent.saturating_add(sent);
        self.unresolved = self.unresolved.saturating_add(unresolved);
        self.errors = self.errors.saturating_add(errors);
        self.refused = self.refused.saturating_add(refused);
    }
}

/// Opens a non-blocking socket connected to `address`, bound to `device` if there is one.
///
/// # Errors
/// Those of the system calls, with the cause in words.
pub(crate) fn connect(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
    try_connect(address, device).map_err(|error| {
        match cause(address.ip(), device.is_some(), error.raw_os_error()) {
            Some(cause) => io::Error::new(error.kind(), format!("{cause} ({error})")),
            None => error,
        }
    })
}

/// The cause of an error, where the text of the errno does not show it.
fn cause(address: IpAddr, has_device: bool, errno: Option<i32>) -> Option<&'static str> {
    Some(match errno? {
        libc::ENETUNREACH | libc::EHOSTUNREACH if address.is_multicast() && !has_device => {
            "no route to this multicast group; add dev = ... (--collector ADDRESS%DEVICE)"
        }
        libc::ENETUNREACH | libc::EHOSTUNREACH => "no route to this address",
        // connect(2) without SO_BROADCAST, ip(7). A rule of the routing table can prohibit, too.
        libc::EACCES if address.is_ipv4() => {
            "a broadcast address, or prohibited by a route; name one host or a multicast group"
        }
        libc::EINVAL if is_link_local(address) => {
            "a link-local address needs a device; add dev = ... (--collector ADDRESS%DEVICE)"
        }
        libc::ENODEV if has_device => "there is no such device",
        _ => return None,
    })
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn try_connect(address: SocketAddr, device: Option<&str>) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    if let Some(device) = device {
        // The kernel would cut a longer name (net/core/sock.c, sock_setbindtodevice).
        if device.len() >= libc::IFNAMSIZ {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        setsockopt(&socket, sockopt::BindToDevice, &device.into())?;
    }
    setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

/// The source address that the kernel chose for the socket.
fn source(socket: &UdpSocket) -> Option<IpAddr> {
    socket.local_addr().ok().map(|local| local.ip())
}

/// Errors that a new socket would meet as well or that pass: no listener, a firewall rule of this
/// host, no memory, a path MTU that was just learned.
const TRANSIENT: [i32; 5] =
    [libc::ECONNREFUSED, libc::EPERM, libc::ENOBUFS, libc::ENOMEM, libc::EMSGSIZE];
/// Enough for the samples of a full receive ring at N = 1. The kernel charges about 2.3 kB for a
/// datagram of 1,400 bytes.
const SEND_BUFFER: usize = 1 << 20;
const RETRY: Duration = Duration::from_secs(5);
const RESOLVE_AGAIN: Duration = Duration::from_secs(300);
