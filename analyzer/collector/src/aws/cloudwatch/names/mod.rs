//! The names that metrics of agents have here.
//!
//! A [`Formula`] makes a number of a row of a record. The tables of formulas follow the documentation of
//! CloudWatch and of its agent; what follows from no counter of sFlow is not in them.

mod agent;
pub(super) mod connections;
mod ec2;
mod flowmote;
pub(super) mod flows;
mod sources;
pub(super) use ec2::hosts;
pub(super) use flowmote::unit;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::PastRecord;
use flowmote_engine::points::Row;
use flowmote_engine::source::Source;

use super::directory::{Agent, Directory};
use super::metric::{Dimension, Metric};
use super::series::{Part, Pick, Series};
use crate::hub::Hub;
pub(in crate::aws) use connections::MONITOR;
pub(super) use sources::Sources;

/// How a metric follows from a record.
#[derive(Debug)]
pub(super) struct Formula {
    pub(super) name: &'static str,
    pub(super) record: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: &'static str,
    /// `None` if a field that it needs is unknown.
    pub(super) value: fn(&Row<'_>) -> Option<f64>,
}

/// What the number of a formula is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The time of a row.
    Value,
    /// The time over which counters are compared.
    Difference,
}

/// Which metrics are wanted: all, or those of a namespace, a name, an interface.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) interface: Option<&'a str>,
    /// True for metrics of no port.
    pub(super) no_ports: bool,
}

impl Wanted<'_> {
    pub(super) fn has_namespace(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|wanted| wanted == namespace)
    }

    pub(super) fn has(&self, namespace: &str, name: &str) -> bool {
        self.has_namespace(namespace) && self.name.is_none_or(|wanted| wanted == name)
    }
}

/// The series of a metric of agents; `None` if there is none.
pub(super) fn find(hub: &Hub, directory: &Directory, metric: &Metric) -> Option<Series> {
    find_all(hub, directory, &[metric]).pop().flatten()
}

/// The series of metrics of agents, in their order; `None` for each that is none.
pub(super) fn find_all(
    hub: &Hub,
    directory: &Directory,
    metrics: &[&Metric],
) -> Vec<Option<Series>> {
    let mut searches: Vec<_> =
        metrics.iter().map(|metric| search(hub, directory, metric)).collect();
    let mut places: Vec<(usize, usize, Source, &Sources)> = Vec::new();
    for (number, search) in searches.iter().enumerate() {
        let Some(Found { agent, wanted, .. }) = search else { continue };
        for (analyzer, sources) in agent.sources(hub) {
            let wanted = sources.wanted(wanted).into_iter();
            places.extend(wanted.map(|source| (*analyzer, number, source, sources)));
        }
    }
    // Each analyzer is locked for many of them.
    places.sort_by_key(|(analyzer, ..)| *analyzer);
    for places in places.chunk_by(|a, b| a.0 == b.0) {
        let number = places.first().map_or(0, |first| first.0);
        let turns = hub.in_turns(number, places, |analyzer, (_, search, source, sources)| {
            if let Some(Some(found)) = searches.get_mut(*search) {
                found.read(analyzer, Part { analyzer: number, source: *source }, sources);
            }
            (SOURCE, ())
        });
        turns.for_each(drop);
    }
    let found = searches.into_iter().zip(metrics).map(|(search, metric)| match search {
        Some(mut found) => found.list.remove(*metric),
        None => match metric.namespace.as_str() {
            ec2::NAMESPACE => ec2::of_several(directory, metric),
            flowmote::NAMESPACE => flows::find(directory, metric),
            connections::NAMESPACE => connections::find(directory, metric),
            _ => None,
        },
    });
    found.collect()
}

/// The search for the series of a metric; `None` if no agent has its dimensions.
fn search<'a>(hub: &'a Hub, directory: &'a Directory, metric: &'a Metric) -> Option<Found<'a>> {
    if !OF_AGENTS.contains(&metric.namespace.as_str()) {
        return None;
    }
    let interface = metric.dimension("interface");
    let wanted = Wanted {
        namespace: Some(&metric.namespace),
        name: Some(&metric.name),
        interface,
        no_ports: interface.is_none(),
    };
    let agent = metric.dimension("InstanceId").and_then(|id| directory.by_instance(id));
    let agent = agent.or_else(|| directory.by_host(metric.dimension("host")?))?;
    Some(Found { hub, agent, wanted, list: BTreeMap::new() })
}

/// The metrics that are about no single agent: those of all instances together, of an image and of a type, of
/// flow definitions, of monitors.
pub(super) fn of_several(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    if wanted.has_namespace(ec2::NAMESPACE) {
        metrics = ec2::all_of_several(directory, wanted);
    }
    metrics.extend(flows::all(directory, wanted));
    metrics.extend(connections::all(directory, wanted));
    metrics
}

/// Those that an instance has this metric of its own in common with.
pub(super) fn of_several_with(agent: &Agent, metric: &Metric) -> Vec<Metric> {
    match &agent.instance {
        Some(instance) if metric.namespace == ec2::NAMESPACE => ec2::with(instance, &metric.name),
        _ => Vec::new(),
    }
}

/// All formulas.
pub(super) fn formulas() -> impl Iterator<Item = &'static Formula> {
    [ec2::FORMULAS, agent::HOST, agent::INTERFACE, flowmote::FORMULAS].into_iter().flatten()
}

