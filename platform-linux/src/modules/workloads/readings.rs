//! The polls that wait for counters, which a thread reads.

use std::path::Path;
use std::time::Duration;

use flowmote_core::{DataSource, Instant};
use foldhash::{HashMap, HashMapExt};

use super::meter::{Meter, Place, Reading};
use crate::aside::{Aside, Wait};
use crate::throttle::Throttle;

/// Requested and read counters.
#[derive(Debug)]
pub(super) struct Readings {
    meter: Aside<Meter>,
    /// Requests for the next read; `None`: the host.
    pending: HashMap<DataSource, Option<Place>>,
    /// Counters that were read and not sent yet.
    ready: HashMap<DataSource, Reading>,
    /// A read has begun, and its results were not there in time.
    wait: Option<Wait>,
    throttle: Throttle,
    /// Cgroups that were gone when they were read.
    pub(super) gone: u64,
    /// How long [`late`](Self::late) waits for a read that it has begun.
    pub(super) patience: Duration,
}

impl Readings {
    /// Reads below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            meter: Aside::new(Meter::new(root)),
            pending: HashMap::new(),
            ready: HashMap::new(),
            wait: None,
            throttle: Throttle::default(),
            gone: 0,
            patience: PATIENCE,
        }
    }

    /// The counters of a source if they were read since it was requested.
    pub(super) fn take(&mut self, source: DataSource) -> Option<Reading> {
        self.ready.remove(&source)
    }

    /// Has counters read by the next [`late`](Self::late): one read for all that are due together,
    /// because each is a thread.
    pub(super) fn request(&mut self, source: DataSource, place: Option<Place>) {
        self.pending.insert(source, place);
    }

    /// A source whose counters are there since its poll. Begins to read what was requested and waits
    /// a few milliseconds for it, unless a read before has not ended.
    pub(super) fn late(&mut self, now: Instant) -> Option<DataSource> {
        if self.wait.is_none() && !self.pending.is_empty() {
            self.start(now);
            self.meter.wait(self.patience);
            self.check(now);
        }
        self.ready.keys().next().copied()
    }

    /// Takes the results if they are there, and starts to read what was requested meanwhile.
    pub(super) fn check(&mut self, now: Instant) {
        let Some(wait) = self.wait else { return };
        if self.meter.value().is_none() {
            self.wait = Some(wait.checked(now));
            if wait.length(now) >= MAX_WAIT {
                self.throttle.warn(
                    now,
                    format_args!("a read of cgroups has not ended; their counters are not sent"),
                );
            }
            return;
        }
        self.wait = None;
        self.take_results();
        if !self.pending.is_empty() {
            self.start(now);
        }
    }

    /// When to call [`check`](Self::check).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.wait.map(|wait| wait.next_check())
    }

    /// Forgets the counters of entities that are not there any more.
    pub(super) fn retain(&mut self, is_there: impl Fn(DataSource) -> bool) {
        self.pending.retain(|source, _| is_there(*source));
        self.ready.retain(|source, _| is_there(*source));
    }

    #[cfg(test)]
    pub(super) fn wait_for_thread(&mut self, patience: Duration) {
        self.meter.wait(patience);
    }

    fn start(&mut self, now: Instant) {
        self.wait = Some(Wait::new(now));
        if let Some(meter) = self.meter.value_mut() {
            meter.requests.extend(self.pending.drain());
            // If no thread can be started, the next check reports it.
            self.meter.start(Meter::run);
        }
    }

    fn take_results(&mut self) {
        let Some(meter) = self.meter.value_mut() else { return };
        for (source, reading) in meter.results.drain(..) {
            if reading == Reading::Nothing {
                self.gone = self.gone.saturating_add(1);
            } else {
                self.ready.insert(source, reading);
            }
        }
    }
}

/// Many times what it takes to read hundreds of files of cgroups on an idle host.
const PATIENCE: Duration = Duration::from_millis(5);
/// A read that takes longer is reported.
const MAX_WAIT: flowmote_core::Duration = flowmote_core::Duration::from_secs(10);
