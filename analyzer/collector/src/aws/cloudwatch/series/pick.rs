//! What is read of the rows of a data source.

use core::time::Duration;

use flowmote_engine::Instant;
use flowmote_engine::metrics::{Metrics, PastCustom};
use flowmote_engine::points::{Connections, FlowTotal, Times};
use flowmote_engine::source::Source;

use super::{Pick, Report, Side};
use crate::aws::cloudwatch::names::Kind;
use crate::aws::cloudwatch::period::Point;

impl Pick {
    /// The end of the first row that memory has, and the time that it is over if its number is.
    pub(super) fn first(&self, metrics: &Metrics, source: &Source) -> Option<(Instant, Duration)> {
        let (end, over) = match self {
            Self::Formula(formula) => {
                let records = metrics.past_records(source);
                let own = records.filter(|record| record.name() == formula.record);
                own.filter_map(|record| record.first()).min()?
            }
            Self::Published(name) => {
                let own = metrics.past_records(source).filter(|it| it.find(name).is_some());
                own.filter_map(|record| record.first()).min()?
            }
            Self::Custom(name) => {
                let customs = metrics.past_customs(source).filter(|custom| custom.name == name);
                let first = |custom: PastCustom<'_>| {
                    let (end, over) = custom.first()?;
                    Some((end, if custom.counter { over } else { Duration::ZERO }))
                };
                customs.filter_map(first).min()?
            }
            Self::Flow(name, value, _) => {
                let (from, to) = always();
                let totals = metrics.points().flow_totals((name, value), from, to);
                totals.map(|(end, over, _)| (end, over)).next()?
            }
            Self::Connections(_) => {
                let (from, to) = always();
                let all = metrics.points().connections(from, to);
                all.map(|(end, over, _)| (end, over)).next()?
            }
            Self::Silence => return None,
        };
        Some((end, if self.is_difference() { over } else { Duration::ZERO }))
    }

    /// True for what is counted over the time of a row. A rate is a value at its end.
    fn is_difference(&self) -> bool {
        match self {
            Self::Formula(formula) => formula.kind == Kind::Difference,
            Self::Custom(_) | Self::Flow(..) => true,
            Self::Connections(report) => *report != Report::RoundTripTime,
            Self::Published(_) | Self::Silence => false,
        }
    }

    /// The points of a time, without the end of it. Their times are beside them.
    pub(super) fn read(
        &self,
        metrics: &Metrics,
        source: &Source,
        from: Instant,
        to: Instant,
    ) -> Found {
        let point = |end, over: Duration, number| {
            let over = if self.is_difference() { over.as_millis() as i64 } else { 0 };
            (end, Point::difference(0, over, number))
        };
        let points = match self {
            Self::Flow(name, value, side) => {
                let totals = metrics.points().flow_totals((name, value), from, to);
                if *side != Side::Value {
                    let total =
                        |(end, over, it): (_, Duration, _)| (end, over.as_millis() as i64, it);
                    return Found::Totals(*side, totals.map(total).collect());
                }
                totals.map(|(end, over, it)| point(end, over, it.total)).collect()
            }
            Self::Connections(report) => {
                let all = metrics.points().connections(from, to);
                let points = all.filter_map(|(end, over, it)| {
                    Some((end, report.point(over.as_millis() as i64, &it)?))
                });
                points.collect()
            }
            Self::Formula(formula) => {
                let records = metrics.past_records(source);
                let own = records.filter(|record| record.name() == formula.record);
                let rows = own.flat_map(|record| record.between(from, to));
                let points =
                    rows.filter_map(|row| Some(point(row.time, row.over, (formula.value)(&row)?)));
                points.collect()
            }
            Self::Published(name) => {
                let own = metrics.past_records(source);
                let own = own.filter_map(|record| Some((record, record.find(name)?)));
                let points = own.flat_map(|(record, metric)| {
                    let rows = record.between(from, to);
                    rows.filter_map(move |row| {
                        Some((row.time, row.over, record.value(&row, metric)?))
                    })
                });
                points.map(|(end, over, number)| point(end, over, number)).collect()
            }
            // Its points follow from rows of all analyzers.
            Self::Silence => Vec::new(),
            Self::Custom(name) => {
                let customs = metrics.past_customs(source).filter(|custom| custom.name == name);
                let mut points = Vec::new();
                for custom in customs {
                    let counts = |over| if custom.counter { over } else { Duration::ZERO };
                    let rows = custom.between(from, to);
                    points.extend(rows.map(|(end, over, it)| point(end, counts(over), it)));
                }
                points
            }
        };
        Found::Points(points)
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
pub(super) enum Found {
    Points(Vec<(Instant, Point)>),
    Totals(Side, Vec<(Instant, i64, FlowTotal)>),
}

impl Found {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Points(all) => all.len(),
            Self::Totals(_, all) => all.len(),
        }
    }
}

/// All times.
fn always() -> (Instant, Instant) {
    (Instant::default(), Instant::after_start(Duration::from_secs(u32::MAX.into())))
}
