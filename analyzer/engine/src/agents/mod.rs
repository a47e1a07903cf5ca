//! Agents, and for each the ledger of its samples: made, lost and where, used.

mod ledger;
mod losses;
mod sequence;
#[cfg(test)]
mod tests;

use core::net::IpAddr;

use flowmote_decoder::{Address, DataSource, Datagram, Sample};
use foldhash::{HashMap, HashMapExt};

use crate::arrival::Arrival;
use crate::instant::Instant;
use crate::source::Source;
use crate::walk::Irregular;
pub use ledger::{Account, Datagrams, Ledger, Samples};
pub use losses::{Losses, Lost};
use sequence::{Sequence, Step};

/// All agents that sent datagrams.
///
/// At most 16,384 are kept, and 2^20 data sources, or what fits the memory. A further agent replaces the
/// one that was silent for the longest time; samples of further data sources are counted as untracked.
#[derive(Debug)]
pub struct Agents {
    agents: HashMap<Address, Agent>,
    /// Data sources of all agents.
    sources: usize,
    /// Agents that were replaced.
    pub evicted: u64,
    /// The sum of their ledgers.
    gone: Ledger,
    /// Bytes that may be in use.
    limit: usize,
    losses: Losses,
}

impl Default for Agents {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
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
    /// The sub-agents that have restarted, and their sessions. Those of the others are 0.
    sessions: Vec<(u32, u16)>,
    /// True if the current datagram is a copy.
    copy: bool,
}

/// The sequences of the samples of a data source.
#[derive(Debug, Default)]
struct Sources {
    flow: Sequence,
    counters: Sequence,
    discards: Sequence,
    flow_drops: Drops,
    discard_drops: Drops,
}

/// The last value of `drops`.
#[derive(Clone, Copy, Debug, Default)]
struct Drops(Option<u32>);

impl Agents {
    /// No agents; at most `limit` bytes will be used for them, but there is room for 64 agents.
    pub fn new(limit: usize) -> Self {
        let (gone, losses) = (Ledger::default(), Losses::default());
        Self { agents: HashMap::new(), sources: 0, evicted: 0, gone, limit, losses }
    }

    /// Counts a datagram.
    pub(crate) fn datagram(&mut self, arrival: &Arrival, datagram: &Datagram<'_>, bytes: usize) {
        let address = datagram.agent_address;
        if self.is_full() && !self.agents.contains_key(&address) {
            self.make_room();
        }
        let agent = self.agents.entry(address).or_insert_with(|| Agent::new(arrival.time));
        agent.last_seen = arrival.time;
        agent.uptime = datagram.uptime;
        agent.copy = false;
        agent.ledger.datagrams.received += 1;
        agent.ledger.datagrams.bytes += bytes as u64;
        agent.sender(arrival.sender);
    }

    /// Counts what the number of the last datagram of an agent means.
    pub(crate) fn irregular(&mut self, agent: Address, sub_agent_id: u32, it: &Irregular) {
        let Some(known) = self.agents.get_mut(&agent) else { return };
        known.irregular(sub_agent_id, it);
        let lost = it.after.lost.wrapping_sub(it.before.lost).cast_signed();
        if lost != 0 {
            self.losses.note(Lost::Datagrams(agent), lost, known.last_seen);
        }
    }

    /// Counts a sample of an agent; `implausible` if it has values that no device can mean. Returns
    /// false for a sample that must not be used: its datagram is a copy.
    pub(crate) fn sample(
        &mut self,
        agent: Address,
        sub_agent_id: u32,
        sample: &Sample<'_>,
        implausible: bool,
    ) -> bool {
        let room = self.sources < MAX_SOURCES && self.bytes() + SOURCE_BYTES <= self.limit;
        let Some(known) = self.agents.get_mut(&agent) else { return true };
        if known.copy {
            return false;
        }
        let not_received =
            |ledger: &Ledger| ledger.flow.not_received() + ledger.discards.not_received();
        let before = not_received(&known.ledger);
        self.sources += usize::from(known.sample(sub_agent_id, sample, implausible, room));
        let missing = not_received(&known.ledger).wrapping_sub(before).cast_signed();
        if missing != 0 {
            let lost = match sample {
                Sample::Flow(flow) => Lost::Samples(Source { agent, data_source: flow.source_id }),
                _ => Lost::Discards(agent),
            };
            self.losses.note(lost, missing, known.last_seen);
        }
        true
    }

    /// The losses since this was called last.
    pub fn take_losses(&mut self) -> Losses {
        self.losses.take()
    }

    /// Counts samples of the last datagram of an agent that cannot be read.
    pub(crate) fn malformed(&mut self, agent: Address, samples: u64) {
        if let Some(agent) = self.agents.get_mut(&agent)
            && !agent.copy
        {
            agent.ledger.malformed += samples;
            agent.ledger.datagrams.cut += 1;
        }
    }

    /// The sum of the ledgers of all agents, also of those that were replaced.
    pub fn total(&self) -> Ledger {
        let mut total = self.gone;
        self.agents.values().for_each(|agent| total += agent.ledger);
        total
    }

    /// At most `limit` of the agents that `wanted` accepts, in the order of their addresses, from the
    /// first after `after` on.
    pub fn page(
        &self,
        after: Option<Address>,
        limit: usize,
        wanted: impl Fn(Address) -> bool,
    ) -> Vec<(Address, &Agent)> {
        let later = self.iter().filter(|(address, _)| after.is_none_or(|after| *address > after));
        let mut agents: Vec<_> = later.filter(|(address, _)| wanted(*address)).collect();
        agents.sort_unstable_by_key(|(address, _)| *address);
        agents.truncate(limit);
        agents
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
        self.agents.len() * AGENT_BYTES + self.sources * SOURCE_BYTES
    }

