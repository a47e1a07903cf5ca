//! The sequence numbers of the samples of one data source.

use super::ledger::Samples;

/// The last number, and which of those before it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    last: u32,
    /// The session of the agent: a new one has a new sequence.
    session: u16,
    /// Numbers below the last one that belong to the sequence, at most 63.
    known: u8,
    /// Bit n is set if the number n below the last one has arrived. Zero before the first sample.
    arrived: u64,
}

/// A sample, relative to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The first of its sequence.
    First,
    /// The first of a new session of the agent.
    Session,
    /// A later one than all before it.
    Later,
    /// It was overtaken by a later one.
    Late,
    /// Its number has arrived before.
    Duplicate,
}

impl Sequence {
    /// True after the first sample.
    pub(super) fn is_used(&self) -> bool {
        self.arrived != 0
    }

    /// Counts the sample with this number in `samples`.
    pub(super) fn note(&mut self, number: u32, session: u16, samples: &mut Samples) -> Step {
        let step = self.step(number, session);
        let distance = number.wrapping_sub(self.last).cast_signed().unsigned_abs();
        match step {
            Step::First | Step::Session => {
                samples.restarts += u64::from(self.arrived != 0);
                *self = Self { last: number, session, known: 0, arrived: 1 };
            }
            Step::Later => {
                samples.missing += u64::from(distance.saturating_sub(1));
                self.arrived = self.arrived.checked_shl(distance).unwrap_or_default() | 1;
                self.known = u32::from(self.known).saturating_add(distance).min(MAX_BACK) as u8;
                self.last = number;
            }
            Step::Late => {
                samples.reordered += 1;
                // A number from before the start of the sequence was never missing.
                samples.missing -= u64::from(distance <= self.known.into()).min(samples.missing);
                self.arrived |= 1u64.checked_shl(distance).unwrap_or_default();
            }
            Step::Duplicate => {
                samples.duplicates += 1;
                return step;
            }
        }
        samples.received += 1;
        step
    }

    fn step(&self, number: u32, session: u16) -> Step {
        let step = number.wrapping_sub(self.last).cast_signed();
        let back = step.unsigned_abs();
        match step {
            _ if self.arrived == 0 => Step::First,
            _ if session != self.session => Step::Session,
            1..=MAX_GAP => Step::Later,
            // The number has never changed: the agent does not number its samples.
            0 if self.arrived == 1 => Step::Later,
            _ if step > 0 || back > MAX_BACK => Step::First,
            _ if self.arrived >> back & 1 == 1 => Step::Duplicate,
            _ => Step::Late,
        }
    }
}

/// Most numbers that are taken for lost. A larger step is the start of a new sequence.
const MAX_GAP: i32 = 100_000;
/// Most numbers by which a sample is late.
const MAX_BACK: u32 = 63;
