//! Copies of tables, and what is read from them.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::accumulator::Accumulator;
use super::definition::{AggMode, Definition};
use super::estimate::{Estimate, Sums};
use super::merge::{Group, groups};
use super::plan::Plan;
use super::slot::Slot;
use super::sources::Names;
use crate::keys::fields;
use crate::lookup::Topology;
use crate::source::{AgentList, Source};

/// The flows of a definition at one time.
///
/// To copy them is all that happens while samples wait. Snapshots of several caches, each with other
/// agents, can be [joined](Snapshot::join).
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) name: Arc<str>,
    pub(super) definition: Arc<Definition>,
    pub(super) plan: Arc<Plan>,
    pub(super) period: u32,
    /// Flows that are not in the copy are not larger; 0 if all are in it.
    pub(super) rest: f64,
    pub(super) parts: Vec<Part>,
}

/// The flows of one cache.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(super) names: Names,
    /// Rate in use, and its variance relative to its square, by the number of the data source.
    pub(super) rates: HashMap<u32, (f64, f64)>,
    pub(super) segments: Vec<Copied>,
    pub(super) totals: Vec<(Source, Estimate, Sums)>,
}

/// A segment without its empty slots.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) slots: Vec<Slot>,
    pub(crate) values: Vec<Accumulator>,
    pub(crate) long: Vec<u8>,
    /// Makes rates of sums.
    pub(crate) factor: f64,
    pub(super) floor: f64,
}

/// An entry of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'s> {
    pub(crate) slot: &'s Slot,
    pub(crate) key: &'s [u8],
    pub(crate) source: Source,
    /// Sums per second.
    pub(crate) sums: Sums,
    pub(crate) error: f64,
    /// Rate in use at the data source.
    pub(crate) rate: f64,
    pub(crate) values: &'s [Accumulator],
    pub(crate) factor: f64,
}

/// Which flows are read, and how their observers are merged.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The agents whose data sources count.
    pub agents: &'a AgentList,
    /// The topology, for `edge` and `core`.
    pub topology: &'a Topology,
    /// How observers are merged; that of the definition if `None`.
    pub agg_mode: Option<AggMode>,
    /// The number of flows, the largest ones.
    pub max_flows: usize,
    /// The smallest value.
    pub min_value: f64,
}

/// A flow that is active.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveFlow {
    /// The fields of the key, joined by the separator of the definition.
    pub key: String,
    /// The value over the observers that count.
    pub estimate: Estimate,
    /// The further values of the definition.
    pub values: Vec<Estimate>,
    /// The data source with the largest part of the value.
    pub source: Source,
    /// The number of data sources that see the flow.
    pub observers: usize,
}

/// The flows of one data source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFlows {
    /// The data source.
    pub source: Source,
    /// All flows together.
    pub total: Estimate,
    /// The largest flows, in order: as many as the `n` of the definition.
    pub keys: Vec<SourceFlow>,
}

/// A flow of a data source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFlow {
    /// The fields of the key, joined by the separator of the definition.
    pub key: String,
    /// The value at the data source.
    pub estimate: Estimate,
}

impl Snapshot {
    /// Adds the flows of another cache with the same definition, whose agents are others.
    pub fn join(&mut self, other: Self) {
        self.period = self.period.max(other.period);
        self.rest = self.rest.max(other.rest);
        self.parts.extend(other.parts);
    }

    /// Name of the definition.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The definition.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The flows by value, the largest first.
    pub fn active(&self, query: &Query<'_>) -> Vec<ActiveFlow> {
        let mode = query.agg_mode.unwrap_or(self.definition.agg_mode);
        let items = self.items().filter(|item| query.agents.contains(&item.source, query.topology));
        let mut flows = Vec::new();
        for mut group in groups(items) {
            let observers = group.observers();
            if group.choose(mode, query.topology) {
                let value = self.value(group.chosen());
                if value >= query.min_value {
                    flows.push((value, group, observers));
                }
            }
        }
        largest(&mut flows, query.max_flows, |(value, ..)| *value);
        flows.iter().filter_map(|(_, group, observers)| self.flow(group, *observers)).collect()
    }

