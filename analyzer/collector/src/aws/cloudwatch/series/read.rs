//! Reading the points of series.

use core::ops::Range;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;
use foldhash::HashMap;

use super::bounds::Totals;
use super::past::Recorded;
use super::pick::Found;
use super::{Origin, Part, Past, Pick, Series, Side};
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::{Periods, Point};
use crate::aws::cloudwatch::silence;
use crate::history::{Column, Group};
use crate::hub::Hub;

/// Reads the points of several series, each of a time. `take` gets the number of a series and the points of
/// one of its data sources. Samples wait for a few of them at a time.
pub(in crate::aws::cloudwatch) fn read(
    hub: &Hub,
    all: &[(&Series, Periods)],
    mut take: impl FnMut(usize, Vec<Point>),
) {
    let (mut sources, mut recorded) = (Sources::default(), Recorded::new(hub));
    for (number, (series, periods)) in all.iter().enumerate() {
        let silent = series.past.iter().filter(|past| past.of.is_none()).map(|past| past.place);
        match &series.origin {
            Origin::Reported(metric) => {
                take(number, reported(hub, &mut recorded, series, metric, periods));
            }
            Origin::Rows(parts, Pick::Silence) => {
                for (parts, places) in hosts(parts, &series.past) {
                    take(number, checks(hub, &mut recorded, parts, periods, &places));
                }
            }
            Origin::Rows(parts, pick) => {
                sources.add(number, parts, pick, series);
                for place in silent {
                    take(number, past(&mut recorded, pick, place, series, periods));
                }
            }
            Origin::Before => silent.for_each(|place| {
                take(number, recorded.points(place, &series.unit, periods, i64::MAX));
            }),
        }
    }
    sources.read(hub, all, &mut recorded, take);
}

/// The hosts of status checks: their parts, and their places in the history.
fn hosts<'a>(
    parts: &'a [Part],
    past: &[Past],
) -> impl Iterator<Item = (&'a [Part], Vec<(Group, Column)>)> {
    let (live, silent): (Vec<&Past>, Vec<&Past>) = past.iter().partition(|past| past.of.is_some());
    let mut places: HashMap<Option<Source>, Vec<(Group, Column)>> = HashMap::default();
    live.iter().for_each(|past| places.entry(past.of).or_default().push(past.place));
    let live = parts.chunk_by(|a, b| a.source == b.source).map(move |parts| {
        let source = parts.first().map(|part| part.source);
        (parts, places.remove(&source).unwrap_or_default())
    });
    let silent: Vec<_> = silent.iter().map(|past| (&[][..], vec![past.place])).collect();
    live.chain(silent)
}

/// The points of a place of which memory has none.
fn past(
    recorded: &mut Recorded<'_>,
    pick: &Pick,
    place: (Group, Column),
    series: &Series,
    periods: &Periods,
) -> Vec<Point> {
    let Pick::Flow(.., side @ (Side::Low | Side::High)) = pick else {
        return recorded.points(place, &series.unit, periods, i64::MAX);
    };
    let mut totals = Totals::new(*side);
    totals.extend(recorded.totals(place.0, periods, i64::MAX).into_iter());
    totals.ends(*periods)
}

/// The status checks of a host. Before its records are known they are as they were recorded.
fn checks(
    hub: &Hub,
    recorded: &mut Recorded<'_>,
    parts: &[Part],
    periods: &Periods,
    past: &[(Group, Column)],
) -> Vec<Point> {
    let before = |span: Range<i64>| {
        past.iter().flat_map(|(group, _)| recorded.records(*group, span.clone())).collect()
    };
    let (first, mut points) = silence::points(hub, parts, periods, before);
    let known = first.map_or(i64::MAX, |first| first - first.rem_euclid(periods.step()));
    if !past.is_empty() && known > periods.span().0 {
        points.retain(|point| point.end >= known);
        for place in past {
            points.extend(recorded.points(*place, "Count", periods, known));
        }
    }
    points
}

/// The points that programs report. Those before memory has all of them are in the history.
fn reported(
    hub: &Hub,
    recorded: &mut Recorded<'_>,
    series: &Series,
    metric: &Metric,
    periods: &Periods,
) -> Vec<Point> {
    let (from, to) = periods.span();
    let now = hub.unix_ms(hub.now()).cast_signed();
    let reported = hub.aws.reported.lock();
    let begin = if hub.aws.history().is_some() { reported.begin(now) } else { i64::MIN };
    let mut units = reported.points(metric, from.max(begin), to);
    let own = units.find(|(unit, _)| *unit == series.unit);
    let mut points = own.map(|(_, points)| points.to_vec()).unwrap_or_default();
    drop(units);
    drop(reported);
    if begin > from {
        for past in &series.past {
            points.extend(recorded.points(past.place, &series.unit, periods, begin));
        }
    }
    points
}

/// The data sources of several series.
#[derive(Default)]
struct Sources<'a> {
    parts: Vec<(Part, usize, &'a Pick)>,
    /// By the number of the series.
    joined: HashMap<(usize, Source), Joined>,
}

