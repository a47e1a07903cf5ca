//! Metrics: counters of agents under their published names, as rates, gauges and texts.
//!
//! The decoder visits the fields of each counter record with their kinds. A counter becomes a rate per
//! second, by the difference to the record before; everything else becomes a value as it is. So a
//! record that is new in the decoder is a set of metrics here without a line of code.

mod derived;
mod describe;
mod entity;
mod fields;
mod filter;
mod find;
mod names;
mod past;
mod published;
mod record;
mod reported;
mod schema;
mod statistic;
mod table;
#[cfg(test)]
mod tests;
mod words;

use core::fmt;
use core::ops::Bound;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::counter::{HostAdapters, IfCounters};
use flowmote_decoder::visit::Value;
use flowmote_decoder::{
    Address, CounterRecord, DataFormat, DataSource, Malformed, RtFlow, RtValue, Text,
};

use crate::instant::Instant;
use crate::interfaces::{SampleTime, interface};
use crate::lookup::{Hosts, Names as PortNames};
use crate::points::{Connections, FlowTotal, Kind, Points, is_kept};
use crate::source::Source;
use crate::source_names::NAMED;
pub use describe::{Description, describe};
use entity::{Entity, Recorded};
use fields::Fields;
pub use filter::MetricFilter;
pub use find::Search;
use names::Names;
pub use past::{PastCustom, PastRecord, Published};
use record::{MAX_SILENCE, point};
use reported::Adapters;
use schema::Schemas;
pub(crate) use schema::{Schema, SchemaId};
pub use statistic::{Aggregate, MetricRequest, Quartiles, Statistic, statistic};
pub use table::{Column, rows};

