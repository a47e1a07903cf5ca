//! The table by which one filter finds the counters of several interfaces.

use core::num::NonZeroU32;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::super::cpus::Cpus;
use super::super::options::Keep;
use super::{Classifiers, Counters, Layout, Ring, Totals, load_classifiers, load_program};
use crate::kernel::sys::bpf::{Slot, SlotMap};

/// The interfaces of a filter for several. The filter looks at one word of the table, that of the
/// ifIndex modulo its length, so that two interfaces with the same remainder cannot be in it both.
#[derive(Debug)]
pub(in super::super) struct Table {
    map: Arc<SlotMap>,
    layout: Layout,
    /// The interface of each row of slots.
    rows: Vec<Option<u32>>,
}

/// Dimensions of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Words, a power of two from 8.
    entries: usize,
    /// The most interfaces, a power of two.
    interfaces: usize,
}

impl TableSize {
    /// The most interfaces.
    #[must_use]
    pub fn interfaces(self) -> usize {
        self.interfaces
    }

    /// A table with room for these interfaces and half as many more.
    #[must_use]
    pub fn of(interfaces: &[u32]) -> Self {
        let rows = interfaces.len() + interfaces.len() / 2;
        Self::with_rows(rows.next_power_of_two().max(8), interfaces)
    }

    /// A table for interfaces that come later, too: for twice as many and at least 64.
    #[must_use]
    pub fn roomy(interfaces: &[u32]) -> Self {
        Self::with_rows((2 * interfaces.len()).next_power_of_two().max(64), interfaces)
    }

    fn with_rows(rows: usize, interfaces: &[u32]) -> Self {
        // Indices that follow each other never collide. Others find a longer table.
        let sizes = [4, 8, 16].map(|factor| rows * factor);
        let fits = |&entries: &usize| {
            let mut places: Vec<usize> =
                interfaces.iter().map(|index| place(*index, entries)).collect();
            places.sort_unstable();
            places.windows(2).all(|pair| pair.first() != pair.last())
        };
        let entries = sizes.into_iter().find(fits).unwrap_or(rows * 16);
        Self { entries, interfaces: rows }
    }
}

impl Table {
    /// Loads a filter without interfaces. Returns the program with it, to attach to a socket.
    ///
    /// # Errors
    /// See [`load`](super::load).
    pub(in super::super) fn load(
        size: TableSize,
        keep: Keep,
        cpus: Cpus,
    ) -> io::Result<(Self, OwnedFd)> {
        let layout = Layout { entries: size.entries, rows: size.interfaces, cpus };
        let (map, program) = load_program(layout, keep)?;
        Ok((Self { map, layout, rows: vec![None; size.interfaces] }, program))
    }

    /// Loads the programs for tc hooks, which write their events into `ring`.
    ///
    /// # Errors
    /// `EPERM` without CAP_BPF and CAP_NET_ADMIN, else those of [`load`](super::load).
    pub(in super::super) fn load_for_hooks(
        size: TableSize,
        ring: Ring,
        cpus: Cpus,
    ) -> io::Result<(Self, Classifiers)> {
        let layout = Layout { entries: size.entries, rows: size.interfaces, cpus };
        let (map, programs) = load_classifiers(layout, ring)?;
        Ok((Self { map, layout, rows: vec![None; size.interfaces] }, programs))
    }

    /// Returns true if [`insert`](Self::insert) succeeds.
    pub(in super::super) fn has_room_for(&self, if_index: u32) -> bool {
        let is_free = |entry: &AtomicU64| entry.load(Ordering::Relaxed) == 0;
        self.entry(if_index).is_some_and(is_free) && self.rows.contains(&None)
    }

    /// Gives an interface a row of slots. Its packets are sampled from [`start`](Self::start) on.
    /// `None` if the table is full, or has an interface at its place.
    pub(in super::super) fn insert(&mut self, if_index: u32, rate: NonZeroU32) -> Option<Counters> {
        let row = self.rows.iter().position(Option::is_none)?;
        if !self.has_room_for(if_index) {
            return None;
        }
        let slots = self.slots_of(row);
        let map = Arc::clone(&self.map);
        let mut counters = Counters { map, slots, before: Totals::default() };
        // The slots are never cleared, because the filter may still run for the interface before.
        counters.before = counters.totals();
        counters.set_rate(rate);
        *self.rows.get_mut(row)? = Some(if_index);
        Some(counters)
    }

    /// Starts to sample an interface that was inserted.
    pub(in super::super) fn start(&self, if_index: u32) {
        let row = self.rows.iter().position(|row| *row == Some(if_index));
        let offset = row.map(|row| self.slots_of(row).start * size_of::<Slot>());
        if let (Some(Ok(offset)), Some(entry)) = (offset.map(u32::try_from), self.entry(if_index)) {
            // Release: a filter that finds the row also finds the rate.
            entry.store(word(if_index, offset), Ordering::Release);
        }
    }

    /// Ends the sampling of an interface, which keeps its row.
    pub(in super::super) fn stop(&self, if_index: u32) {
        let is_of_it = |entry: &&AtomicU64| interface(entry.load(Ordering::Relaxed)) == if_index;
        if let Some(entry) = self.entry(if_index).filter(is_of_it) {
            entry.store(0, Ordering::Release);
        }
    }

