//! Samples of periods, made of points.
//!
//! A point is a value at a time, or the difference of a counter over a time. What a counter counted
//! between two polls is unknown, so a difference is divided among the periods that it overlaps, in
//! proportion; the sum stays exact. Of differences there is one sample a minute, as of the service itself,
//! or one a period if that is shorter.

use std::collections::BTreeMap;

use crate::aws::fault::Fault;

/// A point, or several as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Milliseconds since 1970.
    pub(super) end: i64,
    /// Milliseconds over which a difference is; 0 for a value.
    pub(super) over: i64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) count: f64,
}

impl Point {
    /// A value at a time.
    pub(super) fn value(end: i64, value: f64) -> Self {
        Self { end, over: 0, sum: value, min: value, max: value, count: 1.0 }
    }

    /// A difference over a time; a value if it is 0.
    pub(super) fn difference(end: i64, over: i64, value: f64) -> Self {
        Self { over, ..Self::value(end, value) }
    }

    /// What of it is in a span of time, without the end of that.
    pub(super) fn within(self, from: i64, to: i64) -> Option<Self> {
        if self.over == 0 {
            return (from..to).contains(&self.end).then_some(self);
        }
        let (begin, end) = ((self.end - self.over).max(from), self.end.min(to));
        let share = (end - begin) as f64 / self.over as f64;
        (begin < end).then(|| Self::difference(end, end - begin, self.sum * share))
    }
}

/// A length of periods, and the time that they divide: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Periods {
    start: i64,
    end: i64,
    length: i64,
}

impl core::hash::Hash for Periods {
    /// Without the start, which is rounded by its age: a request for the next page has the same hash later.
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (self.end, self.length).hash(state);
    }
}

/// The beginning of a request as the service rounds it: to the resolution that is kept of its age.
pub(super) fn rounded(start: i64, now: i64) -> i64 {
    let unit = match now.saturating_sub(start) {
        age if age <= THREE_HOURS => return start,
        age if age <= DAYS_15 => MINUTE,
        age if age <= DAYS_63 => 5 * MINUTE,
        _ => 60 * MINUTE,
    };
    start - start.rem_euclid(unit)
}

/// The samples of a period.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Values with their weights, if they are wanted; `None` if they are unknown.
    pub(super) values: Option<Vec<(f64, f64)>>,
}

impl Periods {
    /// Periods of so many seconds from the last whole minute, or whole period if that is shorter. The minute
    /// of the end is whole too, or else it would have other values in the next request.
    pub(super) fn new(start: i64, end: i64, seconds: u32, name: &str) -> Result<Self, Fault> {
        if !matches!(seconds, 1 | 5 | 10 | 20 | 30) && (seconds == 0 || !seconds.is_multiple_of(60))
        {
            return Err(Fault::value(name, "must be 1, 5, 10, 20, 30 or a multiple of 60"));
        }
        let length = i64::from(seconds) * 1000;
        Ok(Self { start: 0, end: 0, length }.of_time(start, end))
    }

    /// Periods of the same length of another time.
    pub(super) fn of_time(self, start: i64, end: i64) -> Self {
        let step = self.step();
        let end = end + (-end).rem_euclid(step);
        Self { start: start - start.rem_euclid(step), end, ..self }
    }

    /// The number of periods.
    pub(super) fn count(&self) -> i64 {
        ((self.end - self.start).max(0) + self.length - 1) / self.length
    }

    /// The time that points must be about, in milliseconds since 1970, without the last one.
    pub(super) fn span(&self) -> (i64, i64) {
        (self.start, self.start + self.count() * self.length)
    }

    /// The end of the time that they divide, which may be within the last one.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The beginnings of all periods.
    pub(super) fn times(&self) -> impl Iterator<Item = i64> {
        let (start, length) = (self.start, self.length);
        (0..self.count()).map(move |number| start + number * length)
    }

