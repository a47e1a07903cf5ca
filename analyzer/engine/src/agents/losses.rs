//! Where flow samples are missing, for those who report it with each window of time.

use flowmote_decoder::{Address, DataSource};
use foldhash::{HashMap, HashMapExt};

use crate::source::Source;

/// Flow samples by data source, and datagrams by agent, that are missing since the last report.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    sources: HashMap<Source, i64>,
    agents: HashMap<Address, i64>,
}

impl Losses {
    /// Notes flow samples that are missing; fewer than before if one was late.
    pub(super) fn source(&mut self, agent: Address, data_source: DataSource, missing: i64) {
        let source = Source { agent, data_source };
        if self.sources.len() < MAX || self.sources.contains_key(&source) {
            *self.sources.entry(source).or_default() += missing;
        } else {
            self.agent(agent, missing);
        }
    }

    /// The same of datagrams.
    pub(super) fn agent(&mut self, agent: Address, missing: i64) {
        if self.agents.len() < MAX || self.agents.contains_key(&agent) {
            *self.agents.entry(agent).or_default() += missing;
        }
    }

    /// Data sources whose flow samples are missing.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        self.sources.iter().filter(|(_, missing)| **missing > 0).map(|(source, _)| *source)
    }

    /// Agents whose datagrams are missing.
    pub fn agents(&self) -> impl Iterator<Item = Address> {
        self.agents.iter().filter(|(_, missing)| **missing > 0).map(|(agent, _)| *agent)
    }

    /// Takes what was noted.
    pub(super) fn take(&mut self) -> Self {
        let empty = Self { sources: HashMap::new(), agents: HashMap::new() };
        core::mem::replace(self, empty)
    }
}

/// Data sources, and agents, that are noted between two reports.
const MAX: usize = 4096;
