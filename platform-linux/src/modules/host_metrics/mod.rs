//! Metrics of the host that no standard structure has, as custom metrics: pressure stalls, open files,
//! tracked connections, IPv6, single processors.

mod read;

use std::path::PathBuf;

use flowmote_core::{Duration, Instant};

use crate::config::{Config, HostMetrics};
use crate::links::Links;
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::Throttle;
use crate::watched::Watched;
use read::Reader;

/// Reads the metrics at each polling interval.
#[derive(Debug)]
pub(crate) struct MoreHostMetrics {
    root: PathBuf,
    session: Option<Session>,
    /// Reads that had not ended when the next one was due.
    late: u64,
    unreadable: u64,
    throttle: Throttle,
}

/// Exists while the block does.
#[derive(Debug)]
struct Session {
    reader: Watched<Reader>,
    next: Instant,
}

impl MoreHostMetrics {
    /// Reads below `root`, `/` but in tests.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { root, session: None, late: 0, unreadable: 0, throttle: Throttle::default() }
    }

    fn session(&mut self, now: Instant, groups: HostMetrics) -> &mut Session {
        let new = || Session {
            reader: Watched::new(Reader::new(&self.root, groups)),
            // After the start of the daemon, when the privileges are dropped.
            next: now + FIRST,
        };
        self.session.get_or_insert_with(new)
    }
}

impl Module for MoreHostMetrics {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let config = world.config;
        let Some(groups) = config.host_metrics.filter(|_| config.polling_secs > 0) else {
            self.session = None;
            return;
        };
        let session = self.session(now, groups);
        let mut unreadable = 0;
        if let Some(reader) = session.reader.ended(now) {
            unreadable = core::mem::take(&mut reader.unreadable);
            let metrics: Vec<_> =
                reader.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            output.rt_metrics(now, "host", &metrics, config.datagram_bytes);
        }
        let mut is_late = false;
        if now >= session.next {
            session.next = now + Duration::from_secs(config.polling_secs);
            is_late = !session.reader.start(now, |reader| reader.groups = groups, Reader::read);
        }
        self.unreadable = self.unreadable.saturating_add(unreadable);
        if is_late {
            self.late = self.late.saturating_add(1);
            self.throttle.warn(now, format_args!("a read of metrics in /proc has not ended"));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let session = self.session.as_ref()?;
        session.reader.deadline().into_iter().chain([session.next]).min()
    }

    fn report(&mut self, statistics: &mut Statistics) {
        statistics.exceptions.extend([
            (self.late, "reads of metrics in /proc that had not ended"),
            (self.unreadable, "failed reads of metrics in /proc"),
        ]);
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(groups) = config.host_metrics else { return };
        let mut reader = Reader::new(&self.root, groups);
        reader.read();
        let count = reader.metrics.len();
        let absent = match &reader.absent[..] {
            [] => String::new(),
            absent => format!("; this kernel has no {}", absent.join(", ")),
        };
        findings.line("host metrics", format_args!("{count} beside the counters{absent}"));
    }
}

const FIRST: Duration = Duration::from_millis(100);
