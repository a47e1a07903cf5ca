//! A table of bounded size. If it is full, the entries untouched for longest are evicted.

use core::hash::Hash;
use std::collections::HashMap;

/// Entries by key.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    entries: HashMap<K, Entry<V>>,
    capacity: usize,
    /// Touches so far.
    clock: u64,
    /// Entries evicted so far.
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    touched: u64,
    value: V,
}

impl<K: Copy + Eq + Hash, V: Default> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, clock: 0, evicted: 0 }
    }

    /// The entry of `key`, new if absent.
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

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Removes the entries for which `keep` is false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.value));
    }

    /// Removes a quarter in one pass, so that the search for the oldest is shared by many touches.
    fn make_room(&mut self) {
        let mut touched: Vec<u64> = self.entries.values().map(|entry| entry.touched).collect();
        let quarter = touched.len() / 4;
        let (_, limit, _) = touched.select_nth_unstable(quarter);
        let limit = *limit;
        let before = self.entries.len();
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
    fn table_stays_bounded_in_a_flood_of_keys() {
        let mut table: Table<u32, u32> = Table::new(1000);
        for key in 0..100_000 {
            table.touch(key);
        }
        assert!(table.iter().len() <= 1000);
        assert_eq!(table.evicted, 100_000 - table.iter().len() as u64);
    }
}
