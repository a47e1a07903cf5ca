//! The table of data sources, in memory that the caller gave.

use crate::data_source::DataSource;
use crate::poller::Poller;
use crate::time::{Duration, Instant};

/// What the agent keeps of one data source. The caller gives a slice of these and never looks
/// inside: `let mut sources = [SourceSlot::VACANT; 8];`
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
    /// A place for a data source.
    pub const VACANT: Self = Self::new(DataSource::interface(0), Poller::OFF);

    pub(crate) const fn new(key: DataSource, poller: Poller) -> Self {
        Self { key, poller, flow_sequence: 0, counter_sequence: 0, discards: Discards::NONE }
    }

    /// Begins a new session: every sequence starts over.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.key, self.poller);
    }

    /// The next sequence number of flow samples; the first is 1.
    pub(crate) fn next_flow(&self) -> u32 {
        self.flow_sequence.wrapping_add(1)
    }

    /// The next sequence number of counter samples; the first is 1.
    pub(crate) fn next_counter(&self) -> u32 {
        self.counter_sequence.wrapping_add(1)
    }
}

/// The discarded packets of one data source, and how many of them this second may still be told.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Discards {
    pub(crate) sequence: u32,
    pub(crate) drops: u32,
    window: Instant,
    told: u32,
}

impl Discards {
    const NONE: Self = Self { sequence: 0, drops: 0, window: Instant::ZERO, told: 0 };

    /// Whether one more may be told now, at `limit` a second; if not it is counted (rule A25).
    pub(crate) fn admit(&mut self, now: Instant, limit: u32) -> bool {
        if now.since(self.window) >= Duration::from_secs(1) {
            self.window = now;
            self.told = 0;
        }
        if self.told >= limit {
            self.drops = self.drops.wrapping_add(1);
            return false;
        }
        self.told = self.told.wrapping_add(1);
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

/// The data sources that are in use, sorted by key, so that a sample finds its own in a few
/// steps whether there are two ports or five hundred.
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

    /// Puts a new source in its place, if its key is new and the table has one left.
    pub(crate) fn insert(&mut self, source: SourceSlot) -> Result<(), AddError> {
        let at = self.position(source.key).err().ok_or(AddError::Exists)?;
        let len = self.len.wrapping_add(1);
        // Not `rotate_right`, which checks what is known and panics if it were not so.
        let mut carried = source;
        let behind = self.slots.get_mut(at..len).ok_or(AddError::TableFull)?;
        behind.iter_mut().for_each(|slot| core::mem::swap(slot, &mut carried));
        self.len = len;
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: DataSource) -> Option<()> {
        let at = self.position(key).ok()?;
        let mut carried = SourceSlot::VACANT;
        let behind = self.slots.get_mut(at..self.len)?;
        behind.iter_mut().rev().for_each(|slot| core::mem::swap(slot, &mut carried));
        self.len = self.len.saturating_sub(1);
        Some(())
    }

    #[inline]
    fn position(&self, key: DataSource) -> Result<usize, usize> {
        let used = self.slots.get(..self.len).unwrap_or_default();
        // Ports mostly have numbers that follow each other.
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
    fn the_table_stays_sorted_and_full_is_full() {
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
    fn discards_are_limited_by_the_second() {
        let mut discards = Discards::NONE;
        let at = Instant::from_millis;
        let told = (0..100).filter(|_| discards.admit(at(5_000), 10)).count();
        assert_eq!((told, discards.drops), (10, 90));
        assert!(!discards.admit(at(5_999), 10));
        assert!(discards.admit(at(6_000), 10));
        assert!(!discards.admit(at(6_000), 0), "0 tells nothing");
    }
}
