//! The samples of a tenant: those of its ports, and of packets from or to its addresses.

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use flowmote_decoder::{Address, DataSource, Datagram, FlowSample, Interface, MacAddress, Sample};
use flowmote_engine::source::Source;

use crate::receive::Network;

/// What belongs to a tenant. A sample needs to match one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filters {
    /// ifIndex of ports, of all agents.
    pub(crate) indexes: HashSet<u32>,
    /// Names of ports, of all agents.
    pub(crate) names: HashSet<String>,
    pub(crate) networks: Vec<Network>,
    pub(crate) macs: HashSet<MacAddress>,
}

/// Selects the samples of a tenant, and writes datagrams with these alone.
#[derive(Debug)]
pub(crate) struct Tenant {
    filters: Filters,
    /// The ports that have the names.
    named: HashSet<(Address, u32)>,
    /// Datagrams written for each agent and sub-agent.
    datagrams: HashMap<(Address, u32), u32>,
    /// Samples written for each data source, sub-agent and kind (true for flow samples) of which not all
    /// are the tenant's.
    selected: HashMap<(Source, u32, bool), Numbers>,
    buffer: Vec<u8>,
}

/// Numbers of the samples of a data source that are the tenant's.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    sequence: u32,
    /// Packets that the samples stand for.
    pool: u32,
}

impl Tenant {
    pub(crate) fn new(filters: Filters) -> Self {
        Self {
            filters,
            named: HashSet::new(),
            datagrams: HashMap::new(),
            selected: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// True if ports are to be found by their names.
    pub(super) fn has_names(&self) -> bool {
        !self.filters.names.is_empty()
    }

    /// Finds the ports among all of them.
    pub(super) fn resolve(&mut self, ports: &[(Source, String)]) {
        let own = ports.iter().filter(|(_, name)| self.filters.names.contains(name));
        self.named = own.map(|(source, _)| (source.agent, source.data_source.index)).collect();
    }

    /// The datagram with the tenant's samples alone; `None` without any. Those of versions 2 and 4 have
    /// none.
    pub(super) fn part(&mut self, payload: &[u8]) -> Option<&[u8]> {
        let datagram = Datagram::parse(payload).ok().filter(|it| it.version == 5)?;
        let (agent, mut samples) = (datagram.agent_address, datagram.samples());
        let header = payload.len() - samples.remaining().len();
        self.buffer.clear();
        self.buffer.extend_from_slice(payload.get(..header)?);
        let (mut count, mut rest) = (0_u32, samples.remaining());
        while let Some(sample) = samples.next() {
            let bytes = rest.len() - samples.remaining().len();
            let (bytes, after) = rest.split_at_checked(bytes)?;
            rest = after;
            if let Ok(sample) = sample
                && self.has(agent, &sample)
            {
                count += 1;
                self.write(agent, datagram.sub_agent_id, &sample, bytes);
            }
        }
        if count == 0 {
            return None;
        }
        let key = (agent, datagram.sub_agent_id);
        make_room(&mut self.datagrams, &key);
        let sequence = self.datagrams.entry(key).or_default();
        *sequence = sequence.wrapping_add(1);
        // The header ends with sequence number, uptime and number of samples.
        patch(&mut self.buffer, header - 12, *sequence);
        patch(&mut self.buffer, header - 4, count);
        Some(&self.buffer)
    }

    /// True for samples of the tenant. Those of kinds without a port or packet belong to no tenant.
    fn has(&self, agent: Address, sample: &Sample<'_>) -> bool {
        match sample {
            Sample::Counters(counters) => self.has_source(agent, counters.source_id),
            Sample::Flow(flow) => {
                self.has_source(agent, flow.source_id)
                    || [flow.input, flow.output].iter().any(|port| self.has_port(agent, port))
                    || self.has_packet(flow)
            }
            Sample::Discarded(packet) => {
                let ports = [packet.input_if_index, packet.output_if_index];
                ports.iter().any(|port| self.has_index(agent, *port))
                    || self.has_source(agent, packet.source_id)
            }
            _ => false,
        }
    }

    fn has_source(&self, agent: Address, source: DataSource) -> bool {
        source.class == 0 && self.has_index(agent, source.index)
    }

    fn has_port(&self, agent: Address, port: &Interface) -> bool {
        // Other formats are no index.
        port.format == 0 && self.has_index(agent, port.value)
    }

    fn has_index(&self, agent: Address, index: u32) -> bool {
        index != 0
            && (self.filters.indexes.contains(&index) || self.named.contains(&(agent, index)))
    }

    fn has_packet(&self, sample: &FlowSample<'_>) -> bool {
        let Filters { networks, macs, .. } = &self.filters;
        if networks.is_empty() && macs.is_empty() {
            return false;
        }
        let packet = sample.packet();
        let inside = |ip: IpAddr| networks.iter().any(|network| network.contains(ip));
        packet.flow.is_some_and(|flow| inside(flow.src) || inside(flow.dst))
            || packet.ethernet.is_some_and(|it| macs.contains(&it.src) || macs.contains(&it.dst))
    }

    /// Appends a sample. If only some of its data source are the tenant's, they get numbers of their own,
    /// and a pool of the packets that they stand for: a receiver would take the others for lost, and the
    /// rate for a lower one.
    fn write(&mut self, agent: Address, sub_agent_id: u32, sample: &Sample<'_>, bytes: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        let (source, pool) = match sample {
            // After type and length: number, source of one or two words, rate, pool, drops.
            Sample::Flow(flow) => {
                let pool = start + if flow.expanded { 24 } else { 20 };
                (flow.source_id, Some((pool, flow.sampling_rate)))
            }
            Sample::Discarded(packet) => (packet.source_id, None),
            _ => return,
        };
        if self.has_source(agent, source) {
            return;
        }
        let key = (Source { agent, data_source: source }, sub_agent_id, pool.is_some());
        make_room(&mut self.selected, &key);
        let numbers = self.selected.entry(key).or_default();
        numbers.sequence = numbers.sequence.wrapping_add(1);
        patch(&mut self.buffer, start + 8, numbers.sequence);
        if let Some((at, rate)) = pool {
            numbers.pool = numbers.pool.wrapping_add(rate);
            patch(&mut self.buffer, at, numbers.pool);
            patch(&mut self.buffer, at + 4, 0);
        }
    }
}

/// Forgets all numbers if there is no room for a new key: receivers see restarts.
fn make_room<K: Eq + core::hash::Hash, V>(numbers: &mut HashMap<K, V>, key: &K) {
    if numbers.len() >= MAX_NUMBERS && !numbers.contains_key(key) {
        numbers.clear();
    }
}

/// Replaces a word.
fn patch(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = word.to_be_bytes();
    }
}

/// Data sources, or agents, whose numbers are kept.
const MAX_NUMBERS: usize = 65_536;