    /// skbs chosen of all interfaces since the filter was loaded.
    pub(in super::super) fn chosen_skbs(&self) -> u64 {
        let chosen = self.map.slots().iter().map(|slot| slot.chosen_skbs.load(Ordering::Acquire));
        chosen.fold(0, u64::wrapping_add)
    }

    /// Ends the sampling of an interface and frees its row.
    pub(in super::super) fn remove(&mut self, if_index: u32) {
        if let Some(row) = self.rows.iter_mut().find(|row| **row == Some(if_index)) {
            *row = None;
            self.stop(if_index);
        }
    }

    fn slots_of(&self, row: usize) -> Range<usize> {
        row * self.layout.cpus.slots..(row + 1) * self.layout.cpus.slots
    }

    /// The word at the place of an interface.
    fn entry(&self, if_index: u32) -> Option<&AtomicU64> {
        self.map.table().get(place(if_index, self.layout.entries))
    }
}

fn place(if_index: u32, entries: usize) -> usize {
    if_index as usize & entries.saturating_sub(1)
}

/// The two halves of a word in the order of their addresses.
fn word(if_index: u32, offset: u32) -> u64 {
    let [a, b, c, d] = if_index.to_ne_bytes();
    let [e, f, g, h] = offset.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// The first half.
fn interface(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;
    use crate::kernel::sys::fake::{Scripted, anonymous_memory, descriptor};
    use crate::kernel::sys::syscall::Call;

    const KEEP: Keep = Keep { bytes: 128, direction: Direction::Both };
    const CPUS: Cpus = Cpus { slots: 2, exclusive: true };

    fn table(interfaces: &[u32]) -> (Table, Scripted) {
        let kernel = Scripted::kernel(|call| match call {
            Call::MapCreate { .. } | Call::ProgramLoad { .. } => Some(descriptor()),
            Call::Map { length, .. } => Some(anonymous_memory(*length)),
            _ => None,
        });
        let (table, _) = Table::load(TableSize::of(interfaces), KEEP, CPUS).unwrap();
        (table, kernel)
    }

    #[test]
    fn size_has_room_for_half_as_many_more_and_avoids_collisions() {
        let size = |interfaces: &[u32]| TableSize::of(interfaces);
        assert_eq!(size(&[1, 2]), TableSize { entries: 32, interfaces: 8 });
        let many: Vec<u32> = (1..=400).collect();
        assert_eq!(size(&many), TableSize { entries: 4096, interfaces: 1024 });
        assert_eq!(size(&[1, 33]).entries, 64);
        assert_eq!(size(&[1, 1 + 1024]).entries, 128, "these collide in any table");
    }

    #[test]
    fn interface_without_a_place_or_a_row_is_refused() {
        let (mut table, _kernel) = table(&[1]);
        let rate = NonZeroU32::MIN;
        for if_index in 1..=7 {
            assert!(table.insert(if_index, rate).is_some());
            table.start(if_index);
        }
        assert!(!table.has_room_for(3) && !table.has_room_for(3 + 32), "the place is taken");
        assert!(table.insert(3 + 32, rate).is_none());
        assert!(table.insert(8, rate).is_some());
        assert!(!table.has_room_for(9), "all rows are taken");
        table.remove(3);
        assert!(table.has_room_for(3 + 32));
    }

    #[test]
    fn interface_is_in_the_table_from_start_to_stop() {
        let (mut table, _kernel) = table(&[1]);
        table.insert(5, NonZeroU32::MIN).unwrap();
        table.insert(6, NonZeroU32::MIN).unwrap();
        let entry = |table: &Table| table.map.table()[6].load(Ordering::Relaxed);
        assert_eq!(entry(&table), 0);
        table.start(6);
        let row = 2 * size_of::<Slot>() as u32;
        assert_eq!(entry(&table), word(6, row));
        table.stop(6 + 32);
        assert_eq!(entry(&table), word(6, row), "the place of another interface");
        table.stop(6);
        assert_eq!(entry(&table), 0);
        table.start(6);
        assert_eq!(entry(&table), word(6, row), "it has kept its row");
    }

    #[test]
    fn row_is_used_again_without_what_was_counted_before() {
        let (mut table, _kernel) = table(&[1]);
        let rate = NonZeroU32::new(10).unwrap();
        let first = table.insert(1, rate).unwrap();
        table.start(1);
        let slots = first.slots();
        assert_eq!(slots.len(), 2);
        slots[1].seen.store(90, Ordering::Relaxed);
        slots[0].chosen.store(9, Ordering::Relaxed);
        slots[0].chosen_skbs.store(8, Ordering::Relaxed);
        assert_eq!(first.totals(), Totals { seen: 90, chosen: 9, chosen_skbs: 8, lost: 0 });
        table.remove(1);
        let second = table.insert(2, rate).unwrap();
        assert_eq!(second.slots, first.slots);
        assert_eq!(second.totals(), Totals::default());
        assert_eq!(second.slots()[0].range.load(Ordering::Relaxed), 19);
        assert_eq!(table.chosen_skbs(), 8, "of all interfaces since the filter was loaded");
    }
}
