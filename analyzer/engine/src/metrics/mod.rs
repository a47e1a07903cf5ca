//! Metrics: counters of agents under their published names, as rates, gauges and texts.
//!
//! The decoder visits the fields of each counter record with their kinds. A counter becomes a rate per
//! second, by the difference to the record before; everything else becomes a value as it is. So a
//! record that is new in the decoder is a set of metrics here without a line of code.

mod derived;
mod entity;
mod fields;
mod filter;
mod names;
mod published;
mod statistic;
mod table;
#[cfg(test)]
mod tests;
mod words;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::{Address, CounterRecord, DataSource, Malformed, RtValue, Text};

use crate::instant::Instant;
use crate::interfaces::{SampleTime, interface};
use crate::lookup::{Names as PortNames, Topology};
use crate::source::{AgentList, Source};
use entity::Entity;
use fields::Fields;
pub use filter::MetricFilter;
use names::Names;
pub use statistic::{Aggregate, MetricRequest, Quartiles, Statistic, statistic};
pub use table::{Column, rows};

/// The metrics of all data sources.
#[derive(Debug)]
pub struct Metrics {
    entities: BTreeMap<Source, Entity>,
    names: Names,
    /// Reused for each record.
    fields: Fields,
    /// Bytes of all entities.
    bytes: usize,
    capacity: usize,
    /// Data sources evicted because the memory was full.
    pub evicted: u64,
}

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A rate or a gauge.
    Number(f64),
    /// A name or a state.
    Text(Box<str>),
}

/// A metric of a data source.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The data source.
    pub source: Source,
    /// The published name.
    pub name: Arc<str>,
    /// The last value.
    pub value: MetricValue,
    /// The time of the last value.
    pub updated: Instant,
    /// For the metric of a flow definition, its largest flows.
    pub top_keys: Vec<TopKey>,
}

/// A flow of a data source.
#[derive(Clone, Debug, PartialEq)]
pub struct TopKey {
    /// Its fields, joined by the separator of the definition.
    pub key: String,
    /// Its rate.
    pub value: f64,
}

impl Metrics {
    /// No metrics; at most about `capacity` bytes will be used.
    pub fn new(capacity: usize) -> Self {
        Self {
            entities: BTreeMap::new(),
            names: Names::default(),
            fields: Fields::default(),
            bytes: 0,
            capacity,
            evicted: 0,
        }
    }

    /// Replaces the metrics of a counter record. Returns the data source they belong to: some agents
    /// send the counters of all ports with a single data source, and a record of interface counters
    /// names the interface of those that follow it.
    ///
    /// # Errors
    /// The fault in the record. The metrics of the fields before it are replaced.
    pub fn counters(
        &mut self,
        source: Source,
        time: SampleTime,
        record: &CounterRecord<'_>,
    ) -> (DataSource, Result<usize, Malformed>) {
        let at = match record.read::<IfCounters>() {
            Some(counters) => interface(&counters),
            None => source.data_source,
        };
        self.fields.clear();
        let visited = record.visit(&mut self.fields);
        if let Some(name) = record.name() {
            let source = Source { data_source: at, ..source };
            self.update(source, |entity, fields, names| {
                entity.record(name, record.data_format(), at.class, time, fields, names);
            });
        }
        (at, visited)
    }

    /// Replaces a metric of an `rtmetric` sample. Names that have other characters than letters, digits,
    /// `-` and `_`, or more than 64, are ignored.
    pub fn custom(&mut self, source: Source, now: Instant, value: &RtValue<'_>) {
        if let Some(name) = value.name.to_str().ok().filter(|name| is_custom_name(name)) {
            let value = &value.value;
            self.update(source, |entity, _, names| entity.custom(name, value, now, names));
        }
    }

    fn update(&mut self, source: Source, change: impl FnOnce(&mut Entity, &Fields, &mut Names)) {
        if self.bytes > self.capacity && !self.entities.contains_key(&source) {
            self.make_room();
        }
        let new = !self.entities.contains_key(&source);
        let entity = self.entities.entry(source).or_default();
        let before = if new { 0 } else { entity.bytes() };
        change(entity, &self.fields, &mut self.names);
        self.bytes = (self.bytes + entity.bytes()).saturating_sub(before);
    }

    /// Removes data sources without news for [`EXPIRY`].
    pub fn tick(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.entities.retain(|_, entity| {
            let keep = now.since(entity.updated) < EXPIRY;
            if !keep {
                *bytes = bytes.saturating_sub(entity.bytes());
            }
            keep
        });
    }

