//! Sums of the counters of members that come and go.

/// Adds up N counters over members known by a key, and never goes back: what a member counted
/// stays in the sum when it goes away or starts over.
#[derive(Debug)]
pub(super) struct Sums<K, const N: usize> {
    members: Vec<(K, [u64; N])>,
    /// Of members that have gone or started over.
    past: [u64; N],
}

impl<K: PartialEq, const N: usize> Sums<K, N> {
    /// Takes the counters of all members as they are now and gives the sums.
    pub(super) fn update(&mut self, now: Vec<(K, [u64; N])>) -> [u64; N] {
        for (key, before) in &self.members {
            let current = now.iter().find(|(other, _)| other == key);
            if current.is_none_or(|(_, counts)| went_back(before, counts)) {
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

fn went_back<const N: usize>(before: &[u64; N], now: &[u64; N]) -> bool {
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
    fn members_come_go_and_start_over() {
        let mut sums = Sums::default();
        assert_eq!(sums.update(vec![]), [0]);
        assert_eq!(sums.update(vec![(1, [10]), (2, [5])]), [15]);
        assert_eq!(sums.update(vec![(1, [12]), (2, [5])]), [17]);
        assert_eq!(sums.update(vec![(1, [13])]), [18], "2 has gone");
        assert_eq!(sums.update(vec![(1, [2]), (3, [1])]), [21], "1 starts over, 3 is new");
        assert_eq!(sums.update(vec![(3, [1])]), [21]);
    }
}
