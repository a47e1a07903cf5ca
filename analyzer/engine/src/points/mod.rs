//! Points of the past: the numbers of counter records, for queries about the last hours.
//!
//! [`Points`] keeps a row for each record that arrives: the differences of its counters and the values of
//! its gauges. What a metric is made of is decided by the query, so that one row serves all names that a
//! metric has. Rows of all data sources share the memory. When it is full the oldest of all go first, so
//! that all series begin at about the same time, and none is older than three hours.
//!
//! Names of hosts, instances and ports are kept as long as there are rows of the agent, because the
//! metrics of an agent that is silent are removed after minutes.

mod row;
mod rows;
#[cfg(test)]
mod tests;
mod texts;
mod totals;

use core::ops::Bound;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::{Address, DataSource};

use crate::instant::Instant;
use crate::metrics::SchemaId;
use crate::source::Source;
pub use row::Row;
pub(crate) use rows::Rows;
use texts::Texts;
pub(crate) use texts::is_kept;
use totals::is_own;
pub use totals::{Connections, FlowTotal, Times};

/// The rows of all data sources.
#[derive(Debug)]
pub struct Points {
    sources: BTreeMap<Source, Vec<Series>>,
    texts: Texts,
    bytes: usize,
    capacity: usize,
    /// The data sources after it are the next whose rows may be too old.
    visited: Bound<Source>,
    round: Round,
    /// Changes with the data sources that have rows, and with their texts.
    changes: u64,
    /// Rows dropped because the memory was full.
    pub dropped: u64,
}

/// The rows of a record, or of an `rtmetric` value.
#[derive(Debug)]
struct Series {
    kind: Kind,
    rows: Rows,
}

/// How far the oldest rows of all data sources were dropped because the memory was full.
#[derive(Debug)]
struct Round {
    /// The data sources after it are next.
    after: Bound<Source>,
    /// The last time whose rows go.
    limit: Instant,
    /// The time of the oldest row that stayed.
    oldest: Option<Instant>,
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record with the fields of this schema.
    Record(SchemaId),
    /// An `rtmetric` value with this name; true for a counter.
    Custom(Arc<str>, bool),
    /// The flow definition with this name and value.
    Flow(Arc<str>, Arc<str>),
    /// The TCP connections that hosts report.
    Connections,
}

impl Points {
    /// No rows; at most about `capacity` bytes will be used.
    pub(crate) fn new(capacity: usize) -> Self {
        let texts = capacity / 8;
        Self {
            sources: BTreeMap::new(),
            texts: Texts::new(texts),
            bytes: 0,
            capacity: capacity - texts,
            visited: Bound::Unbounded,
            round: Round::new(),
            changes: 0,
            dropped: 0,
        }
    }

    /// Adds a row of `time`, with differences over the time `over`, zero if there are none. Unknown
    /// numbers are NaN.
    pub(crate) fn add(
        &mut self,
        source: Source,
        kind: &Kind,
        time: Instant,
        over: Duration,
        numbers: impl ExactSizeIterator<Item = f64>,
    ) {
        if self.capacity == 0 {
            return;
        }
        let all = self.sources.entry(source).or_insert_with(|| {
            self.changes += 1;
            Vec::new()
        });
        let at = all.iter().position(|series| series.kind == *kind).unwrap_or_else(|| {
            let series = Series { kind: kind.clone(), rows: Rows::default() };
            self.bytes += series.bytes();
            all.push(series);
            all.len() - 1
        });
        let Some(series) = all.get_mut(at) else { return };
        let before = series.rows.bytes();
        series.rows.push(time, over, numbers);
        self.bytes = (self.bytes + series.rows.bytes()).saturating_sub(before);
        if self.bytes > self.capacity {
            self.make_room(time);
        }
    }

    /// Keeps a text of a data source, whose name [is one of a few](is_kept).
    pub(crate) fn set_text(&mut self, source: Source, name: &'static str, text: &str) {
        self.changes += u64::from(self.texts.set(source, name, text));
    }

    /// Removes rows that are too old, and texts of agents without rows. Each call looks at a part of the
    /// data sources, because samples wait.
    pub(crate) fn expire(&mut self, now: Instant) {
        let count = self.sources.len() / PARTS + 1;
        let mut rest = self.sources.range_mut((self.visited, Bound::Unbounded));
        let (mut empty, mut last) = (Vec::new(), None);
        for (source, all) in rest.by_ref().take(count) {
            let before: usize = all.iter().map(Series::bytes).sum();
            cut(all, |time| now.since(time) < MAX_AGE);
            let after: usize = all.iter().map(Series::bytes).sum();
            self.bytes = (self.bytes + after).saturating_sub(before);
            if all.is_empty() {
                empty.push(*source);
            }
            last = Some(*source);
        }
        self.visited = match rest.next().and(last) {
            Some(last) => Bound::Excluded(last),
            None => Bound::Unbounded,
        };
        self.changes += empty.len() as u64;
        empty.iter().for_each(|source| drop(self.sources.remove(source)));
        if self.visited == Bound::Unbounded {
            let sources = &self.sources;
            self.texts.retain(|agent| sources.range(of_agent(agent)).next().is_some());
        }
    }

