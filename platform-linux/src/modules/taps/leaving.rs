//! Taps that another one has replaced, until their rings are read.

use std::collections::BTreeMap;

use flowmote_core::{Duration, Instant};

use crate::modules::taps::capture::{Capture, Tap, TapStats};

/// A tap that receives nothing more. The totals of its interfaces continue in their new taps.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) tap: Tap,
    /// When the kernel has handed over the last block.
    pub(super) until: Instant,
    /// When it is closed with samples in its ring.
    limit: Instant,
    /// What the totals of each interface contain of this tap.
    pub(super) counted: BTreeMap<u32, TapStats>,
}

impl Leaving {
    /// Keeps a tap until the kernel has handed over its last block.
    pub(super) fn new(now: Instant, tap: Tap) -> Self {
        let (until, limit) = (now + HOLD_TIME, now + MAX_HOLD_TIME);
        Self { tap, until, limit, counted: BTreeMap::new() }
    }

    /// Keeps the tap for longer if its ring still has samples: the kernel has not run the timer that
    /// hands over the last block (net/packet/af_packet.c, prb_retire_rx_blk_timer_expired).
    pub(super) fn wait_for_ring(&mut self, now: Instant) {
        if self.until <= now && now < self.limit && self.has_samples() {
            self.until = now + HOLD_TIME;
        }
    }

    fn has_samples(&mut self) -> bool {
        let _ = self.tap.update_losses();
        let interfaces: Vec<u32> = self.tap.interfaces().collect();
        interfaces.into_iter().any(|if_index| {
            let totals = self.tap.totals(if_index);
            totals.lost_at_end() > totals.lost
        })
    }

    /// Returns what the tap has counted since the last call, for each of its interfaces.
    pub(super) fn news(&mut self) -> Vec<(u32, TapStats)> {
        let interfaces: Vec<u32> = self.tap.interfaces().collect();
        // After an error the losses are those of the last time.
        let _ = self.tap.update_losses();
        let news = interfaces.into_iter().map(|if_index| {
            let now = self.tap.totals(if_index);
            let before = self.counted.insert(if_index, now).unwrap_or_default();
            (if_index, now.since(before))
        });
        news.collect()
    }

    /// Like [`news`](Self::news), for the end: what is still in the ring is lost.
    pub(super) fn last_news(&mut self) -> Vec<(u32, TapStats)> {
        let mut news = self.news();
        for (if_index, stats) in &mut news {
            let total = self.counted.get(if_index).copied().unwrap_or_default();
            stats.lost += total.lost_at_end() - total.lost;
        }
        news
    }
}

/// Twice the retire time of a ring, and the delay of its timer on a busy CPU.
const HOLD_TIME: Duration = Duration::from_millis(200);
/// The same where the agent, or the kernel of a virtual machine, gets hardly any CPU.
const MAX_HOLD_TIME: Duration = Duration::from_millis(5000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::taps::testing::tap_with_packets_in_its_ring;

    #[test]
    fn samples_in_the_ring_are_lost_when_the_tap_is_closed() {
        let (tap, _kernel) = tap_with_packets_in_its_ring(9);
        let mut leaving = Leaving::new(Instant::ZERO, tap);
        let lost = |news: Vec<(u32, TapStats)>| news.iter().map(|(_, it)| it.lost).sum::<u64>();
        assert_eq!(lost(leaving.news()), 0, "they can still be read");
        for (now, until) in [(100, 200), (200, 400), (4900, 5100), (5100, 5100)] {
            leaving.wait_for_ring(Instant::from_millis(now));
            assert_eq!(leaving.until, Instant::from_millis(until), "{now}");
        }
        assert_eq!(lost(leaving.last_news()), 9);
    }
}
