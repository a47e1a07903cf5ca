//! Agents, and for each the ledger of its samples: made, lost and where, used.

mod ledger;
mod sequence;
#[cfg(test)]
mod tests;

use core::net::IpAddr;

use flowmote_decoder::{Address, DataSource, Datagram, Sample};
use foldhash::{HashMap, HashMapExt};

use crate::arrival::Arrival;
use crate::instant::Instant;
pub use ledger::{Ledger, Samples};
use sequence::Sequence;

/// All agents that sent datagrams.
///
/// At most 16,384 are kept, and 2^20 data sources. A further agent replaces the one that was silent
/// for the longest time.
#[derive(Debug, Default)]
pub struct Agents {
    agents: HashMap<Address, Agent>,
    /// Data sources of all agents.
    sources: usize,
    /// Agents that were replaced.
    pub evicted: u64,
}

/// One agent, known by the address in its datagrams.
#[derive(Debug)]
pub struct Agent {
    /// The first datagram since it is kept.
    pub first_seen: Instant,
    /// The last datagram.
    pub last_seen: Instant,
    /// Milliseconds since its start, by its own clock, in the last datagram.
    pub uptime: u32,
    /// Addresses from which its datagrams came, at most eight. More than one can mean that several
    /// devices have the same agent address.
    pub senders: Vec<IpAddr>,
    /// Datagrams and samples, and what was lost.
    pub ledger: Ledger,
    /// Flow and counter samples of each sub-agent and data source.
    sources: HashMap<(u32, DataSource), Sources>,
    /// The last value of `drops` in a notice of a discarded packet.
    discard_drops: Option<u32>,
}

/// The sequences of the samples of a data source.
#[derive(Debug, Default)]
struct Sources {
    flow: Option<Sequence>,
    counters: Option<Sequence>,
    /// The last value of `drops`.
    drops: Option<u32>,
}

impl Agents {
    /// Counts a datagram. Returns the agent, to count its samples.
    pub(crate) fn datagram(
        &mut self,
        arrival: &Arrival,
        datagram: &Datagram<'_>,
        bytes: usize,
    ) -> &mut Agent {
        let address = datagram.agent_address;
        if self.agents.len() >= MAX_AGENTS && !self.agents.contains_key(&address) {
            self.make_room();
        }
        let agent = self.agents.entry(address).or_insert_with(|| Agent::new(arrival.time));
        agent.last_seen = arrival.time;
        agent.uptime = datagram.uptime;
        agent.ledger.datagrams += 1;
        agent.ledger.bytes += bytes as u64;
        agent.sender(arrival.sender);
        agent
    }

    /// Counts a sample of an agent.
    pub(crate) fn sample(&mut self, agent: Address, sub_agent_id: u32, sample: &Sample<'_>) {
        let room = self.sources < MAX_SOURCES;
        if let Some(agent) = self.agents.get_mut(&agent) {
            self.sources += usize::from(agent.sample(sub_agent_id, sample, room));
        }
    }

    /// The agent with this address, to count what became of its samples.
    pub(crate) fn get_mut(&mut self, agent: Address) -> Option<&mut Agent> {
        self.agents.get_mut(&agent)
    }

    /// The agent with this address.
    pub fn get(&self, agent: Address) -> Option<&Agent> {
        self.agents.get(&agent)
    }

    /// All agents, in arbitrary order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Address, &Agent)> {
        self.agents.iter().map(|(address, agent)| (*address, agent))
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.agents.capacity() * (size_of::<(Address, Agent)>() + 1)
            + self.sources * (size_of::<((u32, DataSource), Sources)>() * 8 / 7 + 1)
    }

    /// Removes the sixteenth of the agents that was silent for the longest time: one search then serves
    /// many new agents.
    fn make_room(&mut self) {
        let mut seen: Vec<Instant> = self.agents.values().map(|agent| agent.last_seen).collect();
        let sixteenth = seen.len() / 16;
        let (_, limit, _) = seen.select_nth_unstable(sixteenth);
        let limit = *limit;
        let (before, mut room) = (self.agents.len(), sixteenth + 1);
        self.agents.retain(|_, agent| {
            let keep = agent.last_seen > limit || room == 0;
            if !keep {
                room -= 1;
                self.sources -= agent.sources.len();
            }
            keep
        });
        self.evicted += (before - self.agents.len()) as u64;
    }
}

impl Agent {
    fn new(now: Instant) -> Self {
        Self {
            first_seen: now,
            last_seen: now,
            uptime: 0,
            senders: Vec::new(),
            ledger: Ledger::default(),
            sources: HashMap::new(),
            discard_drops: None,
        }
    }

    /// Data sources that sent flow samples.
    pub fn flow_sources(&self) -> usize {
        self.sources.values().filter(|source| source.flow.is_some()).count()
    }

    /// Data sources that sent counter samples.
    pub fn counter_sources(&self) -> usize {
        self.sources.values().filter(|source| source.counters.is_some()).count()
    }

    fn sender(&mut self, sender: Option<IpAddr>) {
        if let Some(sender) = sender
            && self.senders.len() < MAX_SENDERS
            && !self.senders.contains(&sender)
        {
            self.senders.push(sender);
        }
    }

    /// Counts a sample and those missing before it. Returns true if its data source is new.
    fn sample(&mut self, sub_agent_id: u32, sample: &Sample<'_>, room: bool) -> bool {
        let (source, number) = match sample {
            Sample::Flow(flow) => (flow.source_id, flow.sequence_number),
            Sample::Counters(counters) => (counters.source_id, counters.sequence_number),
            Sample::Discarded(packet) => {
                self.ledger.discards += 1;
                let last = self.discard_drops.replace(packet.drops);
                self.ledger.discard_drops += drops_since(last, packet.drops);
                return false;
            }
            _ => {
                self.ledger.others += 1;
                return false;
            }
        };
        let (before, key) = (self.sources.len(), (sub_agent_id, source));
        if !room && !self.sources.contains_key(&key) {
            self.ledger.untracked += 1;
            return false;
        }
        let state = self.sources.entry(key).or_default();
        match sample {
            Sample::Flow(flow) => {
                state.flow.get_or_insert_default().note(number, &mut self.ledger.flow);
                let last = state.drops.replace(flow.drops);
                self.ledger.drops += drops_since(last, flow.drops);
            }
            _ => state.counters.get_or_insert_default().note(number, &mut self.ledger.counters),
        }
        self.sources.len() > before
    }
}

/// Samples that the agent dropped since the last sample. A step back is a restart of the agent or a
/// late sample.
fn drops_since(last: Option<u32>, now: u32) -> u64 {
    let step = now.wrapping_sub(last.unwrap_or(now));
    if step.cast_signed() < 0 { 0 } else { step.into() }
}

/// Agents at the same time.
const MAX_AGENTS: usize = 16_384;
/// Data sources of all agents: 10,000 switches of 50 ports twice.
const MAX_SOURCES: usize = 1 << 20;
/// Senders of one agent.
const MAX_SENDERS: usize = 8;
