//! Totals of a tap: what the filter counted, what was delivered and what was lost.

use core::ops::AddAssign;
use std::io;

use super::Tap;
use crate::modules::taps::capture::Capture;
use crate::modules::taps::capture::filter::Totals;
use crate::modules::taps::capture::shared_losses::Known;

/// Totals since the tap was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapStats {
    /// Wire packets that could have been sampled; `sample_pool` is this modulo 2^32. An estimate
    /// with [`Method::Classic`].
    pub seen: u64,
    /// Packets selected by the filter: delivered, lost or still in the ring.
    pub chosen: u64,
    /// Samples passed on by [`Tap::drain`].
    pub delivered: u64,
    /// Samples lost; `drops` is this modulo 2^32.
    pub lost: u64,
    /// Ring entries that could not be read; they are among `lost`.
    pub malformed: u64,
}

impl TapStats {
    /// What was counted after `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let Self { seen, chosen, delivered, lost, malformed } = before;
        Self {
            seen: self.seen.saturating_sub(seen),
            chosen: self.chosen.saturating_sub(chosen),
            delivered: self.delivered.saturating_sub(delivered),
            lost: self.lost.saturating_sub(lost),
            malformed: self.malformed.saturating_sub(malformed),
        }
    }

    /// `lost` once what is still in the ring is lost, too.
    #[must_use]
    pub fn lost_at_end(self) -> u64 {
        self.lost.max(self.chosen.saturating_sub(self.delivered))
    }
}

/// The sum over several taps, one after the other or side by side.
impl AddAssign for TapStats {
    fn add_assign(&mut self, other: Self) {
        let Self { seen, chosen, delivered, lost, malformed } = other;
        self.seen = self.seen.saturating_add(seen);
        self.chosen = self.chosen.saturating_add(chosen);
        self.delivered = self.delivered.saturating_add(delivered);
        self.lost = self.lost.saturating_add(lost);
        self.malformed = self.malformed.saturating_add(malformed);
    }
}

impl Tap {
    /// Totals of an interface up to now; zeroes if the tap does not have it.
    ///
    /// # Errors
    /// Those of [`update_losses`](Self::update_losses).
    pub fn stats(&mut self, if_index: u32) -> io::Result<TapStats> {
        self.update_losses()?;
        Ok(self.totals(if_index))
    }

    /// Reads the number of lost skbs if a block has shown that there are some, and attributes them.
    pub(super) fn follow_losses(&mut self) -> io::Result<()> {
        if core::mem::take(&mut self.losing) {
            return self.update_losses();
        }
        if self.is_shared() && self.shared_losses.is_open() {
            self.attribute();
        }
        Ok(())
    }

    /// Finds the interfaces to which the losses of a shared ring belong.
    pub(super) fn attribute(&mut self) {
        let Some(table) = &self.table else { return };
        let readers = &self.readers;
        let chosen = || -> Vec<(u32, Totals)> {
            readers.iter().map(|(index, reader)| (*index, reader.choices_so_far())).collect()
        };
        let mut known = self.shared_losses.empty_ring(chosen(), table.chosen_skbs());
        if known == Known::Nothing && self.shared_losses.is_open() {
            let blocks = (self.ring.block(), self.ring.end().block);
            known = self.shared_losses.survey(blocks, chosen);
        }
        let Known::Settled(chosen) = known else { return };
        for (if_index, totals) in chosen {
            if let Some(reader) = self.readers.get_mut(&if_index) {
                reader.settle(totals.chosen);
            }
        }
    }
}
