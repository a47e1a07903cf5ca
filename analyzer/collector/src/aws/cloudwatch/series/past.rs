//! Points of the history.
//!
//! Memory has the rows of a data source from a time on, and the history all of them. At this time the two
//! are joined: whole minutes before it come from the best tier for the periods of a request, the rest of
//! the minute from rows, of which only what is before it counts. So nothing is counted twice or missing,
//! and a minute that both have a part of is one sample.

use super::{Origin, Series};
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::{Periods, Point};
use crate::history::{Column, Found, Group, History, Listed, MINUTE, Stored, Tier};
use crate::hub::Hub;

/// Adds what the history has of a metric to its series: to that with the same unit, or as one more.
pub(super) fn add(hub: &Hub, metric: &Metric, found: &mut Vec<Series>) {
    for Stored { group, column, unit } in stored(hub, metric) {
        let place = (group, column);
        let own = found.iter_mut().find(|series| *series.unit == *unit);
        match own {
            // It reads those itself.
            Some(Series { origin: Origin::Reported(_), .. }) => {}
            Some(series) => {
                if !series.before.contains(&place) && !series.places(hub).contains(&place) {
                    series.before.push(place);
                }
            }
            None => {
                let (origin, unit) = (Origin::Before, unit.to_string().into());
                found.push(Series { origin, unit, before: vec![place] });
            }
        }
    }
}

/// The places of a metric with a unit.
pub(super) fn places(hub: &Hub, metric: &Metric, unit: &str) -> Vec<(Group, Column)> {
    let all = stored(hub, metric).into_iter().filter(|stored| *stored.unit == *unit);
    all.map(|stored| (stored.group, stored.column)).collect()
}

fn stored(hub: &Hub, metric: &Metric) -> Vec<Stored> {
    let Some(history) = hub.aws.history() else { return Vec::new() };
    let (name, dimensions) = metric.texts();
    history.find(&name, &dimensions)
}

/// Metrics that only the history has, and that had a point after a time: a part of those after a place,
/// with their places, and the place of the last one that was looked at. `None` after the last part.
pub(in crate::aws::cloudwatch) fn metrics(
    hub: &Hub,
    after: Option<u64>,
    since: i64,
) -> Option<(Vec<(u64, Metric)>, u64)> {
    let history = hub.aws.history()?;
    let part = history.metrics(after, METRICS);
    let last = part.last()?.place;
    let only_here = part.into_iter().filter_map(|Listed { name, dimensions, place, groups }| {
        let is_live = hub.aws.live.read().has_one_of(&groups);
        let metric = Metric::of_texts(&name, &dimensions).filter(|_| !is_live)?;
        let is_reported = hub.aws.reported.lock().points(&metric, 0, 0).next().is_some();
        let is_active = || history.last(&groups).is_some_and(|last| last > since);
        (!is_reported && is_active()).then_some((place, metric))
    });
    Some((only_here.collect(), last))
}

/// The points of a place before a time.
pub(super) fn points(
    hub: &Hub,
    place: (Group, Column),
    unit: &str,
    periods: &Periods,
    before: i64,
) -> Vec<Point> {
    let Some(history) = hub.aws.history() else { return Vec::new() };
    let (start, end) = periods.span();
    let length = i64::from(periods.seconds()) * 1000;
    let read = Reading { history, place, is_rate: unit.ends_with("/Second"), before };
    if length < MINUTE {
        return read.rows(start, end);
    }
    let now = hub.unix_ms(hub.now()).cast_signed();
    let whole = before - before.rem_euclid(MINUTE);
    let mut points = Vec::new();
    if start < whole.min(end) {
        let span = start..whole.min(end);
        for found in history.read(place, (start, length), span, now) {
            points.extend(read.points(found));
        }
    }
    if whole < end {
        points.extend(read.rows(whole.max(start), end));
    }
    points
}

/// How points of a place are read.
struct Reading<'a> {
    history: &'a History,
    place: (Group, Column),
    /// True if they are differences in the history, and rates here.
    is_rate: bool,
    /// The time before which they are.
    before: i64,
}

impl Reading<'_> {
    /// Points of rows, of which what is in a span of time counts.
    fn rows(&self, from: i64, to: i64) -> Vec<Point> {
        let last = to.min(self.before);
        let is_difference = self.place.1.is_difference();
        // The one that begins before the end may end later.
        let end = if is_difference { last.saturating_add(LONGEST) } else { last };
        let found = self.history.rows(self.place, from..end);
        let points = self.points(found).into_iter();
        if !is_difference || self.is_rate {
            return points.filter(|point| (from..last).contains(&point.end)).collect();
        }
        points.filter_map(|point| cut(point, from, last)).collect()
    }

    fn points(&self, Found { tier, samples }: Found) -> Vec<Point> {
        let is_difference = self.place.1.is_difference();
        let points = samples.into_iter().filter_map(|(end, over, sample)| {
            let over = if is_difference { over } else { 0 };
            let (seconds, over) = match (tier, self.is_rate && is_difference) {
                (_, false) => (1.0, over),
                (Tier::Rows, true) => (over as f64 / 1000.0, 0),
                // A sample of a difference is what was counted in a minute.
                (_, true) => (60.0, 0),
            };
            (seconds > 0.0).then(|| Point {
                end,
                over,
                sum: sample.sum / seconds,
                min: sample.min / seconds,
                max: sample.max / seconds,
                count: sample.count,
            })
        });
        points.collect()
    }
}

/// The part of a difference that is in a span of time.
fn cut(point: Point, from: i64, to: i64) -> Option<Point> {
    let begin = (point.end - point.over).max(from);
    let end = point.end.min(to);
    let share = (end - begin) as f64 / point.over.max(1) as f64;
    (begin < end).then(|| Point::difference(end, end - begin, point.sum * share))
}

/// Metrics that are looked at at a time.
const METRICS: usize = 500;
/// Milliseconds that a difference may begin before it ends.
const LONGEST: i64 = 10 * MINUTE;
