//! A part of a table: slots found by hash, with the values and long keys that belong to them.

use prefetch_index::prefetch_index;

use super::accumulator::Accumulator;
use super::decay::Decay;
use super::lifetime::Lifetime;
use super::slot::{Probe, Slot};

/// At most [`MAX_SLOTS`] slots with open addressing. A segment is grown, split or thinned out as a whole,
/// so each of these is a short pause, whatever the size of the table.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// A power of two.
    pub(crate) slots: Vec<Slot>,
    used: usize,
    /// Further values: a fixed number for each slot.
    pub(crate) values: Vec<Accumulator>,
    /// For each slot, if flows are logged.
    pub(crate) lives: Vec<Lifetime>,
    /// Keys that have no room in their slot.
    pub(crate) long: Vec<u8>,
    /// Bytes that the values hold on the heap.
    heap: usize,
    /// The largest upper value that was evicted: what a key that is not here may have had.
    pub(crate) floor: f64,
    /// The epoch of all sums.
    pub(crate) epoch: u32,
    /// Number of leading bits that the hashes of all keys share.
    pub(crate) depth: u8,
    shape: Shape,
}

/// What each slot has beside its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Number of further values.
    pub(crate) values: usize,
    /// True if flows are logged.
    pub(crate) lives: bool,
}

impl Shape {
    /// True if slots have nothing beside their sums.
    pub(crate) fn is_plain(self) -> bool {
        self.values == 0 && !self.lives
    }
}

impl Segment {
    pub(crate) fn new(shape: Shape, slots: usize) -> Self {
        Self {
            slots: vec![Slot::EMPTY; slots],
            used: 0,
            values: vec![Accumulator::Empty; slots * shape.values],
            lives: if shape.lives { vec![Lifetime::default(); slots] } else { Vec::new() },
            long: Vec::new(),
            heap: 0,
            floor: 0.0,
            epoch: 0,
            depth: 0,
            shape,
        }
    }

    /// An empty segment that continues this one.
    fn successor(&self, slots: usize) -> Self {
        let Self { floor, epoch, depth, .. } = *self;
        Self { floor, epoch, depth, ..Self::new(self.shape, slots) }
    }

    /// The place of a key: `Ok` with its slot, `Err` with the slot that is free for it.
    #[inline]
    pub(crate) fn find(&self, probe: &Probe<'_>) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut place = probe.hash as usize & mask;
        // One slot in four at least is empty.
        while let Some(slot) = self.slots.get(place)
            && !slot.is_empty()
        {
            if slot.is(probe, &self.long) {
                return Ok(place);
            }
            place = (place + 1) & mask;
        }
        Err(place)
    }

    /// Begins to load the slots in which most searches for `hash` end: the first and the next.
    #[inline]
    pub(crate) fn touch(&self, hash: u32) {
        let place = hash as usize & (self.slots.len() - 1);
        prefetch_index(&self.slots, place);
        // After the last slot it is a hint without an effect.
        prefetch_index(&self.slots, place + 1);
    }

    /// Fills a free slot. Memory can grow by a long key.
    pub(crate) fn occupy(&mut self, place: usize, probe: &Probe<'_>) {
        let slot = Slot::new(probe, self.floor, &mut self.long);
        if let Some(free) = self.slots.get_mut(place) {
            *free = slot;
            self.used += 1;
        }
    }

    /// True if no slot may be filled.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.used * 4 >= self.slots.len() * 3
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Brings all sums to the epoch of `decay`.
    #[inline]
    pub(crate) fn keep_up(&mut self, decay: &Decay) {
        if self.epoch != decay.epoch() {
            self.rescale(decay);
        }
    }

    #[cold]
    fn rescale(&mut self, decay: &Decay) {
        let factor = decay.shrink(self.epoch);
        for slot in &mut self.slots {
            slot.sums = slot.sums.scaled(factor);
            slot.error *= factor;
        }
        self.values.iter_mut().for_each(|value| value.scale(factor));
        self.floor *= factor;
        self.epoch = decay.epoch();
    }

    /// Doubles the number of slots.
    pub(crate) fn grow(&mut self) {
        let [larger] = self.drain([self.successor(self.slots.len() * 2)], |_| Some(0));
        *self = larger;
    }

