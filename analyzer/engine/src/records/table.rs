//! The open records of a window length.

use core::hash::{BuildHasher, Hash, Hasher};
use core::hint::black_box;
use core::net::IpAddr;
use core::num::NonZeroU32;
use core::ops::Range;

use flowmote_decoder::packet::FiveTuple;
use foldhash::fast::RandomState;
use foldhash::{HashMap, HashSet};
use hashbrown::HashTable;

use super::key::Key;
use super::meter::{BATCH, MOST};
use super::record::{Frames, Record, Sample};
use super::sources::Sources;
use crate::agents::Lost;
use crate::keys::{Direction, Link};
use crate::source::Source;

/// The open records of a window length. Those of the next window may be among them: samples are read
/// from several analyzers, one after the other. So may those of the window before: a receiving thread may
/// have waited with the sample in its hands.
#[derive(Debug)]
pub(super) struct Table {
    /// Length of a window in seconds.
    pub(super) seconds: u32,
    /// True if MAC addresses and VLAN are among the keys.
    pub(super) link: bool,
    /// True if records that have no room are passed on.
    pub(super) early: bool,
    /// Windows before the one with this number are closed.
    pub(super) closed: u64,
    /// True if there is something of closed windows.
    pub(super) has_late: bool,
    entries: HashTable<Entry>,
    /// Interfaces that have room, also among the losses. Windows of further ones are missed.
    most: usize,
    /// What is missing, by window.
    losses: HashMap<(u64, Lost), i64>,
    /// Windows with samples that were gone before they were read.
    missed: Range<u64>,
    /// Interfaces whose records were passed on, by window.
    passed: HashSet<(u64, Source)>,
    hasher: RandomState,
}

/// A record with its key in two cache lines: each sample waits for them.
#[derive(Debug)]
struct Entry {
    window: u32,
    /// The number of the interface.
    interface: u32,
    tuple: FiveTuple,
    direction: Direction,
    /// The reason of a discard and 1.
    reason: Option<NonZeroU32>,
    /// In a table with links.
    more: Option<Box<More>>,
    record: Record,
}

/// What few records have: those of flow logs with fields of it.
#[derive(Debug)]
struct More {
    link: Option<Link>,
    frames: Frames,
}

impl Entry {
    #[inline]
    fn is(&self, window: u64, interface: u32, sample: &Sample, link: bool) -> bool {
        let Key { direction, tuple, reason, .. } = sample.key;
        self.tuple == tuple
            && u64::from(self.window) == window
            && self.interface == interface
            && self.direction == direction
            && self.reason == stored(reason)
            && (!link || self.link() == sample.key.link.as_ref())
    }

    fn spread(&self, hasher: &RandomState) -> u64 {
        let Self { interface, tuple, direction, reason, .. } = self;
        let (window, link) = (self.window.into(), self.link());
        let (interface, direction, reason) = (*interface, *direction, *reason);
        Parts { window, interface, tuple, direction, reason, link }.spread(hasher)
    }

    fn link(&self) -> Option<&Link> {
        self.more.as_ref()?.link.as_ref()
    }

    fn frames(&self) -> Option<&Frames> {
        self.more.as_ref().map(|more| &more.frames)
    }

    fn key(&self, interface: Source) -> Key {
        let Self { tuple, direction, .. } = *self;
        let reason = self.reason.map(|reason| reason.get() - 1);
        Key { interface, direction, tuple, reason, link: self.link().copied() }
    }
}

/// The reason of a discard in an entry. All that are defined are small.
#[inline]
fn stored(reason: Option<u32>) -> Option<NonZeroU32> {
    NonZeroU32::new(reason?.saturating_add(1))
}