    /// Drops the oldest sixteenth of the time that rows are about, of one data source after the other, until
    /// there is room. The next call continues: to move the rows of all of them would hold up samples.
    fn make_room(&mut self, now: Instant) {
        while self.bytes > self.capacity && !self.sources.is_empty() {
            let mut rest = self.sources.range_mut((self.round.after, Bound::Unbounded));
            let Some((source, all)) = rest.next() else {
                self.round = self.round.next(now);
                continue;
            };
            let (source, limit) = (*source, self.round.limit);
            let measure = |all: &[Series]| {
                let rows: usize = all.iter().map(|series| series.rows.len()).sum();
                (rows, all.iter().map(Series::bytes).sum::<usize>())
            };
            let before = measure(all);
            cut(all, |time| time > limit);
            let after = measure(all);
            self.dropped += (before.0 - after.0) as u64;
            self.bytes = (self.bytes + after.1).saturating_sub(before.1);
            self.round.after = Bound::Excluded(source);
            let oldest = all.iter().filter_map(|series| series.rows.begin()).min();
            self.round.oldest = self.round.oldest.into_iter().chain(oldest).min();
            if all.is_empty() {
                self.changes += 1;
                self.sources.remove(&source);
            }
        }
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes + self.texts.bytes()
    }

    /// A number that changes with the data sources that have rows, and with their texts.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The agents with rows, in order.
    pub fn agents(&self) -> impl Iterator<Item = Address> {
        let mut sources = self.sources.keys().filter(|source| !is_own(source));
        let mut next = sources.next().map(|source| source.agent);
        core::iter::from_fn(move || {
            let agent = next?;
            let (_, last) = of_agent(agent).into_inner();
            let mut rest = self.sources.range((Bound::Excluded(last), Bound::Unbounded));
            next = rest.next().map(|(source, _)| source.agent);
            Some(agent)
        })
    }

    /// The data sources of an agent that have rows, in order.
    pub fn sources(&self, agent: Address) -> impl Iterator<Item = Source> {
        self.sources.range(of_agent(agent)).map(|(source, _)| *source).filter(|it| !is_own(it))
    }

    /// The data sources with rows, in order: those after one, or all.
    pub fn sources_after(&self, after: Option<Source>) -> impl Iterator<Item = Source> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.sources.range((from, Bound::Unbounded)).map(|(source, _)| *source)
    }

    /// A text of a data source: `host_name`, `ifname`, `ethtool_driver` or the identity of a cloud
    /// instance; the last one that it had.
    pub fn text(&self, source: &Source, name: &str) -> Option<&Arc<str>> {
        self.texts.get(source, name)
    }

    /// A text of an agent, of whichever of its data sources has it.
    pub fn text_of_agent(&self, agent: Address, name: &str) -> Option<&Arc<str>> {
        self.texts.of_agent(agent, is_kept(name)?).next().map(|(_, text)| text)
    }

    /// The rows of a data source by what they are about.
    pub(crate) fn of_source(&self, source: &Source) -> impl Iterator<Item = (&Kind, &Rows)> {
        let all = self.sources.get(source).into_iter().flatten();
        all.map(|series| (&series.kind, &series.rows))
    }
}

impl Series {
    fn bytes(&self) -> usize {
        SERIES + self.rows.bytes()
    }
}

impl Round {
    /// A round that drops nothing, and finds the oldest row.
    fn new() -> Self {
        Self { after: Bound::Unbounded, limit: Instant::default(), oldest: None }
    }

    /// The round after this one. Each drops the oldest row at least.
    fn next(&self, now: Instant) -> Self {
        let oldest = self.oldest.unwrap_or(now);
        Self { limit: oldest + now.since(oldest) / 16, ..Self::new() }
    }
}

/// Removes the rows of a data source that `keep` refuses, from the oldest on.
fn cut(all: &mut Vec<Series>, keep: impl Fn(Instant) -> bool) {
    all.retain_mut(|series| {
        series.rows.keep(&keep);
        series.rows.len() > 0
    });
}

/// All data sources of an agent.
fn of_agent(agent: Address) -> core::ops::RangeInclusive<Source> {
    let at = |number| Source { agent, data_source: DataSource { class: number, index: number } };
    at(0)..=at(u32::MAX)
}

/// Parts in which all data sources are looked at.
const PARTS: usize = 16;
const MAX_AGE: Duration = Duration::from_secs(3 * 3600);
/// Bytes of a series without its rows: its place, and its share of an entry of the map.
const SERIES: usize = size_of::<Series>() + 64;
