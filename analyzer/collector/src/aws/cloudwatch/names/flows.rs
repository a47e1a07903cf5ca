//! The totals of flow definitions: what their samples stand for, with the ends of its 95 % interval.
//!
//! A metric has the name of the value and the dimension `flow`. The ends are those of the sum of a whole period,
//! whatever its length: errors of samples do not add up, their variances do.

use std::sync::Arc;

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::source::Source;

use super::{BYTES, COUNT, MICROSECONDS, NONE, Wanted, flowmote::NAMESPACE};
use crate::aws::cloudwatch::directory::Directory;
use crate::aws::cloudwatch::metric::{Metric, check_name};
use crate::aws::cloudwatch::series::{Part, Pick, Series, Side};

/// The series of a metric.
pub(super) fn find(directory: &Directory, metric: &Metric) -> Option<Series> {
    let mut sides = sides(metric).filter_map(|(key, side)| {
        let (key, analyzers) = directory.flows.get_key_value(&key)?;
        let part = |analyzer: &usize| Part { analyzer: *analyzer, source: NO_SOURCE };
        let parts = analyzers.iter().map(part).collect();
        let (name, value) = key.clone();
        let unit = unit(&value);
        Some(Series::new(parts, Pick::Flow(name, value, side), unit))
    });
    sides.next()
}

/// The definitions that can have a metric, by name and value, each with the number that it is of them.
pub(in crate::aws::cloudwatch) fn sides(
    metric: &Metric,
) -> impl Iterator<Item = ((Arc<str>, Arc<str>), Side)> {
    let flow = match metric.dimensions() {
        [(dimension, flow)] if dimension == DIMENSION && metric.namespace == NAMESPACE => {
            Some(flow)
        }
        _ => None,
    };
    flow.into_iter().flat_map(|flow| {
        SIDES.into_iter().filter_map(|(suffix, side)| {
            let value = metric.name.strip_suffix(suffix)?;
            Some(((flow.as_str().into(), value.into()), side))
        })
    })
}

/// The metrics of all definitions.
pub(super) fn all(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    let all = directory.flows.keys().flat_map(|(flow, value)| metrics(flow, value));
    let all = all.map(|(metric, ..)| metric);
    all.filter(|metric| wanted.has(NAMESPACE, &metric.name)).collect()
}

/// The metrics of a definition with this name and value, and their unit.
pub(in crate::aws::cloudwatch) fn metrics(
    flow: &str,
    value: &str,
) -> Vec<(Metric, Side, &'static str)> {
    let metrics = SIDES.into_iter().filter_map(|(suffix, side)| {
        let name = format!("{value}{suffix}");
        check_name("", &name).ok()?;
        let dimension = (DIMENSION.to_owned(), flow.to_owned());
        Some((Metric::new(NAMESPACE, &name, vec![dimension]), side, unit(value)))
    });
    metrics.collect()
}

/// The unit of a value.
fn unit(value: &str) -> &'static str {
    match value {
        "bytes" | "req_bytes" | "resp_bytes" => BYTES,
        "frames" | "requests" => COUNT,
        "duration" => MICROSECONDS,
        _ => NONE,
    }
}

const DIMENSION: &str = "flow";
const SIDES: [(&str, Side); 3] = [("_low", Side::Low), ("_high", Side::High), ("", Side::Value)];
/// Totals are of no data source.
const NO_SOURCE: Source =
    Source { agent: Address::Unknown, data_source: DataSource { class: 0, index: 0 } };
