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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A sample of these words after its type and length.
    fn sample(format: u32, words: &[u32]) -> Vec<u32> {
        [&[format, 4 * words.len() as u32], words].concat()
    }

    /// A datagram of agent 192.0.2.1, sub-agent 7, with number 99.
    pub(in crate::relay) fn datagram(samples: &[Vec<u32>]) -> Vec<u8> {
        let head = [5, 1, 0xc000_0201, 7, 99, 1000, samples.len() as u32];
        let words = head.into_iter().chain(samples.iter().flatten().copied());
        words.flat_map(u32::to_be_bytes).collect()
    }

    /// A flow sample of 1 in 10 with number 50, pool 5000 and 3 drops, of a packet from 02:00:00:00:00:01.
    pub(in crate::relay) fn flow(source: u32, input: u32, output: u32) -> Vec<u32> {
        let ethernet = [2, 24, 100, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x0800];
        let head = [50, source, 10, 5000, 3, input, output, 1];
        sample(1, &[head, ethernet].concat())
    }

    fn expanded(source: u32, input: u32, output: u32) -> Vec<u32> {
        sample(3, &[50, 0, source, 10, 5000, 3, 0, input, 0, output, 0])
    }

    fn counters(source: u32) -> Vec<u32> {
        sample(2, &[50, source, 0])
    }

    fn discard(source: u32, input: u32) -> Vec<u32> {
        sample(5, &[50, 0, source, 3, input, 0, 1, 0])
    }

    /// The words after the header of the part of a tenant, and the number of the datagram.
    fn part(tenant: &mut Tenant, samples: &[Vec<u32>]) -> Option<(u32, Vec<u32>)> {
        let payload = datagram(samples);
        let words: Vec<u32> = tenant
            .part(&payload)?
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!((words[..4].to_vec(), words[5]), (vec![5, 1, 0xc000_0201, 7], 1000));
        Some((words[4], words[6..].to_vec()))
    }

    /// A number of samples and their words.
    fn with(samples: &[Vec<u32>]) -> Vec<u32> {
        [&[samples.len() as u32], &samples.concat()[..]].concat()
    }

    #[test]
    fn samples_of_other_ports_get_numbers_of_their_own() {
        let filters = Filters { indexes: [4].into(), ..Filters::default() };
        let mut tenant = Tenant::new(filters);
        let own = [flow(4, 4, 9), counters(4), discard(4, 9)];
        let others = [flow(3, 3, 9), counters(3), discard(3, 9), expanded(3, 9, 3)];
        let all = [&own[..], &others].concat();
        assert_eq!(part(&mut tenant, &all), Some((1, with(&own))));
        assert_eq!(part(&mut tenant, &others), None);
        // Those of another source by which a packet left to the port, or came from it.
        let some = [flow(3, 3, 4), expanded(5, 4, 9), discard(3, 4), flow(3, 4, 9)];
        let mut expected = some.clone();
        (expected[0][2], expected[0][5], expected[0][6]) = (1, 10, 0);
        (expected[1][2], expected[1][6], expected[1][7]) = (1, 10, 0);
        expected[2][2] = 1;
        (expected[3][2], expected[3][5], expected[3][6]) = (2, 20, 0);
        assert_eq!(part(&mut tenant, &some), Some((2, with(&expected))));
    }

    #[test]
    fn packets_are_found_by_their_mac_addresses() {
        for (last, found) in [(1, true), (2, true), (3, false)] {
            let macs = [MacAddress([2, 0, 0, 0, 0, last])].into();
            let mut tenant = Tenant::new(Filters { macs, ..Filters::default() });
            assert_eq!(part(&mut tenant, &[flow(3, 3, 9), counters(3)]).is_some(), found, "{last}");
        }
    }

    #[test]
    fn ports_are_found_by_their_names_at_their_agent() {
        let names = ["uplink".to_owned()].into();
        let mut tenant = Tenant::new(Filters { names, ..Filters::default() });
        assert!(tenant.has_names());
        assert_eq!(part(&mut tenant, &[counters(4)]), None);
        let port = |agent: [u8; 4], index, name: &str| {
            let data_source = DataSource { class: 0, index };
            (Source { agent: Address::V4(agent.into()), data_source }, name.to_owned())
        };
        tenant.resolve(&[
            port([192, 0, 2, 1], 4, "uplink"),
            port([192, 0, 2, 1], 5, "eth5"),
            port([192, 0, 2, 2], 6, "uplink"),
        ]);
        let found = part(&mut tenant, &[counters(4), counters(5), counters(6)]);
        assert_eq!(found, Some((1, with(&[counters(4)]))));
    }
}
