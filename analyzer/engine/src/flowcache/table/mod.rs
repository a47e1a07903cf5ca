//! A table of keys whose memory is bounded.

use super::budget::Budget;
use super::decay::Decay;
use super::lifetime::Lifetime;
use super::segment::{Entry, Found, Segment, Shape};
use super::slot::{Probe, Slot, slot_hash};

/// Entries by observer and key, with sums that decay.
///
/// The table is exact as long as the budget allows it to grow. Then it is a Space-Saving table with
/// eviction in batches: a full segment evicts the quarter of its entries with the smallest upper values,
/// and notes the largest of these as its floor. A new entry gets the floor as its error. So the true
/// value of a key lies between the value of its entry and value + error, or, without an entry, between 0
/// and the floor. With N the sum of all samples of a segment and m its entries, the floor is at most
/// 2·N/m: after the k-th eviction the sum of all upper values is at most N + m/4·floor, and 3/4·m of
/// them are as large as the floor.
///
/// Segments are found by the leading bits of the hash (extendible hashing), so a table grows by one
/// segment at a time and never exists twice.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Segment numbers by leading bits of the hash; 2^depth of them.
    directory: Vec<u32>,
    depth: u8,
    segments: Vec<Segment>,
    /// Entries evicted so far.
    pub(crate) evicted: u64,
    /// True if the budget refused memory since [`take_refused`](Table::take_refused).
    refused: bool,
    /// The segment to be swept next.
    swept: usize,
    shape: Shape,
}

impl Table {
    pub(crate) fn new(shape: Shape, budget: &mut Budget) -> Self {
        let first = Segment::new(shape, MIN_SLOTS);
        let (directory, segments) = (vec![0], vec![first]);
        let table =
            Self { directory, depth: 0, segments, evicted: 0, refused: false, swept: 0, shape };
        budget.account(0, table.bytes());
        table
    }

    /// The entry of a key, which is made if it is absent. `removed` receives the entries that are
    /// evicted for it.
    #[inline]
    pub(crate) fn entry(
        &mut self,
        probe: &Probe<'_>,
        decay: &Decay,
        budget: &mut Budget,
        mut removed: impl FnMut(Entry<'_>),
    ) -> Option<Found<'_>> {
        let (segment, place) = self.place(probe, decay, budget, &mut removed)?;
        self.segments.get_mut(segment)?.found(place)
    }

    /// The slot of a key, which is made if it is absent: the whole entry in a table without further
    /// values and lifetimes.
    #[inline(always)]
    pub(crate) fn slot(
        &mut self,
        probe: &Probe<'_>,
        decay: &Decay,
        budget: &mut Budget,
    ) -> Option<&mut Slot> {
        let (segment, place) = self.place(probe, decay, budget, &mut |_| {})?;
        self.segments.get_mut(segment)?.slots.get_mut(place)
    }

    /// The segment and the slot of a key, which is made if it is absent.
    #[inline(always)]
    fn place(
        &mut self,
        probe: &Probe<'_>,
        decay: &Decay,
        budget: &mut Budget,
        removed: &mut impl FnMut(Entry<'_>),
    ) -> Option<(usize, usize)> {
        let at = self.segment_of(probe.hash);
        let segment = self.segments.get_mut(at)?;
        segment.keep_up(decay);
        match segment.find(probe) {
            Ok(place) => Some((at, place)),
            Err(_) => self.make(probe, decay, budget, removed),
        }
    }

    /// Out of line, so that the search for known keys stays small.
    #[inline(never)]
    fn make(
        &mut self,
        probe: &Probe<'_>,
        decay: &Decay,
        budget: &mut Budget,
        removed: &mut impl FnMut(Entry<'_>),
    ) -> Option<(usize, usize)> {
        loop {
            let at = self.segment_of(probe.hash);
            let segment = self.segments.get_mut(at)?;
            segment.keep_up(decay);
            match segment.find(probe) {
                Ok(place) => return Some((at, place)),
                Err(free) if !segment.is_full() => {
                    let before = segment.long.capacity();
                    segment.occupy(free, probe);
                    budget.account(before, segment.long.capacity());
                    return Some((at, free));
                }
                Err(_) => self.make_room(at, budget, removed),
            }
        }
    }

    /// The slot of a key, if there is one.
    pub(crate) fn find(&self, probe: &Probe<'_>) -> Option<&Slot> {
        let segment = self.segments.get(self.segment_of(probe.hash))?;
        segment.slots.get(segment.find(probe).ok()?)
    }

    /// Begins to load the entry of a key, without a wait for it.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) {
        let hash = slot_hash(hash);
        if let Some(segment) = self.segments.get(self.segment_of(hash)) {
            segment.touch(hash);
        }
    }

    #[inline]
    fn segment_of(&self, hash: u32) -> usize {
        let index = u64::from(hash) << self.depth >> 32;
        self.directory.get(index as usize).map_or(0, |segment| *segment as usize)
    }

    /// Makes room in a full segment: it doubles, splits, or evicts a quarter.
    #[cold]
    fn make_room(&mut self, at: usize, budget: &mut Budget, removed: &mut impl FnMut(Entry<'_>)) {
        let Some(segment) = self.segments.get_mut(at) else { return };
        let (before, slots) = (segment.bytes(), segment.slots.len());
        // The old and the new part exist at the same time.
        if slots < MAX_SLOTS && budget.fits(Segment::bytes_of(self.shape, slots * 2)) {
            segment.grow();
            budget.account(before, segment.bytes());
        } else if slots >= MAX_SLOTS
            && segment.depth < MAX_DEPTH
            && budget.fits(2 * Segment::bytes_of(self.shape, slots) + segment.long.len())
        {
            self.split(at, budget);
        } else {
            self.refused = true;
            let evicted = &mut self.evicted;
            segment.evict(|entry| {
                *evicted += 1;
                removed(entry);
            });
            budget.account(before, segment.bytes());
        }
    }

    /// True if entries were evicted for lack of memory since the last call.
    pub(crate) fn take_refused(&mut self) -> bool {
        core::mem::take(&mut self.refused)
    }

    fn split(&mut self, at: usize, budget: &mut Budget) {
        let (directory, number) = (self.directory.capacity(), self.segments.len() as u32);
        let Some(segment) = self.segments.get_mut(at) else { return };
        let before = segment.bytes();
        let depth = segment.depth;
        let set = segment.split();
        budget.account(before, segment.bytes() + set.bytes());
        self.segments.push(set);
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|segment| [*segment; 2]).collect();
            self.depth += 1;
        }
        // Of the places that referred to the segment, those with the next bit set refer to the new one.
        let bit = 1_usize << (self.depth - depth - 1);
        for (place, segment) in self.directory.iter_mut().enumerate() {
            if *segment as usize == at && place & bit != 0 {
                *segment = number;
            }
        }
        let word = size_of::<u32>();
        budget.account(directory * word, self.directory.capacity() * word);
    }

