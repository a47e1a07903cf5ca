//! Series: where the points of a metric come from.
//!
//! A query sees points only, whether the engine had them in its memory or somebody sent them. The history
//! on disk will be one more place that they come from.

use std::sync::Arc;

use flowmote_engine::Instant;
use flowmote_engine::metrics::Metrics;
use flowmote_engine::source::Source;

use super::directory::Directory;
use super::metric::Metric;
use super::names::{self, Formula, Kind};
use super::period::{Periods, Point};
use crate::hub::Hub;

/// The points of a metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    parts: Vec<Part>,
    pick: Pick,
    /// The unit of all points.
    pub(super) unit: &'static str,
}

/// A data source in one of the analyzers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) analyzer: usize,
    pub(super) source: Source,
}

/// What is taken of the rows of a data source.
#[derive(Clone, Debug)]
pub(super) enum Pick {
    /// The number of a formula.
    Formula(&'static Formula),
    /// A metric of a record, by its published name.
    Published(Arc<str>),
    /// An `rtmetric` value.
    Custom(Arc<str>),
}

impl Series {
    pub(super) fn new(parts: Vec<Part>, pick: Pick, unit: &'static str) -> Self {
        Self { parts, pick, unit }
    }

    /// The series of a metric; `None` if there is none.
    pub(super) fn find(hub: &Hub, directory: &Directory, metric: &Metric) -> Option<Self> {
        names::find(hub, directory, metric)
    }

    pub(super) fn add_part(&mut self, part: Part) {
        if !self.parts.contains(&part) {
            self.parts.push(part);
        }
    }

    /// The points of a time, those of each data source for themselves.
    pub(super) fn points(&self, hub: &Hub, periods: &Periods) -> Vec<Vec<Point>> {
        let (from, to) = periods.span();
        let time = |milliseconds: i64| hub.time(milliseconds.unsigned_abs());
        let parts = self.parts.iter().map(|part| {
            let read = |metrics: &Metrics| self.read(metrics, &part.source, time(from), time(to));
            let raw = hub.at(part.analyzer, |analyzer| read(analyzer.metrics()));
            let point = |raw: Raw| {
                let end = hub.unix_ms(raw.end).cast_signed();
                Point::difference(end, raw.over, raw.number)
            };
            raw.unwrap_or_default().into_iter().map(point).collect()
        });
        parts.collect()
    }

    fn read(&self, metrics: &Metrics, source: &Source, from: Instant, to: Instant) -> Vec<Raw> {
        let mut raw = Vec::new();
        match &self.pick {
            Pick::Formula(formula) => {
                let records = metrics.past_records(source);
                for record in records.filter(|record| record.name() == formula.record) {
                    raw.extend(record.between(from, to).filter_map(|row| {
                        let over = match formula.kind {
                            Kind::Value => 0,
                            Kind::Difference => row.over.as_millis() as i64,
                        };
                        Some(Raw { end: row.time, over, number: (formula.value)(&row)? })
                    }));
                }
            }
            Pick::Published(name) => {
                for record in metrics.past_records(source) {
                    let metric = record.published().find(|(own, _)| own == name);
                    let Some((_, metric)) = metric else { continue };
                    raw.extend(record.between(from, to).filter_map(|row| {
                        Some(Raw { end: row.time, over: 0, number: record.value(&row, metric)? })
                    }));
                }
            }
            Pick::Custom(name) => {
                let customs = metrics.past_customs(source).filter(|custom| custom.name == name);
                for custom in customs {
                    let points = custom.between(from, to);
                    raw.extend(points.map(|(end, over, number)| {
                        let over = if custom.counter { over.as_millis() as i64 } else { 0 };
                        Raw { end, over, number }
                    }));
                }
            }
        }
        raw
    }
}

/// A point in the time of the engine.
struct Raw {
    end: Instant,
    over: i64,
    number: f64,
}
