//! Series: where the points of a metric come from.
//!
//! A query sees points only, whether the engine had them in its memory or somebody sent them. The history
//! on disk will be one more place that they come from.

use std::borrow::Cow;
use std::sync::Arc;

use flowmote_engine::Instant;
use flowmote_engine::metrics::Metrics;
use flowmote_engine::source::Source;

use super::directory::Directory;
use super::metric::Metric;
use super::names::{self, Formula, Kind};
use super::period::{Periods, Point};
use super::silence;
use crate::hub::Hub;

/// The points of a metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    origin: Origin,
    /// The unit of all points.
    pub(super) unit: Cow<'static, str>,
}

/// Where points come from.
#[derive(Clone, Debug)]
enum Origin {
    /// The rows of data sources.
    Rows(Vec<Part>, Pick),
    /// A program.
    Reported(Metric),
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
    /// Whether there are records of a host.
    Silence,
}

impl Series {
    pub(super) fn new(parts: Vec<Part>, pick: Pick, unit: &'static str) -> Self {
        Self { origin: Origin::Rows(parts, pick), unit: unit.into() }
    }

    /// The series of a metric, one for each unit, or that with a unit.
    pub(super) fn find(
        hub: &Hub,
        directory: &Directory,
        metric: &Metric,
        unit: Option<&str>,
    ) -> Vec<Self> {
        let mut found: Vec<Self> = names::find(hub, directory, metric).into_iter().collect();
        found.extend(Self::reported(hub, metric));
        found.retain(|series| unit.is_none_or(|unit| unit == series.unit));
        found
    }

    /// The series that programs report of a metric, one for each unit.
    pub(super) fn reported(hub: &Hub, metric: &Metric) -> Vec<Self> {
        let reported = hub.aws.reported.lock();
        let units = reported.points(metric, 0, 0).map(|(unit, _)| Self {
            origin: Origin::Reported(metric.clone()),
            unit: unit.to_owned().into(),
        });
        units.collect()
    }

    pub(super) fn add_part(&mut self, part: Part) {
        if let Origin::Rows(parts, _) = &mut self.origin
            && !parts.contains(&part)
        {
            parts.push(part);
        }
    }

    /// The points of a time, those of each data source for themselves, one after the other.
    pub(super) fn points<'a>(
        &'a self,
        hub: &'a Hub,
        periods: &Periods,
    ) -> impl Iterator<Item = Vec<Point>> + use<'a> {
        let (from, to) = periods.span();
        let (periods, mut checked) = (*periods, [].as_slice());
        let (rows, reported) = match &self.origin {
            Origin::Rows(parts, Pick::Silence) => {
                checked = parts;
                (None, None)
            }
            Origin::Rows(parts, pick) => (Some((parts, pick)), None),
            Origin::Reported(metric) => {
                let reported = hub.aws.reported.lock();
                let mut units = reported.points(metric, from, to);
                (None, units.find(|(unit, _)| *unit == self.unit).map(|(_, it)| it.to_vec()))
            }
        };
        let time = |milliseconds: i64| hub.time(milliseconds.unsigned_abs());
        let (from, to) = (time(from), time(to));
        let parts =
            rows.into_iter().flat_map(|(parts, pick)| parts.iter().map(move |it| (it, pick)));
        let rows = parts.map(move |(part, pick)| {
            let read = |metrics: &Metrics| pick.read(metrics, &part.source, from, to);
            let raw = hub.at(part.analyzer, |analyzer| read(analyzer.metrics()));
            let point = |raw: Raw| {
                let end = hub.unix_ms(raw.end).cast_signed();
                Point::difference(end, raw.over, raw.number)
            };
            raw.unwrap_or_default().into_iter().map(point).collect()
        });
        let hosts = checked.chunk_by(|a, b| a.source == b.source);
        let checks = hosts.map(move |parts| silence::points(hub, parts, &periods));
        reported.into_iter().chain(rows).chain(checks)
    }
}

impl Pick {
    fn read(&self, metrics: &Metrics, source: &Source, from: Instant, to: Instant) -> Vec<Raw> {
        let mut raw = Vec::new();
        match self {
            Self::Formula(formula) => {
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
            Self::Published(name) => {
                for record in metrics.past_records(source) {
                    let metric = record.published().find(|(own, _)| own == name);
                    let Some((_, metric)) = metric else { continue };
                    raw.extend(record.between(from, to).filter_map(|row| {
                        Some(Raw { end: row.time, over: 0, number: record.value(&row, metric)? })
                    }));
                }
            }
            // Its points follow from rows of all analyzers.
            Self::Silence => {}
            Self::Custom(name) => {
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