    /// Notes that the further values of an entry hold other memory than before.
    pub(crate) fn note_heap(
        &mut self,
        hash: u32,
        before: usize,
        after: usize,
        budget: &mut Budget,
    ) {
        let at = self.segment_of(hash);
        if let Some(segment) = self.segments.get_mut(at) {
            segment.note_heap(before, after);
            budget.account(before, after);
        }
    }

    /// Visits the entries of the next segments, `count` of them but none twice, and removes idle ones.
    pub(crate) fn sweep(
        &mut self,
        count: usize,
        idle: impl Fn(&Slot) -> bool,
        mut visit: impl FnMut(Entry<'_>, &mut Lifetime),
        budget: &mut Budget,
    ) {
        for _ in 0..count.min(self.segments.len()) {
            self.swept = (self.swept + 1) % self.segments.len().max(1);
            let Some(segment) = self.segments.get_mut(self.swept) else { return };
            segment.visit_lives(&mut visit);
            let live = segment.entries().filter(|entry| !idle(entry.slot)).count();
            // Fewer removals would not pay for the pass.
            if (segment.used() - live) * 4 > segment.used() {
                let before = segment.bytes();
                let slots = (live * 2 + 1).next_power_of_two().max(MIN_SLOTS);
                segment.retain(slots.min(segment.slots.len()), |entry| !idle(entry.slot));
                budget.account(before, segment.bytes());
            }
        }
    }

    /// Reduces the table to about `bytes`: keeps the entries with the largest upper values, the smaller
    /// ones are evicted.
    pub(crate) fn reduce(
        &mut self,
        bytes: usize,
        budget: &mut Budget,
        mut removed: impl FnMut(Entry<'_>),
    ) {
        while self.bytes() > bytes {
            let before = self.bytes();
            for segment in &mut self.segments {
                let evicted = &mut self.evicted;
                segment.evict(|entry| {
                    *evicted += 1;
                    removed(entry);
                });
                let slots = (segment.used() * 4 / 3 + 2).next_power_of_two().max(MIN_SLOTS);
                if slots < segment.slots.len() {
                    segment.retain(slots, |_| true);
                }
            }
            let after = self.bytes();
            budget.account(before, after);
            if self.segments.iter().all(|segment| segment.used() < MIN_SLOTS) {
                return;
            }
        }
    }

    /// Removes the entries for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Slot) -> bool, budget: &mut Budget) {
        for segment in &mut self.segments {
            let before = segment.bytes();
            segment.retain(segment.slots.len(), |entry| keep(entry.slot));
            budget.account(before, segment.bytes());
        }
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.iter().map(Segment::used).sum()
    }

    /// Bytes of the table.
    pub(crate) fn bytes(&self) -> usize {
        let segments: usize = self.segments.iter().map(Segment::bytes).sum();
        segments + self.directory.capacity() * size_of::<u32>()
    }
}

const MIN_SLOTS: usize = 8;
/// Slots of the largest segment: 256 KiB, which are moved in a tenth of a millisecond.
const MAX_SLOTS: usize = 4096;
/// Leading bits of the hash for the directory. The others find the slot.
const MAX_DEPTH: u8 = 20;

#[cfg(test)]
mod tests;
