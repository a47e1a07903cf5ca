//! Counters that never decrease at the collector, whatever they do in the kernel.
//!
//! A collector interprets a smaller value as a wrap: billions of events in one interval.

use std::collections::BTreeMap;

/// A counter that continues where it was when its source steps back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rising {
    /// The counts before the last restart of the source.
    past: u64,
    /// The largest count since then.
    last: u64,
}

impl Rising {
    /// Takes the current count and returns the total.
    ///
    /// Less than half of the last count is a restart from zero, or a wrap at 32 bits. Anything else
    /// below it is noise, such as that of `iowait` (proc_stat(5)): the total waits until the count
    /// has caught up.
    pub(super) fn advance(&mut self, count: u64) -> u64 {
        if count < self.last / 2 {
            self.past = self.past.wrapping_add(self.last);
            self.last = count;
        }
        self.last = self.last.max(count);
        self.total()
    }

    fn total(&self) -> u64 {
        self.past.wrapping_add(self.last)
    }
}

/// Rising counters by name.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    counters: BTreeMap<String, Rising>,
}

impl Ledger {
    /// See [`Rising::advance`].
    pub(super) fn advance(&mut self, name: &str, count: u64) -> u64 {
        if let Some(counter) = self.counters.get_mut(name) {
            return counter.advance(count);
        }
        // A file that has other names at each read must not fill the memory.
        if self.counters.len() < MAX_NAMES {
            self.counters.insert(name.to_owned(), Rising { past: 0, last: count });
        }
        count
    }
}

/// Sums of N counters over disks or adapters, which are added, removed, and reset.
///
/// Counts of a member stay included after it is removed. If it comes back, after one failed read
/// for example, it continues.
#[derive(Debug)]
pub(super) struct Sums<K, const N: usize> {
    members: Vec<(K, [Rising; N])>,
    /// Counts of members that were forgotten.
    past: [u64; N],
}

impl<K: PartialEq, const N: usize> Sums<K, N> {
    /// Returns true if there has never been a member.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes the current counters of all members and returns the sums.
    pub(super) fn update(&mut self, now: Vec<(K, [u64; N])>) -> [u64; N] {
        if self.members.len() > now.len().saturating_add(MAX_REMOVED) {
            self.forget_removed(&now);
        }
        for (key, counts) in now {
            let known = self.members.iter().position(|(other, _)| *other == key);
            let position = known.unwrap_or_else(|| {
                self.members.push((key, [Rising::default(); N]));
                self.members.len().saturating_sub(1)
            });
            let Some((_, counters)) = self.members.get_mut(position) else { continue };
            for (counter, count) in counters.iter_mut().zip(counts) {
                counter.advance(count);
            }
        }
        let mut sums = self.past;
        self.members.iter().for_each(|(_, counters)| add(&mut sums, counters));
        sums
    }

    fn forget_removed(&mut self, now: &[(K, [u64; N])]) {
        let past = &mut self.past;
        self.members.retain(|(key, counters)| {
            let kept = now.iter().any(|(other, _)| other == key);
            if !kept {
                add(past, counters);
            }
            kept
        });
    }
}

impl<K, const N: usize> Default for Sums<K, N> {
    fn default() -> Self {
        Self { members: Vec::new(), past: [0; N] }
    }
}

fn add<const N: usize>(sums: &mut [u64; N], counters: &[Rising; N]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum = sum.wrapping_add(counter.total());
    }
}

/// Several times the counters of `/proc` that are read.
const MAX_NAMES: usize = 256;
/// Removed members that may come back.
const MAX_REMOVED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_and_wrap_continue_and_noise_waits() {
        let mut counter = Rising::default();
        let totals = [1000, 999, 1001, 2, 3, 3].map(|count| counter.advance(count));
        assert_eq!(totals, [1000, 1000, 1001, 1003, 1004, 1004]);
        let mut wrapping = Rising::default();
        let before = wrapping.advance(u64::from(u32::MAX) - 5);
        assert_eq!(wrapping.advance(7) - before, 7);
    }

    #[test]
    fn removed_and_restarted_members_stay_in_the_sums() {
        let mut sums = Sums::default();
        assert!(sums.is_empty());
        assert_eq!(sums.update(vec![]), [0]);
        assert_eq!(sums.update(vec![(1, [10]), (2, [5])]), [15]);
        assert_eq!(sums.update(vec![(1, [12]), (2, [5])]), [17]);
        assert_eq!(sums.update(vec![(1, [13])]), [18], "2 was removed");
        assert_eq!(sums.update(vec![(1, [2]), (3, [1])]), [21], "1 restarted, 3 is new");
        assert_eq!(sums.update(vec![(3, [1])]), [21]);
        assert!(!sums.is_empty());
    }

    #[test]
    fn member_that_was_missing_once_is_not_counted_twice() {
        let mut sums = Sums::default();
        assert_eq!(sums.update(vec![("sda", [100, 7])]), [100, 7]);
        assert_eq!(sums.update(vec![]), [100, 7]);
        assert_eq!(sums.update(vec![("sda", [103, 8])]), [103, 8]);
    }

    /// One column that wraps leaves the others alone.
    #[test]
    fn each_counter_restarts_by_itself() {
        let mut sums = Sums::default();
        sums.update(vec![("sda", [1000, 4_000_000_000])]);
        assert_eq!(sums.update(vec![("sda", [1001, 5])]), [1001, 4_000_000_005]);
    }

    #[test]
    fn members_without_end_are_forgotten_but_counted() {
        let mut sums = Sums::default();
        for index in 0..1000_u64 {
            assert_eq!(sums.update(vec![(index, [2])]), [2 * (index + 1)]);
        }
        assert!(sums.members.len() <= MAX_REMOVED + 2);
    }

    #[test]
    fn names_without_end_are_not_kept() {
        let mut ledger = Ledger::default();
        for number in 0..1000 {
            assert_eq!(ledger.advance(&number.to_string(), 9), 9);
        }
        assert_eq!((ledger.advance("0", 1), ledger.advance("999", 1)), (10, 1));
        assert_eq!(ledger.counters.len(), MAX_NAMES);
    }
}