impl Table {
    pub(super) fn new(seconds: u32, most: usize, now: u64) -> Self {
        let seconds = seconds.max(1);
        Self {
            seconds,
            most,
            link: false,
            early: false,
            closed: now / (u64::from(seconds) * SECOND),
            has_late: false,
            entries: HashTable::new(),
            losses: HashMap::default(),
            missed: 0..0,
            passed: HashSet::default(),
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
            let parts = Parts {
                window,
                interface: sample.interface.unwrap_or_default(),
                tuple: &sample.key.tuple,
                direction: sample.key.direction,
                reason: stored(sample.key.reason),
                link: sample.key.link.as_ref().filter(|_| self.link),
            };
            *place = (window, parts.spread(&self.hasher));
        }
        for (_, (window, hash)) in samples.iter().zip(&places) {
            self.touch(*window, *hash);
        }
        let mut refused = 0;
        for (sample, (window, hash)) in samples.iter().zip(places) {
            match self.record(window, hash, sample, free) {
                Some((time, entry)) => {
                    entry.record.add(time, sample);
                    if let Some(more) = &mut entry.more {
                        more.frames.add(sample);
                    }
                }
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
        self.has_late |= window < self.closed;
        if self.losses.len() < self.most || self.losses.contains_key(&key) {
            let sum = self.losses.entry(key).or_default();
            *sum = (*sum + missing).max(0);
        } else {
            self.miss_windows(window, window);
        }
    }

    /// Notes that samples between two times are missing.
    pub(super) fn miss(&mut self, first: u64, last: u64) {
        self.miss_windows(self.window(first), self.window(last));
    }

    fn miss_windows(&mut self, first: u64, last: u64) {
        let before = if self.missed.is_empty() { first } else { self.missed.start };
        self.missed = before.min(first)..self.missed.end.max(last + 1);
        self.has_late |= first < self.closed;
    }

    /// Removes what is missing in windows before a number.
    pub(super) fn take_losses(&mut self, end: u64) -> Vec<(u64, Lost)> {
        let ended = self.losses.extract_if(move |(window, _), _| *window < end);
        let missing = ended.filter(|(_, missing)| *missing > 0).map(|(key, _)| key).collect();
        if self.losses.is_empty() {
            // They may have been many for a moment.
            self.losses.shrink_to_fit();
        }
        missing
    }

    /// The windows before a number in which samples are missing that nobody has seen, at most
    /// [`MOST`] of them.
    pub(super) fn take_missed(&mut self, end: u64) -> Range<u64> {
        let ended = self.missed.start.max(end.saturating_sub(MOST))..self.missed.end.min(end);
        self.missed.start = self.missed.start.max(end);
        ended
    }

    /// True if so many further records fit, which may take `free` bytes.
    pub(super) fn has_room(&self, records: usize, free: usize) -> bool {
        let doubled = self.entries.num_buckets().max(4) * PLACE;
        self.entries.len() + records <= self.entries.capacity() || doubled <= free
    }

    /// Removes all records.
    pub(super) fn pass_on(
        &mut self,
        sources: &Sources,
        mut passed: impl FnMut(u64, &Key, &Record, Option<&Frames>),
    ) {
        for entry in self.entries.drain() {
            let Some(interface) = sources.get(entry.interface) else { continue };
            if self.passed.len() < self.most {
                self.passed.insert((entry.window.into(), interface));
            }
            passed(entry.window.into(), &entry.key(interface), &entry.record, entry.frames());
        }
    }

    /// The interfaces whose records of windows before a number were passed on.
    pub(super) fn take_passed(&mut self, end: u64) -> HashSet<(u64, Source)> {
        self.passed.extract_if(|(window, _)| *window < end).collect()
    }

    /// Parts of the memory. Where records may be passed on, fewer need room.
    pub(super) fn parts(&self) -> usize {
        if self.early { 1 } else { 6 }
    }

    fn touch(&self, window: u64, hash: u64) {
        let found = self.entries.find(hash, |entry| u64::from(entry.window) == window);
        // The key is in another cache line than the window and the numbers.
        black_box(
            found.map(|entry| {
                (entry.tuple.protocol, entry.tuple.src.is_ipv4(), entry.record.samples)
            }),
        );
    }

    fn record(
        &mut self,
        window: u64,
        hash: u64,
        sample: &Sample,
        free: usize,
    ) -> Option<(u32, &mut Entry)> {
        let Self { entries, hasher, closed, has_late, link, seconds, .. } = self;
        let interface = sample.interface?;
        let begin = window * u64::from(*seconds) * SECOND;
        let time = (sample.time.saturating_sub(begin) / MILLISECOND) as u32;
        let is = |entry: &Entry| entry.is(window, interface, sample, *link);
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
                let Key { direction, tuple, reason, link: ends, .. } = sample.key;
                let entry = Entry {
                    window: u32::try_from(window).ok()?,
                    interface,
                    tuple,
                    direction,
                    reason: stored(reason),
                    more: link.then(|| Box::new(More { link: ends, frames: Frames::default() })),
                    record: Record::new(time),
                };
                entries.insert_unique(hash, entry, |entry| entry.spread(hasher)).bucket_index()
            }
        };
        self.entries.get_bucket_mut(at).map(|entry| (time, entry))
    }

    /// Removes the records of windows before a number.
    pub(super) fn close(
        &mut self,
        end: u64,
        sources: &Sources,
        mut closed: impl FnMut(u64, &Key, &Record, Option<&Frames>),
    ) {
        (self.closed, self.has_late) = (end, false);
        let before = self.entries.len();
        for entry in self.entries.extract_if(|entry| u64::from(entry.window) < end) {
            let Some(interface) = sources.get(entry.interface) else { continue };
            closed(entry.window.into(), &entry.key(interface), &entry.record, entry.frames());
        }
        if before < self.entries.num_buckets() / 4 {
            let Self { entries, hasher, .. } = self;
            entries.shrink_to(before, |entry| entry.spread(hasher));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The numbers of the interfaces that open records are of.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.interface)
    }

    pub(super) fn bytes(&self) -> usize {
        let more = if self.link { size_of::<More>() } else { 0 };
        self.entries.num_buckets() * PLACE
            + self.entries.len() * more
            + self.losses.capacity() * (size_of::<(u64, Lost, i64)>() + 1)
    }
}

/// What the hash of a record is made of.
struct Parts<'a> {
    window: u64,
    interface: u32,
    tuple: &'a FiveTuple,
    direction: Direction,
    reason: Option<NonZeroU32>,
    link: Option<&'a Link>,
}

impl Parts<'_> {
    /// In few words: each sample needs it.
    #[inline]
    fn spread(&self, hasher: &RandomState) -> u64 {
        let mut state = hasher.build_hasher();
        let FiveTuple { src, dst, protocol, src_port, dst_port } = *self.tuple;
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                state.write_u64(u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits()));
            }
            addresses => addresses.hash(&mut state),
        }
        let ports = u64::from(src_port) << 16 | u64::from(dst_port);
        let way = u64::from(protocol) << 8 | self.direction as u64;
        state.write_u64(ports << 32 ^ way << 16 ^ self.window);
        let reason = self.reason.map_or(0, NonZeroU32::get);
        state.write_u64(u64::from(self.interface) << 32 | u64::from(reason));
        if let Some(link) = self.link {
            link.hash(&mut state);
        }
        state.finish()
    }
}

/// In the unit of times, microseconds.
pub(super) const SECOND: u64 = 1_000_000;
const MILLISECOND: u64 = 1000;
/// Bytes of a place in a table. Seven eighths of them are used. Tables have a power of two of them: with at
/// most 128 bytes a memory that is one is used whole.
const PLACE: usize = size_of::<Entry>() + 1;
const _: () = assert!(PLACE <= 128, "half of the memory would stay empty");
