//! All collectors, one UDP socket each.

use std::net::UdpSocket;

use flowmote_core::{Instant, SendError, Transport};

use crate::config::Collector;
use crate::links::Flow;
use crate::output::destination::{Destination, DestinationStats};
use crate::output::resolver::{Answer, Resolver};

/// Every collector of the configuration; each gets every datagram.
#[derive(Debug)]
pub struct Collectors {
    all: Vec<Destination>,
    /// Totals of collectors that are no longer configured.
    former: DestinationStats,
    /// The time that send errors are logged under; see [`set_time`](Self::set_time).
    now: Instant,
}

impl Collectors {
    /// The collectors of a configuration in its order. [`maintain`](Self::maintain) opens their
    /// sockets.
    #[must_use]
    pub fn new(collectors: &[Collector]) -> Self {
        Self {
            all: collectors.iter().map(Destination::new).collect(),
            former: DestinationStats::default(),
            now: Instant::ZERO,
        }
    }

    /// Applies a new configuration. A collector that stays keeps its socket, its counters and its
    /// pending lookup.
    pub fn reconfigure(&mut self, collectors: &[Collector]) {
        let mut old = std::mem::take(&mut self.all);
        for collector in collectors {
            let known = old.iter().position(|destination| destination.collector() == collector);
            let destination = match known {
                Some(at) => old.swap_remove(at),
                None => Destination::new(collector),
            };
            self.all.push(destination);
        }
        old.iter().for_each(|destination| self.former += destination.stats());
    }

    /// Looks up the devices of all collectors by `name_of`, which returns the kernel's name of the
    /// interface with this name, alternative name or alias: SO_BINDTODEVICE takes no alias. To be
    /// called after every change of interfaces or configuration, before
    /// [`maintain`](Self::maintain).
    pub fn locate_devices(&mut self, name_of: impl Fn(&str) -> Option<String>) {
        self.all.iter_mut().for_each(|destination| destination.locate_device(&name_of));
    }

    /// Sets the time used for send errors until the next call, so that sending never reads the
    /// clock.
    pub fn set_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// Opens the sockets of collectors whose address is known, and those in other namespaces, without
    /// lookups: these start threads, which keep the privileges of the moment and would make setresuid(2) fail for all.
    pub fn open_sockets(&mut self, now: Instant) {
        for destination in &mut self.all {
            destination.open_if_due(now);
            destination.enter_namespace(now);
        }
    }

    /// Opens sockets and starts lookups that are due. Returns when to call again.
    pub fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.now = now;
        self.all.iter_mut().filter_map(|destination| destination.maintain(now, resolver)).min()
    }

    /// Has `watch` register each socket that was opened since the last call for errors, after which
    /// [`read_errors`](Self::read_errors) is to be called. Best effort: without it an error is read
    /// when the next datagram is sent.
    pub fn watch(&mut self, mut watch: impl FnMut(&UdpSocket)) {
        self.all.iter_mut().filter_map(Destination::take_unwatched).for_each(&mut watch);
    }

    /// Reads what the kernel has learned about earlier datagrams.
    pub fn read_errors(&mut self, now: Instant) {
        for destination in &mut self.all {
            destination.read_errors(now);
        }
    }

    /// Handles the answer to a lookup that [`maintain`](Self::maintain) has started.
    pub fn resolved(&mut self, now: Instant, answer: Answer) {
        let waits = |destination: &&mut Destination| destination.waits_for(answer.question);
        // A reload may have removed the collector since.
        if let Some(destination) = self.all.iter_mut().find(waits) {
            destination.resolved(now, answer.addresses);
        }
    }

    /// Handles a change of the host's interfaces or addresses: what had failed is retried at the
    /// next [`maintain`](Self::maintain), and a socket is replaced if the kernel would now choose
    /// another source address.
    pub fn reconsider(&mut self, now: Instant) {
        self.all.iter_mut().for_each(|destination| destination.reconsider(now));
    }

    /// Returns true if the packets of a flow are the agent's datagrams for one of the collectors.
    #[must_use]
    pub fn send_flow(&self, flow: &Flow) -> bool {
        self.all.iter().any(|destination| destination.sends(flow))
    }

    /// Each collector, for the statistics.
    pub fn iter(&self) -> impl Iterator<Item = &Destination> {
        self.all.iter()
    }

    /// Totals of the collectors that an earlier configuration had.
    #[must_use]
    pub fn former(&self) -> DestinationStats {
        self.former
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

#[cfg(test)]
mod tests;