    /// Milliseconds between the samples of what is counted: a minute, or a period if that is shorter.
    pub(super) fn step(&self) -> i64 {
        self.length.min(MINUTE)
    }

    pub(super) fn seconds(&self) -> u32 {
        (self.length / 1000) as u32
    }

    /// The periods that have samples, by their beginnings. Each series has samples of its own.
    pub(super) fn fill(
        &self,
        all: impl IntoIterator<Item = Vec<Point>>,
        values: bool,
    ) -> BTreeMap<i64, Period> {
        let mut periods = BTreeMap::new();
        all.into_iter().for_each(|points| self.add_series(&mut periods, &points, values));
        periods
    }

    /// Adds the samples of a series.
    pub(super) fn add_series(
        &self,
        periods: &mut BTreeMap<i64, Period>,
        points: &[Point],
        values: bool,
    ) {
        let mut steps = BTreeMap::new();
        for point in points {
            match point.over {
                0 => self.add(periods, point, values),
                _ => self.divide(&mut steps, point),
            }
        }
        for (end, sum) in steps {
            self.add(periods, &Point::value(end, sum), values);
        }
    }

    /// The beginning of the period within which the last of these differences ends: there is more to come,
    /// unless their source is silent for more than three polls.
    pub(super) fn partial(&self, points: &[Point], now: i64) -> Option<i64> {
        // Points of the history follow those of memory.
        let last = points.iter().filter(|point| point.over > 0).max_by_key(|point| point.end)?;
        if now - last.end > 3 * last.over + GRACE {
            return None;
        }
        let (last, into) = (last.end, (last.end - self.start).rem_euclid(self.length));
        (into > 0 && (self.start..self.end).contains(&last)).then_some(last - into)
    }

    fn add(&self, periods: &mut BTreeMap<i64, Period>, point: &Point, values: bool) {
        if point.end < self.start || point.end >= self.end {
            return;
        }
        let begin = point.end - (point.end - self.start) % self.length;
        let period = periods.entry(begin).or_insert_with(|| Period::new(values));
        period.count += point.count;
        period.sum += point.sum;
        period.min = period.min.min(point.min);
        period.max = period.max.max(point.max);
        match &mut period.values {
            Some(list) if point.min == point.max => list.push((point.min, point.count)),
            _ => period.values = None,
        }
    }

    /// The periods that overlap the time `over` before `end`, each with its share of it.
    pub(super) fn shares(&self, end: i64, over: i64) -> impl Iterator<Item = (i64, f64)> {
        let (begin, last) = (end - over, end.min(self.span().1).min(self.end));
        let first = begin.max(self.start);
        let (mut period, length) = (first - (first - self.start) % self.length, self.length);
        core::iter::from_fn(move || {
            let own = period;
            period += length;
            let shared = last.min(period) - begin.max(own);
            (own < last && over > 0).then_some((own, shared as f64 / over as f64))
        })
    }

    /// Divides a difference among steps.
    fn divide(&self, steps: &mut BTreeMap<i64, f64>, point: &Point) {
        let length = self.step();
        let (begin, span) = (point.end - point.over, self.span());
        let first = begin.max(span.0);
        let mut step = first - first.rem_euclid(length);
        while step < point.end.min(span.1).min(self.end) {
            let shared = point.end.min(step + length) - begin.max(step);
            *steps.entry(step).or_default() += point.sum * (shared as f64 / point.over as f64);
            step += length;
        }
    }
}

impl Period {
    fn new(values: bool) -> Self {
        let values = values.then(Vec::new);
        Self { count: 0.0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, values }
    }
}

