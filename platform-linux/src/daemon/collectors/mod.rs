//! The way out: one UDP socket for each collector.

use flowmote_core::{Instant, SendError, Transport};

use crate::config::Collector;
use crate::daemon::resolver::{Answer, Resolver};

mod destination;

pub use destination::{Destination, DestinationStats};

/// Every collector of the configuration; each gets every datagram.
#[derive(Debug)]
pub struct Collectors {
    all: Vec<Destination>,
    /// Totals of those that are no longer in the configuration.
    former: DestinationStats,
    /// When this wake-up began: sending must not ask the clock for each datagram.
    now: Instant,
}

impl Collectors {
    /// The collectors of a configuration, in its order; sockets follow in
    /// [`maintain`](Self::maintain).
    #[must_use]
    pub fn new(collectors: &[Collector]) -> Self {
        Self {
            all: collectors.iter().map(Destination::new).collect(),
            former: DestinationStats::default(),
            now: Instant::ZERO,
        }
    }

    /// Takes over a new configuration; a collector that stays keeps its socket, its numbers and
    /// the question that it has asked.
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
        let gone = old.iter().map(Destination::stats);
        self.former = gone.fold(self.former, DestinationStats::plus);
    }

    /// Tells that it is `now`: what is sent from here on fails now.
    pub fn wake(&mut self, now: Instant) {
        self.now = now;
    }

    /// Opens what is not open and asks for names; returns when to call again.
    pub fn maintain(&mut self, now: Instant, resolver: &Resolver) -> Option<Instant> {
        self.now = now;
        self.all.iter_mut().filter_map(|destination| destination.maintain(now, resolver)).min()
    }

    /// Takes the answer to a question that `maintain` has asked.
    pub fn resolved(&mut self, now: Instant, answer: Answer) {
        let asked = |destination: &&mut Destination| destination.has_asked(answer.question);
        // Nobody waits for it any more when the configuration has changed meanwhile.
        if let Some(destination) = self.all.iter_mut().find(asked) {
            destination.resolved(now, answer.addresses);
        }
    }

    /// The host's interfaces or addresses have changed: what failed is tried again at the next
    /// [`maintain`](Self::maintain), and a source address that the kernel would not choose any
    /// more is given up. A socket with the right one stays.
    pub fn reconsider(&mut self, now: Instant) {
        self.all.iter_mut().for_each(|destination| destination.reconsider(now));
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