    /// Splits the segment by the next bit of the hashes. Returns the part in which it is set.
    pub(crate) fn split(&mut self) -> Self {
        let bit = 1_u32 << (31 - u32::from(self.depth).min(31));
        let parts = [(); 2].map(|()| self.successor(self.slots.len()));
        let [mut clear, mut set] =
            self.drain(parts, |entry| Some(usize::from(entry.slot.hash & bit != 0)));
        clear.depth += 1;
        set.depth += 1;
        *self = clear;
        set
    }

    /// Removes the quarter of the entries with the smallest upper values: one pass then makes room for
    /// many new entries. `removed` receives them.
    pub(crate) fn evict(&mut self, mut removed: impl FnMut(Entry<'_>)) {
        let used = self.slots.iter().filter(|slot| !slot.is_empty());
        let mut uppers: Vec<f64> = used.map(Slot::upper).collect();
        let Some(last) = (uppers.len() / 4).checked_sub(1) else { return };
        let (_, limit, _) = uppers.select_nth_unstable_by(last, f64::total_cmp);
        let limit = *limit;
        let below = uppers.iter().filter(|upper| **upper < limit).count();
        // Among those at the limit, only as many as make up the quarter.
        let mut equal = last + 1 - below;
        self.floor = self.floor.max(limit);
        self.retain(self.slots.len(), |entry| {
            let at_limit = entry.slot.upper() == limit && equal > 0;
            equal -= usize::from(at_limit);
            let kept = entry.slot.upper() >= limit && !at_limit;
            if !kept {
                removed(entry);
            }
            kept
        });
    }

    /// Keeps the entries for which `keep` is true, in `slots` slots, which must be enough for them. An
    /// entry that is kept may be shown to `keep` twice.
    pub(crate) fn retain(&mut self, slots: usize, mut keep: impl FnMut(Entry<'_>) -> bool) {
        if slots == self.slots.len() {
            return self.thin_out(keep);
        }
        let [kept] = self.drain([self.successor(slots)], |entry| keep(entry).then_some(0));
        *self = kept;
    }

    /// Removes entries in place: segments that are replaced as often as this happens in a full table
    /// would scatter the memory that the allocator holds.
    fn thin_out(&mut self, mut keep: impl FnMut(Entry<'_>) -> bool) {
        let mut place = 0;
        while place < self.slots.len() {
            match self.entry(place) {
                // Then the place is empty, or has another entry.
                Some(entry) if !keep(entry) => self.remove(place),
                _ => place += 1,
            }
        }
        if !self.long.is_empty() {
            let mut long = Vec::new();
            self.slots.iter_mut().for_each(|slot| *slot = slot.moved(&self.long, &mut long));
            self.long = long;
        }
    }

    /// Removes the entry at a place. Entries after it move up, so that each search still meets its entry
    /// before an empty slot.
    fn remove(&mut self, place: usize) {
        self.clear(place);
        let mask = self.slots.len() - 1;
        let (mut hole, mut next) = (place, (place + 1) & mask);
        while let Some(slot) = self.slots.get(next)
            && !slot.is_empty()
        {
            let distance = |from: usize| next.wrapping_sub(from) & mask;
            // Not if the search for it begins after the hole.
            if distance(slot.hash as usize) >= distance(hole) {
                self.swap(hole, next);
                hole = next;
            }
            next = (next + 1) & mask;
        }
    }

    fn clear(&mut self, place: usize) {
        if let Some(found) = self.found(place) {
            *found.slot = Slot::EMPTY;
            let heap: usize = found.values.iter().map(Accumulator::heap).sum();
            found.values.fill(Accumulator::Empty);
            found.life.into_iter().for_each(|life| *life = Lifetime::default());
            self.used -= 1;
            self.heap = self.heap.saturating_sub(heap);
        }
    }

    /// Exchanges two entries.
    fn swap(&mut self, one: usize, other: usize) {
        self.slots.swap(one, other);
        let values = self.shape.values;
        (0..values).for_each(|at| self.values.swap(one * values + at, other * values + at));
        if self.shape.lives {
            self.lives.swap(one, other);
        }
    }

    /// Moves each entry to the target that `route` selects.
    fn drain<const N: usize>(
        &mut self,
        mut targets: [Self; N],
        mut route: impl FnMut(Entry<'_>) -> Option<usize>,
    ) -> [Self; N] {
        for place in 0..self.slots.len() {
            let Some(entry) = self.entry(place) else { continue };
            if let Some(target) = route(entry).and_then(|target| targets.get_mut(target)) {
                target.adopt(self, place);
            }
        }
        targets
    }

    /// Moves the entry at `place` of another segment here. There must be a free slot.
    fn adopt(&mut self, from: &mut Self, place: usize) {
        let Some(slot) = from.slots.get(place) else { return };
        let mask = self.slots.len() - 1;
        let mut free = slot.hash as usize & mask;
        while self.slots.get(free).is_some_and(|slot| !slot.is_empty()) {
            free = (free + 1) & mask;
        }
        let moved = slot.moved(&from.long, &mut self.long);
        if let Some(slot) = self.slots.get_mut(free) {
            *slot = moved;
            self.used += 1;
        }
        let values = self.shape.values;
        for at in 0..values {
            let value = from.values.get_mut(place * values + at);
            let place = self.values.get_mut(free * values + at);
            if let (Some(from), Some(to)) = (value, place) {
                *to = core::mem::replace(from, Accumulator::Empty);
                self.heap += to.heap();
            }
        }
        if let (Some(from), Some(to)) = (from.lives.get(place), self.lives.get_mut(free)) {
            *to = *from;
        }
    }

    /// The entry at a place, if it is in use.
    pub(crate) fn entry(&self, place: usize) -> Option<Entry<'_>> {
        let slot = self.slots.get(place).filter(|slot| !slot.is_empty())?;
        let values = place * self.shape.values..(place + 1) * self.shape.values;
        Some(Entry {
            slot,
            key: slot.key(&self.long),
            values: self.values.get(values).unwrap_or_default(),
            life: self.lives.get(place),
        })
    }

    /// The entries, in arbitrary order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.slots.len()).filter_map(|place| self.entry(place))
    }

    /// The entry at a place, to write.
    #[inline]
    pub(crate) fn found(&mut self, place: usize) -> Option<Found<'_>> {
        let values = place * self.shape.values..(place + 1) * self.shape.values;
        Some(Found {
            slot: self.slots.get_mut(place)?,
            values: self.values.get_mut(values).unwrap_or_default(),
            life: self.lives.get_mut(place),
        })
    }

    /// Visits the entries that have lifetimes.
    pub(crate) fn visit_lives(&mut self, visit: &mut impl FnMut(Entry<'_>, &mut Lifetime)) {
        let mut lives = core::mem::take(&mut self.lives);
        for (place, life) in lives.iter_mut().enumerate() {
            if let Some(entry) = self.entry(place) {
                visit(entry, life);
            }
        }
        self.lives = lives;
    }

    /// Notes that values hold other memory than before.
    pub(crate) fn note_heap(&mut self, before: usize, after: usize) {
        self.heap = (self.heap + after).saturating_sub(before);
    }

    /// Bytes of a segment with this number of slots, without long keys and the heap of values.
    pub(crate) fn bytes_of(shape: Shape, slots: usize) -> usize {
        let lives = if shape.lives { size_of::<Lifetime>() } else { 0 };
        let slot = size_of::<Slot>() + shape.values * size_of::<Accumulator>() + lives;
        size_of::<Self>() + slots * slot
    }

    /// Bytes of the segment.
    pub(crate) fn bytes(&self) -> usize {
        Self::bytes_of(self.shape, self.slots.len()) + self.long.capacity() + self.heap
    }
}

/// An entry to write.
pub(crate) struct Found<'t> {
    pub(crate) slot: &'t mut Slot,
    pub(crate) values: &'t mut [Accumulator],
    pub(crate) life: Option<&'t mut Lifetime>,
}

/// An entry to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) key: &'a [u8],
    pub(crate) values: &'a [Accumulator],
    pub(crate) life: Option<&'a Lifetime>,
}
