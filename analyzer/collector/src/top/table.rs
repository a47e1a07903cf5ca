//! A table of bounded size: where it is full, the entries untouched for longest make room.

use core::hash::Hash;
use std::collections::HashMap;

/// Entries by key.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    entries: HashMap<K, Entry<V>>,
    capacity: usize,
    /// Touches so far.
    clock: u64,
    /// Entries that had to make room.
    pub(super) evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    touched: u64,
    value: V,
}

impl<K: Copy + Eq + Hash, V: Default> Table<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, clock: 0, evicted: 0 }
    }

    /// The entry of `key`, new if there was none.
    pub(super) fn touch(&mut self, key: K) -> &mut V {
        self.clock += 1;
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.make_room();
        }
        let entry =
            self.entries.entry(key).or_insert_with(|| Entry { touched: 0, value: V::default() });
        entry.touched = self.clock;
        &mut entry.value
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Forgets what is not worth keeping.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.value));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes a quarter at once, so that the search for the oldest is paid for by many touches.
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
    fn the_oldest_make_room() {
        let mut table: Table<u32, u32> = Table::new(8);
        for key in 0..8 {
            *table.touch(key) = key;
        }
        table.touch(0);
        table.touch(100);
        assert_eq!(table.evicted, 3);
        assert_eq!(table.len(), 6);
        let mut keys: Vec<u32> = table.iter().map(|(key, _)| *key).collect();
        keys.sort();
        assert_eq!(keys, [0, 4, 5, 6, 7, 100]);
    }

    #[test]
    fn a_flood_of_keys_stays_bounded() {
        let mut table: Table<u32, u32> = Table::new(1000);
        for key in 0..100_000 {
            table.touch(key);
        }
        assert!(table.len() <= 1000);
        assert_eq!(table.evicted, 100_000 - table.len() as u64);
    }
}
