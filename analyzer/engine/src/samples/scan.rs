//! The reading of blocks: flows and their sums.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use foldhash::HashMap;

use super::block::Block;
use super::history::Held;
use super::query::PastQuery;
use crate::flowcache::{
    Budget, Decay, Entry, Found, Item, Observer, Passage, Probe, Sums, Table, Ticks, Weight,
    key_hash,
};
use crate::instant::Instant;
use crate::keys::{Context, KeyBuffer};
use crate::source::Source;

/// What one pass over some blocks has found.
#[derive(Debug)]
pub struct Scan {
    /// `seen` of an entry is its number, from 1.
    pub(super) table: Table,
    budget: Budget,
    decay: Decay,
    /// Numbers of entries that were given.
    pub(crate) numbers: u32,
    pub(crate) origins: Origins,
    pub(crate) parts: Vec<Part>,
    /// Sums of entries that were evicted, each packet once for an agent.
    pub(crate) evicted: Sums,
    /// Numbers of evicted entries whose packets were counted at another port.
    pub(crate) again: Vec<u32>,
    /// The heaviest sample, of any flow.
    pub(crate) all: Heaviest,
    /// Samples in the span.
    pub(crate) scanned: u64,
    /// Samples in flows.
    pub(crate) matched: u64,
    /// The number of the records that it is of, instead of blocks.
    pub(crate) records: Option<usize>,
    batch: Vec<Pending>,
    /// The keys of the batch.
    pub(super) keys: Vec<KeyBuffer>,
}

/// The samples of a block that are in the span.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) block: Arc<Block>,
    /// The first sample.
    pub(crate) first: usize,
    /// The entry of each sample; 0 if it is in no flow.
    pub(crate) entries: Vec<u32>,
}

/// The data sources of all blocks.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    numbers: HashMap<Source, u32>,
    list: Vec<Seen>,
}

/// Samples of a data source that are in flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(super) source: Source,
    pub(super) error: f64,
    pub(crate) packets: f64,
    pub(crate) samples: f64,
    pub(crate) sums: Sums,
}

/// The largest number of packets, and of bytes, that a sample stands for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heaviest {
    pub(crate) packets: f64,
    pub(crate) bytes: f64,
}

/// A sample whose entry is to be loaded.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Place in the block.
    at: usize,
    observer: Observer,
    hash: u64,
    amount: f64,
    weight: Weight,
}

impl PastQuery {
    /// Reads blocks. The table of flows has at most about `memory` bytes. `None` if `stop` was set.
    pub fn scan(&self, held: &Held, memory: usize, stop: &AtomicBool) -> Option<Scan> {
        let mut scan = Scan::new(self, memory);
        let context = self.context();
        for block in &held.blocks {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            scan.read(self, block, &context);
        }
        Some(scan)
    }
}

impl Scan {
    pub(super) fn new(query: &PastQuery, memory: usize) -> Self {
        let mut budget = Budget::new(memory);
        Self {
            table: Table::new(query.plan.shape(false), &mut budget),
            budget,
            decay: Decay::new(Instant::default(), 1.0),
            numbers: 0,
            origins: Origins::default(),
            parts: Vec::new(),
            evicted: Sums::default(),
            again: Vec::new(),
            all: Heaviest::default(),
            scanned: 0,
            matched: 0,
            records: None,
            batch: Vec::with_capacity(BATCH),
            keys: vec![KeyBuffer::new(); BATCH],
        }
    }

    fn read(&mut self, query: &PastQuery, block: &Arc<Block>, context: &Context<'_>) {
        let end = query.sample_time(query.to);
        let (first, end) = (block.before(query.first_sample()), block.before(end));
        if first >= end {
            return;
        }
        self.scanned += (end - first) as u64;
        let origins = self.origins.of(block, query);
        // Only a series reads samples again.
        let noted = if query.edges.is_empty() { 0 } else { end - first };
        let mut part = Part { block: block.clone(), first, entries: vec![0; noted] };
        for begin in (first..end).step_by(BATCH) {
            for at in begin..end.min(begin + BATCH) {
                self.prepare(query, block, at, &origins, context);
            }
            self.add_batch(query, &mut part, context);
        }
        if noted > 0 {
            self.parts.push(part);
        }
    }

    /// Reads the key of a sample.
    #[inline]
    fn prepare(
        &mut self,
        query: &PastQuery,
        block: &Block,
        at: usize,
        origins: &[Option<u32>],
        context: &Context<'_>,
    ) {
        let Some(row) = block.row(at) else { return };
        if row.facts.is_discarded() != query.definition.dropped {
            return;
        }
        let source = row.observer.source() as usize;
        let Some(source) = origins.get(source).copied().flatten() else { return };
        let (weight, all) = (row.weight(), &mut self.all);
        all.packets = all.packets.max(weight.packets);
        all.bytes = all.bytes.max(weight.packets * f64::from(row.facts.bytes));
        let Some(packet) = block.packet(at, row, context) else { return };
        let Some(key) = self.keys.get_mut(self.batch.len()) else { return };
        let Some(amount) = query.plan.read_from(&packet, key) else { return };
        let observer = Observer::new(source, row.observer.passage());
        let hash = key_hash(&query.hasher, observer, key);
        self.batch.push(Pending { at, observer, hash, amount, weight });
    }

