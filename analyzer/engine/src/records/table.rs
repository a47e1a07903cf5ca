//! The open records of a window length.

use core::hash::{BuildHasher, Hash, Hasher};
use core::hint::black_box;
use core::net::IpAddr;
use core::ops::Range;

use flowmote_decoder::packet::FiveTuple;
use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::key::Key;
use super::known::MAX;
use super::meter::{BATCH, MOST};
use super::record::{Record, Sample};
use crate::agents::Lost;

/// The open records of a window length. Those of the next window may be among them: samples are read
/// from several analyzers, one after the other. So may those of the window before: a receiving thread may
/// have waited with the sample in its hands.
#[derive(Debug)]
pub(super) struct Table {
    /// Length of a window in seconds.
    pub(super) seconds: u32,
    /// True if MAC addresses and VLAN are among the keys.
    pub(super) link: bool,
    /// Windows before the one with this number are closed.
    pub(super) closed: u64,
    /// True if there is something of closed windows.
    pub(super) has_late: bool,
    entries: HashTable<Entry>,
    /// What is missing, by window.
    losses: HashMap<(u64, Lost), i64>,
    /// Windows with samples that were gone before they were read.
    missed: Range<u64>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry {
    window: u64,
    key: Key,
    record: Record,
}

impl Table {
    pub(super) fn new(seconds: u32, link: bool, now: u64) -> Self {
        let seconds = seconds.max(1);
        Self {
            seconds,
            link,
            closed: now / (u64::from(seconds) * SECOND),
            has_late: false,
            entries: HashTable::new(),
            losses: HashMap::default(),
            missed: 0..0,
            hasher: RandomState::default(),
        }
    }

    /// The number of the window of a time.
    #[inline]
    pub(super) fn window(&self, time: u64) -> u64 {
        let length = u64::from(self.seconds) * SECOND;
        // Nearly all are in the open one.
        match time.checked_sub(self.closed * length) {
            Some(after) if after < length => self.closed,
            _ => time / length,
        }
    }

    /// Adds samples to their records. Returns how many have none: there is no room for it in `free` bytes.
    ///
    /// The records are touched first, one directly after the other, so that the processor waits for many
    /// of them at the same time: most are in no cache.
    pub(super) fn add(&mut self, samples: &[Sample], free: usize) -> u64 {
        let mut places = [(0, 0); BATCH];
        for (place, sample) in places.iter_mut().zip(samples) {
            let window = self.window(sample.time);
            *place = (window, spread(&self.hasher, window, &sample.key, self.link));
        }
        for (_, (window, hash)) in samples.iter().zip(&places) {
            self.touch(*window, *hash);
        }
        let mut refused = 0;
        for (sample, (window, hash)) in samples.iter().zip(places) {
            match self.record(window, hash, sample, free) {
                Some(record) => record.add(sample),
                None => {
                    refused += 1;
                    self.lose(window, Lost::Samples(sample.key.interface), 1);
                }
            }
        }
        refused
    }

    /// Notes what is missing in a window. What is late is no longer missing there, if it is the same window.
    pub(super) fn lose(&mut self, window: u64, lost: Lost, missing: i64) {
        let key = (window, lost);
        if self.losses.len() < MAX || self.losses.contains_key(&key) {
            let sum = self.losses.entry(key).or_default();
            *sum = (*sum + missing).max(0);
            self.has_late |= window < self.closed;
        }
    }

    /// Notes that samples between two times are missing.
    pub(super) fn miss(&mut self, first: u64, last: u64) {
        let (first, last) = (self.window(first), self.window(last));
        let before = if self.missed.is_empty() { first } else { self.missed.start };
        self.missed = before.min(first)..self.missed.end.max(last + 1);
        self.has_late |= first < self.closed;
    }

    /// Removes what is missing in windows before a number.
    pub(super) fn take_losses(&mut self, end: u64) -> impl Iterator<Item = (u64, Lost)> {
        let ended = self.losses.extract_if(move |(window, _), _| *window < end);
        ended.filter(|(_, missing)| *missing > 0).map(|(key, _)| key)
    }

    /// The windows before a number in which samples are missing that nobody has seen, at most
    /// [`MOST`] of them.
    pub(super) fn take_missed(&mut self, end: u64) -> Range<u64> {
        let ended = self.missed.start.max(end.saturating_sub(MOST))..self.missed.end.min(end);
        self.missed.start = self.missed.start.max(end);
        ended
    }

    fn touch(&self, window: u64, hash: u64) {
        let found = self.entries.find(hash, |entry| entry.window == window);
        black_box(found.map(|entry| (entry.key.reason, entry.record.samples)));
    }

    fn record(
        &mut self,
        window: u64,
        hash: u64,
        sample: &Sample,
        free: usize,
    ) -> Option<&mut Record> {
        let Self { entries, hasher, closed, has_late, link, .. } = self;
        let is = |entry: &Entry| entry.window == window && entry.key.is(&sample.key, *link);
        let at = match entries.find_bucket_index(hash, is) {
            Some(at) => at,
            None => {
                // A full table doubles. With many removed entries it is only put in order.
                let places = entries.num_buckets();
                let grows = entries.len() == entries.capacity() && entries.len() >= places / 16 * 7;
                if grows && places.max(4) * PLACE > free {
                    return None;
                }
                *has_late |= window < *closed;
                let key = Key { link: sample.key.link.filter(|_| *link), ..sample.key };
                let entry = Entry { window, key, record: Record::new(sample.time) };
                let rehash = |entry: &Entry| spread(hasher, entry.window, &entry.key, *link);
                entries.insert_unique(hash, entry, rehash).bucket_index()
            }
        };
        self.entries.get_bucket_mut(at).map(|entry| &mut entry.record)
    }

    /// Removes the records of windows before a number.
    pub(super) fn close(&mut self, end: u64, mut closed: impl FnMut(u64, &Key, &Record)) {
        (self.closed, self.has_late) = (end, false);
        let before = self.entries.len();
        for Entry { window, key, record } in self.entries.extract_if(|entry| entry.window < end) {
            closed(window, &key, &record);
        }
        if before < self.entries.num_buckets() / 4 {
            let Self { entries, hasher, link, .. } = self;
            entries.shrink_to(before, |entry| spread(hasher, entry.window, &entry.key, *link));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.num_buckets() * PLACE
            + self.losses.capacity() * (size_of::<(u64, Lost, i64)>() + 1)
    }
}

/// The hash of a record, in few words: each sample needs it.
#[inline]
fn spread(hasher: &RandomState, window: u64, key: &Key, link: bool) -> u64 {
    let mut state = hasher.build_hasher();
    let FiveTuple { src, dst, protocol, src_port, dst_port } = key.tuple;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            state.write_u64(u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits()));
        }
        addresses => addresses.hash(&mut state),
    }
    let ports = u64::from(src_port) << 16 | u64::from(dst_port);
    let way = u64::from(protocol) << 8 | key.direction as u64;
    state.write_u64(ports << 32 ^ way << 16 ^ window);
    key.interface.hash(&mut state);
    if let Some(reason) = key.reason {
        state.write_u32(reason);
    }
    if link {
        key.link.hash(&mut state);
    }
    state.finish()
}

/// In the unit of times, microseconds.
pub(super) const SECOND: u64 = 1_000_000;
/// Bytes of a place in a table. Seven eighths of them are used.
const PLACE: usize = size_of::<Entry>() + 1;
