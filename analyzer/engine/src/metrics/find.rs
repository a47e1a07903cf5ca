//! The search for metrics, in parts: samples wait while a part is read.

use core::ops::Bound;
use std::collections::BTreeSet;

use flowmote_decoder::{Address, DataSource};

use super::entity::Entity;
use super::names::Metric;
use super::{Found, HOST, MetricFilter, Metrics};
use crate::lookup::Topology;
use crate::source::{AgentList, Source};
use crate::source_names::NAMED;

/// Which metrics are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Of these agents.
    pub agents: &'a AgentList,
    /// Of this data source only.
    pub pin: Option<DataSource>,
    /// Of this name only.
    pub name: Option<&'a str>,
    /// Of data sources that pass.
    pub filter: &'a MetricFilter,
}

impl Search<'_> {
    /// True for a data source whose agent and number are wanted.
    pub(crate) fn is_for(&self, source: &Source, topology: &Topology) -> bool {
        self.agents.contains(source, topology)
            && self.pin.is_none_or(|pin| pin == source.data_source)
    }
}

impl Metrics {
    /// The metrics that are wanted, in the order of agents and data sources.
    pub fn find(&self, search: &Search<'_>, topology: &Topology) -> Vec<Found> {
        self.find_part(search, topology, None, usize::MAX).0
    }

    /// The same of the data sources after `after`; at most `limit` are looked at. The last one is returned
    /// if there are more.
    pub fn find_part(
        &self,
        search: &Search<'_>,
        topology: &Topology,
        after: Option<Source>,
        limit: usize,
    ) -> (Vec<Found>, Option<Source>) {
        let metric = search.name.map(|name| self.names.get(name));
        let (mut found, mut last) = (Vec::new(), None);
        if metric == Some(None) {
            return (found, None);
        }
        for (number, (source, entity)) in self.after(search.agents, after).enumerate() {
            if number >= limit {
                return (found, last);
            }
            last = Some(*source);
            if search.is_for(source, topology)
                && search.filter.passes(|name| self.text(source, entity, name))
            {
                self.values(*source, entity, metric.flatten(), &mut found);
            }
        }
        (found, None)
    }

    /// Adds all metrics of a data source, or one.
    pub(super) fn values(
        &self,
        source: Source,
        entity: &Entity,
        one: Option<Metric>,
        to: &mut Vec<Found>,
    ) {
        let all = one.is_none().then(|| entity.values(&self.schemas));
        let one = one.and_then(|metric| entity.get(&self.schemas, metric));
        to.extend(all.into_iter().flatten().chain(one).map(|(metric, value, updated)| {
            let name = self.names.name(metric);
            Found { source, name, value, updated, top_keys: Vec::new() }
        }));
    }

    /// The data sources after one, in order: all, or those of agents that are named.
    fn after<'a>(
        &'a self,
        agents: &AgentList,
        after: Option<Source>,
    ) -> Box<dyn Iterator<Item = (&'a Source, &'a Entity)> + 'a> {
        let AgentList::Named { addresses, .. } = agents else {
            let first = after.map_or(Bound::Unbounded, Bound::Excluded);
            return Box::new(self.entities.range((first, Bound::Unbounded)));
        };
        let addresses: BTreeSet<Address> = addresses.iter().copied().collect();
        let sources = addresses.into_iter().flat_map(|agent| self.of_agent(agent));
        Box::new(sources.filter(move |(source, _)| after.is_none_or(|after| **source > after)))
    }

    /// True if the metrics of a data source, or of its agent, match a filter.
    pub fn passes(&self, source: &Source, filter: &MetricFilter) -> bool {
        let none = Entity::default();
        let entity = self.entities.get(source).unwrap_or(&none);
        filter.passes(|name| self.text(source, entity, name))
    }

    /// The values of a metric that a filter compares: that of the data source itself. One that has none has
    /// those of its host, else those of all data sources with a name, such as `cloud`; a host has those of
    /// all data sources of the agent.
    fn text(&self, source: &Source, entity: &Entity, name: &str) -> Vec<String> {
        let Some(metric) = self.names.get(name) else { return Vec::new() };
        let text = |entity: &Entity| {
            entity.get(&self.schemas, metric).map(|(_, value, _)| value.to_string())
        };
        let own: Vec<String> = text(entity).into_iter().collect();
        if !own.is_empty() {
            return own;
        }
        let between = |first, last| -> Vec<String> {
            let entities = self.between(source.agent, first, last);
            entities.filter_map(|(_, entity)| text(entity)).collect()
        };
        if source.data_source.class == HOST {
            return between(0, u32::MAX);
        }
        let of_host = between(HOST, HOST);
        if of_host.is_empty() { between(NAMED, NAMED) } else { of_host }
    }

    /// The data sources of an agent.
    pub(super) fn of_agent(&self, agent: Address) -> impl Iterator<Item = (&Source, &Entity)> {
        self.between(agent, 0, u32::MAX)
    }

    /// The data sources of an agent in these classes.
    pub(super) fn between(
        &self,
        agent: Address,
        first: u32,
        last: u32,
    ) -> impl Iterator<Item = (&Source, &Entity)> {
        let at = |class, index| Source { agent, data_source: DataSource { class, index } };
        self.entities.range(at(first, 0)..=at(last, u32::MAX))
    }
}