    /// Adds the samples of the batch to their entries. Their slots are loaded first, one directly after
    /// the other, so that the processor waits for many of them at the same time: most are in no cache.
    fn add_batch(&mut self, query: &PastQuery, part: &mut Part, context: &Context<'_>) {
        let batch = core::mem::take(&mut self.batch);
        self.matched += batch.len() as u64;
        batch.iter().for_each(|pending| self.table.touch(pending.hash));
        for (number, pending) in batch.iter().enumerate() {
            let entry = self.add(query, &part.block, number, pending, context);
            if let Some(place) = part.entries.get_mut(pending.at - part.first) {
                *place = entry;
            }
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// Adds a sample to its entry. Returns the number of the entry.
    #[inline]
    fn add(
        &mut self,
        query: &PastQuery,
        block: &Block,
        number: usize,
        pending: &Pending,
        context: &Context<'_>,
    ) -> u32 {
        let Pending { at, observer, hash, amount, weight } = *pending;
        if let Some(seen) = self.origins.list.get_mut(observer.source() as usize) {
            seen.packets += weight.packets;
            seen.samples += 1.0;
            seen.sums.add(amount, weight);
        }
        let Some(found) = self.entry(number, observer, hash) else { return 0 };
        found.slot.sums.add(amount, weight);
        if !found.values.is_empty()
            && let Some(row) = block.row(at)
            && let Some(packet) = block.packet(at, row, context)
        {
            let observations = query.plan.further_from(&packet, &query.hasher);
            for (value, observation) in found.values.iter_mut().zip(observations) {
                value.add(observation, weight, 0);
            }
        }
        found.slot.seen.0
    }

    /// The entry of a key of the batch, which is made if it is absent.
    #[inline]
    pub(super) fn entry(
        &mut self,
        number: usize,
        observer: Observer,
        hash: u64,
    ) -> Option<Found<'_>> {
        let Self { table, decay, budget, evicted, again, keys, .. } = self;
        let probe = Probe::new(keys.get(number)?, observer, hash);
        let found =
            table.entry(&probe, decay, budget, |entry| match entry.slot.observer.passage() {
                Passage::Again => again.push(entry.slot.seen.0),
                _ => *evicted = evicted.plus(entry.slot.sums),
            })?;
        if found.slot.seen == Ticks(0) {
            self.numbers += 1;
            found.slot.seen = Ticks(self.numbers);
        }
        Some(found)
    }

    /// The entries that are left.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.table.segments().iter().flat_map(|segment| segment.entries())
    }

    /// An entry with its data source, and sums per second.
    pub(crate) fn item<'s>(&'s self, entry: &Entry<'s>, per_second: f64) -> Option<Item<'s>> {
        let seen = self.origins.list.get(entry.slot.observer.source() as usize)?;
        Some(Item {
            slot: entry.slot,
            key: entry.key,
            source: seen.source,
            sums: entry.slot.sums.scaled(per_second).with_common_error(seen.error),
            error: entry.slot.error * per_second,
            rate: seen.packets / seen.samples.max(1.0),
            values: entry.values,
            factor: per_second,
        })
    }

    /// What a key may have that is not in the table.
    pub(crate) fn floor(&self) -> f64 {
        self.table.segments().iter().map(|segment| segment.floor).fold(0.0, f64::max)
    }
}

impl Origins {
    /// For each data source of a block its number here; `None` if the query is not about it.
    fn of(&mut self, block: &Block, query: &PastQuery) -> Vec<Option<u32>> {
        let numbers = block.origins.iter();
        numbers.map(|origin| self.number(origin.source, origin.error, query)).collect()
    }

    /// The number of a data source; `None` if the query is not about it.
    pub(super) fn number(&mut self, source: Source, error: f64, query: &PastQuery) -> Option<u32> {
        if !query.agents.contains(&source, &query.lookup.topology) {
            return None;
        }
        let Self { numbers, list } = self;
        let number = *numbers.entry(source).or_insert_with(|| {
            let sums = Sums::default();
            list.push(Seen { source, error: 0.0, packets: 0.0, samples: 0.0, sums });
            (list.len() - 1) as u32
        });
        let seen = list.get_mut(number as usize)?;
        seen.error = seen.error.max(error);
        Some(number)
    }

    /// The number of a data source that has records.
    pub(super) fn known(&self, source: &Source) -> Option<u32> {
        self.numbers.get(source).copied()
    }

    pub(super) fn at(&mut self, number: u32) -> Option<&mut Seen> {
        self.list.get_mut(number as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.list.iter()
    }
}

/// Samples whose entries are loaded at the same time.
pub(super) const BATCH: usize = 64;
