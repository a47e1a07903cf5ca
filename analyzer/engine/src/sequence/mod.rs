//! Gaps in the sequence numbers of datagrams: losses, reordering, duplicates and restarts.

mod gaps;
mod position;
mod shared;
mod stream;
#[cfg(test)]
mod tests;

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashSet;

use flowmote_decoder::{Address, Datagram};
use foldhash::HashMap;

use crate::arrival::Arrival;
use crate::instant::Instant;
pub use gaps::Gaps;
use position::Mark;
pub use shared::Shared;
use stream::Stream;

/// A sub-agent, which should number its datagrams in one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubAgent {
    /// The agent address of the datagram header.
    pub agent: Address,
    /// The sub-agent id of the datagram header.
    pub sub_agent_id: u32,
}

/// Position and gaps of each stream of datagrams: those of a sub-agent from one sender.
///
/// At most 16,384 streams are tracked, or fewer, so that forged addresses cannot exhaust memory. A new stream
/// replaces those that a single datagram started, then those silent for five minutes, longest first;
/// if there are none, its datagrams are only counted. So forged streams cannot displace live ones.
#[derive(Debug)]
pub struct Sequences {
    streams: HashMap<Key, Stream>,
    /// Of each sub-agent, the sender of its last datagram.
    sub_agents: HashMap<SubAgent, LastSender>,
    /// Sums over all streams, including those not tracked any more.
    pub totals: Gaps,
    /// Confirmed streams that were replaced.
    pub replaced: u64,
    /// The earliest time of another search for streams to replace.
    next_search: Instant,
    /// The number of the next new stream.
    next_id: u64,
    /// Streams that are tracked at most.
    max_streams: usize,
}

impl Default for Sequences {
    fn default() -> Self {
        Self::new(MAX_STREAMS)
    }
}

/// The number of a stream, unique since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u64);

/// What the number of a datagram reveals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    /// `None` if the stream is not tracked.
    pub(crate) stream: Option<StreamId>,
    /// True for a copy of an earlier datagram, in a stream whose numbers advance.
    pub(crate) copy: bool,
}

/// The sub-agent and the sender of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    sub_agent: SubAgent,
    sender: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct LastSender {
    sender: Option<IpAddr>,
    /// True if a sender was seen again after another one. A device whose address changed does not
    /// return to the former one.
    alternates: bool,
}

impl Sequences {
    /// Tracks at most `max_streams`, 64 to 16,384.
    pub(crate) fn new(max_streams: usize) -> Self {
        Self {
            streams: HashMap::default(),
            sub_agents: HashMap::default(),
            totals: Gaps::default(),
            replaced: 0,
            next_search: Instant::default(),
            next_id: 0,
            max_streams: max_streams.clamp(64, MAX_STREAMS),
        }
    }

    /// Compares the sequence number of a datagram with the position of its stream.
    pub(crate) fn note(&mut self, arrival: &Arrival, datagram: &Datagram<'_>) -> Noted {
        let Datagram { agent_address: agent, sub_agent_id, sequence_number, uptime, .. } =
            *datagram;
        let sub_agent = SubAgent { agent, sub_agent_id };
        let key = Key { sub_agent, sender: arrival.sender };
        let mark = Mark { sequence_number, uptime, arrival: arrival.time };
        if let Some(stream) = self.streams.get_mut(&key) {
            let copy = stream.note(mark, &mut self.totals);
            let id = stream.id;
            // With as many streams as sub-agents, each sub-agent has one sender: there is nothing to note.
            if self.streams.len() != self.sub_agents.len() {
                self.note_sender(key);
            }
            Noted { stream: Some(id), copy }
        } else if self.streams.len() < self.max_streams || self.make_room(arrival.time) {
            let id = StreamId(self.next_id);
            self.next_id += 1;
            self.streams.insert(key, Stream::start(id, mark));
            let last = LastSender { sender: key.sender, alternates: false };
            self.sub_agents.entry(sub_agent).or_insert(last).sender = key.sender;
            Noted { stream: Some(id), copy: false }
        } else {
            self.totals.untracked += 1;
            Noted { stream: None, copy: false }
        }
    }