    /// The flows by value, the largest first, of a copy of the largest ones. `None` if a flow that is not
    /// in the copy could be among them, so that a complete copy is needed. That is rare: flows of equal
    /// size whose parts at several observers are added up.
    pub fn active_of_largest(&self, query: &Query<'_>) -> Option<Vec<ActiveFlow>> {
        let flows = self.active(query);
        let last = flows.last().map_or(0.0, |flow| flow.estimate.value);
        let full = flows.len() >= query.max_flows && last >= self.rest;
        (self.rest == 0.0 || self.rest < query.min_value || full).then_some(flows)
    }

    /// The flow of a key at each data source that sees it, the largest first.
    pub fn locations(&self, agents: &AgentList, topology: &Topology, key: &str) -> Vec<ActiveFlow> {
        let fs = &self.definition.fs;
        let items = self.items().filter(|item| agents.contains(&item.source, topology));
        let same = items.filter(|item| is_text(item.key, fs, key));
        let groups = groups(same);
        let at_source = groups.iter().flat_map(Group::by_source);
        let mut flows: Vec<ActiveFlow> =
            at_source.filter_map(|group| self.flow(&group, 1)).collect();
        largest(&mut flows, usize::MAX, |flow| flow.estimate.value);
        flows
    }

    /// The flows of each data source, the largest first, and their totals. `limit` replaces the `n` of
    /// the definition.
    pub fn top_keys(
        &self,
        agents: &AgentList,
        topology: &Topology,
        limit: Option<usize>,
    ) -> Vec<SourceFlows> {
        let limit = limit.unwrap_or(self.definition.n as usize);
        let items = self.items().filter(|item| agents.contains(&item.source, topology));
        let mut by_source: HashMap<Source, Vec<(f64, Group<'_>)>> = HashMap::new();
        for (source, value, group) in self.at_sources(items) {
            by_source.entry(source).or_default().push((value, group));
        }
        let totals = self.parts.iter().flat_map(|part| &part.totals);
        let totals = totals.filter(|(source, ..)| agents.contains(source, topology));
        let flows = totals.map(|(source, total, _)| {
            let mut keys = by_source.remove(source).unwrap_or_default();
            largest(&mut keys, limit, |(value, _)| *value);
            let keys = keys.iter().filter_map(|(_, group)| self.flow(group, 1));
            let keys = keys.map(|ActiveFlow { key, estimate, .. }| SourceFlow { key, estimate });
            SourceFlows { source: *source, total: *total, keys: keys.collect() }
        });
        flows.collect()
    }

    /// The flows whose value at a data source is above `limit`: data source, key and value, in arbitrary
    /// order.
    pub(crate) fn above(&self, limit: f64) -> Vec<(Source, String, Estimate)> {
        let above =
            self.at_sources(self.items()).into_iter().filter(|(_, value, _)| *value > limit);
        let flows = above.filter_map(|(source, _, group)| Some((source, self.flow(&group, 1)?)));
        flows.map(|(source, flow)| (source, flow.key, flow.estimate)).collect()
    }

    /// The entries of each key at each data source, and their value.
    fn at_sources<'s>(
        &self,
        items: impl Iterator<Item = Item<'s>>,
    ) -> Vec<(Source, f64, Group<'s>)> {
        let groups = groups(items);
        let groups = groups.iter().flat_map(Group::by_source);
        let valued = groups.filter_map(|group| {
            let source = group.chosen().first()?.source;
            Some((source, self.value(group.chosen()), group))
        });
        valued.collect()
    }

    /// The totals of each data source.
    pub fn totals(&self) -> impl Iterator<Item = (Source, Estimate)> {
        self.parts.iter().flat_map(|part| &part.totals).map(|(source, total, _)| (*source, *total))
    }

