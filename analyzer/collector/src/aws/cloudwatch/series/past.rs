//! Points of the history.
//!
//! Memory has the rows of a data source from a time on, and the history all of them. At this time the two
//! are joined: whole minutes before it come from the best tier for the periods of a request, the rest of
//! the minute from rows, of which only what is before it counts. So nothing is counted twice or missing,
//! and a minute that both have a part of is one sample.

use core::ops::Range;
use std::collections::{BTreeMap, HashSet};

use flowmote_engine::points::FlowTotal;
use flowmote_engine::source::Source;

use super::bounds::Total;
use super::{Origin, Past, Pick, Series, Side};
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::names::{Wanted, flows};
use crate::aws::cloudwatch::period::{Periods, Point};
use crate::aws::cloudwatch::recorder::Field;
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
    let mut sources: Vec<HashSet<Source>> = Vec::new();
    for series in &mut *found {
        if let Origin::Rows(parts, pick) = &series.origin {
            let places = live.places(parts, pick).into_iter();
            series.past = places.map(|(source, place)| Past { place, of: Some(source) }).collect();
        }
        known.push(series.past.iter().map(|past| past.place).collect());
        sources.push(series.sources());
    }
    for Stored { group, column, unit } in stored {
        let at = found.iter().position(|series| *series.unit == *unit).unwrap_or_else(|| {
            let (origin, unit) = (origin(history, metric, column), unit.to_string().into());
            found.push(Series { origin, unit, past: Vec::new() });
            known.push(HashSet::new());
            sources.push(HashSet::new());
            found.len() - 1
        });
        if let (Some(series), Some(known)) = (found.get_mut(at), known.get_mut(at))
            && known.insert((group, column))
        {
            // That of a data source with another name by now has no rows of this series in memory.
            let of =
                live.source(group).filter(|it| sources.get(at).is_some_and(|own| own.contains(it)));
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

/// Where points come from of a metric that only the history has. Some follow from others there.
fn origin(history: &History, metric: &Metric, column: Column) -> Origin {
    if silence::is_check(metric) {
        return Origin::Rows(Vec::new(), Pick::Silence);
    }
    let is_end =
        |side: &Side| *side != Side::Value && Field::of_side(*side).column(history) == Some(column);
    let end = flows::sides(metric).find(|(_, side)| is_end(side));
    end.map_or(Origin::Before, |((name, value), side)| {
        Origin::Rows(Vec::new(), Pick::Flow(name, value, side))
    })
}

impl Series {
    fn sources(&self) -> HashSet<Source> {
        let Origin::Rows(parts, _) = &self.origin else { return HashSet::new() };
        parts.iter().map(|part| part.source).collect()
    }

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
/// whose namespace, name and dimensions are wanted.
pub(in crate::aws::cloudwatch) fn silent(
    hub: &Hub,
    from: u64,
    since: i64,
    wanted: &Wanted<'_>,
    dimensions: &[(String, Option<String>)],
) -> Option<Silent> {
    let fits = |text: &str| dimensions.is_empty() || fits(text, dimensions);
    let has = |text: &str| {
        text.split_once('\0').is_some_and(|(namespace, name)| wanted.has(namespace, name))
    };
    let part =
        hub.aws.history()?.silent(from, since, has, fits, || hub.aws.live.read().current())?;
    let only_here = part.metrics.into_iter().filter_map(|listed| {
        let Listed { name, dimensions, place, groups } = listed;
        let is_live = hub.aws.live.read().has_one_of(&groups);
        let metric = Metric::of_texts(&name, &dimensions).filter(|_| !is_live)?;
        let is_reported = hub.aws.reported.lock().points(&metric, 0, 0).next().is_some();
        (!is_reported).then_some((place, metric))
    });
    Some(Silent { metrics: only_here.collect(), next: part.next, work: part.work })
}

/// True for a text of dimensions that has all of these names, with their values.
fn fits(text: &str, dimensions: &[(String, Option<String>)]) -> bool {
    dimensions.iter().all(|(name, wanted)| {
        let mut words = text.split('\0');
        let mut pairs = core::iter::from_fn(|| words.next().zip(words.next()));
        pairs.any(|(own, value)| own == name && wanted.as_deref().is_none_or(|it| it == value))
    })
}

/// What a request reads of the history, in one state of the file.
pub(super) struct Recorded<'h> {
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

    /// The points of a place before a time.
    pub(super) fn points(
        &mut self,
        place: (Group, Column),
        unit: &str,
        periods: &Periods,
        before: i64,
    ) -> Vec<Point> {
        let reading =
            Reading { is_difference: place.1.is_difference(), is_rate: unit.ends_with("/Second") };
        let found = self.samples(place, periods, before).into_iter();
        let points = found.flat_map(|(found, span)| {
            let points = reading.points(found).into_iter();
            points.filter_map(move |point| point.within(span.start, span.end))
        });
        points.collect()
    }

    /// The totals of a flow definition before a time.
    pub(super) fn totals(&mut self, group: Group, periods: &Periods, before: i64) -> Vec<Total> {
        let Some(history) = self.hub.aws.history() else { return Vec::new() };
        let mut all: BTreeMap<(i64, i64), FlowTotal> = BTreeMap::new();
        for field in [Field::Total, Field::Squares, Field::Variance, Field::Unseen] {
            let Some(column) = field.column(history) else { continue };
            for (Found { tier, samples }, span) in self.samples((group, column), periods, before) {
                for (time, over, sample) in samples {
                    // What a period has is of the span: another part of it has no share.
                    let last = (time + tier.length()).min(span.end).min(periods.end());
                    let (end, over) = match tier {
                        Tier::Rows => (time, over),
                        _ => (last, last - time),
                    };
                    if end - over >= span.end || end <= span.start {
                        continue;
                    }
                    let total = all.entry((end, over)).or_insert(NO_TOTAL);
                    match field {
                        Field::Total => total.total = sample.sum,
                        Field::Squares => total.squares = sample.sum,
                        Field::Variance => total.variance = sample.sum,
                        _ => total.unseen = sample.max,
                    }
                }
            }
        }
        all.into_iter().map(|((end, over), total)| (end, over, total)).collect()
    }

    /// The times of the records of a host.
    pub(super) fn records(&mut self, group: Group, span: Range<i64>) -> Vec<i64> {
        // Each record has it but the first one after a start.
        let column = self.hub.aws.history().and_then(|it| it.column("=CPUUtilization", false));
        let (Some(column), Some(reader)) = (column, self.reader()) else { return Vec::new() };
        let rows = reader.rows((group, column), span);
        rows.samples.into_iter().map(|(end, ..)| end).collect()
    }

    /// The samples of a place before a time, in parts, each with the time of which they count.
    fn samples(
        &mut self,
        place: (Group, Column),
        periods: &Periods,
        before: i64,
    ) -> Vec<(Found, Range<i64>)> {
        let (start, end) = periods.span();
        let length = i64::from(periods.seconds()) * 1000;
        let now = self.hub.unix_ms(self.hub.now()).cast_signed();
        let Some(reader) = self.reader() else { return Vec::new() };
        let mut rows = |from: i64| {
            let span = from..end.min(before);
            // The one that begins before the end may end later.
            let more = if place.1.is_difference() { LONGEST } else { 0 };
            (reader.rows(place, from..span.end.saturating_add(more)), span)
        };
        if length < MINUTE {
            return vec![rows(start)];
        }
        let whole = before - before.rem_euclid(MINUTE);
        let mut found = Vec::new();
        if whole < end {
            found.push(rows(whole.max(start)));
        }
        let span = start..whole.min(end);
        if !span.is_empty() {
            let minutes = reader.read(place, (start, length), span.clone(), now);
            found.extend(minutes.into_iter().map(|found| (found, span.clone())));
        }
        found
    }
}

/// How samples of a place are points.
struct Reading {
    is_difference: bool,
    /// True if they are differences in the history, and rates here.
    is_rate: bool,
}

impl Reading {
    fn points(&self, Found { tier, samples }: Found) -> Vec<Point> {
        let is_difference = self.is_difference;
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
/// What is unknown of a total.
const NO_TOTAL: FlowTotal = FlowTotal { total: 0.0, squares: 0.0, variance: 0.0, unseen: f64::NAN };
/// Milliseconds that the time of the last row of a group is behind at most: rows are in the log before.
const BEHIND: i64 = 2 * 3_600_000;
/// Groups that are read without a look at their last rows.
const FEW: usize = 4;
