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
    /// Bytes of its texts.
    fn text_bytes(&self) -> usize;
}

/// The last entries. The oldest ones make room for new ones.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    entries: VecDeque<T>,
    capacity: usize,
    /// Bytes of all entries.
    bytes: usize,
    /// The number of the next entry.
    next: u64,
    /// Entries with a lower number made room for others.
    oldest: u64,
}

impl<T: Entry> Numbered<T> {
    /// A log that keeps `capacity` entries, fewer if their texts are long: [`MAX_BYTES`].
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity: capacity.max(1), bytes: 0, next: 0, oldest: 0 }
    }

    /// Numbers an entry and keeps it.
    pub(crate) fn push(&mut self, entry: T) {
        let bytes = bytes(&entry);
        while (self.entries.len() >= self.capacity || self.bytes + bytes > MAX_BYTES)
            && let Some(first) = self.entries.pop_front()
        {
            self.bytes -= self::bytes(&first);
            self.oldest = first.id() + 1;
        }
        self.bytes += bytes;
        self.entries.push_back(entry.number(self.next));
        self.next += 1;
    }

    /// Removes the entries of this name. No reader has missed them.
    pub(crate) fn forget(&mut self, name: &str) {
        self.entries.retain(|entry| entry.name() != name);
        self.bytes = self.entries.iter().map(bytes).sum();
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

fn bytes<T: Entry>(entry: &T) -> usize {
    size_of::<T>() + entry.text_bytes()
}

/// Bytes of all entries.
const MAX_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Line {
        id: u64,
        text: String,
    }

    impl Entry for Line {
        fn id(&self) -> u64 {
            self.id
        }

        fn number(self, id: u64) -> Self {
            Self { id, ..self }
        }

        fn name(&self) -> &str {
            self.text.get(..1).unwrap_or_default()
        }

        fn text_bytes(&self) -> usize {
            self.text.len()
        }
    }

    fn line(letter: &str, length: usize) -> Line {
        Line { id: 0, text: letter.repeat(length) }
    }

    #[test]
    fn long_entries_make_room_earlier() {
        let mut log = Numbered::new(10_000);
        (0..10_000).for_each(|_| log.push(line("a", 10_000)));
        let kept = log.entries.len();
        assert!((400..420).contains(&kept), "{kept}");
        assert_eq!(log.after(Some(0), 10_000, None).1, 10_000 - 1 - kept as u64);
        log.forget("a");
        assert_eq!((log.bytes, log.entries.len()), (0, 0));
        (0..20_000).for_each(|_| log.push(line("b", 10)));
        assert_eq!((log.entries.len(), log.total()), (10_000, 30_000));
    }

    #[test]
    fn entry_that_is_too_long_is_kept_alone() {
        let mut log = Numbered::new(10);
        log.push(line("a", 1));
        log.push(line("b", MAX_BYTES));
        assert_eq!((log.entries.len(), log.after(None, 10, Some("b")).0.len()), (1, 1));
        log.push(line("c", 1));
        assert_eq!((log.entries.len(), log.bytes), (1, size_of::<Line>() + 1));
    }
}
