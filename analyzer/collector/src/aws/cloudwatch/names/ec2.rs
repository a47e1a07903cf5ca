//! `AWS/EC2`: metrics of instances, as their hypervisor counts them.
//!
//! A guest does not see what its hypervisor sees: waiting for devices is idle time there, and only disks of
//! the instance itself count for `Disk…`. Credits, balances and the check of the system follow from no
//! counter, so they are absent.

use std::collections::BTreeSet;

use flowmote_decoder::DataSource;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::points::Row;
use flowmote_engine::source::Source;

use super::{BYTES, COUNT, Formula, Found, HOST, PERCENT, Wanted, percent, sum, total, value};
use crate::aws::cloudwatch::directory::{Agent, Directory, Instance};
use crate::aws::cloudwatch::metric::{Dimension, Metric};
use crate::aws::cloudwatch::series::{Part, Pick, Series};
use crate::aws::cloudwatch::silence;

pub(super) const NAMESPACE: &str = "AWS/EC2";

pub(super) const FORMULAS: &[Formula] = &[
    value("CPUUtilization", "host_cpu", PERCENT, utilization),
    sum("NetworkIn", "host_net_io", BYTES, |row| row.difference("bytes_in")),
    sum("NetworkOut", "host_net_io", BYTES, |row| row.difference("bytes_out")),
    sum("NetworkPacketsIn", "host_net_io", COUNT, |row| row.difference("pkts_in")),
    sum("NetworkPacketsOut", "host_net_io", COUNT, |row| row.difference("pkts_out")),
    sum("DiskReadOps", "host_disk_io", COUNT, |row| row.difference("reads")),
    sum("DiskWriteOps", "host_disk_io", COUNT, |row| row.difference("writes")),
    sum("DiskReadBytes", "host_disk_io", BYTES, |row| row.difference("bytes_read")),
    sum("DiskWriteBytes", "host_disk_io", BYTES, |row| row.difference("bytes_written")),
    sum("EBSReadOps", "host_disk_io", COUNT, |row| row.difference("reads")),
    sum("EBSWriteOps", "host_disk_io", COUNT, |row| row.difference("writes")),
    sum("EBSReadBytes", "host_disk_io", BYTES, |row| row.difference("bytes_read")),
    sum("EBSWriteBytes", "host_disk_io", BYTES, |row| row.difference("bytes_written")),
];

fn utilization(row: &Row<'_>) -> Option<f64> {
    let busy = total(row, &["cpu_user", "cpu_nice", "cpu_system", "cpu_intr", "cpu_sintr"])?;
    let rest = total(row, &["cpu_idle", "cpu_wio"])?;
    // Records of before 2014 have no time that the hypervisor took.
    percent(busy, busy + rest + row.difference("cpu_steal").unwrap_or(0.0))
}

/// Adds the metrics of the host of an instance.
pub(super) fn read(found: &mut Found<'_>, analyzer: &Analyzer, at: Part) {
    let agent = found.agent;
    let Some(instance) = &agent.instance else { return };
    let dimensions = [("InstanceId".to_owned(), instance.id.to_string())];
    if found.wanted.has_namespace(NAMESPACE) {
        found.all_formulas(NAMESPACE, FORMULAS, analyzer, at, &dimensions);
        let mut records = analyzer.metrics().past_records(&at.source);
        if records.any(|record| record.name() == silence::RECORD) {
            let wanted = found.wanted;
            for check in silence::CHECKS.into_iter().filter(|check| wanted.has(NAMESPACE, check)) {
                let metric = Metric::new(NAMESPACE, check, dimensions.to_vec());
                found.add(metric, Pick::Silence, COUNT, at);
            }
        }
    }
}

/// The series of all instances, or of those with an image or type.
pub(super) fn of_several(directory: &Directory, metric: &Metric) -> Option<Series> {
    let name = metric.name.as_str();
    let (pick, unit) = match FORMULAS.iter().find(|formula| formula.name == name) {
        Some(formula) => (Pick::Formula(formula), formula.unit),
        None if silence::CHECKS.contains(&name) => (Pick::Silence, COUNT),
        None => return None,
    };
    let is_one = |instance: &Instance| match metric.dimensions() {
        [] => true,
        [wanted] => groups(instance).any(|group| group == *wanted),
        _ => false,
    };
    let parts: Vec<Part> = directory
        .instances()
        .filter(|(_, instance)| is_one(instance))
        .flat_map(|(agent, _)| hosts(agent))
        .collect();
    (!parts.is_empty()).then(|| Series::new(parts, pick, unit))
}

/// The metrics that are about several instances.
pub(super) fn all_of_several(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    let instances = directory.instances();
    let groups = instances.flat_map(|(_, it)| groups(it).map(Some).chain([None]));
    let groups: BTreeSet<Option<Dimension>> = groups.collect();
    let mut metrics = Vec::new();
    for group in groups {
        let names = FORMULAS.iter().map(|formula| formula.name).chain(silence::CHECKS);
        let named = names.filter(|name| wanted.has(NAMESPACE, name));
        metrics.extend(
            named.map(|name| Metric::new(NAMESPACE, name, group.clone().into_iter().collect())),
        );
    }
    metrics
}

/// The metrics of several instances, with this name, that this one is among.
pub(super) fn with(instance: &Instance, name: &str) -> Vec<Metric> {
    let groups = groups(instance).map(|group| vec![group]).chain([Vec::new()]);
    groups.map(|dimensions| Metric::new(NAMESPACE, name, dimensions)).collect()
}

/// What an instance has in common with others.
fn groups(instance: &Instance) -> impl Iterator<Item = Dimension> {
    let image = instance.image.as_ref().map(|image| ("ImageId".to_owned(), image.to_string()));
    let kind = instance.kind.as_ref().map(|kind| ("InstanceType".to_owned(), kind.to_string()));
    image.into_iter().chain(kind)
}

/// The host of an agent in each analyzer that has points of it.
pub(in crate::aws::cloudwatch) fn hosts(agent: &Agent) -> impl Iterator<Item = Part> {
    let source = Source { agent: agent.address, data_source: DataSource { class: HOST, index: 1 } };
    agent.analyzers.iter().map(move |analyzer| Part { analyzer: *analyzer, source })
}
