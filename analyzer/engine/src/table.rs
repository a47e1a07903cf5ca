//! A table of bounded size, which evicts the entries unused for the longest time.

use core::hash::Hash;

use foldhash::{HashMap, HashMapExt};

/// Entries by key, each with the time of its last use.
///
/// The keys come from the network. The hash has a seed of its own for each process, and `capacity`
/// bounds what colliding keys could cost; the hash of the standard library was a tenth of all
/// instructions.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    entries: HashMap<K, Entry<V>>,
    capacity: usize,
    /// Number of calls of [`touch`](Table::touch), which serves as the time.
    clock: u64,
    /// Entries evicted so far.
    pub(crate) evicted: u64,
    /// The most entries that the map had room for. The places of removed ones are no room, but memory.
    room: usize,
}

#[derive(Debug)]
struct Entry<V> {
    /// The time of the last use.
    touched: u64,
    value: V,
}

impl<K: Copy + Eq + Hash, V: Default> Table<K, V> {
    /// An empty table for at most `capacity` entries.
    ///
    /// A map has a power of two of places, of which it uses seven eighths. If more than half of these are
    /// in use, the places of removed entries make it grow: a capacity of 7·2ⁿ never doubles the memory.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, clock: 0, evicted: 0, room: 0 }
    }

    /// An empty table for as many entries as fit `bytes`, at least 7.
    pub(crate) fn within(bytes: usize) -> Self {
        let places = (bytes / Self::ENTRY).checked_ilog2().unwrap_or(0).max(4);
        Self::new((1 << places) / 16 * 7)
    }

    /// Bytes of an entry.
    const ENTRY: usize = size_of::<(K, Entry<V>)>() + 1;

    /// The value of `key`, created if absent, as the most recently used.
    pub(crate) fn touch(&mut self, key: K) -> &mut V {
        self.clock += 1;
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.make_room();
        }
        let entry =
            self.entries.entry(key).or_insert_with(|| Entry { touched: 0, value: V::default() });
        entry.touched = self.clock;
        &mut entry.value
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Entries at the same time.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The value of `key`. Does not count as a use.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Memory in use, in bytes, without what the values own.
    pub(crate) fn bytes(&self) -> usize {
        self.room.max(self.entries.capacity()).div_ceil(7) * 8 * Self::ENTRY
    }

    /// The entries, in arbitrary order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Removes the oldest quarter. One pass over the table then serves many new entries: evicting one
    /// at a time would cost a pass for each.
    fn make_room(&mut self) {
        let mut touched: Vec<u64> = self.entries.values().map(|entry| entry.touched).collect();
        let quarter = touched.len() / 4;
        let (_, limit, _) = touched.select_nth_unstable(quarter);
        let limit = *limit;
        let before = self.entries.len();
        self.room = self.room.max(self.entries.capacity());
        self.entries.retain(|_, entry| entry.touched > limit);
        self.evicted += (before - self.entries.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_table_evicts_the_oldest_quarter() {
        let mut table: Table<u32, u32> = Table::new(8);
        for key in 0..8 {
            *table.touch(key) = key;
        }
        table.touch(0);
        table.touch(100);
        assert_eq!(table.evicted, 3);
        assert_eq!(table.iter().len(), 6);
        let mut keys: Vec<u32> = table.iter().map(|(key, _)| *key).collect();
        keys.sort();
        assert_eq!(keys, [0, 4, 5, 6, 7, 100]);
    }

    #[test]
    fn table_stays_within_its_capacity() {
        let mut table: Table<u32, u32> = Table::new(1000);
        for key in 0..100_000 {
            table.touch(key);
        }
        assert!(table.iter().len() <= 1000);
        assert_eq!(table.evicted, 100_000 - table.iter().len() as u64);
    }

    #[test]
    fn memory_stays_whatever_is_evicted() {
        let mut table: Table<u32, u32> = Table::new(7 << 9);
        for key in 0..10_000 {
            table.touch(key);
        }
        let bytes = table.bytes();
        for key in 10_000..100_000 {
            table.touch(key);
            assert_eq!(table.bytes(), bytes);
        }
        assert!(table.entries.capacity() <= 14 << 9);
    }
}
