//! One collector: its address, its socket and its counters.

use core::ops::AddAssign;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;

use flowmote_core::{Duration, Instant};
use log::info;

use crate::config::{Collector, Host};
use crate::headers::UDP;
use crate::kernel::error_queue::{self, Report};
use crate::links::Flow;
use crate::output::outage::{Ended, Outage};
use crate::output::resolver::Resolver;
use crate::output::socket::{NamespaceSockets, connect};
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
    socket: Option<Rc<UdpSocket>>,
    /// The sockets in the namespace of the collector, once they are open.
    in_namespace: Option<NamespaceSockets>,
    /// When to open the socket, if the address is known and there is no socket.
    open_at: Instant,
    /// The socket is new: the event loop does not watch it yet.
    is_unwatched: bool,
    outage: Outage,
    throttle: Throttle,
    /// For lookups, whose failures need not lose a datagram.
    lookup_throttle: Throttle,
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
    /// Of `sent`, datagrams that ICMP errors of any kind report as not delivered, a next hop that
    /// does not respond to ARP included. The rate of these errors is limited, so that datagrams
    /// between two of them count as well.
    pub refused: u64,
}

/// The state of a collector, as far as the agent knows it: UDP has no acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationState {
    /// The name has no address yet.
    NameNotResolved,
    /// No socket could be opened: there is no route, for example.
    NoSocket,
    /// Datagrams are lost, or were within the last 10 s.
    LosingDatagrams,
    /// Nothing indicates a loss.
    Sending,
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
            in_namespace: None,
            open_at: Instant::ZERO,
            is_unwatched: false,
            outage: Outage::default(),
            throttle: Throttle::default(),
            lookup_throttle: Throttle::default(),
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

    /// The kernel's name of the device that datagrams are sent through.
    pub(crate) fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Returns true if the packets of a flow are the datagrams for this collector.
    pub(super) fn sends(&self, flow: &Flow) -> bool {
        let (Some(to), Some((UDP, from_port, to_port))) = (self.address, flow.transport) else {
            return false;
        };
        let is_own = |socket: &Rc<UdpSocket>| {
            let from = socket.local_addr();
            from.is_ok_and(|from| (from.ip(), from.port()) == (flow.source, from_port))
        };
        (to.ip(), to.port()) == (flow.destination, to_port)
            && self.socket.as_ref().is_some_and(is_own)
    }

    /// The state at this moment.
    #[must_use]
    pub fn state(&self) -> DestinationState {
        match (&self.address, &self.socket) {
            (None, _) => DestinationState::NameNotResolved,
            (_, None) => DestinationState::NoSocket,
            _ if self.outage.is_current() => DestinationState::LosingDatagrams,
            _ => DestinationState::Sending,
        }
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

    /// Enters the namespace of a collector whose address is not known yet, while the daemon may.
    pub(super) fn enter_namespace(&mut self, now: Instant) {
        let (Some(name), None) = (&self.collector.namespace, &self.in_namespace) else { return };
        match NamespaceSockets::open(name) {
            Ok(sockets) => self.in_namespace = Some(sockets),
            Err(error) => {
                let Self { collector, throttle, .. } = self;
                throttle.warn(
                    now,
                    format_args!("collector {collector}: namespace not entered: {error}"),
                );
            }
        }
    }

    /// Opens the socket if that is due and the address is known.
    pub(super) fn open_if_due(&mut self, now: Instant) {
        if self.socket.is_none() && self.open_at <= now {
            self.open(now);
        }
    }

    /// Starts a lookup and opens the socket if they are due. Returns when something is due next.
    pub(super) fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.look_up(now, resolver);
        self.open_if_due(now);
        let lookup = match self.lookup {
            Lookup::Due(due) => Some(due),
            Lookup::Never | Lookup::Pending(_) => None,
        };
        let open = (self.socket.is_none() && self.address.is_some()).then_some(self.open_at);
        self.end_outage(now);
        [lookup, open, self.outage.deadline()].into_iter().flatten().min()
    }

    /// The socket, once after it was opened, to be watched for errors.
    pub(super) fn take_unwatched(&mut self) -> Option<&UdpSocket> {
        let is_new = core::mem::take(&mut self.is_unwatched);
        self.socket.as_deref().filter(|_| is_new)
    }

    /// Reads the errors about earlier datagrams that wait at the socket. Returns their number.
    pub(super) fn read_errors(&mut self, now: Instant) -> u64 {
        let Some(socket) = &self.socket else { return 0 };
        let (mut reports, mut lost_alone, mut first) = (0, 0, None);
        // A failed read leaves nothing to read; the next send shows what is wrong.
        while reports + lost_alone < MAX_REPORTS
            && let Ok(Some(report)) = error_queue::take(socket)
        {
            if report.is_too_big() {
                lost_alone += 1;
            } else {
                reports += 1;
                first.get_or_insert(report);
            }
        }
        self.stats.refused = self.stats.refused.saturating_add(lost_alone);
        if let Some(first) = first {
            self.undeliverable(now, reports, first);
        }
        reports + lost_alone
    }

    /// Handles the outcome of its lookup.
    pub(super) fn resolved(&mut self, now: Instant, addresses: io::Result<Vec<SocketAddr>>) {
        let first = match &addresses {
            Ok(addresses) => self.first_usable(now, addresses),
            Err(error) => {
                let Self { collector, lookup_throttle, .. } = self;
                lookup_throttle.warn(
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

    /// The first address, of the family of the source if there is one.
    fn first_usable(&mut self, now: Instant, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let Self { collector, lookup_throttle, .. } = self;
        let usable = addresses.iter().find(|address| collector.source.is_usable(address.ip()));
        if usable.is_none() {
            lookup_throttle.warn(
                now,
                format_args!(
                    "collector {collector}: the name has no address of the source's family"
                ),
            );
        }
        usable.copied()
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
        let Collector { device, namespace, source: from, .. } = &self.collector;
        let is_current = (device.is_none() && namespace.is_none())
            && connect(address, None, from).is_ok_and(|new| source(&new) == source(socket));
        if !is_current {
            self.open(now);
        }
    }

    /// Sends to this collector. Returns false if the datagram is lost for it.
    #[inline]
    pub(super) fn send(&mut self, now: Instant, datagram: &[u8]) -> bool {
        self.send_by(now, |socket| socket.send(datagram))
    }

    fn send_by(
        &mut self,
        now: Instant,
        mut send: impl FnMut(&UdpSocket) -> io::Result<usize>,
    ) -> bool {
        let Some(socket) = &self.socket else {
            self.stats.unresolved = self.stats.unresolved.saturating_add(1);
            self.outage.lose_more(now);
            return false;
        };
        let outcome = match send(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.send_again(now, &mut send, &error)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(_) => {
                self.stats.sent = self.stats.sent.saturating_add(1);
                self.outage.sent(now);
                true
            }
            Err(error) => {
                self.stats.errors = self.stats.errors.saturating_add(1);
                self.failed(now, &error);
                false
            }
        }
    }

    /// Sends after an error, which was probably about an earlier datagram: the kernel returns such
    /// an error once, before it tries to send (net/core/sock.c, `sock_alloc_send_pskb`).
    #[cold]
    fn send_again(
        &mut self,
        now: Instant,
        send: &mut dyn FnMut(&UdpSocket) -> io::Result<usize>,
        error: &io::Error,
    ) -> io::Result<usize> {
        let reports = self.read_errors(now);
        let Some(socket) = &self.socket else { return Err(io::ErrorKind::NotConnected.into()) };
        let outcome = send(socket);
        if reports == 0 && outcome.is_ok() {
            // The kernel has no error queue, or the queue had no room.
            self.undeliverable(now, 1, Report::of(error));
        }
        outcome
    }

    /// Counts datagrams of which the kernel has learned that they were not delivered.
    fn undeliverable(&mut self, now: Instant, reports: u64, first: Report) {
        if self.outage.lose(now, 0) {
            let own = self.socket.as_deref().and_then(source);
            let Self { collector, throttle, outage, .. } = self;
            let reason = first.in_words(own);
            outage.set_logged(throttle.warn(
                now,
                format_args!("collector {collector}: datagrams are not delivered: {reason}"),
            ));
        }
        let lost = self.outage.icmp_errors(reports, self.stats.sent);
        self.stats.refused = self.stats.refused.saturating_add(lost);
    }

    fn end_outage(&mut self, now: Instant) {
        let Some(Ended { lasted, lost, logged }) = self.outage.take_ended(now) else { return };
        if logged {
            let (collector, seconds) = (&self.collector, lasted.as_millis() / 1000);
            info!(
                "collector {collector}: reachable again after {seconds} s, {lost} datagrams lost"
            );
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
                let Self { collector, lookup_throttle, .. } = self;
                lookup_throttle.warn(
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
        self.read_errors(now);
        self.socket = None;
        match self.connect(address) {
            Ok(socket) => (self.socket, self.is_unwatched) = (Some(socket), true),
            Err(error) => {
                self.open_at = now + RETRY;
                if self.outage.lose(now, 0) {
                    let Self { collector, throttle, outage, .. } = self;
                    outage.set_logged(throttle.warn(
                        now,
                        format_args!("collector {collector}: no socket, retrying in 5 s: {error}"),
                    ));
                }
            }
        }
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Rc<UdpSocket>> {
        let Self { collector, device, in_namespace, .. } = self;
        let (device, source) = (device.as_deref(), &collector.source);
        let Some(name) = &collector.namespace else {
            return connect(address, device, source).map(Rc::new);
        };
        let sockets = match in_namespace {
            Some(sockets) => sockets,
            None => in_namespace.insert(NamespaceSockets::open(name)?),
        };
        sockets.connect(address, device, source)
    }

    #[cold]
    fn failed(&mut self, now: Instant, error: &io::Error) {
        // A full send buffer is counted only: it is an overload, and a line would add to it.
        if error.kind() == io::ErrorKind::WouldBlock {
            return;
        }
        if self.outage.lose(now, 1) {
            let Self { collector, throttle, outage, .. } = self;
            outage.set_logged(
                throttle.warn(now, format_args!("collector {collector}: datagram lost: {error}")),
            );
        }
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

/// The source address that the kernel chose for the socket.
fn source(socket: &UdpSocket) -> Option<IpAddr> {
    socket.local_addr().ok().map(|local| local.ip())
}

/// Errors that a new socket would meet as well or that pass: no listener, a firewall rule of this
/// host, no memory, a path MTU that was just learned.
const TRANSIENT: [i32; 5] =
    [libc::ECONNREFUSED, libc::EPERM, libc::ENOBUFS, libc::ENOMEM, libc::EMSGSIZE];
/// Errors read before packets have their turn again: more than the queue of a socket holds.
const MAX_REPORTS: u64 = 512;
const RETRY: Duration = Duration::from_secs(5);
const RESOLVE_AGAIN: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of consecutive sends at one moment, the number of sends, and the counters.
    fn sends(script: &[i32]) -> (Vec<bool>, usize, DestinationStats) {
        let collector: Collector = "127.0.0.1:9".parse().unwrap();
        let mut destination = Destination::new(&collector);
        destination.maintain(Instant::ZERO, &Resolver::new().unwrap());
        let (mut results, mut script) = (Vec::new(), script.iter());
        let all = script.len();
        while script.len() > 0 {
            results.push(destination.send_by(Instant::ZERO, |_| match script.next() {
                Some(0) => Ok(1),
                errno => Err(io::Error::from_raw_os_error(*errno.unwrap())),
            }));
        }
        (results, all, destination.stats())
    }

    #[test]
    fn full_send_buffer_is_a_loss_and_nothing_is_sent_again() {
        let (results, count, stats) = sends(&[libc::EAGAIN, libc::EAGAIN, 0]);
        assert_eq!(results.len(), count, "a system call for each datagram");
        assert_eq!(results, [false, false, true]);
        assert_eq!(stats, DestinationStats { sent: 1, errors: 2, ..DestinationStats::default() });
    }

    #[test]
    fn datagram_is_sent_again_after_the_error_of_an_earlier_one() {
        let (results, _, stats) = sends(&[0, libc::ECONNREFUSED, 0, libc::ENOBUFS, libc::ENOBUFS]);
        assert_eq!(results, [true, true, false]);
        let expected =
            DestinationStats { sent: 2, errors: 1, refused: 1, ..DestinationStats::default() };
        assert_eq!(stats, expected);
    }
}
