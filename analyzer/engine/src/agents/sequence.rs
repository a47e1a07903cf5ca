//! The sequence numbers of the samples of one data source.

use super::ledger::Samples;

/// The last number, and which of those before it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    last: u32,
    /// Bit n is set if the number n below the last one has arrived. Zero before the first sample.
    arrived: u64,
}

impl Sequence {
    /// Counts the sample with this number in `samples`.
    pub(super) fn note(&mut self, number: u32, samples: &mut Samples) {
        let step = number.wrapping_sub(self.last).cast_signed();
        let back = step.unsigned_abs();
        match step {
            _ if self.arrived == 0 => self.start(number),
            1..=MAX_GAP => {
                samples.lost += u64::from(back - 1);
                self.arrived = self.arrived.checked_shl(back).unwrap_or_default() | 1;
                self.last = number;
            }
            MAX_BACK..=0 if self.arrived >> back & 1 == 1 => {
                samples.duplicates += 1;
                return;
            }
            MAX_BACK..=0 => {
                samples.reordered += 1;
                // Not counted as lost if it is from before the start of the sequence.
                samples.lost = samples.lost.saturating_sub(1);
                self.arrived |= 1 << back;
            }
            _ => {
                samples.restarts += 1;
                self.start(number);
            }
        }
        samples.received += 1;
    }

    fn start(&mut self, number: u32) {
        *self = Self { last: number, arrived: 1 };
    }
}

/// Most numbers that are taken for lost. A larger step is the start of a new sequence.
const MAX_GAP: i32 = 100_000;
/// Most numbers by which a sample is late.
const MAX_BACK: i32 = -63;
