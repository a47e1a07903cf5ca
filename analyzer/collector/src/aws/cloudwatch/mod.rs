//! Amazon CloudWatch: metrics.
//!
//! [`names`] finds a metric of agents by namespace, name and dimensions, [`reported`] has those that programs
//! report, [`series`] reads its points, [`period`] makes
//! samples of periods of them, and [`statistic`] a number of each period. The operations put these together.

mod directory;
mod evaluation;
mod get_metric_data;
mod get_metric_statistics;
mod label;
mod list_metrics;
mod math;
mod metric;
mod names;
mod period;
mod put_metric_data;
mod reported;
mod search;
mod series;
mod statistic;
mod token;

pub(super) use directory::Directories;
pub(super) use reported::Reported;

use super::document::Document;
use super::fault::Fault;
use crate::hub::Hub;

/// An operation.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    name: &'static str,
    /// True if it changes something.
    pub(super) changes: bool,
    pub(super) run: fn(&Hub, &Document) -> Result<Document, Fault>,
}

/// The operation with a name.
pub(super) fn operation(name: &str) -> Option<Operation> {
    OPERATIONS.into_iter().find(|operation| operation.name == name)
}

/// The name of the service in a target.
pub(super) const SERVICE: &str = "GraniteServiceVersion20100801";

const OPERATIONS: [Operation; 4] = [
    Operation { name: "GetMetricData", changes: false, run: get_metric_data::run },
    Operation { name: "GetMetricStatistics", changes: false, run: get_metric_statistics::run },
    Operation { name: "ListMetrics", changes: false, run: list_metrics::run },
    Operation { name: "PutMetricData", changes: true, run: put_metric_data::run },
];
