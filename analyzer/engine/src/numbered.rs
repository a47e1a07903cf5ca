//! The last entries of a log, numbered from 0, for readers that come back with the number they had.

use std::collections::VecDeque;

/// An entry of a log.
pub(crate) trait Entry: Clone {
    /// Its number.
    fn id(&self) -> u64;
    /// Gives it a number.
    fn number(self, id: u64) -> Self;
    /// The name of what made it, by which readers choose.
    fn name(&self) -> &str;
}

/// The last entries. The oldest ones make room for new ones.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    entries: VecDeque<T>,
    capacity: usize,
    /// The number of the next entry.
    next: u64,
    /// Entries with a lower number made room for others.
    oldest: u64,
}

impl<T: Entry> Numbered<T> {
    /// A log that keeps `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity: capacity.max(1), next: 0, oldest: 0 }
    }

    /// Numbers an entry and keeps it.
    pub(crate) fn push(&mut self, entry: T) {
        if self.entries.len() >= self.capacity {
            let first = self.entries.pop_front();
            self.oldest = first.map_or(self.oldest, |entry| entry.id() + 1);
        }
        self.entries.push_back(entry.number(self.next));
        self.next += 1;
    }

    /// Removes the entries of this name. No reader has missed them.
    pub(crate) fn forget(&mut self, name: &str) {
        self.entries.retain(|entry| entry.name() != name);
    }

    /// Entries so far, which is the number of the next one.
    pub(crate) fn total(&self) -> u64 {
        self.next
    }

    /// The newest entries with a number above `after`, newest first, at most `limit`, of one name or of
    /// all; and the number of newer ones that are not among them. Those that made room may have had other
    /// names.
    ///
    /// A reader without entries begins with `None` and has missed nothing. A number that is not reached
    /// yet is that of a reader from before a restart, for whom the same holds.
    pub(crate) fn after(
        &self,
        after: Option<u64>,
        limit: usize,
        name: Option<&str>,
    ) -> (Vec<T>, u64) {
        let after = after.filter(|after| *after < self.next);
        let first = after.map_or(0, |after| after + 1);
        let newer = self.entries.iter().rev().take_while(|entry| entry.id() >= first);
        let mut newer = newer.filter(|entry| name.is_none_or(|name| entry.name() == name));
        let entries = newer.by_ref().take(limit).cloned().collect();
        let left_out = newer.count() as u64 + self.oldest.saturating_sub(first);
        (entries, after.map_or(0, |_| left_out))
    }
}
