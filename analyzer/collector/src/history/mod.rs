//! History: the samples of all metrics in a file, for times that memory does not reach back to.
//!
//! The [recorder](crate::aws) adds the rows of all agents, and the points that programs report, every few
//! seconds. [`store`] has them in a database, by the [tiers](tier) in which they are kept; docs/history.md
//! has the layout, and why redb. All work of it is done on a thread of its own or by requests, never by a
//! receiving thread.

mod bytes;
mod catalogue;
mod chunk;
mod clock;
mod integers;
mod listed;
mod log;
mod mark;
#[cfg(test)]
mod measure;
mod merging;
mod meta;
#[cfg(test)]
mod model;
mod open;
mod periods;
mod prune;
mod reading;
mod rows;
mod sample;
mod samples;
mod size;
mod store;
#[cfg(test)]
mod tests;
mod tier;
mod upkeep;

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use catalogue::{Catalogue, Kind};
pub(crate) use listed::Listed;
pub(crate) use log::{Batch, Row};
use open::Opened;
pub(crate) use reading::Reader;
pub(crate) use sample::Sample;
pub(crate) use tier::{MINUTE, Tier};

use crate::stderr::eprintln_lossy;

/// Metrics that are recorded together: those of a record of a data source, or one that a program reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Group(u32);

/// A metric of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Column(u32);

/// Where the samples of a metric are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) group: Group,
    pub(crate) column: Column,
    pub(crate) unit: Arc<str>,
}

/// Samples of periods.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) tier: Tier,
    /// The time of a row, or the beginning of a period; the time that a row is over; the samples.
    pub(crate) samples: Vec<(i64, i64, Sample)>,
}

/// The history.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    /// Bytes that the file may have.
    limit: u64,
    /// Bytes of memory that it may take.
    memory: usize,
    opened: Opened,
    catalogue: Mutex<Catalogue>,
    upkeep: Mutex<upkeep::Upkeep>,
    silent: Mutex<Option<Arc<listed::Silent>>>,
    /// Since when the clock may be wrong.
    doubt: Mutex<Option<Instant>>,
    pub(crate) counters: Counters,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Samples written.
    pub(crate) points: AtomicU64,
    /// Samples that were not written.
    pub(crate) dropped: AtomicU64,
    /// Times that the file could not be written or read.
    pub(crate) errors: AtomicU64,
    /// Metrics in the catalogue.
    pub(crate) metrics: AtomicU64,
    /// Bytes of the file.
    pub(crate) bytes: AtomicU64,
    /// The time of the last write, in milliseconds since 1970; 0 before the first one.
    pub(crate) written: AtomicI64,
}

impl Counters {
    fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

impl Group {
    fn shard(self) -> u32 {
        self.0 / SHARD
    }

    fn of_shard(shard: u32) -> RangeInclusive<u32> {
        shard * SHARD..=shard * SHARD + (SHARD - 1)
    }
}

#[cfg(test)]
impl Group {
    pub(crate) fn numbered(number: u32) -> Self {
        Self(number)
    }
}

#[cfg(test)]
impl Column {
    pub(crate) fn numbered(number: u32) -> Self {
        Self(number)
    }
}

impl Column {
    /// True for differences of a counter, which add up; false for values.
    pub(crate) fn is_difference(self) -> bool {
        self.0 & Self::DIFFERENCE != 0
    }

    /// True for gauges of bytes: while they change, their periods are rounded.
    fn is_rounded(self) -> bool {
        self.0 & (Self::BYTES | Self::DIFFERENCE) == Self::BYTES
    }

    const DIFFERENCE: u32 = 1;
    const BYTES: u32 = 2;
}

impl History {
    /// The history in a directory, in at most about `limit` bytes, and `memory` bytes of memory. It is
    /// opened by [`History::open`].
    pub(crate) fn new(directory: &std::path::Path, limit: u64, memory: usize) -> Self {
        Self {
            path: directory.join(FILE),
            limit,
            memory,
            opened: Opened::default(),
            catalogue: Mutex::default(),
            upkeep: Mutex::default(),
            silent: Mutex::default(),
            doubt: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// The group that a text describes; `None` if there is no history now, or if there are too many.
    pub(crate) fn group(&self, text: &str) -> Option<Group> {
        self.number(Kind::Group, text).map(Group)
    }

    /// The column of a name.
    pub(crate) fn column(&self, name: &str, is_difference: bool) -> Option<Column> {
        self.column_with(name, u32::from(is_difference))
    }

    /// The column of a gauge of bytes: [`Column::is_rounded`].
    pub(crate) fn column_of_bytes(&self, name: &str) -> Option<Column> {
        self.column_with(name, Column::BYTES)
    }

    fn column_with(&self, name: &str, flags: u32) -> Option<Column> {
        let number = self.number(Kind::Column, &format!("{flags}{name}"))?;
        Some(Column(number << 2 | flags))
    }

    fn number(&self, kind: Kind, text: &str) -> Option<u32> {
        let number =
            self.with(|store| self.catalogue.lock().number(store, kind, text, self.limit))?;
        if number.is_none() {
            self.report_full();
        }
        number
    }

    /// Reports once that there is no room in the catalogue.
    fn report_full(&self) {
        if !self.catalogue.lock().fills() {
            return;
        }
        Counters::add(&self.counters.errors, 1);
        eprintln_lossy(format_args!(
            "flowmote-analyzer: the catalogue of {} is full: new metrics are not recorded until others \
             had no samples for {} days",
            self.path.display(),
            Tier::Minutes.keep() / tier::DAY
        ));
    }

    /// Adds a place that samples of a metric are in, unless it is there. False if there is no room.
    pub(crate) fn add_metric(&self, name: &str, dimensions: &str, stored: &Stored) -> bool {
        let metric = (name, dimensions);
        let add = |store: &_| self.catalogue.lock().add(store, metric, stored, self.limit);
        let added = self.with(add);
        if added == Some(false) {
            self.report_full();
        }
        added.unwrap_or_default()
    }

    /// True if a batch should be written before more is added.
    pub(crate) fn is_enough(&self, batch: &Batch) -> bool {
        batch.bytes() + self.catalogue.lock().bytes() >= self.memory / 8
    }

    /// Counts samples that have no place.
    pub(crate) fn dropped(&self, points: usize) {
        Counters::add(&self.counters.dropped, points as u64);
    }

    /// The places that samples of a metric are in.
    pub(crate) fn find(&self, name: &str, dimensions: &str) -> Vec<Stored> {
        self.with(|store| store.find((name, dimensions))).unwrap_or_default()
    }
}

/// Groups whose rows are in one part of the log.
const SHARD: u32 = 256;
const FILE: &str = "history.redb";
