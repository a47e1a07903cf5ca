//! How many samples were lost, each once.

/// Reconciles what the filter chose with what arrived.
///
/// The kernel counts lost skbs, but an skb may stand for several samples. Whenever no skb is on
/// its way (chosen skbs = delivered + lost ones), the lost samples are exactly those chosen and
/// not delivered; in between, each lost skb counts for one. That never exceeds the exact number,
/// so the count never runs backwards.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses {
    /// skbs that the ring gave us, readable or not.
    pub(super) delivered_skbs: u64,
    /// Samples that came out of them.
    pub(super) delivered: u64,
    /// skbs that the kernel had no room for.
    lost_skbs: u64,
    /// Samples known to be lost.
    lost: u64,
}

impl Losses {
    /// The kernel lost `skbs` more.
    pub(super) fn add_lost_skbs(&mut self, skbs: u32) {
        self.lost_skbs += u64::from(skbs);
        self.lost += u64::from(skbs);
    }

    /// `skbs` arrived that could not be read.
    pub(super) fn add_malformed(&mut self, skbs: u32) {
        self.delivered_skbs += u64::from(skbs);
        self.lost += u64::from(skbs);
    }

    /// The filter says that it chose `chosen` packets in `chosen_skbs` skbs. Must be read after
    /// the skbs that are accounted for here.
    pub(super) fn reconcile(&mut self, chosen: u64, chosen_skbs: u64) {
        if chosen_skbs == self.delivered_skbs + self.lost_skbs {
            self.lost = self.lost.max(chosen.saturating_sub(self.delivered));
        }
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
    fn a_lost_super_packet_counts_for_all_its_samples_once_nothing_is_on_its_way() {
        let mut losses = Losses { delivered_skbs: 10, delivered: 30, ..Losses::default() };
        losses.add_lost_skbs(2);
        losses.reconcile(80, 13);
        assert_eq!(losses.lost(), 2, "one skb is still on its way");
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
    fn what_cannot_be_read_is_lost_with_all_its_samples() {
        let mut losses = Losses::default();
        losses.add_malformed(1);
        assert_eq!(losses.lost(), 1);
        losses.reconcile(7, 1);
        assert_eq!(losses.lost(), 7);
    }

    #[test]
    fn the_count_never_runs_backwards() {
        let mut losses = Losses::default();
        losses.add_lost_skbs(5);
        losses.reconcile(3, 5);
        assert_eq!(losses.lost(), 5);
    }
}