    /// Removes the sixteenth of the data sources that was silent for the longest time.
    fn make_room(&mut self) {
        let mut updated: Vec<_> = self.entities.values().map(|entity| entity.updated).collect();
        let sixteenth = updated.len() / 16;
        let (_, limit, _) = updated.select_nth_unstable(sixteenth);
        let (limit, mut room) = (*limit, sixteenth + 1);
        let (bytes, evicted) = (&mut self.bytes, &mut self.evicted);
        self.entities.retain(|_, entity| {
            let keep = entity.updated > limit || room == 0;
            if !keep {
                room -= 1;
                *evicted += 1;
                *bytes = bytes.saturating_sub(entity.bytes());
            }
            keep
        });
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes + self.names.bytes()
    }

    /// The metrics of the agents in `agents`, all or those named `name`, of all data sources or of the
    /// pinned one, that pass `filter`. In the order of agents and data sources.
    pub fn find(
        &self,
        agents: &AgentList,
        topology: &Topology,
        pin: Option<DataSource>,
        name: Option<&str>,
        filter: &MetricFilter,
    ) -> Vec<Found> {
        let wanted = match name {
            Some(name) => match self.names.get(name) {
                Some(metric) => Some(metric),
                None => return Vec::new(),
            },
            None => None,
        };
        let mut found = Vec::new();
        for (source, entity) in self.select(agents, topology, filter) {
            if pin.is_some_and(|pin| pin != source.data_source) {
                continue;
            }
            let all = wanted.is_none().then(|| entity.values());
            let one = wanted.and_then(|metric| entity.get(metric));
            for (metric, value, updated) in all.into_iter().flatten().chain(one) {
                let name = self.names.name(metric);
                found.push(Found { source: *source, name, value, updated, top_keys: Vec::new() });
            }
        }
        found
    }

    /// The data sources of the agents in `agents` that pass `filter`.
    fn select<'a>(
        &'a self,
        agents: &'a AgentList,
        topology: &'a Topology,
        filter: &'a MetricFilter,
    ) -> impl Iterator<Item = (&'a Source, &'a Entity)> {
        let within = self.entities.iter().filter(|(source, _)| agents.contains(source, topology));
        within.filter(|(source, entity)| filter.passes(|name| self.text(source, entity, name)))
    }

    /// The value of a metric of this data source, else of another one of the same agent, as text.
    fn text(&self, source: &Source, entity: &Entity, name: &str) -> Option<String> {
        let metric = self.names.get(name)?;
        let own = entity.get(metric);
        let found = own.or_else(|| self.of_agent(&source.agent).find_map(|(_, it)| it.get(metric)));
        found.map(|(_, value, _)| value.to_string())
    }

    /// The data sources of an agent.
    fn of_agent(&self, agent: &Address) -> impl Iterator<Item = (&Source, &Entity)> {
        let at = |class, index| Source { agent: *agent, data_source: DataSource { class, index } };
        self.entities.range(at(0, 0)..=at(u32::MAX, u32::MAX))
    }

    /// A metric of a data source.
    pub fn get(&self, source: &Source, name: &str) -> Option<MetricValue> {
        let metric = self.names.get(name)?;
        self.entities.get(source)?.get(metric).map(|(_, value, _)| value)
    }

    /// The host name that an agent sent.
    pub fn host_name(&self, agent: &Address) -> Option<String> {
        let metric = self.names.get("host_name")?;
        let mut sources = self.of_agent(agent);
        sources.find_map(|(_, entity)| entity.get(metric)).map(|(_, value, _)| value.to_string())
    }

    /// The names of all metrics, each with the time of its last value.
    pub fn names(&self) -> impl Iterator<Item = (Arc<str>, Instant)> {
        self.names.iter()
    }

    /// The number of data sources.
    pub fn sources(&self) -> usize {
        self.entities.len()
    }
}

/// Agents by host name and interfaces by name, for a topology that has names only.
impl PortNames for Metrics {
    fn agents(&self, node: &str) -> Vec<Address> {
        let Some(metric) = self.names.get("host_name") else { return Vec::new() };
        let named = self.entities.iter().filter(|(_, entity)| entity.is_text(metric, node));
        let mut agents: Vec<_> = named.map(|(source, _)| source.agent).collect();
        agents.dedup();
        agents
    }

    fn ifindex(&self, agent: &Address, port: &str) -> Option<u32> {
        let metric = self.names.get("ifname")?;
        let mut named = self.of_agent(agent).filter(|(_, entity)| entity.is_text(metric, port));
        named.find(|(source, _)| source.data_source.class == 0).map(|(at, _)| at.data_source.index)
    }
}

impl MetricValue {
    /// The number; `None` for a text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

fn is_custom_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// A text of the network, without characters that a terminal interprets, of at most 256 characters.
fn shown(text: Text<'_>) -> Box<str> {
    let text = text.to_string();
    text.chars().filter(|c| crate::is_printable(*c)).take(256).collect()
}

/// Time after which a data source without news is removed: several of the longest usual polling
/// intervals (60 s).
const EXPIRY: Duration = Duration::from_secs(300);
