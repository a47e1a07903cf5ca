//! The metrics of agents as series: each counter sample once, with the time at which it arrived.
//!
//! A counter is the sum of its differences since the analyzer started, so that wraps of 32 bits, restarts
//! of agents and samples that look wrong have no effect on it.

use std::collections::BTreeMap;

use flowmote_engine::Instant;
use flowmote_engine::source::Source;

use super::catalogue::{Catalogue, Full};
use super::fresh::{Fresh, Number, Run, Texts};
use super::series::{Point, Series, Subject};
use crate::http::prometheus::Kind;
use crate::hub::Hub;

/// What was exported of all data sources.
#[derive(Debug)]
pub(super) struct Agents {
    catalogue: Catalogue,
    held: BTreeMap<Source, Held>,
    room: Room,
    /// The number of the last pass over all data sources.
    pass: u64,
}

/// Series for which there is memory.
#[derive(Debug)]
struct Room {
    series: usize,
    limit: usize,
    /// Samples that were not exported.
    skipped: u64,
}

/// A data source.
#[derive(Debug, Default)]
struct Held {
    /// The time of the last row that was read of each analyzer: an agent may send to several.
    read: Vec<Instant>,
    texts: Texts,
    subject: Subject,
    /// By the number of their metric.
    series: BTreeMap<u32, State>,
    pass: u64,
}

/// A series. Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The sum of the differences of a counter.
    sum: f64,
    /// The time since which it counts; 0 before the first value.
    start: u64,
    /// The time of the last point; 0 before the first one of these labels.
    last: u64,
    /// The time between the last two points.
    gap: u64,
    /// True if the last point is the end of the series.
    has_ended: bool,
}

impl Agents {
    /// Series of agents, in at most about `memory` bytes.
    pub(super) fn new(memory: usize) -> Self {
        let room = Room { series: 0, limit: memory / SERIES, skipped: 0 };
        Self { catalogue: Catalogue::new(), held: BTreeMap::new(), room, pass: 0 }
    }

    /// Samples that were not exported because there are too many series.
    pub(super) fn skipped(&self) -> u64 {
        self.room.skipped
    }

