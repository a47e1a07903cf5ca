//! Series: where the points of a metric come from.
//!
//! A query sees points only, whether the engine has them in its memory, somebody sent them, or the
//! [history](past) has them.

pub(super) mod past;

use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_engine::Instant;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::Metrics;
use flowmote_engine::points::{Connections, FlowTotal, Times};
use flowmote_engine::source::Source;

use super::directory::Directory;
use super::metric::Metric;
use super::names::{self, Formula, Kind};
use super::period::{Periods, Point};
use super::silence;
use crate::history::{Column, Group};
use crate::hub::Hub;

/// The points of a metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    origin: Origin,
    /// The unit of all points.
    pub(super) unit: Cow<'static, str>,
    /// Where the history has points that are of no part of the origin.
    before: Vec<(Group, Column)>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Value,
    /// The ends of the 95 % interval.
    Low,
    High,
}

/// Which number of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Bytes,
    Retransmissions,
    Timeouts,
    RoundTripTime,
}

impl Series {
    pub(super) fn new(parts: Vec<Part>, pick: Pick, unit: &'static str) -> Self {
        Self { origin: Origin::Rows(parts, pick), unit: unit.into(), before: Vec::new() }
    }

    /// The series of a metric, one for each unit, or that with a unit.
    pub(super) fn find(
        hub: &Hub,
        directory: &Directory,
        metric: &Metric,
        unit: Option<&str>,
    ) -> Vec<Self> {
        Self::find_all(hub, directory, &[(metric, unit)]).pop().unwrap_or_default()
    }

    /// The same of several metrics, in their order.
    pub(super) fn find_all(
        hub: &Hub,
        directory: &Directory,
        all: &[(&Metric, Option<&str>)],
    ) -> Vec<Vec<Self>> {
        let metrics: Vec<&Metric> = all.iter().map(|(metric, _)| *metric).collect();
        let own = names::find_all(hub, directory, &metrics).into_iter();
        let found = own.zip(all).map(|(own, (metric, unit))| {
            let mut found: Vec<Self> = own.into_iter().collect();
            found.extend(Self::reported(hub, metric));
            past::add(hub, metric, &mut found);
            found.retain(|series| unit.is_none_or(|unit| unit == series.unit));
            found
        });
        found.collect()
    }

