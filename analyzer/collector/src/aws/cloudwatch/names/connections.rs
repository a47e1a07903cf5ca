//! `AWS/NetworkFlowMonitor`: what the TCP connections of hosts have in common, by the reports of agents with
//! `tcp { }`. There is one monitor, of all of them.

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::source::Source;

use super::{BYTES, COUNT, MICROSECONDS, Wanted};
use crate::aws::cloudwatch::directory::Directory;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::series::{Part, Pick, Report, Series};

pub(super) const NAMESPACE: &str = "AWS/NetworkFlowMonitor";

/// The series of a metric.
pub(super) fn find(directory: &Directory, metric: &Metric) -> Option<Series> {
    let (_, report, unit) = METRICS.into_iter().find(|(name, ..)| *name == metric.name)?;
    let [(dimension, monitor)] = metric.dimensions() else { return None };
    if dimension != DIMENSION || monitor != MONITOR || directory.connections.is_empty() {
        return None;
    }
    let part = |analyzer: &usize| Part { analyzer: *analyzer, source: NO_SOURCE };
    let parts = directory.connections.iter().map(part).collect();
    Some(Series::new(parts, Pick::Connections(report), unit))
}

/// All metrics of the monitor.
pub(super) fn all(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    let all = metrics().map(|(metric, ..)| metric).filter(|_| !directory.connections.is_empty());
    all.filter(|metric| wanted.has(NAMESPACE, &metric.name)).collect()
}

/// The metrics of the monitor, with what each is of the reports, and its unit.
pub(in crate::aws::cloudwatch) fn metrics() -> impl Iterator<Item = (Metric, Report, &'static str)>
{
    METRICS.into_iter().map(|(name, report, unit)| {
        let dimensions = vec![(DIMENSION.to_owned(), MONITOR.to_owned())];
        (Metric::new(NAMESPACE, name, dimensions), report, unit)
    })
}

/// The monitor of all agents.
pub(in crate::aws) const MONITOR: &str = "flowmote";
const DIMENSION: &str = "MonitorName";
const METRICS: [(&str, Report, &str); 4] = [
    ("DataTransferred", Report::Bytes, BYTES),
    ("Retransmissions", Report::Retransmissions, COUNT),
    ("Timeouts", Report::Timeouts, COUNT),
    ("RoundTripTime", Report::RoundTripTime, MICROSECONDS),
];
/// Reports are of no data source.
const NO_SOURCE: Source =
    Source { agent: Address::Unknown, data_source: DataSource { class: 0, index: 0 } };
