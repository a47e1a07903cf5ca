//! What is received, and what views show of it.

use core::time::Duration;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::FlowLog;
use flowmote_engine::{Arrival, Instant, Tally};

use super::pace::Pace;
use super::recent::{Flows, Recent};

/// The analyzer, and the rate of datagrams.
pub(super) struct Live {
    analyzer: Analyzer,
    datagrams: Pace,
    window: Duration,
}

/// What is shown of one time.
pub(super) struct Content<'a> {
    pub(super) analyzer: &'a Analyzer,
    pub(super) flows: Flows,
    /// Datagrams per second.
    pub(super) datagrams: f64,
    pub(super) now: Instant,
}

impl Live {
    /// Nothing received yet; rates will be averages over `window`.
    pub(super) fn new(window: Duration) -> Self {
        Self::within(MEMORY, window)
    }

    /// The same with tables of at most about `memory` bytes. A fifth is for samples.
    pub(super) fn within(memory: usize, window: Duration) -> Self {
        let mut analyzer = Analyzer::new(memory);
        analyzer.keep_samples(window);
        Self { analyzer, datagrams: Pace::over(window), window }
    }

    /// Processes a datagram.
    pub(super) fn ingest(&mut self, arrival: &Arrival, payload: &[u8]) {
        self.datagrams.add(arrival.time, 1);
        self.analyzer.ingest(arrival, payload);
    }

    /// Removes what is old.
    pub(super) fn tick(&mut self, now: Instant) {
        // Without definitions and thresholds nothing is logged.
        self.analyzer.tick(now, &mut FlowLog::new(1), &mut EventLog::default());
    }

    /// The samples of the window that ends at `now`.
    pub(super) fn recent(&self, now: Instant) -> Recent {
        Recent::new(&self.analyzer, now, self.window)
    }

    /// What is known at `now`, with the flows of the window.
    pub(super) fn content(&self, now: Instant, flows: Flows) -> Content<'_> {
        Content { analyzer: &self.analyzer, flows, datagrams: self.datagrams.per_second(now), now }
    }

    /// Counts since the start.
    pub(super) fn tally(&self) -> &Tally {
        self.analyzer.tally()
    }
}

/// Bytes of the tables: about 200,000 samples fit.
const MEMORY: usize = 160 << 20;
