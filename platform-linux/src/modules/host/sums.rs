//! Sums of the counters of disks or adapters that are added, removed or reset.

/// Sums of N counters over members that are identified by a key. The sums never decrease: counts of
/// a member stay included after it is removed or its counters restart from zero.
#[derive(Debug)]
pub(super) struct Sums<K, const N: usize> {
    members: Vec<(K, [u64; N])>,
    /// Final counts of members that were removed or restarted.
    past: [u64; N],
}

impl<K: PartialEq, const N: usize> Sums<K, N> {
    /// Returns true if there has never been a member.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.past == [0; N]
    }

    /// Replaces the counters of all members by their current values and returns the sums.
    pub(super) fn update(&mut self, now: Vec<(K, [u64; N])>) -> [u64; N] {
        for (key, before) in &self.members {
            let current = now.iter().find(|(other, _)| other == key);
            // Without this the sum would drop, and a collector would take that for a wrap: billions
            // of packets in one interval.
            if current.is_none_or(|(_, counts)| is_restarted(before, counts)) {
                add(&mut self.past, before);
            }
        }
        self.members = now;
        let mut sums = self.past;
        for (_, counts) in &self.members {
            add(&mut sums, counts);
        }
        sums
    }
}

impl<K, const N: usize> Default for Sums<K, N> {
    fn default() -> Self {
        Self { members: Vec::new(), past: [0; N] }
    }
}

fn is_restarted<const N: usize>(before: &[u64; N], now: &[u64; N]) -> bool {
    before.iter().zip(now).any(|(before, now)| now < before)
}

fn add<const N: usize>(sums: &mut [u64; N], counts: &[u64; N]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = sum.wrapping_add(*count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_and_restarted_members_stay_in_the_sums() {
        let mut sums = Sums::default();
        assert_eq!(sums.update(vec![]), [0]);
        assert_eq!(sums.update(vec![(1, [10]), (2, [5])]), [15]);
        assert_eq!(sums.update(vec![(1, [12]), (2, [5])]), [17]);
        assert_eq!(sums.update(vec![(1, [13])]), [18], "2 was removed");
        assert_eq!(sums.update(vec![(1, [2]), (3, [1])]), [21], "1 restarted, 3 is new");
        assert_eq!(sums.update(vec![(3, [1])]), [21]);
    }
}
