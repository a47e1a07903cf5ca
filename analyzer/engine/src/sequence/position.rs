//! The position in a sequence of datagrams, and the meaning of the step to the next datagram.

use core::time::Duration;

use crate::instant::Instant;

/// The numbers of a datagram that place it in a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) sequence_number: u32,
    /// Milliseconds by the clock of the agent, modulo 2^32.
    pub(super) uptime: u32,
    pub(super) arrival: Instant,
}

/// The meaning of a datagram, relative to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next number.
    Next,
    /// A number that has arrived before.
    Duplicate,
    /// A number of the past that was missing.
    Late,
    /// A number further on; the ones between are missing.
    Gap(u32),
    /// A number that does not follow: the first of a new sequence.
    Restart,
}

/// The last datagram of a sequence, and the numbers before it that have arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    last: Mark,
    /// Bit n is set if the number n below the last one has arrived.
    arrived: u64,
}

impl Position {
    /// The position after the first datagram of a sequence.
    pub(super) fn start(mark: Mark) -> Self {
        Self { last: mark, arrived: 1 }
    }

    /// The meaning of `mark` if it belongs to this sequence.
    pub(super) fn step(&self, mark: Mark) -> Step {
        let elapsed = self.elapsed(mark);
        match self.distance(mark) {
            0 if elapsed == 0 => Step::Duplicate,
            distance @ MAX_STEP_BACK..0 => {
                let arrived = self.arrived >> distance.unsigned_abs() & 1 != 0;
                let limit = if arrived { DUPLICATE_DELAY } else { LATE_DELAY };
                match (self.delay(mark), arrived) {
                    (Some(delay), true) if delay <= limit => Step::Duplicate,
                    (Some(delay), false) if delay <= limit => Step::Late,
                    _ => Step::Restart,
                }
            }
            1 => Step::Next,
            // A datagram that was sent later has no lower uptime. The tolerance is for agents that
            // read their clock in several threads.
            distance @ 2..=MAX_GAP if elapsed >= -MAX_CLOCK_STEP => {
                Step::Gap(distance.unsigned_abs() - 1)
            }
            _ => Step::Restart,
        }
    }

    /// True if `mark` can be one of the next `distance` datagrams of the same agent: its number is
    /// near, and its clock advanced about as much as that of the receiver.
    pub(super) fn near(&self, mark: Mark, distance: i32) -> bool {
        (1..=distance).contains(&self.distance(mark)) && self.same_clock(mark)
    }

    /// True if the clock of the agent stands still, or advanced at most twice as much as that of the
    /// receiver.
    fn same_clock(&self, mark: Mark) -> bool {
        let passed = mark.arrival.since(self.last.arrival).as_millis();
        let most = i64::try_from(passed).unwrap_or(i64::MAX).saturating_mul(2);
        let elapsed = i64::from(self.elapsed(mark));
        let tolerance = i64::from(MAX_CLOCK_STEP);
        (-tolerance..=most.saturating_add(tolerance)).contains(&elapsed)
    }

    /// Moves the position to `mark`, whose meaning is `step`.
    pub(super) fn advance(&mut self, mark: Mark, step: Step) {
        let distance = self.distance(mark).unsigned_abs();
        match step {
            Step::Duplicate => {}
            Step::Late => self.arrived |= 1u64.checked_shl(distance).unwrap_or_default(),
            Step::Next | Step::Gap(_) => {
                let arrived = self.arrived.checked_shl(distance).unwrap_or_default() | 1;
                *self = Self { last: mark, arrived };
            }
            Step::Restart => *self = Self::start(mark),
        }
    }

    /// The arrival of the last datagram.
    pub(super) fn arrival(&self) -> Instant {
        self.last.arrival
    }

    /// The difference of the sequence numbers.
    fn distance(&self, mark: Mark) -> i32 {
        mark.sequence_number.wrapping_sub(self.last.sequence_number).cast_signed()
    }

    /// The difference of the uptimes, in milliseconds.
    fn elapsed(&self, mark: Mark) -> i32 {
        mark.uptime.wrapping_sub(self.last.uptime).cast_signed()
    }

    /// How much longer than the last datagram `mark` was on its way; `None` if it was sent later,
    /// so that it is no datagram of the past.
    ///
    /// An agent that has just restarted also steps back, but then its clock and the time of arrival
    /// differ by the whole time that it ran before.
    fn delay(&self, mark: Mark) -> Option<Duration> {
        let back = u64::try_from(-i64::from(self.elapsed(mark))).ok()?;
        Some(mark.arrival.since(self.last.arrival) + Duration::from_millis(back))
    }
}

/// Largest gap. A larger step forward counts as a restart.
const MAX_GAP: i32 = 100_000;
/// Largest step back: to the lowest number that is remembered. A larger one counts as a restart.
const MAX_STEP_BACK: i32 = -63;
/// Largest deviation of the uptime within a sequence, in milliseconds.
const MAX_CLOCK_STEP: i32 = 3000;
/// Longest delay of a datagram that arrives late.
const LATE_DELAY: Duration = Duration::from_secs(3);
/// Longest delay of a copy. Shorter than that of a late datagram, because a number that has arrived
/// before is most likely a restart.
const DUPLICATE_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence_number: u32, uptime: u32, millis: u64) -> Mark {
        let arrival = Instant::after_start(Duration::from_millis(millis));
        Mark { sequence_number, uptime, arrival }
    }

    #[test]
    fn late_number_is_missing_once() {
        let mut position = Position::start(mark(10, 1000, 0));
        position.advance(mark(13, 1003, 3), Step::Gap(2));
        let late = mark(11, 1001, 4);
        assert_eq!(position.step(late), Step::Late);
        position.advance(late, Step::Late);
        assert_eq!(position.step(late), Step::Duplicate);
        assert_eq!(position.step(mark(12, 1002, 5)), Step::Late);
        assert_eq!(position.step(mark(10, 1000, 5)), Step::Duplicate);
    }

    #[test]
    fn step_back_that_no_delay_explains_is_a_restart() {
        let position = Position::start(mark(6, 5000, 5000));
        assert_eq!(position.step(mark(1, 0, 7000)), Step::Restart);
        // An agent whose uptime is that of the host.
        assert_eq!(position.step(mark(1, 7000, 7000)), Step::Restart);
        assert_eq!(position.step(mark(5, 4000, 7000)), Step::Late);
        assert_eq!(position.step(mark(5, 4000, 7001)), Step::Restart);
    }

    #[test]
    fn step_forward_with_a_clock_that_went_back_is_a_restart() {
        let position = Position::start(mark(3, 60_000, 0));
        assert_eq!(position.step(mark(9, 100, 10)), Step::Restart);
        assert_eq!(position.step(mark(9, 60_100, 10)), Step::Gap(5));
        assert_eq!(position.step(mark(3 + 100_000, 60_100, 10)), Step::Gap(99_999));
        assert_eq!(position.step(mark(3 + 100_001, 60_100, 10)), Step::Restart);
        assert_eq!(position.step(mark(3, 60_100, 10)), Step::Restart);
    }
}
