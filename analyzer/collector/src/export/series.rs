//! What is exported: series of families, whatever the protocol.

use crate::http::prometheus::{Kind, Labels};

/// A family of series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    /// The name in Prometheus, with its unit, and `_total` for a counter.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The unit in the notation of UCUM; empty for plain counts.
    pub(super) unit: &'static str,
    pub(super) help: String,
}

/// What series are about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subject {
    /// The agent, by the semantic conventions of OpenTelemetry.
    pub(super) resource: Vec<(&'static str, String)>,
    /// Labels of all its series.
    pub(super) labels: Labels,
}

/// New points of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series<'a> {
    pub(super) metric: &'a Metric,
    pub(super) subject: &'a Subject,
    /// Labels of this series only.
    pub(super) labels: &'a [(String, String)],
    /// The time since which a counter counts, in milliseconds since 1970.
    pub(super) start: u64,
    pub(super) points: &'a [Point],
}

/// A value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Milliseconds since 1970.
    pub(super) time: u64,
    /// `None` if the series has no values from this time on.
    pub(super) value: Option<f64>,
}

/// Makes requests of a protocol.
pub(super) trait Encode: Send {
    /// Adds points to the request.
    fn add(&mut self, series: &Series<'_>);

    /// The body of the request, compressed; the next one is empty.
    fn finish(&mut self) -> Vec<u8>;
}
