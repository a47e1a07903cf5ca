//! Thresholds on metrics, and the numbered events of their crossing.

mod log;
#[cfg(test)]
mod tests;
mod threshold;

use crate::instant::Instant;
use crate::source::Source;

pub use log::{EventLog, Events};
pub use threshold::{Candidate, Threshold, Watch};

/// A value has crossed a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The number of the event, from 0 on; given by the [`EventLog`].
    pub id: u64,
    /// The time of the crossing.
    pub time: Instant,
    /// The name of the threshold.
    pub threshold: String,
    /// The metric of the threshold.
    pub metric: String,
    /// The value of the threshold.
    pub limit: f64,
    /// The value of the metric.
    pub value: f64,
    /// The data source of the value.
    pub source: Source,
    /// The flow, if the threshold is on each flow.
    pub flow_key: Option<String>,
}