/// The metrics of all data sources.
#[derive(Debug)]
pub struct Metrics {
    entities: BTreeMap<Source, Entity>,
    names: Names,
    schemas: Schemas,
    adapters: Adapters,
    /// The numbers of the last hours.
    points: Points,
    /// What connections reported since the last row; `None` before the first report.
    connections: Option<Connections>,
    /// Reused for each record.
    fields: Fields,
    /// Bytes of all entities.
    bytes: usize,
    /// The data sources after it are the next that may expire.
    visited: Bound<Source>,
    capacity: usize,
    /// Data sources evicted because the memory was full.
    pub evicted: u64,
    /// Records and values ignored because there were too many formats or names.
    pub ignored: u64,
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
            schemas: Schemas::default(),
            adapters: Adapters::new(capacity / 32),
            points: Points::new(0),
            connections: None,
            fields: Fields::default(),
            bytes: 0,
            visited: Bound::Unbounded,
            capacity,
            evicted: 0,
            ignored: 0,
        }
    }

    /// The same with points of the past in about as many bytes more.
    #[must_use]
    pub fn with_points(self, capacity: usize) -> Self {
        Self { points: Points::new(capacity), ..self }
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
        if let Some(adapters) = record.read::<HostAdapters<'_>>() {
            self.adapters.add(source, &adapters);
        }
        self.fields.clear();
        let visited = record.visit(&mut self.fields);
        if let Some(name) = record.name()
            && self.fields.len() > 0
        {
            if let Some(field) = published::number(name) {
                self.fields.number_by(field);
            }
            self.record(name, record.data_format(), Source { data_source: at, ..source }, time);
        }
        (at, visited)
    }

    fn record(&mut self, name: &'static str, format: DataFormat, source: Source, time: SampleTime) {
        let Self { schemas, fields, names, .. } = self;
        let Some(id) = schemas.find(name, format, source.data_source.class, fields, names) else {
            self.ignored += 1;
            return;
        };
        if schemas.get(id).is_none_or(|schema| schema.outputs.is_empty()) {
            return;
        }
        let Self { entities, schemas, fields, names, points, .. } = self;
        let (entity, before) = entry(entities, source);
        let recorded = entity.record(id, time, fields, schemas, names);
        let after = entity.bytes();
        if let (Recorded::After(over), Some(schema)) = (recorded, schemas.get(id)) {
            if schema.numbers > 0 {
                let numbers = fields.iter().map(point);
                points.add(source, &Kind::Record(id), time.arrival, over, numbers);
            }
            for (metric, _) in schema.outputs.iter().filter(|_| schema.texts > 0) {
                let name = names.name(*metric);
                if let (Some(name), Some((_, MetricValue::Text(text), _))) =
                    (is_kept(&name), entity.get(schemas, *metric))
                {
                    points.set_text(source, name, &text);
                }
            }
        }
        self.account(before, after, recorded);
    }

    /// Replaces a metric of an `rtmetric` sample; a counter becomes a rate by the times of arrival.
    /// Names that have other characters than letters, digits, `-` and `_`, or more than 64, are ignored.
    pub fn custom(&mut self, source: Source, now: Instant, value: &RtValue<'_>) {
        let Some(name) = value.name.to_str().ok().filter(|name| is_custom_name(name)) else {
            self.ignored += 1;
            return;
        };
        let Self { entities, names, points, .. } = self;
        let (entity, before) = entry(entities, source);
        let recorded = entity.custom(name, value, now, names);
        let after = entity.bytes();
        if let Recorded::After(over) = recorded {
            if let Some((number, counter)) = entity.custom_point(name, names) {
                let kind = Kind::Custom(names.shared(name), counter);
                points.add(source, &kind, now, over, [number].into_iter());
            } else if let (Some(name), Value::Text(text)) = (is_kept(name), value.value) {
                points.set_text(source, name, &shown(text));
            }
        }
        self.account(before, after, recorded);
    }

    /// Adds the report of a TCP connection. Other custom flows are none.
    pub(crate) fn connection(&mut self, flow: &RtFlow<'_>) {
        if Connections::has(flow) {
            self.connections.get_or_insert_default().add(flow);
        }
    }

    /// Keeps what flows and connections added up in the time `over` before `now`.
    pub(crate) fn note_totals<'f>(
        &mut self,
        now: Instant,
        over: Duration,
        flows: impl Iterator<Item = (&'f Arc<str>, &'f str, FlowTotal)>,
    ) {
        for (name, value, total) in flows {
            self.points.add_flow((name, value), now, over, &total);
        }
        // Once there was one, a second without any is a zero.
        if self.connections.is_some() {
            let all = self.connections.replace(Connections::default()).unwrap_or_default();
            self.points.add_connections(now, over, &all);
        }
    }

    /// Notes the bytes of a data source before and after a change, and makes room for them.
    fn account(&mut self, before: usize, after: usize, recorded: Recorded) {
        self.bytes = (self.bytes + after).saturating_sub(before);
        self.ignored += u64::from(recorded == Recorded::NoRoom);
        if self.bytes() > self.capacity {
            self.make_room();
        }
    }

    /// Removes what agents send no more: values without news for five intervals, but not before five
    /// minutes and not after an hour. Each call looks at a part of the data sources, because samples wait.
    pub fn tick(&mut self, now: Instant) {
        let (first, count) = (self.visited, self.entities.len() / PARTS + 1);
        let mut rest = self.entities.range_mut((first, Bound::Unbounded));
        let (mut silent, mut last) = (Vec::new(), None);
        for (source, entity) in rest.by_ref().take(count) {
            let before = entity.bytes();
            let keep = entity.expire(now);
            if !keep {
                silent.push(*source);
            }
            self.bytes += if keep { entity.bytes() } else { 0 };
            self.bytes = self.bytes.saturating_sub(before);
            last = Some(*source);
        }
        self.visited = match rest.next().and(last) {
            Some(last) => Bound::Excluded(last),
            None => Bound::Unbounded,
        };
        silent.iter().for_each(|source| drop(self.entities.remove(source)));
        if self.visited == Bound::Unbounded {
            self.adapters.retain(|source| self.entities.contains_key(source));
            self.names.expire(now, MAX_SILENCE);
        }
        self.points.expire(now);
    }

    /// Removes the sixteenth of the data sources that was silent for the longest time, but not the last
    /// one.
    fn make_room(&mut self) {
        let mut updated: Vec<_> = self.entities.values().map(|entity| entity.updated).collect();
        if updated.len() < 2 {
            return;
        }
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
        self.bytes + self.names.bytes() + self.schemas.bytes() + self.adapters.bytes()
    }

    /// A metric of a data source.
    pub fn get(&self, source: &Source, name: &str) -> Option<MetricValue> {
        let metric = self.names.get(name)?;
        self.entities.get(source)?.get(&self.schemas, metric).map(|(_, value, _)| value)
    }

    /// The metrics of the data sources of an agent that have names, such as `cloud`.
    pub fn of_named(&self, agent: Address) -> Vec<Found> {
        let mut found = Vec::new();
        for (source, entity) in self.between(agent, NAMED, NAMED) {
            self.values(*source, entity, None, &mut found);
        }
        found
    }

    /// The time of the last value of a data source.
    pub fn updated(&self, source: &Source) -> Option<Instant> {
        self.entities.get(source).map(|entity| entity.updated)
    }

    /// The host name that an agent sent.
    pub fn host_name(&self, agent: &Address) -> Option<String> {
        let metric = self.names.get("host_name")?;
        // That of the host, not of a virtual machine; all the same, agents may send it elsewhere.
        let mut sources = self.between(*agent, HOST, HOST).chain(self.of_agent(*agent));
        sources
            .find_map(|(_, entity)| entity.get(&self.schemas, metric))
            .map(|(_, value, _)| value.to_string())
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
    fn hosts(&self) -> Hosts {
        let mut hosts = Hosts::default();
        let Some(metric) = self.names.get("host_name") else { return hosts };
        let mut agent = self.entities.keys().next().map(|source| source.agent);
        while let Some(address) = agent {
            for (_, entity) in self.between(address, HOST, HOST) {
                if let Some((_, MetricValue::Text(name), _)) = entity.get(&self.schemas, metric) {
                    hosts.entry(name).or_default().push(address);
                }
            }
            let last = DataSource { class: u32::MAX, index: u32::MAX };
            let last = Bound::Excluded(Source { agent: address, data_source: last });
            let mut others = self.entities.range((last, Bound::Unbounded));
            agent = others.next().map(|(source, _)| source.agent);
        }
        hosts
    }

    fn ifindex(&self, agent: &Address, port: &str) -> Option<u32> {
        let metric = self.names.get("ifname")?;
        let mut named =
            self.of_agent(*agent).filter(|(_, entity)| entity.is_text(&self.schemas, metric, port));
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

/// True for a name that `rtmetric` and `rtflow` samples may have.
pub(crate) fn is_custom_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// A text of the network, without characters that a terminal interprets, of at most 256 characters.
fn shown(text: Text<'_>) -> Box<str> {
    let text = text.to_string();
    text.chars().filter(|c| crate::is_printable(*c)).take(256).collect()
}

/// Parts in which all data sources are looked at.
const PARTS: usize = 16;
/// The class of physical entities: the host or the switch.
const HOST: u32 = 2;

/// The data source, new if it is not known, and its bytes.
fn entry(entities: &mut BTreeMap<Source, Entity>, source: Source) -> (&mut Entity, usize) {
    let mut before = 0;
    let entity = entities.entry(source).and_modify(|it| before = it.bytes()).or_default();
    (entity, before)
}
