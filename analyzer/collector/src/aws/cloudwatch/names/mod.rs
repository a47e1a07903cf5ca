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
    let wanted = Wanted {
        namespace: Some(&metric.namespace),
        name: Some(&metric.name),
        interface: metric.dimension("interface"),
    };
    let agent = metric.dimension("InstanceId").and_then(|id| directory.by_instance(id));
    let agent = agent.or_else(|| directory.by_host(metric.dimension("host")?));
    if let Some(agent) = agent {
        let mut found = of_agent(hub, agent, wanted).into_iter();
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

/// The metrics of an agent, each with its series.
pub(super) fn of_agent(hub: &Hub, agent: &Agent, wanted: Wanted<'_>) -> Vec<(Metric, Series)> {
    let mut found = Found { hub, agent, wanted, known: BTreeSet::new(), list: Vec::new() };
    for number in &agent.analyzers {
        hub.at(*number, |analyzer| found.read(*number, analyzer));
    }
    found.list
}

/// The metrics of an agent that were found so far.
struct Found<'a> {
    hub: &'a Hub,
    agent: &'a Agent,
    wanted: Wanted<'a>,
    known: BTreeSet<Metric>,
    list: Vec<(Metric, Series)>,
}

impl Found<'_> {
    fn read(&mut self, analyzer_number: usize, analyzer: &Analyzer) {
        let sources: Vec<Source> =
            analyzer.metrics().points().sources(self.agent.address).collect();
        let host = sources.iter().find(|source| source.data_source.class == HOST);
        let ports = ports(analyzer, &sources);
        for source in &sources {
            let at = Part { analyzer: analyzer_number, source: *source };
            let is_host = host == Some(source);
            let port = ports.get(source);
            if self.wanted.interface.is_some_and(|it| port.is_some_and(|port| port != it)) {
                continue;
            }
            if is_host {
                ec2::read(self, analyzer, at);
            }
            agent::read(self, analyzer, at, is_host, port);
            flowmote::read(self, analyzer, at, is_host, port);
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
        if self.known.insert(metric.clone()) {
            self.list.push((metric, Series::new(vec![at], pick, unit)));
        } else if let Some((_, series)) = self.list.iter_mut().find(|(own, _)| *own == metric) {
            series.add_part(at);
        }
    }
}

/// The names of ports. One that has none, or has that of another port too, has its ifIndex.
fn ports(analyzer: &Analyzer, sources: &[Source]) -> BTreeMap<Source, String> {
    let points = analyzer.metrics().points();
    let ports = sources.iter().filter(|source| source.data_source.class == 0);
    let names = ports.map(|source| (*source, points.text(source, "ifname")));
    let names: Vec<_> = names.collect();
    let mut counts: HashMap<_, usize> = HashMap::new();
    names.iter().for_each(|(_, name)| *counts.entry(*name).or_default() += 1);
    let name = |(source, name): (Source, Option<&Arc<str>>)| {
        let own = name.filter(|_| counts.get(&name) == Some(&1)).map(|name| name.to_string());
        (source, own.unwrap_or_else(|| source.data_source.index.to_string()))
    };
    names.into_iter().map(name).collect()
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

/// The class of the data sources of hosts.
const HOST: u32 = 2;
const BYTES: &str = "Bytes";
const COUNT: &str = "Count";
const NONE: &str = "None";
const PERCENT: &str = "Percent";
const MILLISECONDS: &str = "Milliseconds";
