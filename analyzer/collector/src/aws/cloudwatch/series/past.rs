//! Points of the history.
//!
//! Memory has the rows of a data source from a time on, and the history all of them. At this time the two
//! are joined: whole minutes before it come from the best tier for the periods of a request, the rest of
//! the minute from rows, of which only what is before it counts. So nothing is counted twice or missing,
//! and a minute that both have a part of is one sample.

use core::ops::Range;
use std::collections::HashSet;

use super::{Origin, Past, Pick, Series};
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::names::Wanted;
use crate::aws::cloudwatch::period::{Periods, Point};
use crate::aws::cloudwatch::silence;
use crate::history::{Column, Found, Group, History, Listed, MINUTE, Reader, Stored, Tier};
use crate::hub::Hub;

/// Adds where the history has points of a metric from a time on: to its series with the same unit, or as
/// one more.
pub(super) fn add(hub: &Hub, metric: &Metric, found: &mut Vec<Series>, from: i64) {
    let Some(history) = hub.aws.history() else { return };
    let (name, dimensions) = metric.texts();
    let stored = history.find(&name, &dimensions);
    let live = hub.aws.live.read();
    let mut known: Vec<HashSet<(Group, Column)>> = Vec::new();
    for series in &mut *found {
        if let Origin::Rows(parts, pick) = &series.origin {
            let places = live.places(parts, pick).into_iter();
            series.past = places.map(|(source, place)| Past { place, of: Some(source) }).collect();
        }
        known.push(series.past.iter().map(|past| past.place).collect());
    }
    for Stored { group, column, unit } in stored {
        let at = found.iter().position(|series| *series.unit == *unit).unwrap_or_else(|| {
            let (origin, unit) = (Origin::Before, unit.to_string().into());
            found.push(Series { origin, unit, past: Vec::new() });
            known.push(HashSet::new());
            found.len() - 1
        });
        if let (Some(series), Some(known)) = (found.get_mut(at), known.get_mut(at))
            && known.insert((group, column))
        {
            let of = if series.is_of_rows() { live.source(group) } else { None };
            series.past.push(Past { place: (group, column), of });
        }
    }
    drop(live);
    let all = || found.iter().filter(|series| series.is_of_rows()).flat_map(|it| &it.past);
    let silent: Vec<Group> =
        all().filter(|past| past.of.is_none()).map(|past| past.place.0).collect();
    if silent.len() < FEW {
        return;
    }
    let mut reader = history.reader();
    let mut is_old =
        |group: &Group| reader.last(*group).is_some_and(|last| last < from.saturating_sub(BEHIND));
    let old: HashSet<Group> = silent.into_iter().filter(|group| is_old(group)).collect();
    for series in found {
        series.past.retain(|past| past.of.is_some() || !old.contains(&past.place.0));
    }
}

/// Adds where the history has the records of the host of a status check: those before memory has some, also of
/// a host that has been silent since the start. Its check fails still.
pub(super) fn add_records(hub: &Hub, metric: &Metric, found: &mut Vec<Series>) {
    let Some((history, witness)) = hub.aws.history().zip(silence::witness(metric)) else { return };
    let (name, dimensions) = witness.texts();
    let stored = history.find(&name, &dimensions);
    if stored.is_empty() {
        return;
    }
    if found.is_empty() {
        found.push(Series::new(Vec::new(), Pick::Silence, "Count"));
    }
    for series in found {
        let place = |stored: &Stored| Past { place: (stored.group, stored.column), of: None };
        series.past = stored.iter().map(place).collect();
    }
}

impl Series {
    fn is_of_rows(&self) -> bool {
        matches!(self.origin, Origin::Rows(..) | Origin::Before)
    }
}

/// Metrics that only the history has, with their places in its catalogue.
pub(in crate::aws::cloudwatch) struct Silent {
    pub(in crate::aws::cloudwatch) metrics: Vec<(u64, Metric)>,
    /// The place that the next part begins with.
    pub(in crate::aws::cloudwatch) next: Option<u64>,
    pub(in crate::aws::cloudwatch) work: usize,
}