    /// True if a new agent needs the room of another one.
    fn is_full(&self) -> bool {
        self.agents.len() >= MAX_AGENTS
            || self.agents.len() >= MIN_AGENTS && self.bytes() + AGENT_BYTES > self.limit
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
                self.gone += agent.ledger;
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
            sessions: Vec::new(),
            copy: false,
        }
    }

    /// Data sources that sent flow samples.
    pub fn flow_sources(&self) -> usize {
        self.sources.values().filter(|source| source.flow.is_used()).count()
    }

    /// Data sources that sent counter samples.
    pub fn counter_sources(&self) -> usize {
        self.sources.values().filter(|source| source.counters.is_used()).count()
    }

    fn sender(&mut self, sender: Option<IpAddr>) {
        if let Some(sender) = sender
            && self.senders.len() < MAX_SENDERS
            && !self.senders.contains(&sender)
        {
            self.senders.push(sender);
        }
    }

    fn irregular(&mut self, sub_agent_id: u32, it: &Irregular) {
        let Datagrams { received, copies, gaps, .. } = &mut self.ledger.datagrams;
        gaps.add_change(&it.before, &it.after);
        self.copy = it.copy;
        if it.copy {
            *received -= 1;
            *copies += 1;
        }
        if it.after.restarts > it.before.restarts {
            self.begin_session(sub_agent_id);
        }
    }

    /// Begins a session of a sub-agent, in which all its sequences are new.
    fn begin_session(&mut self, sub_agent_id: u32) {
        let known = self.sessions.iter_mut().find(|(id, _)| *id == sub_agent_id);
        if let Some((_, session)) = known {
            *session = session.wrapping_add(1);
        } else if self.sessions.len() < MAX_SESSIONS {
            self.sessions.push((sub_agent_id, 1));
        }
        // Else the sequences find out by themselves, unless their numbers are near the last ones.
    }

    /// Counts a sample and those missing before it. Returns true if its data source is new.
    fn sample(
        &mut self,
        sub_agent_id: u32,
        sample: &Sample<'_>,
        implausible: bool,
        room: bool,
    ) -> bool {
        let source = match sample {
            Sample::Flow(flow) => flow.source_id,
            Sample::Counters(counters) => counters.source_id,
            Sample::Discarded(packet) => packet.source_id,
            Sample::RtMetric(_) | Sample::RtFlow(_) => {
                self.ledger.custom += 1;
                return false;
            }
            _ => {
                self.ledger.unknown += 1;
                return false;
            }
        };
        let (before, key) = (self.sources.len(), (sub_agent_id, source));
        let first = if room || self.sources.contains_key(&key) {
            let session = self.sessions.iter().find(|(id, _)| *id == sub_agent_id);
            let session = session.map_or(0, |(_, session)| *session);
            let state = self.sources.entry(key).or_default();
            state.note(sample, session, &mut self.ledger) != Step::Duplicate
        } else {
            self.ledger.untracked += 1;
            true
        };
        self.ledger.implausible += u64::from(implausible && first);
        self.sources.len() > before
    }
}

impl Sources {
    fn note(&mut self, sample: &Sample<'_>, session: u16, ledger: &mut Ledger) -> Step {
        match sample {
            Sample::Flow(flow) => {
                let step = self.flow.note(flow.sequence_number, session, &mut ledger.flow);
                ledger.flow.dropped += self.flow_drops.note(step, flow.drops);
                step
            }
            Sample::Discarded(packet) => {
                let number = packet.sequence_number;
                let step = self.discards.note(number, session, &mut ledger.discards);
                ledger.discards.dropped += self.discard_drops.note(step, packet.drops);
                step
            }
            Sample::Counters(counters) => {
                self.counters.note(counters.sequence_number, session, &mut ledger.counters)
            }
            _ => Step::Later,
        }
    }
}

impl Drops {
    /// Takes the value of a sample. Returns the samples that the agent dropped since the last one.
    fn note(&mut self, step: Step, now: u32) -> u64 {
        let Some(last) = self.0 else {
            self.0 = Some(now);
            return 0;
        };
        if matches!(step, Step::Late | Step::Duplicate) {
            return 0;
        }
        self.0 = Some(now);
        match step {
            // The count has begun again with the agent, or the hardware has kept it.
            Step::Session if now < last => now.into(),
            Step::First => 0,
            _ => match now.wrapping_sub(last) {
                step if step.cast_signed() < 0 => 0,
                step => step.into(),
            },
        }
    }
}

/// Sub-agents of an agent whose restarts are kept.
const MAX_SESSIONS: usize = 64;
/// Agents at the same time.
const MAX_AGENTS: usize = 16_384;
/// Agents for which there is room in any memory.
const MIN_AGENTS: usize = 64;
/// Bytes of an agent in a hash table that has just grown, with the first tables of its data sources and
/// senders, and with its stream of datagrams.
pub(crate) const AGENT_BYTES: usize = 2 * size_of::<(Address, Agent)>() + 1024;
/// Bytes of a data source in such a table.
const SOURCE_BYTES: usize = size_of::<((u32, DataSource), Sources)>() * 3 / 2;
/// Data sources of all agents: 10,000 switches of 50 ports twice.
const MAX_SOURCES: usize = 1 << 20;
/// Senders of one agent.
const MAX_SENDERS: usize = 8;
