//! Counts of the irregularities of sequence numbers.

use super::position::Step;

/// Irregularities of sequence numbers, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Datagrams missing in the sequence, less those that arrived late.
    pub lost: u64,
    /// Datagrams that arrived after a later one.
    pub reordered: u64,
    /// Datagrams with a number that had arrived before.
    pub duplicates: u64,
    /// Starts of a new sequence: a step too large to be a gap, or a clock that went back.
    pub restarts: u64,
    /// Datagrams of streams that are not tracked.
    pub untracked: u64,
}

impl Gaps {
    /// Counts a step.
    pub(super) fn count(&mut self, step: Step) {
        match step {
            Step::Next => {}
            Step::Duplicate => self.duplicates += 1,
            Step::Late => {
                self.reordered += 1;
                self.lost = self.lost.saturating_sub(1);
            }
            Step::Gap(missing) => self.lost += u64::from(missing),
            Step::Restart => self.restarts += 1,
        }
    }

    /// Adds what has changed between two counts.
    pub(crate) fn add_change(&mut self, before: &Self, after: &Self) {
        let add = |count: &mut u64, before: u64, after: u64| {
            *count = (*count + after).saturating_sub(before);
        };
        add(&mut self.lost, before.lost, after.lost);
        add(&mut self.reordered, before.reordered, after.reordered);
        add(&mut self.duplicates, before.duplicates, after.duplicates);
        add(&mut self.restarts, before.restarts, after.restarts);
        add(&mut self.untracked, before.untracked, after.untracked);
    }

    /// Takes back the count of a step that was none: it was between two sequences.
    pub(super) fn take_back(&mut self, step: Step) {
        match step {
            Step::Gap(missing) => self.lost = self.lost.saturating_sub(missing.into()),
            Step::Restart => self.restarts = self.restarts.saturating_sub(1),
            Step::Next | Step::Duplicate | Step::Late => {}
        }
    }
}
