//! Gaps in the sequence numbers of datagrams.

use core::fmt;
use std::collections::{HashMap, HashSet};

use flowmote_decoder::{Address, Datagram};

/// One stream of datagrams: agent and sub-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stream {
    pub(crate) agent: Address,
    pub(crate) sub_agent_id: u32,
}

/// Where each stream is and what it lost.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    streams: HashMap<Stream, Position>,
    pub(crate) totals: Gaps,
}

/// What the sequence numbers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Datagrams that were sent and did not arrive.
    pub(crate) lost: u64,
    /// Arrived after a later one.
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    /// The agent started over.
    pub(crate) restarts: u64,
    /// Datagrams of streams beyond the number that is followed.
    pub(crate) untracked: u64,
}

#[derive(Debug)]
struct Position {
    sequence_number: u32,
    uptime: u32,
    gaps: Gaps,
}

impl Sequences {
    /// Takes note of a datagram.
    pub(crate) fn note(&mut self, datagram: &Datagram<'_>) {
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

    /// Number of streams seen.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Number of agents seen.
    pub(crate) fn agents(&self) -> usize {
        self.streams.keys().map(|stream| stream.agent).collect::<HashSet<_>>().len()
    }

    /// The streams that are not without a gap, in order.
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

/// A line, begun with a new line, for each stream that is not without a gap.
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
    fn advance(&mut self, sequence_number: u32, uptime: u32, totals: &mut Gaps) {
        let step = sequence_number.wrapping_sub(self.sequence_number).cast_signed();
        let elapsed = uptime.wrapping_sub(self.uptime).cast_signed();
        let mut both = |change: fn(&mut Gaps, u64), by: u64| {
            change(&mut self.gaps, by);
            change(totals, by);
        };
        match step {
            0 => return both(|gaps, by| gaps.duplicates += by, 1),
            // late: sent before the last one, so not after it by the agent's clock
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

/// Streams followed at once: a bound on memory when addresses are forged.
const MAX_STREAMS: usize = 16_384;
/// Streams listed, those of lowest address.
const MAX_LINES: usize = 1000;
/// A larger step forward is taken for a restart.
const MAX_GAP: i32 = 100_000;
/// A larger step back is taken for a restart.
const MAX_REORDER: i32 = -256;
/// A datagram whose uptime is further back is of another life of the agent.
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
    fn steps_of_one_across_the_wrap() {
        let datagrams = [(u32::MAX - 1, 0), (u32::MAX, 1), (0, 2), (1, 3)];
        assert_eq!(totals(&datagrams), Gaps::default());
    }

    #[test]
    fn a_gap_is_lost_and_a_late_one_found_again() {
        assert_eq!(totals(&[(1, 0), (5, 10)]).lost, 3);
        let late = totals(&[(1, 0), (3, 20), (2, 10), (4, 30)]);
        assert_eq!(late, Gaps { reordered: 1, ..Gaps::default() });
    }

    #[test]
    fn gaps_are_listed_by_stream() {
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
    fn duplicates_and_restarts() {
        assert_eq!(totals(&[(7, 0), (7, 0)]).duplicates, 1);
        // an agent whose uptime is its own, one whose uptime is the host's
        for uptime in [5, 100_000] {
            let restart = totals(&[(50, 60_000), (1, uptime), (2, uptime + 1)]);
            assert_eq!(restart, Gaps { restarts: 1, ..Gaps::default() });
        }
        assert_eq!(totals(&[(1, 0), (900_000, 1)]).restarts, 1);
    }
}
