//! An entry of a table, in one cache line.

use core::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use super::estimate::{Sums, Weight};
use super::observer::Observer;
use crate::keys::KeyBuffer;

/// Key, observer and sums of an entry.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// The key if it has at most [`INLINE`] bytes. Else the first four bytes are the
    /// place of the key in the long keys of its segment.
    inline: [u8; INLINE],
    /// Length of the key, at most [`MAX_KEY`] in the upper values; see [`Slot::length`].
    length: u16,
    /// Never 0 in a slot in use.
    pub(crate) hash: u32,
    pub(crate) observer: Observer,
    /// When the last sample arrived.
    pub(crate) seen: Ticks,
    pub(crate) sums: Sums,
    /// What the key may have had before it got this slot: the largest upper value evicted until then.
    pub(crate) error: f64,
}

/// A key to look for: its bytes, its observer, and the hash of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe<'k> {
    pub(crate) key: &'k [u8],
    /// The key as a slot has it; zeros for a long key.
    inline: [u8; INLINE],
    pub(crate) observer: Observer,
    pub(crate) hash: u32,
}

impl<'k> Probe<'k> {
    /// `hash` may have any value; keys beyond [`MAX_KEY`] bytes are cut.
    #[inline]
    pub(crate) fn new(key: &'k KeyBuffer, observer: Observer, hash: u64) -> Self {
        let inline = key.padded().copied().unwrap_or_default();
        let key = key.bytes();
        let key = key.get(..MAX_KEY).unwrap_or(key);
        Self { key, inline, observer, hash: slot_hash(hash) }
    }

    /// The entry of an observer alone.
    #[inline]
    pub(crate) fn of_observer(observer: Observer) -> Self {
        Self { key: &[], inline: [0; INLINE], observer, hash: slot_hash(observer.spread()) }
    }
}

/// The hash of a key at an observer.
#[inline]
pub(crate) fn key_hash(hasher: &RandomState, observer: Observer, key: &KeyBuffer) -> u64 {
    let mut hasher = hasher.build_hasher();
    match key.padded::<INLINE>() {
        Some(key) => {
            let (first, last) = number(key);
            hasher.write_u128(first);
            hasher.write_u64(u64::from(observer.number()) << 16 | u64::from(last));
        }
        None => {
            hasher.write_u32(observer.number());
            hasher.write(key.bytes());
        }
    }
    hasher.finish()
}

/// A key in its slot as numbers, which are compared and hashed without a loop over the bytes.
#[inline]
fn number([first @ .., a, b]: &[u8; INLINE]) -> (u128, u16) {
    (u128::from_ne_bytes(*first), u16::from_ne_bytes([*a, *b]))
}

/// The part of a hash that a slot has, which is never 0.
#[inline]
pub(crate) fn slot_hash(hash: u64) -> u32 {
    ((hash >> 32) as u32).max(1)
}

impl Slot {
    pub(crate) const EMPTY: Self = Self {
        inline: [0; INLINE],
        length: 0,
        hash: 0,
        observer: Observer::NONE,
        seen: Ticks(0),
        sums: Sums { total: 0.0, squares: 0.0, variance: 0.0 },
        error: 0.0,
    };

    /// An entry without samples. A long key is appended to `long`.
    pub(crate) fn new(probe: &Probe<'_>, error: f64, long: &mut Vec<u8>) -> Self {
        let mut slot = Self {
            length: probe.key.len() as u16,
            hash: probe.hash,
            observer: probe.observer,
            inline: probe.inline,
            error,
            ..Self::EMPTY
        };
        if slot.is_long() {
            slot.append(probe.key, long);
        }
        slot
    }

    /// Copies the entry to a segment with other long keys.
    pub(crate) fn moved(mut self, from: &[u8], to: &mut Vec<u8>) -> Self {
        if self.is_long() {
            let key = self.key(from);
            let (start, length) = (to.len(), key.len());
            to.extend_from_slice(key);
            self.place_at(start, length);
        }
        self
    }

    fn append(&mut self, key: &[u8], long: &mut Vec<u8>) {
        let start = long.len();
        long.extend_from_slice(key);
        self.place_at(start, key.len());
    }

    fn place_at(&mut self, start: usize, length: usize) {
        self.length = length as u16;
        if let Some(place) = self.inline.first_chunk_mut() {
            *place = (start as u32).to_ne_bytes();
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.hash == 0
    }

    #[inline]
    fn is_long(&self) -> bool {
        usize::from(self.length) > INLINE
    }

    /// The key, with the long keys of the segment.
    #[inline]
    pub(crate) fn key<'a>(&'a self, long: &'a [u8]) -> &'a [u8] {
        let length = usize::from(self.length);
        if !self.is_long() {
            return self.inline.get(..length).unwrap_or_default();
        }
        let start =
            self.inline.first_chunk().map_or(0, |place| u32::from_ne_bytes(*place) as usize);
        long.get(start..start + length).unwrap_or_default()
    }

    /// True if the slot belongs to the key.
    #[inline]
    pub(crate) fn is(&self, probe: &Probe<'_>, long: &[u8]) -> bool {
        self.hash == probe.hash
            && self.observer == probe.observer
            && usize::from(self.length) == probe.key.len()
            && match self.is_long() {
                false => number(&self.inline) == number(&probe.inline),
                true => self.key(long) == probe.key,
            }
    }

    /// Adds a sample of `value`.
    #[inline]
    pub(crate) fn add(&mut self, value: f64, weight: Weight, now: Ticks) {
        self.sums.add(value, weight);
        self.seen = now;
    }

    /// The largest value that the key may have.
    pub(crate) fn upper(&self) -> f64 {
        self.sums.total + self.error
    }
}

/// A time in units of 2^17 microseconds (an eighth of a second), enough for 17 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub(crate) u32);

impl Ticks {
    pub(crate) fn at(now: crate::Instant) -> Self {
        Self((now.micros() >> 17) as u32)
    }

    /// Seconds since `earlier`, to an eighth.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        f64::from(self.0.saturating_sub(earlier.0)) * 0.131_072
    }
}

/// Bytes of a key in its slot: an IPv4 5-tuple has 18.
pub(crate) const INLINE: usize = 18;
/// Longest key in bytes. A longer one is cut.
pub(crate) const MAX_KEY: usize = 8192;

const _: () = assert!(size_of::<Slot>() == 64);