    /// Adds the streams of other agents.
    pub(crate) fn add(&mut self, other: &Self) {
        self.streams.extend(other.streams.iter().map(|(key, stream)| (*key, stream.clone())));
        self.sub_agents.extend(&other.sub_agents);
        self.totals.add_change(&Gaps::default(), &other.totals);
        self.replaced += other.replaced;
    }

    /// The number of sub-agents tracked.
    #[expect(clippy::len_without_is_empty, reason = "a count, not a collection")]
    pub fn len(&self) -> usize {
        self.sub_agents.len()
    }

    /// The number of agents tracked.
    pub fn agents(&self) -> usize {
        self.sub_agents.keys().map(|sub_agent| sub_agent.agent).collect::<HashSet<_>>().len()
    }

    /// True if several agents are tracked.
    pub fn several_agents(&self) -> bool {
        let mut agents = self.sub_agents.keys().map(|sub_agent| sub_agent.agent);
        let first = agents.next();
        agents.any(|agent| Some(agent) != first)
    }

    /// Notes the sender of a datagram of a known stream.
    fn note_sender(&mut self, key: Key) {
        if let Some(last) = self.sub_agents.get_mut(&key.sub_agent) {
            last.alternates |= last.sender != key.sender;
            last.sender = key.sender;
        }
    }

    /// Removes streams that may be replaced, at most a quarter of all. One pass over the streams then
    /// serves many new ones. Returns false if there are none.
    fn make_room(&mut self, now: Instant) -> bool {
        if now < self.next_search {
            return false;
        }
        let mut removable: Vec<(bool, Instant, Key)> = self
            .streams
            .iter()
            .map(|(key, stream)| (stream.confirmed, stream.last_arrival(), *key))
            .filter(|(confirmed, last, _)| !confirmed || now.since(*last) >= MAX_SILENCE)
            .collect();
        removable.sort_unstable();
        removable.truncate(self.max_streams / 4);
        for (confirmed, _, key) in &removable {
            self.streams.remove(key);
            self.replaced += u64::from(*confirmed);
        }
        let Self { streams, sub_agents, .. } = self;
        sub_agents.retain(|sub_agent, last| {
            streams.contains_key(&Key { sub_agent: *sub_agent, sender: last.sender })
        });
        if removable.is_empty() {
            self.next_search = now + SEARCH_INTERVAL;
        }
        !removable.is_empty()
    }

    /// The streams with gaps, ordered by agent, sub-agent and sender.
    fn with_gaps(&self) -> Vec<(Key, Gaps)> {
        let streams = self.streams.iter().map(|(key, stream)| (*key, stream.gaps));
        let mut streams: Vec<_> = streams.filter(|(_, gaps)| *gaps != Gaps::default()).collect();
        streams.sort_by_key(|(key, _)| *key);
        streams
    }
}

/// A line for each sub-agent with several senders and for each stream with gaps, each preceded by a
/// line feed.
impl fmt::Display for Sequences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shared in self.shared().iter().take(MAX_LINES) {
            write!(f, "\n  {shared}")?;
        }
        let streams = self.with_gaps();
        for (Key { sub_agent, sender }, gaps) in streams.iter().take(MAX_LINES) {
            let SubAgent { agent, sub_agent_id } = sub_agent;
            let Gaps { lost, reordered, duplicates, restarts, .. } = gaps;
            write!(f, "\n  agent {agent} sub-agent {sub_agent_id}")?;
            if let (true, Some(sender)) = (self.alternates(sub_agent), sender) {
                write!(f, " from {sender}")?;
            }
            write!(f, ": lost {lost}, reordered {reordered}, duplicates {duplicates}")?;
            write!(f, ", restarts {restarts}")?;
        }
        match streams.len().checked_sub(MAX_LINES) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n  and {more} more"),
        }
    }
}

/// Upper bound on streams tracked.
const MAX_STREAMS: usize = 16_384;
/// Upper bound on lines of each kind, lowest addresses first.
const MAX_LINES: usize = 1000;
/// Time without a datagram after which a confirmed stream may be replaced: several polling intervals.
const MAX_SILENCE: Duration = Duration::from_secs(300);
/// Time between two searches that find no stream to replace, so that a flood of new streams does not
/// cost a search for each datagram.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);