const MINUTE: i64 = 60_000;
const THREE_HOURS: i64 = 180 * MINUTE;
const DAYS_15: i64 = 15 * 24 * 60 * MINUTE;
const DAYS_63: i64 = 63 * 24 * 60 * MINUTE;
/// Milliseconds by which a poll may be late.
const GRACE: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(start: i64, end: i64, seconds: u32) -> Periods {
        Periods::new(start * 1000, end * 1000, seconds, "Period").unwrap()
    }

    /// Beginning in seconds, count, sum, minimum and maximum of each period.
    fn filled(periods: Periods, points: &[Vec<Point>]) -> Vec<(i64, f64, f64, f64, f64)> {
        let filled = periods.fill(points.to_vec(), false).into_iter();
        filled.map(|(begin, it)| (begin / 1000, it.count, it.sum, it.min, it.max)).collect()
    }

    fn difference(end: i64, over: i64, value: f64) -> Point {
        Point::difference(end * 1000, over * 1000, value)
    }

    #[test]
    fn lengths_that_the_service_does_not_have_are_errors() {
        for seconds in [1, 5, 10, 20, 30, 60, 120, 86400] {
            assert!(Periods::new(0, 1, seconds, "Period").is_ok(), "{seconds}");
        }
        for seconds in [0, 2, 15, 59, 61, 90, u32::MAX] {
            assert!(Periods::new(0, 1, seconds, "Period").is_err(), "{seconds}");
        }
    }

    #[test]
    fn start_is_rounded_down_and_the_end_is_not_included() {
        let minutes = periods(130, 240, 60);
        assert_eq!((minutes.span(), minutes.count()), ((120_000, 240_000), 2));
        let points: Vec<_> = [119, 120, 179, 180, 239, 240]
            .map(|second| Point::value(second * 1000, second as f64))
            .into();
        let expected = [(120, 2.0, 299.0, 120.0, 179.0), (180, 2.0, 419.0, 180.0, 239.0)];
        assert_eq!(filled(minutes, &[points]), expected);
        assert_eq!(periods(133, 150, 5).span(), (130_000, 150_000));
        // Long periods begin at a minute, not at a multiple of their own.
        assert_eq!(periods(130, 730, 300).span(), (120_000, 1_020_000));
    }

    #[test]
    fn minute_of_the_end_is_whole() {
        let points = || {
            vec![Point::value(150_000, 1.0), Point::value(179_000, 2.0), Point::value(180_000, 4.0)]
        };
        let whole = [(120, 2.0, 3.0, 1.0, 2.0)];
        assert_eq!(filled(periods(120, 151, 60), &[points()]), whole);
        assert_eq!(filled(periods(120, 151, 300), &[points()]), whole);
        assert_eq!(filled(periods(150, 151, 60), &[points()]), whole);
        assert_eq!(filled(periods(150, 151, 30), &[points()]), [(150, 2.0, 3.0, 1.0, 2.0)]);
        assert_eq!(filled(periods(150, 151, 1), &[points()]), [(150, 1.0, 1.0, 1.0, 1.0)]);
    }

    #[test]
    fn differences_are_divided_by_time_and_have_one_sample_a_minute() {
        // 600 in the 20 s before 130: half of it in each minute.
        let points = [vec![difference(110, 20, 60.0), difference(130, 20, 600.0)]];
        let minutes = filled(periods(60, 180, 60), &points);
        assert_eq!(minutes, [(60, 1.0, 360.0, 360.0, 360.0), (120, 1.0, 300.0, 300.0, 300.0)]);
        let both = filled(periods(60, 180, 120), &points);
        assert_eq!(both, [(60, 2.0, 660.0, 300.0, 360.0)]);
        let seconds = filled(periods(109, 112, 1), &points);
        assert_eq!(
            seconds,
            [(109, 1.0, 3.0, 3.0, 3.0), (110, 1.0, 30.0, 30.0, 30.0), (111, 1.0, 30.0, 30.0, 30.0)]
        );
    }

    #[test]
    fn difference_outside_of_the_time_is_left_out_and_nothing_is_lost_within() {
        let points = [(1..=90).map(|at| difference(at * 20 - 7, 20, 1000.0)).collect()];
        let sum = |all: Vec<(i64, f64, f64, f64, f64)>| all.iter().map(|it| it.2).sum::<f64>();
        for seconds in [1, 5, 10, 30, 60, 300] {
            let inner = sum(filled(periods(600, 1200, seconds), &points));
            assert!((inner - 30_000.0).abs() < 1e-6, "{seconds}: {inner}");
        }
    }

    #[test]
    fn period_is_partial_until_a_difference_reaches_its_end() {
        let minutes = periods(60, 180, 60);
        for (end, partial) in [(59, None), (60, None), (90, Some(60)), (119, Some(60)), (120, None)]
        {
            let points = [difference(end, 20, 1.0)];
            let found = minutes.partial(&points, end * 1000).map(|it| it / 1000);
            assert_eq!(found, partial, "{end}");
        }
        let partial = |points: &[Point]| minutes.partial(points, 180_000);
        assert_eq!(partial(&[difference(179, 20, 1.0)]), Some(120_000));
        assert_eq!(partial(&[difference(180, 20, 1.0)]), None);
        // Those of the history follow those of memory.
        assert_eq!(partial(&[difference(179, 20, 1.0), difference(70, 20, 1.0)]), Some(120_000));
        // A value is whole at its time.
        assert_eq!(partial(&[Point::value(90_000, 1.0)]), None);
    }

    #[test]
    fn source_that_misses_three_polls_has_nothing_more_to_come() {
        let points = [difference(90, 20, 1.0)];
        let partial = |now| periods(60, 3600, 60).partial(&points, now);
        assert_eq!((partial(151_000), partial(151_001)), (Some(60_000), None));
    }

    #[test]
    fn start_is_rounded_by_its_age() {
        let at = 1_700_003_723_456;
        let hours = |hours: i64| rounded(at, at + hours * 3_600_000 + 1);
        assert_eq!(rounded(at, at + THREE_HOURS), at);
        assert_eq!((hours(3), hours(15 * 24 - 1)), (1_700_003_700_000, 1_700_003_700_000));
        assert_eq!((hours(15 * 24), hours(63 * 24 - 1)), (1_700_003_700_000, 1_700_003_700_000));
        assert_eq!(rounded(at + 120_000, at + DAYS_15 + 130_000), 1_700_003_700_000);
        assert_eq!(hours(63 * 24), 1_700_002_800_000);
        assert_eq!((rounded(at, 0), rounded(-at, i64::MAX)), (at, -1_700_006_400_000));
    }

    #[test]
    fn point_is_cut_by_a_span_of_time() {
        let whole = difference(30, 20, 100.0);
        assert_eq!(whole.within(10_000, 30_000), Some(whole));
        assert_eq!(whole.within(15_000, 20_000), Some(difference(20, 5, 25.0)));
        assert_eq!((whole.within(0, 10_000), whole.within(30_000, 40_000)), (None, None));
        let value = Point::value(30_000, 1.0);
        assert_eq!((value.within(30_000, 31_000), value.within(0, 30_000)), (Some(value), None));
    }

    #[test]
    fn each_series_has_samples_of_its_own() {
        let one = vec![difference(120, 60, 10.0)];
        let other = vec![difference(120, 60, 30.0)];
        assert_eq!(filled(periods(60, 120, 60), &[one, other]), [(60, 2.0, 40.0, 10.0, 30.0)]);
    }

    #[test]
    fn values_of_several_samples_as_one_are_unknown_unless_they_are_equal() {
        let set = |min, max| Point { end: 1000, over: 0, sum: 6.0, min, max, count: 3.0 };
        let values = |point| {
            let filled = periods(0, 60, 60).fill([vec![point]], true);
            filled.into_values().next().and_then(|period| period.values)
        };
        assert_eq!(values(set(2.0, 2.0)), Some(vec![(2.0, 3.0)]));
        assert_eq!(values(set(1.0, 3.0)), None);
    }
}
