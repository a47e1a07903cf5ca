//! Series: where the points of a metric come from.
//!
//! A query sees points only, whether the engine has them in its memory, somebody sent them, or the
//! [history](past) has them.

mod bounds;
pub(super) mod past;
mod pick;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use flowmote_engine::source::Source;

use super::directory::Directory;
use super::metric::Metric;
use super::names::{self, Formula};
use super::period::{Periods, Point};
use crate::history::{Column, Group};
use crate::hub::Hub;
pub(super) use read::read;

/// The points of a metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    origin: Origin,
    /// The unit of all points.
    pub(super) unit: Cow<'static, str>,
    /// Where the history has points of it.
    past: Vec<Past>,
}

/// Where points come from.
#[derive(Clone, Debug)]
enum Origin {
    /// The rows of data sources.
    Rows(Vec<Part>, Pick),
    /// A program.
    Reported(Metric),
    /// Nothing but the history.
    Before,
}

/// A place in the history.
#[derive(Clone, Copy, Debug)]
struct Past {
    place: (Group, Column),
    /// The data source of whose rows memory has the later ones; `None` if memory has none of them.
    of: Option<Source>,
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
    /// The total of a flow definition with this name and value, or an end of its interval.
    Flow(Arc<str>, Arc<str>, Side),
    /// What TCP connections report.
    Connections(Report),
}

/// Which number of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Value,
    /// The ends of the 95 % interval.
    Low,
    High,
}

/// Which number of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Report {
    Bytes,
    Retransmissions,
    Timeouts,
    RoundTripTime,
}

impl Series {
    pub(super) fn new(parts: Vec<Part>, pick: Pick, unit: &'static str) -> Self {
        Self { origin: Origin::Rows(parts, pick), unit: unit.into(), past: Vec::new() }
    }

    /// The series of a metric from a time on, one for each unit, or that with a unit.
    pub(super) fn find(
        hub: &Hub,
        directory: &Directory,
        metric: &Metric,
        unit: Option<&str>,
        from: i64,
    ) -> Vec<Self> {
        Self::find_all(hub, directory, &[(metric, unit, from)]).pop().unwrap_or_default()
    }

    /// The same of several metrics, in their order.
    pub(super) fn find_all(
        hub: &Hub,
        directory: &Directory,
        all: &[(&Metric, Option<&str>, i64)],
    ) -> Vec<Vec<Self>> {
        let metrics: Vec<&Metric> = all.iter().map(|(metric, ..)| *metric).collect();
        let own = names::find_all(hub, directory, &metrics).into_iter();
        let found = own.zip(all).map(|(own, (metric, unit, from))| {
            let mut found = Self::with_others(hub, metric, own, *from);
            found.retain(|series| unit.is_none_or(|unit| unit == series.unit));
            found
        });
        found.collect()
    }

    /// The series of a metric from a time on: that of agents, those that programs report, and those that
    /// only the history has.
    pub(super) fn with_others(
        hub: &Hub,
        metric: &Metric,
        of_agents: Option<Self>,
        from: i64,
    ) -> Vec<Self> {
        let mut found: Vec<Self> = of_agents.into_iter().collect();
        found.extend(Self::reported(hub, metric));
        past::add(hub, metric, &mut found, from);
        found
    }

    /// The series that programs report of a metric, one for each unit.
    fn reported(hub: &Hub, metric: &Metric) -> Vec<Self> {
        let reported = hub.aws.reported.lock();
        let units = reported.points(metric, 0, 0).map(|(unit, _)| Self {
            origin: Origin::Reported(metric.clone()),
            unit: unit.to_owned().into(),
            past: Vec::new(),
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
    pub(super) fn points(&self, hub: &Hub, periods: &Periods) -> impl Iterator<Item = Vec<Point>> {
        let mut points = Vec::new();
        read(hub, &[(self, *periods)], |_, part| points.push(part));
        points.into_iter()
    }

    /// Where the history has the points of the rows that are in memory.
    pub(super) fn places(&self, hub: &Hub) -> Vec<(Group, Column)> {
        let Origin::Rows(parts, pick) = &self.origin else { return Vec::new() };
        let places = hub.aws.live.read().places(parts, pick);
        places.into_iter().map(|(_, place)| place).collect()
    }
}