/// The points of a data source, of all analyzers that have some and of the history.
#[derive(Default)]
struct Joined {
    /// Analyzers that are not read yet.
    left: usize,
    points: Vec<Point>,
    /// Instead of points if they are ends of intervals.
    totals: Option<Totals>,
    /// The time from which on all of these analyzers have its rows; `None` if none has one.
    begin: Option<i64>,
    past: Vec<(Group, Column)>,
}

impl<'a> Sources<'a> {
    fn add(&mut self, number: usize, parts: &'a [Part], pick: &'a Pick, series: &Series) {
        for part in parts {
            self.joined.entry((number, part.source)).or_default().left += 1;
            self.parts.push((*part, number, pick));
        }
        for past in &series.past {
            let own = past.of.and_then(|source| self.joined.get_mut(&(number, source)));
            own.into_iter().for_each(|joined| joined.past.push(past.place));
        }
    }

    fn read(
        mut self,
        hub: &Hub,
        all: &[(&Series, Periods)],
        recorded: &mut Recorded<'_>,
        mut take: impl FnMut(usize, Vec<Point>),
    ) {
        let mut waiting = Waiting { all, recorded, list: Vec::new() };
        let time = |milliseconds: i64| hub.time(milliseconds.unsigned_abs());
        self.parts.sort_by_key(|(part, ..)| part.analyzer);
        for parts in self.parts.chunk_by(|a, b| a.0.analyzer == b.0.analyzer) {
            let analyzer = parts.first().map_or(0, |(part, ..)| part.analyzer);
            let read = |analyzer: &Analyzer, (part, number, pick): &(Part, usize, &Pick)| {
                let (from, to) = all.get(*number).map_or((0, 0), |(_, periods)| periods.span());
                let metrics = analyzer.metrics();
                let found = pick.read(metrics, &part.source, time(from), time(to));
                let first = pick.first(metrics, &part.source);
                (1 + found.len(), (*number, part.source, first, found))
            };
            for (number, source, first, found) in hub.in_turns(analyzer, parts, read) {
                let Some(joined) = self.joined.get_mut(&(number, source)) else { continue };
                let unix = |time| hub.unix_ms(time).cast_signed();
                let first = first.map(|(end, over)| unix(end) - over.as_millis() as i64);
                joined.begin = joined.begin.max(first);
                joined.left = joined.left.saturating_sub(1);
                match found {
                    Found::Points(points) => joined.points.extend(
                        points.into_iter().map(|(end, point)| Point { end: unix(end), ..point }),
                    ),
                    Found::Totals(side, found) => {
                        let found = found.into_iter();
                        let found = found.map(|(end, over, total)| (unix(end), over, total));
                        joined.totals.get_or_insert_with(|| Totals::new(side)).extend(found);
                    }
                }
                if joined.left == 0
                    && let Some(joined) = self.joined.remove(&(number, source))
                {
                    waiting.add(number, joined, &mut take);
                }
            }
        }
        waiting.end(&mut take);
    }
}

/// Data sources of which the history is still to be read: those with neighbouring places together.
struct Waiting<'a, 'h> {
    all: &'a [(&'a Series, Periods)],
    recorded: &'a mut Recorded<'h>,
    list: Vec<(usize, Joined)>,
}

impl Waiting<'_, '_> {
    /// Takes the points of a data source, or keeps it until some wait.
    fn add(&mut self, number: usize, joined: Joined, take: &mut impl FnMut(usize, Vec<Point>)) {
        let Some((_, periods)) = self.all.get(number) else { return };
        let from = periods.span().0;
        if joined.past.is_empty() || joined.begin.is_some_and(|begin| begin <= from) {
            let ends = joined.totals.map(|totals| totals.ends(*periods));
            return take(number, ends.unwrap_or(joined.points));
        }
        self.list.push((number, joined));
        if self.list.len() >= WAITING {
            self.end(take);
        }
    }

    fn end(&mut self, take: &mut impl FnMut(usize, Vec<Point>)) {
        self.list.sort_by_key(|(_, joined)| joined.past.first().copied());
        for (number, joined) in self.list.drain(..) {
            if let Some((series, periods)) = self.all.get(number) {
                take(number, joined.points(self.recorded, series, periods));
            }
        }
    }
}

impl Joined {
    /// Before all analyzers have its rows, those of the history count.
    fn points(self, recorded: &mut Recorded<'_>, series: &Series, periods: &Periods) -> Vec<Point> {
        let begin = self.begin.unwrap_or(i64::MAX);
        if let Some(mut totals) = self.totals {
            totals.cut(begin);
            for (group, _) in self.past {
                totals.extend(recorded.totals(group, periods, begin).into_iter());
            }
            return totals.ends(*periods);
        }
        let own = self.points.into_iter().filter_map(|point| point.within(begin, i64::MAX));
        let mut points: Vec<Point> = own.collect();
        for place in self.past {
            points.extend(recorded.points(place, &series.unit, periods, begin));
        }
        points
    }
}

/// Data sources that wait.
const WAITING: usize = 512;
