//! Sample pool and drops of packets that the kernel samples and passes on by netlink: it numbers the
//! samples, and counts neither the packets nor the losses of an interface.

use std::collections::BTreeMap;

use flowmote_core::SampleMeta;

/// Sample pool and drops of every interface that was a data source, by ifIndex.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    by_interface: BTreeMap<u32, Pool>,
}

/// Both count modulo 2^32, as in flow samples.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    sample_pool: u32,
    drops: u32,
}

impl Pools {
    /// Counts a sample of an interface and the `lost` samples before it, and returns what the flow
    /// sample carries.
    ///
    /// Each sample stands for `sampling_rate` packets of the pool, a lost one too: the kernel does
    /// not count the packets that a rule passes over, so that the pool is an estimate.
    pub(crate) fn count(&mut self, if_index: u32, sampling_rate: u32, lost: u32) -> SampleMeta {
        self.count_dropped(if_index, sampling_rate, lost, lost)
    }

    /// The same where only `drops` of the lost samples would have become flow samples.
    pub(crate) fn count_dropped(
        &mut self,
        if_index: u32,
        sampling_rate: u32,
        lost: u32,
        drops: u32,
    ) -> SampleMeta {
        let pool = self.by_interface.entry(if_index).or_default();
        let packets = lost.wrapping_add(1).wrapping_mul(sampling_rate);
        pool.sample_pool = pool.sample_pool.wrapping_add(packets);
        pool.drops = pool.drops.wrapping_add(drops);
        SampleMeta { sampling_rate, sample_pool: pool.sample_pool, drops: pool.drops }
    }

    /// Returns true for an interface that was counted before.
    pub(crate) fn contains(&self, if_index: u32) -> bool {
        self.by_interface.contains_key(&if_index)
    }

    /// The ifIndex of each interface that was counted.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.by_interface.keys().copied()
    }

    /// Forgets interfaces for which `exists` returns false: their ifIndex may be used again.
    pub(crate) fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        self.by_interface.retain(|&if_index, _| exists(if_index));
    }
}

/// The sequence numbers of a group of samples, whose gaps are lost samples.
///
/// The kernel numbers a sample before it puts it into the receive queue. So each lost one makes one
/// gap, and an overrun (`ENOBUFS`) is not counted on its own.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// `None` before the first sample, whose number shows no loss then.
    next: Option<u32>,
}

impl Sequence {
    /// A sequence whose first sample has the number 0.
    pub(crate) fn from_zero() -> Self {
        Self { next: Some(0) }
    }

    /// Returns the number of samples that were lost before the one with this number.
    pub(crate) fn lost_before(&mut self, sequence: u32) -> u32 {
        let expected = self.next.replace(sequence.wrapping_add(1)).unwrap_or(sequence);
        let gap = sequence.wrapping_sub(expected);
        // A group that was made again begins at 0; half of the range bounds the damage.
        if gap < 1 << 31 { gap } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_counts_the_rate_for_received_and_lost_samples() {
        let mut pools = Pools::default();
        let meta = |sample_pool, drops| SampleMeta { sampling_rate: 10, sample_pool, drops };
        assert_eq!(pools.count(1, 10, 0), meta(10, 0));
        assert_eq!(pools.count(1, 10, 2), meta(40, 2));
        assert_eq!(pools.count(2, 10, 0), meta(10, 0), "each interface has its own");
        assert_eq!(pools.count(1, 5, 0).sample_pool, 45, "the pool continues at another rate");
        pools.retain(|if_index| if_index != 1);
        assert!(!pools.contains(1) && pools.interfaces().eq([2]));
    }

    #[test]
    fn pool_and_drops_wrap() {
        let mut pools = Pools::default();
        pools.count(1, u32::MAX, 0);
        assert_eq!(pools.count(1, 3, 0).sample_pool, 2);
        assert_eq!(pools.count(1, 1 << 31, u32::MAX).sample_pool, 2);
        assert_eq!(pools.count(1, 0, 2).drops, 1);
    }

    #[test]
    fn gap_is_counted_once() {
        let mut sequence = Sequence::from_zero();
        assert_eq!(sequence.lost_before(3), 3, "the first packets were lost");
        assert_eq!(sequence.lost_before(4), 0);
        assert_eq!(sequence.lost_before(10), 5);
        assert_eq!(sequence.lost_before(11), 0);
    }

    #[test]
    fn first_number_of_a_running_group_is_no_loss() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.lost_before(1000), 0);
        assert_eq!(sequence.lost_before(1002), 1);
        assert_eq!(sequence.lost_before(0), 0, "the group was made again");
        assert_eq!(sequence.lost_before(2), 1);
    }

    #[test]
    fn sequence_wraps() {
        let mut sequence = Sequence { next: Some(u32::MAX) };
        assert_eq!(sequence.lost_before(u32::MAX), 0);
        assert_eq!(sequence.lost_before(1), 1);
        assert_eq!(sequence.lost_before(0), 0, "backwards");
    }
}