    /// The series that programs report of a metric, one for each unit.
    pub(super) fn reported(hub: &Hub, metric: &Metric) -> Vec<Self> {
        let reported = hub.aws.reported.lock();
        let units = reported.points(metric, 0, 0).map(|(unit, _)| Self {
            origin: Origin::Reported(metric.clone()),
            unit: unit.to_owned().into(),
            before: Vec::new(),
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

    /// The points that programs report; `None` for a series that has others. Those before the memory has
    /// all of them are in the history.
    fn reported_points(&self, hub: &Hub, periods: &Periods) -> Option<Vec<Point>> {
        let Origin::Reported(metric) = &self.origin else { return None };
        let (from, to) = periods.span();
        let reported = hub.aws.reported.lock();
        let begin = if hub.aws.history().is_some() { reported.begin() } else { i64::MIN };
        let mut units = reported.points(metric, from.max(begin), to);
        let own = units.find(|(unit, _)| *unit == self.unit);
        let mut points = own.map(|(_, points)| points.to_vec()).unwrap_or_default();
        drop(units);
        drop(reported);
        if begin > from {
            for place in past::places(hub, metric, &self.unit) {
                points.extend(past::points(hub, place, &self.unit, periods, begin));
            }
        }
        Some(points)
    }

    /// The points of a data source before those that memory has, of which the first one ended at a time
    /// and is over another.
    fn points_before(
        &self,
        hub: &Hub,
        source: &Source,
        first: Option<(Instant, Duration)>,
        periods: &Periods,
    ) -> Vec<Point> {
        let Origin::Rows(_, pick) = &self.origin else { return Vec::new() };
        let Some(place) = hub.aws.live.read().place(source, pick) else { return Vec::new() };
        let begin = first.map_or(i64::MAX, |(end, over)| {
            let over = if place.1.is_difference() { over.as_millis() as i64 } else { 0 };
            hub.unix_ms(end).cast_signed() - over
        });
        if begin <= periods.span().0 {
            return Vec::new();
        }
        past::points(hub, place, &self.unit, periods, begin)
    }

    /// Where the history has the points of the rows that are in memory.
    pub(super) fn places(&self, hub: &Hub) -> Vec<(Group, Column)> {
        let Origin::Rows(parts, pick) = &self.origin else { return Vec::new() };
        let live = hub.aws.live.read();
        parts.iter().filter_map(|part| live.place(&part.source, pick)).collect()
    }
}

/// Reads the points of several series, each of a time. `take` gets the number of a series and the points of
/// one of its data sources. Samples wait for a few of them at a time.
pub(super) fn read(hub: &Hub, all: &[(&Series, Periods)], mut take: impl FnMut(usize, Vec<Point>)) {
    let time = |milliseconds: i64| hub.time(milliseconds.unsigned_abs());
    let mut parts = Vec::new();
    for (number, (series, periods)) in all.iter().enumerate() {
        if let Some(points) = series.reported_points(hub, periods) {
            take(number, points);
        }
        match &series.origin {
            Origin::Rows(own, Pick::Silence) => {
                let hosts = own.chunk_by(|a, b| a.source == b.source);
                hosts.for_each(|parts| take(number, silence::points(hub, parts, periods)));
            }
            Origin::Rows(own, pick) => {
                let (from, to) = periods.span();
                let (from, to) = (time(from), time(to));
                parts.extend(own.iter().map(|part| (*part, number, pick, from, to)));
            }
            Origin::Reported(_) | Origin::Before => {}
        }
        for place in &series.before {
            take(number, past::points(hub, *place, &series.unit, periods, i64::MAX));
        }
    }
    parts.sort_by_key(|(part, ..)| part.analyzer);
    // An interval is of the totals of all analyzers together.
    let mut totals: BTreeMap<usize, (Side, Vec<Total>)> = BTreeMap::new();
    for parts in parts.chunk_by(|a, b| a.0.analyzer == b.0.analyzer) {
        let analyzer = parts.first().map_or(0, |(part, ..)| part.analyzer);
        let read =
            |analyzer: &Analyzer, (part, number, pick, from, to): &(Part, usize, &Pick, _, _)| {
                let found = pick.read(analyzer.metrics(), &part.source, *from, *to);
                let first = pick.first(analyzer.metrics(), &part.source);
                (1 + found.len(), (*number, part.source, first, found))
            };
        for (number, source, first, found) in hub.in_turns(analyzer, parts, read) {
            let time = |time: Instant| hub.unix_ms(time).cast_signed();
            match found {
                Found::Numbers(raw) => {
                    let point = |raw: Raw| Point::difference(time(raw.end), raw.over, raw.number);
                    let mut points: Vec<Point> = raw.into_iter().map(point).collect();
                    if let Some((series, periods)) = all.get(number) {
                        points.extend(series.points_before(hub, &source, first, periods));
                    }
                    take(number, points);
                }
                Found::Points(mut points) => {
                    points.iter_mut().for_each(|(end, point)| point.end = time(*end));
                    take(number, points.into_iter().map(|(_, point)| point).collect());
                }
                Found::Totals(side, more) => {
                    let more = more.into_iter().map(|(end, over, it)| (time(end), over, it));
                    totals.entry(number).or_insert((side, Vec::new())).1.extend(more);
                }
            }
        }
    }
    for (number, (side, totals)) in totals {
        if let Some((_, periods)) = all.get(number) {
            take(number, ends(*periods, side, &totals));
        }
    }
}

/// A total of a flow definition: its end in milliseconds since 1970, and the milliseconds that it is about.
type Total = (i64, i64, FlowTotal);

/// The end of the interval of the sum of each period, up to the last total in it. It is divided as the sum is.
fn ends(periods: Periods, side: Side, totals: &[Total]) -> Vec<Point> {
    let length = i64::from(periods.seconds()) * 1000;
    let mut sums: BTreeMap<i64, (i64, FlowTotal)> = BTreeMap::new();
    for (end, over, total) in totals {
        for (begin, share) in periods.shares(*end, *over) {
            let none = FlowTotal { unseen: f64::NAN, ..FlowTotal::default() };
            let (last, sum) = sums.entry(begin).or_insert((begin, none));
            *last = (begin + length).min(*end).max(*last);
            sum.add(total, share);
        }
    }
    let ends = sums.into_iter().map(|(begin, (last, total))| {
        let estimate = total.estimate();
        let end = if side == Side::Low { estimate.low } else { estimate.high };
        Point::difference(last, last - begin, end)
    });
    ends.filter(|point| point.sum.is_finite()).collect()
}

impl Pick {
    /// The end of the first row that memory has, and the time that it is over.
    fn first(&self, metrics: &Metrics, source: &Source) -> Option<(Instant, Duration)> {
        match self {
            Self::Formula(formula) => {
                let records = metrics.past_records(source);
                let own = records.filter(|record| record.name() == formula.record);
                own.filter_map(|record| record.first()).min()
            }
            Self::Published(name) => {
                let own = metrics.past_records(source).filter(|it| it.find(name).is_some());
                own.filter_map(|record| record.first()).min()
            }
            Self::Custom(name) => {
                let customs = metrics.past_customs(source).filter(|custom| custom.name == name);
                customs.filter_map(|custom| custom.first()).min()
            }
            Self::Silence | Self::Flow(..) | Self::Connections(_) => None,
        }
    }

    fn read(&self, metrics: &Metrics, source: &Source, from: Instant, to: Instant) -> Found {
        let mut raw = Vec::new();
        match self {
            Self::Flow(name, value, side) => {
                let totals = metrics.points().flow_totals((name, value), from, to);
                let totals = totals.map(|(end, over, it)| (end, over.as_millis() as i64, it));
                if *side != Side::Value {
                    return Found::Totals(*side, totals.collect());
                }
                raw.extend(totals.map(|(end, over, it)| Raw { end, over, number: it.total }));
            }
            Self::Connections(report) => {
                let all = metrics.points().connections(from, to);
                let points = all.filter_map(|(end, over, it)| {
                    Some((end, report.point(over.as_millis() as i64, &it)?))
                });
                return Found::Points(points.collect());
            }
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
                    let Some(metric) = record.find(name) else { continue };
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
        Found::Numbers(raw)
    }
}

impl Report {
    /// The point of a row, without its time.
    fn point(self, over: i64, all: &Connections) -> Option<Point> {
        let difference = |number| Point::difference(0, over, number);
        Some(match self {
            Self::Bytes => difference(all.bytes),
            Self::Retransmissions => difference(all.retransmissions),
            Self::Timeouts => difference(all.timeouts?),
            Self::RoundTripTime => {
                let Times { sum, min, max, count } = all.rtt?;
                Point { end: 0, over: 0, sum, min, max, count }
            }
        })
    }
}

/// What the rows of a data source have.
enum Found {
    Numbers(Vec<Raw>),
    Points(Vec<(Instant, Point)>),
    Totals(Side, Vec<(Instant, i64, FlowTotal)>),
}

impl Found {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(all) => all.len(),
            Self::Points(all) => all.len(),
            Self::Totals(_, all) => all.len(),
        }
    }
}

/// A point in the time of the engine.
struct Raw {
    end: Instant,
    over: i64,
    number: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_of_the_sum_of_a_period() {
        // A sample of 1,000 bytes in each second, one of 100 packets.
        let total = FlowTotal { total: 1e5, squares: 1e10, variance: 0.99e10, unseen: 3e5 };
        let totals: Vec<Total> = (1..=60).map(|end| (end * 1000, 1000, total)).collect();
        let of = |side, seconds| {
            let periods = Periods::new(0, 60_000, seconds, "Period").unwrap();
            ends(periods, side, &totals).iter().map(|point| point.sum).collect::<Vec<_>>()
        };
        // By hand, as a score interval: z = 1.96·(1 + 1.5/63), the variance 5.94e11, 9.9e4 a sample.
        let (low, high) = (of(Side::Low, 60), of(Side::High, 60));
        assert!((low[0] / 4.6399e6 - 1.0).abs() < 1e-3, "{low:?}");
        assert!((high[0] / 7.7587e6 - 1.0).abs() < 1e-3, "{high:?}");
        let seconds: f64 = of(Side::High, 1).iter().sum();
        assert!(seconds > 3.0 * high[0], "{seconds}");
    }

    #[test]
    fn total_is_divided_among_periods() {
        let total = FlowTotal { total: 100.0, squares: 100.0, variance: 0.0, unseen: 0.0 };
        let periods = Periods::new(0, 3000, 1, "Period").unwrap();
        let found = ends(periods, Side::Low, &[(1500, 1000, total), (2500, 1000, total)]);
        let found: Vec<_> = found.iter().map(|point| (point.end, point.sum)).collect();
        assert_eq!(found, [(1000, 50.0), (2000, 100.0), (2500, 50.0)]);
    }

    #[test]
    fn unknown_bound_is_no_point() {
        let total = FlowTotal { unseen: f64::NAN, ..FlowTotal::default() };
        let periods = Periods::new(0, 3000, 1, "Period").unwrap();
        assert_eq!(ends(periods, Side::High, &[(1000, 1000, total)]), []);
        let found = ends(periods, Side::Low, &[(1000, 1000, total)]);
        assert_eq!(found, [Point::difference(1000, 1000, 0.0)]);
    }
}
