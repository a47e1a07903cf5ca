//! The table of data sources, in memory of the caller.

use crate::data_source::DataSource;
use crate::poller::Poller;
use crate::time::{Duration, Instant};

/// The state of one data source in an agent: key, poller and sequence numbers.
///
/// The caller provides a slice of slots, one for each data source that the agent may have:
/// `let mut sources = [SourceSlot::VACANT; 8];`
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SourceSlot {
    pub(crate) key: DataSource,
    pub(crate) poller: Poller,
    pub(crate) flow_sequence: u32,
    pub(crate) counter_sequence: u32,
    pub(crate) discards: Discards,
}

impl SourceSlot {
    /// An unused slot.
    pub const VACANT: Self = Self::new(DataSource::interface(0), Poller::OFF);

    pub(crate) const fn new(key: DataSource, poller: Poller) -> Self {
        Self { key, poller, flow_sequence: 0, counter_sequence: 0, discards: Discards::NONE }
    }

    /// Begins a new session: resets every sequence, keeps the poller.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.key, self.poller);
    }

    /// Returns the next sequence number of flow samples; the first is 1.
    pub(crate) fn next_flow(&self) -> u32 {
        self.flow_sequence.wrapping_add(1)
    }

    /// Returns the next sequence number of counter samples; the first is 1.
    pub(crate) fn next_counter(&self) -> u32 {
        self.counter_sequence.wrapping_add(1)
    }
}

/// Sequence, drops and rate limit of the discarded packets of one data source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Discards {
    pub(crate) sequence: u32,
    pub(crate) drops: u32,
    /// Start of the second in which `admitted` counts.
    window: Instant,
    admitted: u32,
}

impl Discards {
    const NONE: Self = Self { sequence: 0, drops: 0, window: Instant::ZERO, admitted: 0 };

    /// Returns true if one more notification may be sent now, at most `limit` per second. Otherwise
    /// counts it in `drops` (rule A25).
    pub(crate) fn admit(&mut self, now: Instant, limit: u32) -> bool {
        if now.since(self.window) >= Duration::from_secs(1) {
            self.window = now;
            self.admitted = 0;
        }
        if self.admitted >= limit {
            self.drops = self.drops.wrapping_add(1);
            return false;
        }
        self.admitted = self.admitted.wrapping_add(1);
        true
    }
}

/// Error of [`Agent::add_source`](crate::Agent::add_source) and
/// [`Agent::reconfigure`](crate::Agent::reconfigure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AddError {
    /// Every slot of the table is in use.
    TableFull,
    /// The data source was added before.
    Exists,
    /// The index needs more than 24 bits and the encoding of the agent is compact (rule A19).
    NeedsExpanded,
}

/// The data sources in use, sorted by key, so that a lookup takes about ten comparisons at most
/// even with 500 ports.
#[derive(Debug)]
pub(crate) struct SourceTable<'a> {
    slots: &'a mut [SourceSlot],
    len: usize,
}

impl<'a> SourceTable<'a> {
    pub(crate) fn new(slots: &'a mut [SourceSlot]) -> Self {
        Self { slots, len: 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SourceSlot> {
        self.slots.iter().take(self.len)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut SourceSlot> {
        self.slots.iter_mut().take(self.len)
    }

    #[inline]
    pub(crate) fn find(&mut self, key: DataSource) -> Option<&mut SourceSlot> {
        let at = self.position(key).ok()?;
        self.slots.get_mut(at)
    }

    /// Inserts a source at its place in the order, and moves those after it.
    pub(crate) fn insert(&mut self, source: SourceSlot) -> Result<(), AddError> {
        let at = self.position(source.key).err().ok_or(AddError::Exists)?;
        let len = self.len.wrapping_add(1);
        // `rotate_right` would be shorter, but contains a panic that the compiler does not remove.
        let mut carried = source;
        let after = self.slots.get_mut(at..len).ok_or(AddError::TableFull)?;
        after.iter_mut().for_each(|slot| core::mem::swap(slot, &mut carried));
        self.len = len;
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: DataSource) -> Option<()> {
        let at = self.position(key).ok()?;
        let mut carried = SourceSlot::VACANT;
        let after = self.slots.get_mut(at..self.len)?;
        after.iter_mut().rev().for_each(|slot| core::mem::swap(slot, &mut carried));
        self.len = self.len.saturating_sub(1);
        Some(())
    }

    /// Returns the position of `key`, or the one at which to insert it.
    #[inline]
    fn position(&self, key: DataSource) -> Result<usize, usize> {
        let used = self.slots.get(..self.len).unwrap_or_default();
        // The ifIndexes of ports are mostly consecutive: the distance to the first is the position.
        let first = used.first().map_or(0, |source| source.key.index());
        let guess = key.index().wrapping_sub(first) as usize;
        if used.get(guess).is_some_and(|source| source.key == key) {
            return Ok(guess);
        }
        used.binary_search_by_key(&key.ordinal(), |source| source.key.ordinal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_stays_sorted_and_a_full_one_refuses() {
        let mut slots = [SourceSlot::VACANT; 4];
        let mut sources = SourceTable::new(&mut slots);
        let source = |index| SourceSlot::new(DataSource::interface(index), Poller::OFF);
        for index in [7, 2, 9, 4] {
            assert_eq!(sources.insert(source(index)), Ok(()));
        }
        assert_eq!(sources.insert(source(5)), Err(AddError::TableFull));
        assert!(sources.iter().map(|source| source.key.index()).eq([2, 4, 7, 9]));
        assert_eq!(sources.remove(DataSource::interface(4)), Some(()));
        assert_eq!(sources.remove(DataSource::interface(4)), None);
        assert!(sources.iter().map(|source| source.key.index()).eq([2, 7, 9]));
        assert!(sources.find(DataSource::interface(9)).is_some());
        assert_eq!(sources.insert(source(9)), Err(AddError::Exists));
        assert_eq!(sources.insert(source(1)), Ok(()));
        assert!(sources.iter().map(|source| source.key.index()).eq([1, 2, 7, 9]));
    }

    #[test]
    fn discards_are_limited_per_second() {
        let mut discards = Discards::NONE;
        let at = Instant::from_millis;
        let admitted = (0..100).filter(|_| discards.admit(at(5_000), 10)).count();
        assert_eq!((admitted, discards.drops), (10, 90));
        assert!(!discards.admit(at(5_999), 10));
        assert!(discards.admit(at(6_000), 10));
        assert!(!discards.admit(at(6_000), 0), "0 admits none");
    }
}
