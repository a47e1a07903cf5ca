//! Sums that never decrease, by data source and key, for readers that make rates of them.

use core::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::budget::{ALLOCATION, Budget};
use super::flow::{Sample, Shared};
use super::slot::{MAX_KEY, Ticks};
use super::sources::Sources;
use crate::keys::fields;
use crate::source::Source;

/// The sums of a definition.
///
/// At most [`MAX_SETS`] sums are kept; what has no room is added to one further sum, so that all of them
/// together are all packets. A sum without samples for [`EXPIRY`] seconds is removed.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    sets: HashTable<Set>,
    /// Bytes of the keys.
    keys: usize,
    /// Bytes that are accounted.
    bytes: usize,
    other: f64,
    swept: Ticks,
}

#[derive(Debug)]
struct Set {
    hash: u64,
    source: u32,
    key: Box<[u8]>,
    total: f64,
    /// When the last sample arrived.
    seen: Ticks,
    /// False until it was read.
    read: bool,
}

/// The counters of a definition at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Counters {
    /// The sums by data source and key, in arbitrary order.
    pub sets: Vec<Counter>,
    /// The sum of all packets for which there was no room.
    pub other: f64,
}

/// The sum of a key at a data source, since its first sample. It never decreases.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// The data source.
    pub source: Source,
    key: Box<[u8]>,
    /// Bytes, packets or whatever the definition adds up; 0 when it is read for the first time.
    pub total: f64,
}

impl Counter {
    /// The fields of the key, as text.
    pub fn fields(&self) -> impl Iterator<Item = String> {
        fields(&self.key).map(|field| field.to_string())
    }
}

impl Counted {
    /// Adds a sample of a key.
    pub(crate) fn add(&mut self, key: &[u8], sample: &Sample, amount: f64, shared: &mut Shared) {
        let amount = amount.max(0.0);
        let key = key.get(..MAX_KEY).unwrap_or(key);
        let (source, seen) = (sample.source, sample.ticks);
        let hash = hash(shared, source, key);
        if let Some(set) = self.sets.find_mut(hash, |set| set.source == source && *set.key == *key)
        {
            set.total += amount;
            set.seen = seen;
        } else if self.has_room(key, &shared.budget) {
            let set = Set { hash, source, key: key.into(), total: amount, seen, read: false };
            self.sets.insert_unique(hash, set, |set| set.hash);
            self.keys += bytes(key);
            self.account(&mut shared.budget);
        } else {
            self.other += amount;
        }
    }

    fn has_room(&self, key: &[u8], budget: &Budget) -> bool {
        // A table that grows exists twice for a moment.
        let grown = match self.sets.len() < self.sets.capacity() {
            true => 0,
            false => 2 * self.sets.allocation_size().max(MIN_TABLE),
        };
        self.sets.len() < MAX_SETS && budget.fits(grown + bytes(key))
    }

    fn account(&mut self, budget: &mut Budget) {
        let bytes = self.sets.allocation_size() + self.keys;
        budget.account(self.bytes, bytes);
        self.bytes = bytes;
    }

    /// Removes sums without recent samples.
    pub(crate) fn sweep(&mut self, now: Ticks, budget: &mut Budget) {
        if now.since(self.swept) >= ROUND {
            self.swept = now;
            self.retain(|set| now.since(set.seen) <= EXPIRY, budget);
        }
    }

    /// Removes the sums of data sources whose numbers become those of others.
    pub(crate) fn keep_sources(&mut self, kept: impl Fn(u32) -> bool, budget: &mut Budget) {
        self.retain(|set| kept(set.source), budget);
    }

    fn retain(&mut self, keep: impl Fn(&Set) -> bool, budget: &mut Budget) {
        self.keys = 0;
        self.sets.retain(|set| {
            let keep = keep(set);
            self.keys += if keep { bytes(&set.key) } else { 0 };
            keep
        });
        self.sets.shrink_to_fit(|set| set.hash);
        self.account(budget);
    }

    /// A copy of the sums. A sum is 0 when it is read for the first time: a reader makes rates of
    /// differences, and would miss what was counted before the first value that it gets.
    pub(crate) fn read(&mut self, sources: &Sources) -> Counters {
        let copied = self.sets.iter_mut().filter_map(|set| {
            let source = sources.get(set.source)?.source;
            let known = core::mem::replace(&mut set.read, true);
            let total = if known { set.total } else { 0.0 };
            Some(Counter { source, key: set.key.clone(), total })
        });
        Counters { sets: copied.collect(), other: self.other }
    }

    /// Bytes of all sums.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn hash(shared: &Shared, source: u32, key: &[u8]) -> u64 {
    let mut hasher = shared.hasher.build_hasher();
    hasher.write_u32(source);
    hasher.write(key);
    hasher.finish()
}

/// Bytes of a key on the heap.
fn bytes(key: &[u8]) -> usize {
    key.len().next_multiple_of(16) + ALLOCATION
}

/// Bytes of a table for three sums.
const MIN_TABLE: usize = 4 * (size_of::<Set>() + 1) + 16;
/// Sums of a definition.
pub(crate) const MAX_SETS: usize = 10_000;
/// Seconds without a sample after which a sum is removed.
pub(crate) const EXPIRY: f64 = 900.0;
/// Seconds between two searches for such sums.
const ROUND: f64 = 10.0;
