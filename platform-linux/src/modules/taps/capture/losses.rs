//! The number of lost samples, each counted once.

/// Reconciles the choices of the filter with the samples that arrived.
///
/// The kernel counts lost skbs (`tp_drops`), but an skb may contain several samples. Whenever no
/// skb is in the ring (chosen skbs = delivered + lost skbs), the lost samples are exactly those
/// chosen and not delivered. In between, each lost skb counts as one sample. That never exceeds the
/// exact number, so the count never decreases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    /// skbs read from the ring, malformed ones included.
    pub(super) delivered_skbs: u64,
    /// Samples made of them.
    pub(super) delivered: u64,
    /// skbs for which the ring had no room.
    lost_skbs: u64,
    /// Samples known to be lost.
    lost: u64,
}

impl Losses {
    /// Counts `skbs` that the kernel lost.
    pub(super) fn add_lost_skbs(&mut self, skbs: u32) {
        self.lost_skbs += u64::from(skbs);
        self.lost += u64::from(skbs);
    }

    /// Counts `skbs` that arrived and could not be read.
    pub(super) fn add_malformed(&mut self, skbs: u32) {
        self.delivered_skbs += u64::from(skbs);
        self.lost += u64::from(skbs);
    }

    /// Sets the exact number if no skb is in the ring. The counters of the filter must be read
    /// after the skbs counted here: a later skb then makes the sides unequal, and the exact number
    /// waits. Read before, they could match although an skb is still in the ring.
    pub(super) fn reconcile(&mut self, chosen: u64, chosen_skbs: u64) {
        if chosen_skbs == self.delivered_skbs + self.lost_skbs {
            self.settle(chosen);
        }
    }

    /// Counts as lost what was not delivered of the first `chosen` samples, none of which is in the
    /// ring any more.
    pub(super) fn settle(&mut self, chosen: u64) {
        self.lost = self.lost.max(chosen.saturating_sub(self.delivered));
    }

    /// Samples lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_super_packet_counts_all_its_samples_once_the_ring_is_empty() {
        let mut losses = Losses { delivered_skbs: 10, delivered: 30, ..Losses::default() };
        losses.add_lost_skbs(2);
        losses.reconcile(80, 13);
        assert_eq!(losses.lost(), 2, "one skb is still in the ring");
        losses.delivered_skbs += 1;
        losses.delivered += 5;
        losses.reconcile(80, 13);
        assert_eq!(losses.lost(), 45);
        losses.add_lost_skbs(1);
        assert_eq!(losses.lost(), 46);
        losses.reconcile(90, 14);
        assert_eq!(losses.lost(), 55);
    }

    #[test]
    fn malformed_skb_is_lost_with_all_its_samples() {
        let mut losses = Losses::default();
        losses.add_malformed(1);
        assert_eq!(losses.lost(), 1);
        losses.reconcile(7, 1);
        assert_eq!(losses.lost(), 7);
    }

    #[test]
    fn count_never_decreases() {
        let mut losses = Losses::default();
        losses.add_lost_skbs(5);
        losses.reconcile(3, 5);
        assert_eq!(losses.lost(), 5);
    }
}
