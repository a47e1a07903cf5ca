//! A stream of datagrams, in which several sequences may be interleaved.
//!
//! Two line cards with the same sub-agent id, or two agents behind one address, interleave their
//! numbers. Each step between them looks like a loss or a restart. It is counted as such at first,
//! because that is what it nearly always is. When the numbers before the step continue, the stream
//! has two sequences, and the count is taken back.

use core::time::Duration;

use super::StreamId;
use super::gaps::Gaps;
use super::position::{Mark, Position, Step};
use crate::instant::Instant;

/// The sequences of the datagrams with one agent, sub-agent and sender.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// The most recently used is the last.
    sequences: Vec<Sequence>,
    /// Positions before a step that was counted as a gap or restart, and how. The newest is the last.
    left: Vec<(Position, Step)>,
    pub(super) gaps: Gaps,
    /// True if a datagram has continued the one before it. Forged datagrams rarely do.
    pub(super) confirmed: bool,
}

#[derive(Clone, Debug)]
struct Sequence {
    position: Position,
    /// True if a datagram has continued it.
    continued: bool,
    /// True if it was continued after another sequence.
    returned: bool,
    /// True if it and another one took turns.
    interleaved: bool,
}

/// The place of a datagram among the sequences.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// After the last datagram of the sequence with this index.
    After(usize),
    /// After the left position with this index.
    Left(usize),
}

impl Stream {
    /// The stream after its first datagram.
    pub(super) fn start(id: StreamId, mark: Mark) -> Self {
        let sequences = vec![Sequence::start(Position::start(mark))];
        Self { id, sequences, left: Vec::new(), gaps: Gaps::default(), confirmed: false }
    }

    /// Counts a datagram, here and in `totals`. Returns true if it is a copy of an earlier one.
    pub(super) fn note(&mut self, mark: Mark, totals: &mut Gaps) -> bool {
        // The usual case: the next datagram of the sequence used last.
        if let Some(sequence) = self.sequences.last_mut()
            && sequence.position.near(mark, 1)
        {
            sequence.take(mark);
            self.confirmed = true;
            return false;
        }
        // An agent that does not number its datagrams repeats one number for all of them.
        self.note_step(mark, totals) == Step::Duplicate && self.confirmed
    }

    /// Counts any other datagram. Returns what it is.
    fn note_step(&mut self, mark: Mark, totals: &mut Gaps) -> Step {
        let last = self.sequences.len().saturating_sub(1);
        let (mut sequence, returned) = match self.place(mark, last) {
            Place::After(index) => (self.sequences.remove(index), index != last),
            Place::Left(index) => (self.split(index, totals), true),
        };
        let (before, step) = (sequence.position, sequence.take(mark));
        self.gaps.count(step);
        totals.count(step);
        match step {
            Step::Next if before.near(mark, 1) => {}
            Step::Next | Step::Gap(_) | Step::Restart => self.leave(before, step),
            Step::Duplicate | Step::Late => {}
        }
        self.confirmed |= sequence.continued;
        if returned {
            sequence.returned = true;
            self.mark_interleaved(&mut sequence);
        }
        if self.sequences.len() >= MAX_SEQUENCES {
            self.sequences.remove(0);
        }
        self.sequences.push(sequence);
        step
    }

    /// The number of sequences that are interleaved: 0 or at least 2.
    pub(super) fn interleaved(&self) -> usize {
        self.sequences.iter().filter(|sequence| sequence.interleaved).count()
    }

    /// The arrival of the last datagram.
    pub(super) fn last_arrival(&self) -> Instant {
        self.sequences.last().map(|sequence| sequence.position.arrival()).unwrap_or_default()
    }

    /// Finds the sequence that `mark` continues best: exactly, then with a small gap. If there is
    /// none, the step is a gap or a restart of the one used last.
    ///
    /// An agent that restarts often, or whose numbers jump back, comes near former positions again.
    /// The numbers between are not lost. So with a gap, only the sequence used last is continued, and
    /// those that have shown to take turns; a left position is continued exactly.
    fn place(&self, mark: Mark, last: usize) -> Place {
        let live = |position: &Position| mark.arrival.since(position.arrival()) <= MAX_SILENCE;
        let after = |fits: &dyn Fn(usize, &Sequence) -> bool| {
            let mut all = self.sequences.iter().enumerate().rev();
            let live = |at: usize, it: &Sequence| at == last || live(&it.position);
            all.find(|(at, it)| live(*at, it) && fits(*at, it)).map(|(at, _)| Place::After(at))
        };
        let left = || {
            let fits = |left: &(Position, Step)| live(&left.0) && left.0.near(mark, 1);
            self.left.iter().rposition(fits).map(Place::Left)
        };
        after(&|_, it| it.position.near(mark, 1))
            .or_else(|| after(&|_, it| it.position.step(mark) == Step::Duplicate))
            .or_else(|| after(&|_, it| it.position.step(mark) == Step::Late))
            .or_else(|| after(&|at, it| at == last && it.position.near(mark, MAX_NEAR)))
            .or_else(left)
            .or_else(|| after(&|_, it| it.returned && it.position.near(mark, MAX_NEAR)))
            .unwrap_or(Place::After(last))
    }

    /// Remembers a position in case its sequence continues. A step to a number that is near is
    /// forgotten first: it is a loss in one of the sequences, and would hide the steps between them.
    fn leave(&mut self, position: Position, step: Step) {
        if self.left.len() >= MAX_SEQUENCES {
            let near = |(_, step): &(_, Step)| matches!(step, Step::Gap(..=MAX_NEAR_MISSING));
            self.left.remove(self.left.iter().position(near).unwrap_or(0));
        }
        self.left.push((position, step));
    }

    /// Takes back the count of the step from a left position, and returns the sequence there.
    fn split(&mut self, index: usize, totals: &mut Gaps) -> Sequence {
        let (position, step) = self.left.remove(index);
        self.gaps.take_back(step);
        totals.take_back(step);
        Sequence::start(position)
    }

    /// Marks `sequence` and the one used last as interleaved, if a datagram has continued each of
    /// them: a single stray datagram is not a sequence.
    fn mark_interleaved(&mut self, sequence: &mut Sequence) {
        if let Some(other) = self.sequences.last_mut()
            && other.continued
            && sequence.continued
        {
            other.interleaved = true;
            sequence.interleaved = true;
        }
    }
}

impl Sequence {
    fn start(position: Position) -> Self {
        Self { position, continued: false, returned: false, interleaved: false }
    }

    /// Moves the position to `mark` and returns the meaning of the step.
    fn take(&mut self, mark: Mark) -> Step {
        let step = self.position.step(mark);
        self.continued = match step {
            Step::Next | Step::Gap(_) => self.continued || self.position.near(mark, MAX_NEAR),
            Step::Duplicate | Step::Late => self.continued,
            Step::Restart => false,
        };
        self.returned &= step != Step::Restart;
        self.position.advance(mark, step);
        step
    }
}

/// Sequences and left positions of a stream. More replace those unused for the longest time.
const MAX_SEQUENCES: usize = 8;
/// Largest gap within one of several sequences.
const MAX_NEAR: i32 = 64;
/// Datagrams missing in such a gap.
const MAX_NEAR_MISSING: u32 = MAX_NEAR as u32 - 1;
/// Time without a datagram after which one of several sequences has ended.
const MAX_SILENCE: Duration = Duration::from_secs(300);