    /// Exports what is new, and ends the series that have vanished.
    pub(super) fn collect(&mut self, hub: &Hub, emit: &mut dyn FnMut(&Series<'_>)) {
        self.pass += 1;
        for number in 0..hub.threads() {
            let mut after = None;
            loop {
                let part = self.read(hub, number, after);
                let Some(last) = part.last() else { break };
                after = Some(last.source);
                for fresh in part {
                    self.add(hub, number, fresh, emit);
                }
            }
        }
        self.end(hub.unix_ms(hub.now()), emit);
    }

    /// Reads data sources after one. Samples wait meanwhile.
    fn read(&self, hub: &Hub, number: usize, after: Option<Source>) -> Vec<Fresh> {
        let read = |source: &Source| {
            let known = self.held.get(source).and_then(|held| held.read.get(number));
            known.copied().unwrap_or_default()
        };
        let part = hub.at(number, |analyzer| {
            let metrics = analyzer.metrics();
            let sources = metrics.points().sources_after(after).take(PART);
            sources.map(|source| Fresh::of(metrics, source, read(&source))).collect()
        });
        part.unwrap_or_default()
    }

    fn add(&mut self, hub: &Hub, number: usize, fresh: Fresh, emit: &mut dyn FnMut(&Series<'_>)) {
        let Self { catalogue, held, room, pass } = self;
        let held = held.entry(fresh.source).or_default();
        held.pass = *pass;
        held.read.resize(held.read.len().max(number + 1), Instant::default());
        if held.texts != fresh.texts || held.subject.labels.is_empty() {
            let subject = fresh.texts.subject(&fresh.source, &hub.names);
            held.rename(fresh.texts, subject, catalogue, emit);
        }
        let mut points = Vec::new();
        for Run { name, numbers } in fresh.runs {
            if let Some(read) = held.read.get_mut(number) {
                *read = numbers.iter().map(|it| it.time).fold(*read, Instant::max);
            }
            let number = match catalogue.number(&name) {
                Ok(Some(number)) => number,
                Ok(None) => continue,
                Err(Full) => {
                    room.skipped += numbers.len() as u64;
                    continue;
                }
            };
            let Some(named) = catalogue.get(number.metric) else { continue };
            let Some(state) = room.state(&mut held.series, number.metric) else {
                room.skipped += numbers.len() as u64;
                continue;
            };
            points.clear();
            for it in numbers {
                // The program before this one may have sent points until this one started.
                let over = it.over.min(it.time.since(Instant::default()));
                let it = Number { value: it.value * number.scale, over, ..it };
                state.add(named.metric.kind, hub.unix_ms(it.time), it, &mut points);
            }
            if !points.is_empty() {
                let (subject, labels, start) = (&held.subject, &named.labels, state.start);
                emit(&Series { metric: &named.metric, subject, labels, start, points: &points });
            }
        }
    }

    /// Ends the series without points for a while, and forgets those of data sources that are gone.
    fn end(&mut self, now: u64, emit: &mut dyn FnMut(&Series<'_>)) {
        let Self { catalogue, held, room, pass } = self;
        held.retain(|_, held| {
            let gone = held.pass != *pass;
            held.end(
                catalogue,
                |state| match gone {
                    true => Some(state.last + 1),
                    false => state.silent(now),
                },
                emit,
            );
            let before = held.series.len();
            held.series.retain(|_, state| !gone && now.saturating_sub(state.last) < MAX_AGE);
            room.series -= before - held.series.len();
            !gone
        });
    }
}

impl Held {
    /// Takes new texts. Series with other labels end: not all texts are labels.
    fn rename(
        &mut self,
        texts: Texts,
        subject: Subject,
        catalogue: &Catalogue,
        emit: &mut dyn FnMut(&Series<'_>),
    ) {
        if subject.labels != self.subject.labels {
            self.end(catalogue, |state| Some(state.last + 1), emit);
            self.series.values_mut().for_each(|state| state.last = 0);
        }
        (self.texts, self.subject) = (texts, subject);
    }

    /// Ends the series for which `when` returns a time.
    fn end(
        &mut self,
        catalogue: &Catalogue,
        when: impl Fn(&State) -> Option<u64>,
        emit: &mut dyn FnMut(&Series<'_>),
    ) {
        let Self { subject, series, .. } = self;
        for (number, state) in series.iter_mut().filter(|(_, state)| !state.has_ended) {
            let (Some(time), Some(named)) = (when(state), catalogue.get(*number)) else { continue };
            (state.last, state.has_ended) = (time, true);
            let (metric, labels) = (&named.metric, &named.labels);
            let points = &[Point { time, value: None }];
            emit(&Series { metric, subject, labels, start: state.start, points });
        }
    }
}

impl Room {
    /// The state of a series, new if there is room for it.
    fn state<'a>(
        &mut self,
        series: &'a mut BTreeMap<u32, State>,
        number: u32,
    ) -> Option<&'a mut State> {
        if !series.contains_key(&number) {
            if self.series >= self.limit {
                return None;
            }
            self.series += 1;
        }
        Some(series.entry(number).or_default())
    }
}

impl State {
    /// Adds a number as a point. One that is not later than the last point is added to the sum only: a
    /// receiver refuses the whole request.
    fn add(&mut self, kind: Kind, time: u64, number: Number, points: &mut Vec<Point>) {
        if self.start == 0 {
            self.begin(kind, time, &number, points);
        }
        self.sum += number.value;
        if time <= self.last {
            return;
        }
        if self.last != 0 {
            self.gap = time - self.last;
        }
        (self.last, self.has_ended) = (time, false);
        let value = if kind == Kind::Counter { self.sum } else { number.value };
        points.push(Point { time, value: Some(value) });
    }

    /// A counter begins with 0 at the sample before, so that no difference is missed.
    fn begin(&mut self, kind: Kind, time: u64, number: &Number, points: &mut Vec<Point>) {
        let over = u64::try_from(number.over.as_millis()).unwrap_or(u64::MAX);
        self.start = time.saturating_sub(over).max(1);
        if kind == Kind::Counter && (1..=MAX_FIRST).contains(&over) {
            self.last = self.start;
            points.push(Point { time: self.start, value: Some(0.0) });
        }
    }

    /// The time at which it is over, if it has no points for five intervals.
    fn silent(&self, now: u64) -> Option<u64> {
        let limit = match self.gap {
            0 => FIRST_SILENCE,
            gap => (5 * gap).clamp(MIN_SILENCE, MAX_SILENCE),
        };
        Some(self.last + limit).filter(|end| *end <= now)
    }
}

/// Data sources that are read while samples wait.
const PART: usize = 64;
/// Bytes of a series, with its share of a node and of its data source.
const SERIES: usize = 96;
/// The silence after which a series is over, in milliseconds: bounds of five intervals, and that after a
/// single point.
const MIN_SILENCE: u64 = 60_000;
const MAX_SILENCE: u64 = 3_600_000;
const FIRST_SILENCE: u64 = 300_000;
/// The longest time over which the first difference of a counter is.
const MAX_FIRST: u64 = 600_000;
/// The age at which a series that is over is forgotten.
const MAX_AGE: u64 = 3 * 3_600_000;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::catalogue::Name;
    use super::*;

    fn add(state: &mut State, kind: Kind, time: u64, over: u64, value: f64) -> Vec<(u64, f64)> {
        let over = Duration::from_millis(over);
        let mut points = Vec::new();
        state.add(kind, time, Number { time: Instant::default(), over, value }, &mut points);
        points.into_iter().map(|point| (point.time, point.value.expect("a value"))).collect()
    }

    #[test]
    fn counter_is_the_sum_of_differences_from_zero() {
        let mut state = State::default();
        let all = [(20_000, 5.0), (30_000, 7.0), (40_000, 0.0)];
        let points = all.map(|(time, value)| add(&mut state, Kind::Counter, time, 10_000, value));
        let expected: [&[_]; 3] =
            [&[(10_000, 0.0), (20_000, 5.0)], &[(30_000, 12.0)], &[(40_000, 12.0)]];
        assert_eq!(points, expected);
        assert_eq!(state.start, 10_000);
    }

    #[test]
    fn first_difference_over_a_long_time_has_no_zero() {
        let mut state = State::default();
        let points = add(&mut state, Kind::Counter, 2_000_000, 700_000, 5.0);
        assert_eq!((points, state.start), (vec![(2_000_000, 5.0)], 1_300_000));
    }

    #[test]
    fn gauge_is_its_value() {
        let mut state = State::default();
        assert_eq!(add(&mut state, Kind::Gauge, 20_000, 10_000, 5.0), [(20_000, 5.0)]);
        assert_eq!(add(&mut state, Kind::Gauge, 30_000, 10_000, 3.0), [(30_000, 3.0)]);
    }

    #[test]
    fn points_of_a_series_are_in_order_and_no_difference_is_lost() {
        let mut state = State::default();
        let mut counter = |time, value| add(&mut state, Kind::Counter, time, 10_000, value);
        counter(20_000, 1.0);
        assert_eq!(counter(20_000, 2.0), []);
        assert_eq!(counter(19_999, 3.0), []);
        assert_eq!(counter(20_001, 4.0), [(20_001, 10.0)]);
    }

    #[test]
    fn silence_of_five_intervals_ends_a_series() {
        let silent = |gap, now| State { last: 1000, gap, ..State::default() }.silent(now);
        assert_eq!([silent(20_000, 100_999), silent(20_000, 101_000)], [None, Some(101_000)]);
        assert_eq!([silent(1000, 60_999), silent(1000, 62_000)], [None, Some(61_000)]);
        assert_eq!([silent(0, 300_999), silent(0, 400_000)], [None, Some(301_000)]);
        assert_eq!(silent(3_000_000, 4_000_000), Some(3_601_000));
    }

    #[test]
    fn series_end_if_their_labels_change_and_not_for_other_texts() {
        let mut catalogue = Catalogue::new();
        let number = catalogue.number(&Name::Custom("m".into(), Kind::Counter)).unwrap().unwrap();
        let subject = |zone: &str, host: &str| Subject {
            resource: vec![("cloud.availability_zone", zone.to_owned())],
            labels: vec![("host".to_owned(), host.to_owned())],
        };
        let mut held = Held { subject: subject("a", "web1"), ..Held::default() };
        held.series
            .insert(number.metric, State { sum: 5.0, start: 1, last: 20, ..State::default() });
        let mut rename = |subject: Subject| {
            let mut ends = Vec::new();
            held.rename(Texts::default(), subject, &catalogue, &mut |series| {
                ends.extend(series.points.iter().map(|it| (it.time, it.value.is_some())));
                assert_eq!(series.subject.labels[0].1, "web1");
            });
            (ends, held.series[&number.metric].last, held.subject.clone())
        };
        assert_eq!(rename(subject("b", "web1")), (vec![], 20, subject("b", "web1")));
        assert_eq!(rename(subject("b", "web2")), (vec![(21, false)], 0, subject("b", "web2")));
    }

    #[test]
    fn series_have_a_limit() {
        let mut room = Room { series: 0, limit: 2, skipped: 0 };
        let mut series = BTreeMap::new();
        let known = [1, 2, 3, 1].map(|number| room.state(&mut series, number).is_some());
        assert_eq!(known, [true, true, false, true]);
    }
}
