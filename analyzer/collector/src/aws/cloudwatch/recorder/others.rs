//! What is recorded of flow definitions and TCP connections, whose rows are of no data source.
//!
//! Of a flow definition the sums are recorded of which its interval is made, so that the ends of a period of
//! any length are those of its sum. Rows of several analyzers add up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flowmote_engine::Instant as EngineTime;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::points::{Connections, FlowTotal, Points, Times};

use super::plan::rounded;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::names::{connections, flows};
use crate::aws::cloudwatch::series::{Report, Side};
use crate::history::{Batch, Column, Group, History, Row, Sample, Stored};
use crate::hub::Hub;

/// Whose rows are of no data source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Other {
    /// A flow definition, by name and value.
    Flow(Arc<str>, Arc<str>),
    Connections,
}

/// The columns of rows, and of the ends of intervals, which follow from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::aws::cloudwatch) enum Field {
    Total,
    Squares,
    Variance,
    Unseen,
    Low,
    High,
    Of(Report),
}

impl Field {
    pub(in crate::aws::cloudwatch) fn of_side(side: Side) -> Self {
        match side {
            Side::Value => Self::Total,
            Side::Low => Self::Low,
            Side::High => Self::High,
        }
    }

    /// Its column in the history.
    pub(in crate::aws::cloudwatch) fn column(self, history: &History) -> Option<Column> {
        let (name, is_difference) = match self {
            Self::Total => ("flow:total", true),
            Self::Squares => ("flow:squares", true),
            Self::Variance => ("flow:variance", true),
            Self::Unseen => ("flow:unseen", false),
            Self::Low => ("flow:low", true),
            Self::High => ("flow:high", true),
            Self::Of(Report::Bytes) => ("tcp:bytes", true),
            Self::Of(Report::Retransmissions) => ("tcp:retransmissions", true),
            Self::Of(Report::Timeouts) => ("tcp:timeouts", true),
            Self::Of(Report::RoundTripTime) => ("tcp:rtt", false),
        };
        history.column(name, is_difference)
    }
}

/// What is recorded of them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The time of the last row in an analyzer.
    last: HashMap<(usize, Other), EngineTime>,
    /// Those of rows that are not written yet.
    next: Vec<((usize, Other), EngineTime)>,
    groups: HashMap<Other, Group>,
    columns: HashMap<Field, Column>,
}

/// A row: its end, the milliseconds that it is over, and its numbers.
type New = (EngineTime, i64, Vec<(Field, Sample)>);

impl Others {
    /// Forgets the numbers of groups and columns.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.columns.clear();
    }

    /// Adds the rows that are new.
    pub(super) fn add(&mut self, hub: &Hub, history: &History, batch: &mut Batch) {
        let mut seen = HashSet::new();
        self.next.clear();
        for analyzer in 0..hub.threads() {
            let found = hub.at(analyzer, |it| self.read(it, analyzer)).unwrap_or_default();
            for (other, rows) in found {
                seen.insert(other.clone());
                let Some(group) = self.group(hub, history, &other) else {
                    history.dropped(rows.iter().map(|(.., numbers)| numbers.len()).sum());
                    continue;
                };
                if let Some((end, ..)) = rows.last() {
                    self.next.push(((analyzer, other.clone()), *end));
                }
                for (end, over, numbers) in rows {
                    let known = numbers.into_iter();
                    let columns =
                        known.filter_map(|(it, sample)| Some((self.column(history, it)?, sample)));
                    let mut columns: Vec<_> = columns.collect();
                    columns.sort_unstable_by_key(|(column, _)| *column);
                    batch.add(group, &Row { end: hub.unix_ms(end).cast_signed(), over, columns });
                }
            }
        }
        self.last.retain(|(_, other), _| seen.contains(other));
        if self.groups.keys().any(|other| !seen.contains(other)) {
            self.groups.retain(|other, _| seen.contains(other));
            hub.aws.live.write().retain_others(|other| seen.contains(other));
        }
    }

    /// Notes that the rows of the last call are written.
    pub(super) fn written(&mut self) {
        self.last.extend(self.next.drain(..));
    }

    /// The rows of an analyzer after those that are recorded.
    fn read(&self, analyzer: &Analyzer, number: usize) -> Vec<(Other, Vec<New>)> {
        let points = analyzer.metrics().points();
        let flows = points.flows().map(|(name, value)| Other::Flow(name.clone(), value.clone()));
        let all = flows.chain(points.has_connections().then_some(Other::Connections));
        let rows = all.map(|other| {
            let last = self.last.get(&(number, other.clone())).copied();
            let rows = rows(points, &other, last);
            (other, rows)
        });
        rows.collect()
    }

    /// The group of rows. A new one gets its names.
    fn group(&mut self, hub: &Hub, history: &History, other: &Other) -> Option<Group> {
        if let Some(group) = self.groups.get(other) {
            return Some(*group);
        }
        let group = history.group(&match other {
            // No other text begins so.
            Other::Flow(name, value) => format!("\0flow\0{name}\0{value}"),
            Other::Connections => "\0connections".to_owned(),
        })?;
        for (metric, field, unit) in metrics(other) {
            let column = self.column(history, field)?;
            let (name, dimensions) = metric.texts();
            let stored = Stored { group, column, unit: unit.into() };
            history.add_metric(&name, &dimensions, &stored);
        }
        self.groups.insert(other.clone(), group);
        hub.aws.live.write().add_other(other.clone(), group, &self.columns);
        Some(group)
    }

    fn column(&mut self, history: &History, field: Field) -> Option<Column> {
        if let Some(column) = self.columns.get(&field) {
            return Some(*column);
        }
        let column = field.column(history)?;
        self.columns.insert(field, column);
        Some(column)
    }
}

