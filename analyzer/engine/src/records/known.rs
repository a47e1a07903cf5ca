//! The interfaces that records were about.

use flowmote_decoder::{Address, DataSource};
use foldhash::HashMap;

use super::table::SECOND;
use crate::source::Source;

/// Interfaces with records in the last hour, at most [`MAX_OF_AGENT`] of an agent.
#[derive(Debug)]
pub(super) struct Known {
    agents: HashMap<Address, HashMap<DataSource, u64>>,
    interfaces: usize,
    /// Interfaces that have room.
    most: usize,
}

impl Known {
    pub(super) fn new(most: usize) -> Self {
        Self { agents: HashMap::default(), interfaces: 0, most }
    }

    /// Notes that an interface had records until a time, microseconds since 1970.
    pub(super) fn touch(&mut self, interface: Source, time: u64) {
        let own = self.agents.entry(interface.agent).or_default();
        if let Some(last) = own.get_mut(&interface.data_source) {
            *last = time;
        } else if self.interfaces < self.most && own.len() < MAX_OF_AGENT {
            // The ports of discards are any number of a datagram: one agent shall not take all places.
            own.insert(interface.data_source, time);
            self.interfaces += 1;
        }
    }

    pub(super) fn expire(&mut self, now: u64) {
        self.interfaces = 0;
        self.agents.retain(|_, own| {
            own.retain(|_, last| now.saturating_sub(*last) < MAX_AGE);
            self.interfaces += own.len();
            !own.is_empty()
        });
    }

    pub(super) fn of_agent(&self, agent: Address) -> impl Iterator<Item = Source> {
        let own = self.agents.get(&agent).into_iter().flat_map(HashMap::keys);
        own.map(move |data_source| Source { agent, data_source: *data_source })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Source> {
        self.agents.keys().flat_map(|agent| self.of_agent(*agent))
    }
}

/// Interfaces that are kept at most.
pub(super) const MAX: usize = 65_536;
const MAX_OF_AGENT: usize = 4096;
const MAX_AGE: u64 = 3600 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(agent: u8, index: u32) -> Source {
        let agent = Address::V4([192, 0, 2, agent].into());
        Source { agent, data_source: DataSource { class: 0, index } }
    }

    #[test]
    fn one_agent_does_not_take_all_places() {
        let (mut known, second) = (Known::new(MAX), SECOND);
        (0..100_000).for_each(|index| known.touch(interface(1, index), second));
        known.touch(interface(2, 5), second * 2);
        assert_eq!(known.of_agent(interface(1, 0).agent).count(), MAX_OF_AGENT);
        assert_eq!(known.of_agent(interface(2, 0).agent).count(), 1);
        known.expire(second + MAX_AGE);
        assert_eq!(known.iter().collect::<Vec<_>>(), [interface(2, 5)]);
        known.touch(interface(1, 5), second + MAX_AGE);
        assert_eq!((known.iter().count(), known.interfaces), (2, 2));
    }
}
