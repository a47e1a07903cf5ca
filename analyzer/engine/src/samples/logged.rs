//! Records of flow logs as a part of the past: older than the samples that are held.

use std::collections::BTreeSet;

use super::query::PastQuery;
use super::scan::{BATCH, Scan};
use crate::flowcache::{AggMode, Observer, Passage, Probe, Sums, key_hash};
use crate::instant::Instant;
use crate::keys::{Direction, KeyBuffer, Logged, LoggedSubject};
use crate::source::Source;

/// Where records are, which a query with a series reads twice.
pub trait Logs {
    /// Passes on the records that a [`Scan`] with this number was made of, with the beginning of their
    /// window. `None` if the query was stopped.
    fn read(&self, number: usize, add: &mut dyn FnMut(Instant, &[Logged])) -> Option<()>;
}

/// No records.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoLogs;

impl Logs for NoLogs {
    fn read(&self, _: usize, _: &mut dyn FnMut(Instant, &[Logged])) -> Option<()> {
        Some(())
    }
}

/// A record whose entry is to be loaded.
#[derive(Clone, Copy)]
struct Pending<'r> {
    flow: &'r Logged,
    source: u32,
    observer: Observer,
    hash: u64,
    sums: Sums,
}

impl PastQuery {
    /// What the query reads of records: names of keys, and `bytes` and `frames` for their sums.
    ///
    /// # Errors
    /// What it needs and records do not have: keys of single packets, ports by which packets enter and
    /// leave, which `sum` needs, and discards.
    pub fn logged(&self) -> Result<BTreeSet<&str>, BTreeSet<String>> {
        let read = self.plan.read_of_records();
        let definition = &self.definition;
        let modes = [
            (definition.agg_mode == AggMode::Sum, "aggMode=sum"),
            (definition.dropped, "dropped=true"),
        ];
        let lacking: BTreeSet<_> =
            modes.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect();
        match read {
            Ok(read) if lacking.is_empty() => Ok(read),
            Ok(_) => Err(lacking),
            Err(more) => Err(&lacking | &more),
        }
    }

    /// A scan of records, without one so far. Its table of flows has at most about `memory` bytes.
    pub fn scan_of_records(&self, number: usize, memory: usize) -> Scan {
        let mut scan = Scan::new(self, memory);
        scan.records = Some(number);
        scan
    }

    /// The observer of a record. Which ports sample what leaves by another one is unknown.
    fn observer(&self, source: u32, flow: &Logged) -> Observer {
        let passage = match flow.direction {
            Direction::Egress => Passage::Out,
            _ => Passage::In,
        };
        Observer::new(source, passage)
    }
}

impl Scan {
    /// Adds records.
    pub fn add_logged(&mut self, query: &PastQuery, flows: &[Logged]) {
        let context = query.context();
        let mut last: Option<(Source, Option<u32>)> = None;
        let mut batch = Vec::with_capacity(BATCH);
        for flows in flows.chunks(BATCH) {
            for flow in flows {
                self.scanned += flow.samples;
                // Those of a data source are often together.
                let source = match last {
                    Some((source, number)) if source == flow.source => number,
                    _ => self.origins.number(flow.source, flow.rate_error, query),
                };
                last = Some((flow.source, source));
                let Some(source) = source else { continue };
                self.note_heaviest(flow);
                let Some(key) = self.keys.get_mut(batch.len()) else { continue };
                let subject = LoggedSubject { flow, context: &context };
                let Some(sums) = query.plan.read_logged(&subject, key) else { continue };
                let observer = query.observer(source, flow);
                let hash = key_hash(&query.hasher, observer, key);
                batch.push(Pending { flow, source, observer, hash, sums });
            }
            self.add_records(query, &batch);
            batch.clear();
        }
    }

    /// Adds the records of a batch to their entries, which are loaded first: see `add_batch`.
    fn add_records(&mut self, query: &PastQuery, batch: &[Pending<'_>]) {
        let context = query.context();
        batch.iter().for_each(|pending| self.table.touch(pending.hash));
        for (number, pending) in batch.iter().enumerate() {
            let Pending { flow, source, observer, hash, sums } = *pending;
            self.matched += flow.samples;
            if let Some(seen) = self.origins.at(source) {
                seen.packets += flow.frames.total;
                seen.samples += flow.samples as f64;
                seen.sums = seen.sums.plus(sums);
                seen.error = seen.error.max(flow.rate_error);
            }
            let Some(found) = self.entry(number, observer, hash) else { continue };
            found.slot.sums = found.slot.sums.plus(sums);
            if !found.values.is_empty() {
                let subject = LoggedSubject { flow, context: &context };
                query.plan.add_logged(&subject, found.values, &query.hasher);
            }
        }
    }

    fn note_heaviest(&mut self, flow: &Logged) {
        self.all.packets = self.all.packets.max(flow.frames.typical());
        self.all.bytes = self.all.bytes.max(flow.bytes.typical());
    }

    /// The number of the entry of a record, `Some(0)` if it was evicted; `None` if it belongs to no flow.
    pub(super) fn entry_of(
        &self,
        query: &PastQuery,
        flow: &Logged,
        key: &mut KeyBuffer,
    ) -> Option<u32> {
        let source = self.origins.known(&flow.source)?;
        let context = query.context();
        query.plan.read_logged(&LoggedSubject { flow, context: &context }, key)?;
        let observer = query.observer(source, flow);
        let hash = key_hash(&query.hasher, observer, key);
        let slot = self.table.find(&Probe::new(key, observer, hash));
        Some(slot.map_or(0, |slot| slot.seen.0))
    }
}