/// The metrics of rows, each with its column and unit.
fn metrics(other: &Other) -> Vec<(Metric, Field, &'static str)> {
    match other {
        Other::Flow(name, value) => {
            let all = flows::metrics(name, value).into_iter();
            all.map(|(metric, side, unit)| (metric, Field::of_side(side), unit)).collect()
        }
        Other::Connections => {
            let all = connections::metrics();
            all.map(|(metric, report, unit)| (metric, Field::Of(report), unit)).collect()
        }
    }
}

/// The rows after a time.
fn rows(points: &Points, other: &Other, last: Option<EngineTime>) -> Vec<New> {
    let (from, to) = (last.unwrap_or_default(), EngineTime::after_start(FAR));
    let is_new = |end: &EngineTime| last.is_none_or(|last| *end > last);
    match other {
        Other::Flow(name, value) => {
            let all = points.flow_totals((name, value), from, to);
            let all = all.filter(|(end, ..)| is_new(end));
            all.map(|(end, over, total)| (end, over.as_millis() as i64, of_total(&total))).collect()
        }
        Other::Connections => {
            let all = points.connections(from, to).filter(|(end, ..)| is_new(end));
            all.map(|(end, over, it)| (end, over.as_millis() as i64, of_reports(&it))).collect()
        }
    }
}

fn of_total(total: &FlowTotal) -> Vec<(Field, Sample)> {
    let numbers = [
        (Field::Total, total.total),
        (Field::Squares, total.squares),
        (Field::Variance, total.variance),
        (Field::Unseen, total.unseen),
    ];
    let known = numbers.into_iter().filter_map(|(field, it)| Some((field, rounded(it, false)?)));
    known.map(|(field, number)| (field, Sample::one(number))).collect()
}

fn of_reports(all: &Connections) -> Vec<(Field, Sample)> {
    let counts = [
        (Report::Bytes, Some(all.bytes)),
        (Report::Retransmissions, Some(all.retransmissions)),
        (Report::Timeouts, all.timeouts),
    ];
    let counts = counts.into_iter().filter_map(|(report, it)| Some((report, rounded(it?, false)?)));
    let counts = counts.map(|(report, number)| (Field::Of(report), Sample::one(number)));
    let times = all.rtt.map(|Times { sum, min, max, count }| {
        (Field::Of(Report::RoundTripTime), Sample { sum, min, max, count })
    });
    counts.chain(times).collect()
}

/// Longer than any program runs.
const FAR: core::time::Duration = core::time::Duration::from_secs(u32::MAX as u64);