/// A part of the metrics that only the history has, from a place on: those that had a point after a time, and
/// whose namespace and name are wanted.
pub(in crate::aws::cloudwatch) fn silent(
    hub: &Hub,
    from: u64,
    since: i64,
    wanted: &Wanted<'_>,
) -> Option<Silent> {
    let has = |text: &str| {
        text.split_once('\0').is_some_and(|(namespace, name)| wanted.has(namespace, name))
    };
    let part = hub.aws.history()?.silent(from, since, has, || hub.aws.live.read().current())?;
    let only_here = part.metrics.into_iter().filter_map(|listed| {
        let Listed { name, dimensions, place, groups } = listed;
        let is_live = hub.aws.live.read().has_one_of(&groups);
        let metric = Metric::of_texts(&name, &dimensions).filter(|_| !is_live)?;
        let is_reported = hub.aws.reported.lock().points(&metric, 0, 0).next().is_some();
        (!is_reported).then_some((place, metric))
    });
    Some(Silent { metrics: only_here.collect(), next: part.next, work: part.work })
}

/// What a request reads of the history, in one state of the file.
pub(in crate::aws::cloudwatch) struct Recorded<'h> {
    hub: &'h Hub,
    /// From the first read on.
    reader: Option<Reader<'h>>,
}

impl<'h> Recorded<'h> {
    pub(super) fn new(hub: &'h Hub) -> Self {
        Self { hub, reader: None }
    }

    fn reader(&mut self) -> Option<&mut Reader<'h>> {
        if self.reader.is_none() {
            self.reader = self.hub.aws.history().map(History::reader);
        }
        self.reader.as_mut()
    }

    /// The times of the rows of a place.
    pub(in crate::aws::cloudwatch) fn times(
        &mut self,
        place: (Group, Column),
        span: Range<i64>,
    ) -> Vec<i64> {
        let rows = self.reader().map(|reader| reader.rows(place, span).samples);
        rows.into_iter().flatten().map(|(time, ..)| time).collect()
    }

    /// The points of a place before a time.
    pub(super) fn points(
        &mut self,
        place: (Group, Column),
        unit: &str,
        periods: &Periods,
        before: i64,
    ) -> Vec<Point> {
        let (start, end) = periods.span();
        let length = i64::from(periods.seconds()) * 1000;
        let now = self.hub.unix_ms(self.hub.now()).cast_signed();
        let Some(reader) = self.reader() else { return Vec::new() };
        let read = Reading { place, is_rate: unit.ends_with("/Second"), before };
        if length < MINUTE {
            return read.rows(reader, start, end);
        }
        let whole = before - before.rem_euclid(MINUTE);
        let mut points = Vec::new();
        if start < whole.min(end) {
            let span = start..whole.min(end);
            for found in reader.read(place, (start, length), span, now) {
                points.extend(read.points(found));
            }
        }
        if whole < end {
            points.extend(read.rows(reader, whole.max(start), end));
        }
        points
    }
}

/// How points of a place are read.
struct Reading {
    place: (Group, Column),
    /// True if they are differences in the history, and rates here.
    is_rate: bool,
    /// The time before which they are.
    before: i64,
}

impl Reading {
    /// Points of rows, of which what is in a span of time counts.
    fn rows(&self, reader: &mut Reader<'_>, from: i64, to: i64) -> Vec<Point> {
        let last = to.min(self.before);
        let is_difference = self.place.1.is_difference();
        // The one that begins before the end may end later.
        let end = if is_difference { last.saturating_add(LONGEST) } else { last };
        let found = reader.rows(self.place, from..end);
        let points = self.points(found).into_iter();
        if !is_difference || self.is_rate {
            return points.filter(|point| (from..last).contains(&point.end)).collect();
        }
        points.filter_map(|point| point.within(from, last)).collect()
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

/// Milliseconds that a difference may begin before it ends.
const LONGEST: i64 = 10 * MINUTE;
/// Milliseconds that the time of the last row of a group is behind at most: rows are in the log before.
const BEHIND: i64 = 2 * 3_600_000;
/// Groups that are read without a look at their last rows.
const FEW: usize = 4;
