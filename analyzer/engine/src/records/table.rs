//! The open records of a window length.

use core::hash::BuildHasher;
use core::hint::black_box;
use core::time::Duration;

use foldhash::HashSet;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::key::Key;
use super::known::MAX;
use super::record::{Record, Sample};
use crate::source::Source;

/// The open records of a window length. Those of the next window may be among them: samples are read
/// from several analyzers, one after the other.
#[derive(Debug)]
pub(super) struct Table {
    /// Length of a window in seconds.
    pub(super) seconds: u32,
    /// True if MAC addresses and VLAN are among the keys.
    pub(super) link: bool,
    /// Windows before the one with this number are closed.
    pub(super) closed: u64,
    entries: HashTable<Entry>,
    /// Interfaces of which something is missing since the last window was closed.
    pub(super) skipped: HashSet<Source>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry {
    window: u64,
    key: Key,
    record: Record,
}

impl Table {
    pub(super) fn new(seconds: u32, link: bool, now: Duration) -> Self {
        Self {
            seconds,
            link,
            closed: now.as_secs() / u64::from(seconds.max(1)),
            entries: HashTable::new(),
            skipped: HashSet::default(),
            hasher: RandomState::default(),
        }
    }

    /// The number of the window of a time.
    pub(super) fn window(&self, time: Duration) -> u64 {
        time.as_secs() / u64::from(self.seconds.max(1))
    }

    /// Adds samples to their records. Returns how many have none: there is no room for it in `free` bytes.
    ///
    /// The records are touched first, one directly after the other, so that the processor waits for many
    /// of them at the same time: most are in no cache.
    pub(super) fn add(&mut self, samples: &[Sample], free: usize) -> u64 {
        let places: Vec<(u64, Key, u64)> = samples.iter().map(|it| self.place(it)).collect();
        places.iter().for_each(|(window, _, hash)| self.touch(*window, *hash));
        let mut refused = 0;
        for (sample, (window, key, hash)) in samples.iter().zip(places) {
            match self.record(window, &key, hash, sample.time, free) {
                Some(record) => record.add(sample),
                None => {
                    refused += 1;
                    if self.skipped.len() < MAX {
                        self.skipped.insert(key.interface);
                    }
                }
            }
        }
        refused
    }

    /// The window and the key of a sample here, and their hash.
    fn place(&self, sample: &Sample) -> (u64, Key, u64) {
        // A late sample belongs to the window that is open.
        let window = self.window(sample.time).max(self.closed);
        let key = Key { link: sample.key.link.filter(|_| self.link), ..sample.key };
        (window, key, self.hasher.hash_one((window, key)))
    }

    fn touch(&self, window: u64, hash: u64) {
        let found = self.entries.find(hash, |entry| entry.window == window);
        black_box(found.map(|entry| (entry.key.reason, entry.record.samples)));
    }

    fn record(
        &mut self,
        window: u64,
        key: &Key,
        hash: u64,
        time: Duration,
        free: usize,
    ) -> Option<&mut Record> {
        let Self { entries, hasher, .. } = self;
        let is = |entry: &Entry| entry.window == window && entry.key == *key;
        let at = match entries.find_bucket_index(hash, is) {
            Some(at) => at,
            None => {
                // A full table doubles. With many removed entries it is only put in order.
                let places = entries.num_buckets();
                let grows = entries.len() == entries.capacity() && entries.len() >= places / 16 * 7;
                if grows && places.max(4) * PLACE > free {
                    return None;
                }
                let entry = Entry { window, key: *key, record: Record::new(time) };
                let rehash = |entry: &Entry| hasher.hash_one((entry.window, entry.key));
                entries.insert_unique(hash, entry, rehash).bucket_index()
            }
        };
        self.entries.get_bucket_mut(at).map(|entry| &mut entry.record)
    }

    /// Removes the records of windows before a number.
    pub(super) fn close(&mut self, window: u64, mut closed: impl FnMut(&Key, &Record)) {
        self.closed = window;
        let before = self.entries.len();
        for Entry { key, record, .. } in self.entries.extract_if(|entry| entry.window < window) {
            closed(&key, &record);
        }
        if before < self.entries.num_buckets() / 4 {
            let Self { entries, hasher, .. } = self;
            entries.shrink_to(before, |entry| hasher.hash_one((entry.window, entry.key)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.num_buckets() * PLACE + self.skipped.capacity() * size_of::<Source>() * 2
    }
}

/// Bytes of a place in a table. Seven eighths of them are used.
const PLACE: usize = size_of::<Entry>() + 1;