    /// The estimate of a key that no sample has: "fewer than" three samples of the data source whose
    /// samples weigh most, per time constant.
    pub fn unseen(&self) -> Estimate {
        let totals = self.parts.iter().flat_map(|part| &part.totals);
        let heaviest = totals.map(|(_, _, sums)| sums.typical()).fold(0.0, f64::max);
        Estimate::fewer_than(3.0 * heaviest, self.floor())
    }

    /// What a key may have that is in no table; 0 as long as no flow was evicted.
    pub fn floor(&self) -> f64 {
        let segments = self.parts.iter().flat_map(|part| &part.segments);
        segments.map(|segment| segment.floor * segment.factor).fold(0.0, f64::max)
    }

    /// All entries.
    fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.parts.iter().flat_map(|part| part.segments.iter().map(move |it| (part, it))).flat_map(
            |(part, segment)| {
                let values = segment.values.len() / segment.slots.len().max(1);
                segment.slots.iter().enumerate().filter_map(move |(at, slot)| {
                    let number = slot.observer.source();
                    let (rate, error) = part.rates.get(&number).copied().unwrap_or_default();
                    let sums = slot.sums.scaled(segment.factor).with_common_error(error);
                    Some(Item {
                        slot,
                        key: slot.key(&segment.long),
                        source: *part.names.get(number)?,
                        sums,
                        error: slot.error * segment.factor,
                        rate,
                        values: segment.values.get(at * values..(at + 1) * values)?,
                        factor: segment.factor,
                    })
                })
            },
        )
    }

    /// The value of a flow, without its error.
    fn value(&self, items: &[Item<'_>]) -> f64 {
        match self.plan.value_is_further() {
            false => items.iter().map(|item| item.sums.total).sum(),
            true => further(items, 0).estimate(self.period).value,
        }
    }

    fn flow(&self, group: &Group<'_>, observers: usize) -> Option<ActiveFlow> {
        let items = group.chosen();
        let sums = items.iter().fold(Sums::default(), |sum, item| sum.plus(item.sums));
        let error = items.iter().map(|item| item.error).sum();
        let number = items.first().map_or(0, |item| item.values.len());
        let mut values = (0..number).map(|at| further(items, at).estimate(self.period));
        let value = match self.plan.value_is_further() {
            false => Some(sums.estimate(error)),
            true => values.next(),
        };
        let best = group.best()?;
        Some(ActiveFlow {
            key: self.plan.keys.text(group.key(), &self.definition.fs),
            estimate: value.unwrap_or_default().at_rate(best.rate),
            values: values.collect(),
            source: best.source,
            observers,
        })
    }
}

/// A further value of several observers together.
pub(crate) fn further(items: &[Item<'_>], at: usize) -> Accumulator {
    let mut merged = Accumulator::Empty;
    for item in items {
        if let Some(value) = item.values.get(at) {
            let mut value = value.clone();
            value.scale(item.factor);
            merged.merge(&value);
        }
    }
    merged
}

/// Keeps the `count` largest, in order.
pub(crate) fn largest<T>(items: &mut Vec<T>, count: usize, value: impl Fn(&T) -> f64) {
    let order = |a: &T, b: &T| value(b).total_cmp(&value(a));
    if count < items.len() {
        items.select_nth_unstable_by(count, order);
        items.truncate(count);
    }
    items.sort_by(order);
}

/// True if `text` is the text of a key. Most keys differ in their first bytes, so no text is made.
fn is_text(key: &[u8], separator: &str, text: &str) -> bool {
    use core::fmt::Write;
    let mut expected = Expected(text);
    for (at, value) in fields(key).enumerate() {
        if (at > 0 && expected.write_str(separator).is_err())
            || write!(expected, "{value}").is_err()
        {
            return false;
        }
    }
    expected.0.is_empty()
}

/// The rest of a text that is expected.
struct Expected<'a>(&'a str);

impl core::fmt::Write for Expected<'_> {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(core::fmt::Error)?;
        Ok(())
    }
}