/// The metrics of an agent, each with its series, by data sources from one on. Samples wait while a few
/// data sources are read: an agent can have thousands.
pub(super) fn of_agent<'a>(
    hub: &'a Hub,
    agent: &'a Agent,
    wanted: Wanted<'a>,
    from: Option<Source>,
) -> impl Iterator<Item = (Source, Vec<(Metric, Series)>)> + use<'a> {
    let analyzers = agent.sources(hub);
    let all = analyzers.iter().flat_map(|(_, sources)| sources.wanted(&wanted));
    let all: BTreeSet<Source> = all.filter(|it| from.is_none_or(|from| *it >= from)).collect();
    let mut rest = all.into_iter();
    let part = move || {
        let part: Vec<Source> = rest.by_ref().take(PART).collect();
        (!part.is_empty()).then(|| {
            let mut found: Vec<_> =
                part.iter().map(|_| Found { hub, agent, wanted, list: BTreeMap::new() }).collect();
            for (number, sources) in analyzers {
                hub.at(*number, |analyzer| {
                    for (source, found) in part.iter().zip(&mut found) {
                        found.read(analyzer, Part { analyzer: *number, source: *source }, sources);
                    }
                });
            }
            part.into_iter().zip(found.into_iter().map(|found| found.list.into_iter().collect()))
        })
    };
    core::iter::from_fn(part).flatten()
}

/// The metrics of a data source of an agent that were found so far.
struct Found<'a> {
    hub: &'a Hub,
    agent: &'a Agent,
    wanted: Wanted<'a>,
    list: BTreeMap<Metric, Series>,
}

impl Found<'_> {
    fn read(&mut self, analyzer: &Analyzer, at: Part, sources: &Sources) {
        let Some(port) = sources.all.get(&at.source) else { return };
        let (port, is_host) = (port.as_ref(), sources.host == Some(at.source));
        if is_host {
            ec2::read(self, analyzer, at);
        }
        agent::read(self, analyzer, at, is_host, port);
        flowmote::read(self, analyzer, at, is_host, port);
    }

    /// Adds the metrics of formulas for all records of a data source.
    fn all_formulas(
        &mut self,
        namespace: &str,
        formulas: &'static [Formula],
        analyzer: &Analyzer,
        at: Part,
        dimensions: &[Dimension],
    ) {
        for record in analyzer.metrics().past_records(&at.source) {
            self.formulas(namespace, formulas, record, at, dimensions);
        }
    }

    /// Adds the metrics of formulas that have a number in one of the last rows.
    fn formulas(
        &mut self,
        namespace: &str,
        formulas: &'static [Formula],
        record: PastRecord<'_>,
        at: Part,
        dimensions: &[Dimension],
    ) {
        let own = formulas.iter().filter(|formula| formula.record == record.name());
        for formula in own {
            if self.wanted.has(namespace, formula.name)
                && newest(record).any(|row| (formula.value)(&row).is_some())
            {
                let dimensions = [dimensions, &agent::further(formula)].concat();
                let metric = Metric::new(namespace, formula.name, dimensions);
                self.add(metric, Pick::Formula(formula), formula.unit, at);
            }
        }
    }

    /// Adds a metric. The same one of another record or analyzer has the same series.
    fn add(&mut self, metric: Metric, pick: Pick, unit: &'static str, at: Part) {
        let series = self.list.entry(metric);
        series.or_insert_with(|| Series::new(Vec::new(), pick, unit)).add_part(at);
    }
}

/// The rows that show whether a metric has values: after a restart the last one has no difference.
fn newest<'a>(record: PastRecord<'a>) -> impl Iterator<Item = Row<'a>> {
    record.newest().take(2)
}

const fn sum(
    name: &'static str,
    record: &'static str,
    unit: &'static str,
    value: fn(&Row<'_>) -> Option<f64>,
) -> Formula {
    Formula { name, record, kind: Kind::Difference, unit, value }
}

const fn value(
    name: &'static str,
    record: &'static str,
    unit: &'static str,
    value: fn(&Row<'_>) -> Option<f64>,
) -> Formula {
    Formula { name, record, kind: Kind::Value, unit, value }
}

/// A part of a whole in percent.
fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}

/// The differences of several counters together; `None` if one is unknown.
fn total(row: &Row<'_>, fields: &[&str]) -> Option<f64> {
    fields.iter().map(|field| row.difference(field)).sum()
}

/// The namespaces of metrics of agents.
const OF_AGENTS: [&str; 3] = [ec2::NAMESPACE, agent::NAMESPACE, flowmote::NAMESPACE];
/// That of the CloudWatch agent, for hosts.
pub(super) const AGENT: &str = agent::NAMESPACE;
/// That of all else that agents send.
pub(super) const FLOWMOTE: &str = flowmote::NAMESPACE;
/// Data sources that are read while samples wait.
const PART: usize = 16;
/// Rows that take as long to read as the records of a data source.
const SOURCE: usize = 32;
/// The class of the data sources of hosts.
const HOST: u32 = 2;
pub(super) const BYTES: &str = "Bytes";
const COUNT: &str = "Count";
const NONE: &str = "None";
pub(super) const PERCENT: &str = "Percent";
const MILLISECONDS: &str = "Milliseconds";
const MICROSECONDS: &str = "Microseconds";
