//! Gaps in the sequence numbers of datagrams: losses, reordering, duplicates and restarts.

use core::fmt;
use std::collections::{HashMap, HashSet};

use flowmote_decoder::{Address, Datagram};

/// A stream of datagrams with its own sequence numbers: agent and sub-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// The agent address of the datagram header.
    pub agent: Address,
    /// The sub-agent id of the datagram header.
    pub sub_agent_id: u32,
}

/// Position and gaps of each stream of datagrams. At most 16,384 streams are tracked, so that forged
/// addresses cannot exhaust memory. Datagrams of further streams are only counted.
#[derive(Debug, Default)]
pub struct Sequences {
    streams: HashMap<Stream, Position>,
    /// Sums over all streams.
    pub totals: Gaps,
}

/// Irregularities of sequence numbers, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Datagrams missing in the sequence, less those that arrived late.
    pub lost: u64,
    /// Datagrams that arrived after a later one.
    pub reordered: u64,
    /// Datagrams with the same number as the one before.
    pub duplicates: u64,
    /// Starts of a new sequence: a step too large to be a gap.
    pub restarts: u64,
    /// Datagrams of streams that are not tracked.
    pub untracked: u64,
}

#[derive(Debug)]
struct Position {
    sequence_number: u32,
    uptime: u32,
    gaps: Gaps,
}

impl Sequences {
    /// Compares the sequence number of a datagram with the position of its stream.
    pub fn note(&mut self, datagram: &Datagram<'_>) {
        let stream = Stream { agent: datagram.agent_address, sub_agent_id: datagram.sub_agent_id };
        let (sequence_number, uptime) = (datagram.sequence_number, datagram.uptime);
        let full = self.streams.len() >= MAX_STREAMS;
        match self.streams.get_mut(&stream) {
            Some(position) => position.advance(sequence_number, uptime, &mut self.totals),
            None if full => self.totals.untracked += 1,
            None => {
                let gaps = Gaps::default();
                self.streams.insert(stream, Position { sequence_number, uptime, gaps });
            }
        }
    }

    /// The number of streams tracked.
    #[expect(clippy::len_without_is_empty, reason = "a count, not a collection")]
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// The number of agents tracked.
    pub fn agents(&self) -> usize {
        self.streams.keys().map(|stream| stream.agent).collect::<HashSet<_>>().len()
    }

    /// The streams with gaps, ordered by agent and sub-agent.
    fn with_gaps(&self) -> Vec<(Stream, Gaps)> {
        let mut streams: Vec<_> = self
            .streams
            .iter()
            .map(|(stream, position)| (*stream, position.gaps))
            .filter(|(_, gaps)| *gaps != Gaps::default())
            .collect();
        streams.sort_by_key(|(stream, _)| *stream);
        streams
    }
}

/// A line for each stream with gaps, preceded by a line feed.
impl fmt::Display for Sequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.with_gaps();
        for (Stream { agent, sub_agent_id }, gaps) in streams.iter().take(MAX_LINES) {
            let Gaps { lost, reordered, duplicates, restarts, .. } = gaps;
            write!(f, "\n  agent {agent} sub-agent {sub_agent_id}: lost {lost}")?;
            write!(f, ", reordered {reordered}, duplicates {duplicates}, restarts {restarts}")?;
        }
        match streams.len().checked_sub(MAX_LINES) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n  and {more} more"),
        }
    }
}

impl Position {
    /// Counts the step to the next datagram, here and in `totals`, and moves the position.
    fn advance(&mut self, sequence_number: u32, uptime: u32, totals: &mut Gaps) {
        let step = sequence_number.wrapping_sub(self.sequence_number).cast_signed();
        let elapsed = uptime.wrapping_sub(self.uptime).cast_signed();
        let mut both = |change: fn(&mut Gaps, u64), by: u64| {
            change(&mut self.gaps, by);
            change(totals, by);
        };
        match step {
            0 => return both(|gaps, by| gaps.duplicates += by, 1),
            // A late datagram was sent before the last one, so its uptime is not larger. A restarted
            // agent may also step back, but by more or with an uptime that does not fit.
            MAX_REORDER..0 if (MAX_LATE_MS..=0).contains(&elapsed) => {
                both(|gaps, by| gaps.reordered += by, 1);
                return both(|gaps, by| gaps.lost = gaps.lost.saturating_sub(by), 1);
            }
            1..=MAX_GAP => both(|gaps, by| gaps.lost += by, u64::from(step.unsigned_abs()) - 1),
            _ => both(|gaps, by| gaps.restarts += by, 1),
        }
        (self.sequence_number, self.uptime) = (sequence_number, uptime);
    }
}

/// Upper bound on streams tracked.
const MAX_STREAMS: usize = 16_384;
/// Upper bound on streams listed, lowest addresses first.
const MAX_LINES: usize = 1000;
/// Largest gap. A larger step forward counts as a restart.
const MAX_GAP: i32 = 100_000;
/// Largest step back of a late datagram. A larger one counts as a restart.
const MAX_REORDER: i32 = -256;
/// Largest step back of the uptime of a late datagram, in milliseconds. A larger one means that the
/// agent restarted.
const MAX_LATE_MS: i32 = -10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Totals after datagrams with these sequence numbers and uptimes.
    fn totals(datagrams: &[(u32, u32)]) -> Gaps {
        let mut sequences = Sequences::default();
        for (sequence_number, uptime) in datagrams {
            let mut payload = [0u8; 24];
            payload[3] = 5;
            payload[12..16].copy_from_slice(&sequence_number.to_be_bytes());
            payload[16..20].copy_from_slice(&uptime.to_be_bytes());
            sequences.note(&Datagram::parse(&payload).unwrap());
        }
        sequences.totals
    }

    #[test]
    fn steps_of_one_across_the_wrap_are_no_gap() {
        let datagrams = [(u32::MAX - 1, 0), (u32::MAX, 1), (0, 2), (1, 3)];
        assert_eq!(totals(&datagrams), Gaps::default());
    }

    #[test]
    fn late_datagram_is_no_longer_lost() {
        assert_eq!(totals(&[(1, 0), (5, 10)]).lost, 3);
        let late = totals(&[(1, 0), (3, 20), (2, 10), (4, 30)]);
        assert_eq!(late, Gaps { reordered: 1, ..Gaps::default() });
    }

    #[test]
    fn streams_with_gaps_are_listed() {
        let mut sequences = Sequences::default();
        let mut payload = [0u8; 28];
        (payload[3], payload[7]) = (5, 1);
        for (agent, sequence_number) in [(9, 1), (10, 1), (10, 2), (9, 4)] {
            (payload[11], payload[19]) = (agent, sequence_number);
            sequences.note(&Datagram::parse(&payload).unwrap());
        }
        let line = "\n  agent 0.0.0.9 sub-agent 0: lost 2, reordered 0, duplicates 0, restarts 0";
        assert_eq!(sequences.to_string(), line);
    }

    #[test]
    fn duplicates_and_restarts_are_not_losses() {
        assert_eq!(totals(&[(7, 0), (7, 0)]).duplicates, 1);
        // Some agents send their own uptime, others that of the host.
        for uptime in [5, 100_000] {
            let restart = totals(&[(50, 60_000), (1, uptime), (2, uptime + 1)]);
            assert_eq!(restart, Gaps { restarts: 1, ..Gaps::default() });
        }
        assert_eq!(totals(&[(1, 0), (900_000, 1)]).restarts, 1);
    }
}
