//! The names that metrics of agents have here.
//!
//! A [`Formula`] makes a number of a row of a record. The tables of formulas follow the documentation of
//! CloudWatch and of its agent; what follows from no counter of sFlow is not in them.

mod agent;
mod ec2;
mod flowmote;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::PastRecord;
use flowmote_engine::points::Row;
use flowmote_engine::source::Source;
use foldhash::{HashMap, HashMapExt};

use super::directory::{Agent, Directory};
use super::metric::{Dimension, Metric};
use super::series::{Part, Pick, Series};
use crate::hub::Hub;

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

    fn has_port(&self, port: Option<&String>) -> bool {
        port.is_none_or(|port| !self.no_ports && self.interface.is_none_or(|it| port == it))
    }
}

/// The series of a metric of agents; `None` if there is none.
pub(super) fn find(hub: &Hub, directory: &Directory, metric: &Metric) -> Option<Series> {
    if !NAMESPACES.contains(&metric.namespace.as_str()) {
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
    let agent = agent.or_else(|| directory.by_host(metric.dimension("host")?));
    if let Some(agent) = agent {
        let mut found = of_agent(hub, agent, wanted, None).flat_map(|(_, found)| found);
        return found.find(|(other, _)| other == metric).map(|(_, series)| series);
    }
    if metric.namespace != ec2::NAMESPACE {
        return None;
    }
    ec2::of_several(directory, metric)
}

/// The metrics of all instances together, of an image and of a type.
pub(super) fn of_several(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    if wanted.has_namespace(ec2::NAMESPACE) {
        ec2::all_of_several(directory, wanted)
    } else {
        Vec::new()
    }
}

/// The metrics of an agent, each with its series, by data sources from one on. Samples wait while a few
/// data sources are read: an agent can have thousands.
pub(super) fn of_agent<'a>(
    hub: &'a Hub,
    agent: &'a Agent,
    wanted: Wanted<'a>,
    from: Option<Source>,
) -> impl Iterator<Item = (Source, Vec<(Metric, Series)>)> + use<'a> {
    let analyzers = agent.sources.get_or_init(|| {
        let read = |number: &usize| {
            let sources = hub.at(*number, |analyzer| sources(analyzer, agent))?;
            Some((*number, Sources::new(sources)))
        };
        agent.analyzers.iter().filter_map(read).collect()
    });
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

/// The data sources of an agent in an analyzer, ports with their names.
fn sources(analyzer: &Analyzer, agent: &Agent) -> Vec<(Source, Option<Arc<str>>)> {
    let points = analyzer.metrics().points();
    let name = |source: &Source| points.text(source, "ifname").cloned();
    points.sources(agent.address).map(|source| (source, name(&source))).collect()
}

/// The data sources of an agent in an analyzer.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    host: Option<Source>,
    /// The names of ports, `None` for other data sources.
    all: BTreeMap<Source, Option<String>>,
}

impl Sources {
    /// A port that has no name, or has that of another port too, has its ifIndex.
    fn new(sources: Vec<(Source, Option<Arc<str>>)>) -> Self {
        let is_port = |source: &Source| source.data_source.class == 0;
        let host = sources.iter().find(|(source, _)| source.data_source.class == HOST);
        let host = host.map(|(source, _)| *source);
        let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
        for name in
            sources.iter().filter(|(it, _)| is_port(it)).filter_map(|(_, name)| name.clone())
        {
            *counts.entry(name).or_default() += 1;
        }
        let name = |source: Source, name: Option<Arc<str>>| {
            let own = name.filter(|name| counts.get(name) == Some(&1));
            own.map_or_else(|| source.data_source.index.to_string(), |name| name.to_string())
        };
        let all = sources
            .into_iter()
            .map(|(source, own)| (source, is_port(&source).then(|| name(source, own))));
        Self { host, all: all.collect() }
    }

    /// Those that can have what is wanted.
    fn wanted(&self, wanted: &Wanted<'_>) -> impl Iterator<Item = Source> {
        let all = self.all.iter().filter(|(_, port)| wanted.has_port(port.as_ref()));
        all.map(|(source, _)| *source)
    }
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
const NAMESPACES: [&str; 3] = [ec2::NAMESPACE, agent::NAMESPACE, flowmote::NAMESPACE];
/// Data sources that are read while samples wait.
const PART: usize = 16;
/// The class of the data sources of hosts.
const HOST: u32 = 2;
const BYTES: &str = "Bytes";
const COUNT: &str = "Count";
const NONE: &str = "None";
const PERCENT: &str = "Percent";
const MILLISECONDS: &str = "Milliseconds";
