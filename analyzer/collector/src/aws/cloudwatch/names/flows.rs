//! The totals of flow definitions: what their samples stand for, with the ends of its 95 % interval.
//!
//! A metric has the name of the value and the dimension `flow`. The ends are those of the sum of a whole period,
//! whatever its length: errors of samples do not add up, their variances do.

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::source::Source;

use super::{BYTES, COUNT, MICROSECONDS, NONE, Wanted, flowmote::NAMESPACE};
use crate::aws::cloudwatch::directory::Directory;
use crate::aws::cloudwatch::metric::{Metric, check_name};
use crate::aws::cloudwatch::series::{Part, Pick, Series, Side};

/// The series of a metric.
pub(super) fn find(directory: &Directory, metric: &Metric) -> Option<Series> {
    let [(dimension, flow)] = metric.dimensions() else { return None };
    if dimension != DIMENSION {
        return None;
    }
    let mut sides = SIDES.into_iter().filter_map(|(suffix, side)| {
        let value = metric.name.strip_suffix(suffix)?;
        let key = (flow.as_str().into(), value.into());
        let (key, analyzers) = directory.flows.get_key_value(&key)?;
        let part = |analyzer: &usize| Part { analyzer: *analyzer, source: NO_SOURCE };
        let parts = analyzers.iter().map(part).collect();
        let (name, value) = key.clone();
        let unit = unit(&value);
        Some(Series::new(parts, Pick::Flow(name, value, side), unit))
    });
    sides.next()
}

/// The metrics of all definitions.
pub(super) fn all(directory: &Directory, wanted: Wanted<'_>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (flow, value) in directory.flows.keys() {
        for (suffix, _) in SIDES {
            let name = format!("{value}{suffix}");
            if wanted.has(NAMESPACE, &name) && check_name("", &name).is_ok() {
                let dimension = (DIMENSION.to_owned(), flow.to_string());
                metrics.push(Metric::new(NAMESPACE, &name, vec![dimension]));
            }
        }
    }
    metrics
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
