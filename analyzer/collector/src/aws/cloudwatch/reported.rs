//! Points that programs report themselves, such as by `PutMetricData`.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::metric::Metric;
use super::period::Point;

/// The points of all metrics.
#[derive(Debug)]
pub(in crate::aws) struct Reported {
    metrics: BTreeMap<Metric, BTreeMap<String, Vec<Point>>>,
    bytes: usize,
    capacity: usize,
    /// Points at and after this time are all here.
    begin: i64,
    /// Points for the history, if there is one.
    fresh: Option<Vec<Fresh>>,
    fresh_bytes: usize,
    fresh_dropped: usize,
}

/// Points of a metric with a unit.
type Fresh = (Metric, String, Vec<Point>);

impl Reported {
    /// No points; at most about `capacity` bytes will be used.
    pub(in crate::aws) fn new(capacity: usize) -> Self {
        Self {
            metrics: BTreeMap::new(),
            bytes: 0,
            capacity,
            begin: i64::MIN,
            fresh: None,
            fresh_bytes: 0,
            fresh_dropped: 0,
        }
    }

    /// Keeps points for a history too. Points before `now` may be there from before.
    pub(in crate::aws) fn keep_fresh(&mut self, now: i64) {
        self.begin = self.begin.max(now);
        self.fresh = Some(Vec::new());
    }

    /// The points since the last call, and the number of those for which there was no room.
    pub(super) fn take_fresh(&mut self) -> (Vec<Fresh>, usize) {
        self.fresh_bytes = 0;
        let fresh = self.fresh.as_mut().map(core::mem::take).unwrap_or_default();
        (fresh, core::mem::take(&mut self.fresh_dropped))
    }

    /// The time from which on all points are here: a whole second, as the history has them by seconds. It has
    /// these for three hours only, so that later it is a whole minute.
    pub(super) fn begin(&self, now: i64) -> i64 {
        let begin = self.begin.max(0);
        let unit = if now - begin > BY_SECONDS { 60_000 } else { 1000 };
        begin + (-begin).rem_euclid(unit)
    }

    fn add_fresh(&mut self, metric: &Metric, unit: &str, points: &[Point]) {
        let Some(fresh) = &mut self.fresh else { return };
        let bytes = cost(metric) + size_of_val(points);
        if self.fresh_bytes + bytes > self.capacity / 4 {
            self.fresh_dropped += points.len();
            return;
        }
        self.fresh_bytes += bytes;
        fresh.push((metric.clone(), unit.to_owned(), points.to_vec()));
    }

    /// Adds points of a metric with a unit, in the order of their times. Times before those of others are no
    /// error.
    pub(super) fn add(&mut self, metric: &Metric, unit: &str, points: &[Point]) {
        if points.is_empty() {
            return;
        }
        self.add_fresh(metric, unit, points);
        if !self.metrics.contains_key(metric) {
            self.metrics.insert(metric.clone(), BTreeMap::new());
            self.bytes += cost(metric);
        }
        let Some(units) = self.metrics.get_mut(metric) else { return };
        let series = units.entry(unit.to_owned()).or_insert_with(|| {
            self.bytes += UNIT;
            Vec::new()
        });
        let before = series.capacity();
        merge(series, points);
        self.bytes += (series.capacity() - before) * size_of::<Point>();
        if self.bytes > self.capacity {
            self.make_room();
        }
    }

    /// The units of a metric, each with its points from one time to another, without it.
    pub(super) fn points(
        &self,
        metric: &Metric,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (&str, &[Point])> {
        let units = self.metrics.get(metric).into_iter().flatten();
        units.map(move |(unit, points)| {
            let begin = points.partition_point(|point| point.end < from);
            let end = points.partition_point(|point| point.end < to).max(begin);
            (unit.as_str(), points.get(begin..end).unwrap_or_default())
        })
    }

    /// The metrics after one, in order, that have a point after a time.
    pub(super) fn metrics_after(
        &self,
        after: Option<&Metric>,
        active: i64,
    ) -> impl Iterator<Item = &Metric> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.metrics.range((first, Bound::Unbounded));
        rest.filter(move |(_, units)| newest(units) > active).map(|(metric, _)| metric)
    }

    /// Drops the oldest sixteenth of the points, with metrics that have no others, until there is room.
    /// A sixteenth of the time instead could have one point, or all of them.
    fn make_room(&mut self) {
        while self.bytes > self.capacity {
            let all = self.metrics.values().flat_map(BTreeMap::values).flatten();
            let mut times: Vec<i64> = all.map(|point| point.end).collect();
            let last = times.len() / 16;
            if times.is_empty() {
                return;
            }
            let (older, limit, _) = times.select_nth_unstable(last);
            self.begin = self.begin.max(*limit + 1);
            let (older, limit) = (older.iter().filter(|time| *time < limit).count(), *limit);
            // Of those of the last time, so many go.
            let mut same = last + 1 - older;
            self.keep(|point| {
                let goes = point.end < limit || point.end == limit && same > 0;
                same -= usize::from(goes && point.end == limit);
                !goes
            });
        }
    }

    fn keep(&mut self, mut keep: impl FnMut(&Point) -> bool) {
        self.bytes = 0;
        self.metrics.retain(|metric, units| {
            units.retain(|_, points| {
                points.retain(&mut keep);
                points.shrink_to_fit();
                !points.is_empty()
            });
            let points: usize = units.values().map(Vec::capacity).sum();
            if !units.is_empty() {
                self.bytes += cost(metric) + units.len() * UNIT + points * size_of::<Point>();
            }
            !units.is_empty()
        });
    }
}

/// Adds points, in order, behind others of the same time. What is later is moved once.
fn merge(series: &mut Vec<Point>, points: &[Point]) {
    let Some(first) = points.first() else { return };
    let at = series.partition_point(|other| other.end <= first.end);
    let mut later = series.split_off(at).into_iter().peekable();
    for point in points {
        while let Some(before) = later.next_if(|it| it.end <= point.end) {
            series.push(before);
        }
        series.push(*point);
    }
    series.extend(later);
}

/// The time of the last point.
fn newest(units: &BTreeMap<String, Vec<Point>>) -> i64 {
    let last = units.values().filter_map(|points| points.last());
    last.map(|point| point.end).max().unwrap_or(i64::MIN)
}

/// Bytes of a metric, its texts and its share of a node.
pub(super) fn cost(metric: &Metric) -> usize {
    let dimensions = metric.dimensions().iter();
    let dimensions: usize = dimensions.map(|(name, value)| name.len() + value.len() + 96).sum();
    metric.namespace.len() + metric.name.len() + dimensions + 256
}

/// Milliseconds after which points of the history by seconds are not needed any more.
const BY_SECONDS: i64 = 2 * 3_600_000;
/// Bytes of a unit of a metric.
const UNIT: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str) -> Metric {
        Metric::new("Shop", name, vec![("host".to_owned(), "a".to_owned())])
    }

    fn times(reported: &Reported, name: &str, from: i64, to: i64) -> Vec<i64> {
        let metric = metric(name);
        let points = reported.points(&metric, from, to);
        points.flat_map(|(_, points)| points.iter().map(|point| point.end)).collect()
    }

    #[test]
    fn points_are_in_the_order_of_time() {
        let mut reported = Reported::new(1 << 20);
        for end in [30, 10, 20, 20] {
            reported.add(&metric("m"), "Count", &[Point::value(end, 1.0)]);
        }
        assert_eq!(times(&reported, "m", 0, 100), [10, 20, 20, 30]);
        assert_eq!(times(&reported, "m", 20, 30), [20, 20]);
        assert_eq!(times(&reported, "m", 30, 20), [0; 0]);
        assert_eq!(times(&reported, "other", 0, 100), [0; 0]);
    }

    #[test]
    fn late_points_are_merged() {
        let point = |end: i64, value: f64| Point::value(end, value);
        let mut reported = Reported::new(1 << 20);
        let mut series: Vec<Point> = [10, 20, 20, 40].map(|end| point(end, 1.0)).to_vec();
        let late = [5, 20, 30, 40, 50].map(|end| point(end, 2.0));
        reported.add(&metric("m"), "Count", &series);
        reported.add(&metric("m"), "Count", &late);
        // As if one came after the other.
        series.extend(late);
        series.sort_by_key(|point| point.end);
        let metric = metric("m");
        let found = reported.points(&metric, 0, 100).next();
        assert_eq!(found, Some(("Count", series.as_slice())));
    }

    #[test]
    fn full_memory_drops_the_oldest_points() {
        let mut reported = Reported::new(64 << 10);
        for now in 0..10_000 {
            reported.add(&metric("m"), "Count", &[Point::value(now, 1.0)]);
            assert!(reported.bytes <= 64 << 10, "{}", reported.bytes);
        }
        let kept = times(&reported, "m", 0, 10_000);
        assert!(kept.len() > 200 && kept.last() == Some(&9999), "{}", kept.len());
    }

    #[test]
    fn more_metrics_than_have_room_replace_the_oldest() {
        let mut reported = Reported::new(64 << 10);
        for number in 0..2000 {
            let name = format!("m{number}");
            reported.add(&metric(&name), "Count", &[Point::value(7, 1.0)]);
            assert!(reported.bytes <= 64 << 10, "{}", reported.bytes);
        }
        let count = reported.metrics_after(None, 0).count();
        assert!((50..200).contains(&count), "{count}");
        assert_eq!(reported.metrics_after(None, 7).count(), 0);
    }
    #[test]
    fn values_of_one_time_do_not_go_all_at_once() {
        let mut reported = Reported::new(64 << 10);
        let count = |reported: &Reported| reported.metrics_after(None, 0).count();
        for number in 0..2000 {
            let before = count(&reported);
            reported.add(&metric(&format!("m{number}")), "Count", &[Point::value(7, 1.0)]);
            assert!(count(&reported) > before * 7 / 8, "{before}, then {}", count(&reported));
        }
    }

    #[test]
    fn few_old_points_make_no_room_for_many_new_ones() {
        let mut reported = Reported::new(64 << 10);
        for number in 0..2000 {
            reported.add(&metric("old"), "Count", &[Point::value(7, 1.0)]);
            reported.add(&metric(&format!("m{number}")), "Count", &[Point::value(1 << 40, 1.0)]);
            assert!(reported.bytes <= 64 << 10, "{}", reported.bytes);
        }
        assert_eq!(times(&reported, "m1999", 0, i64::MAX), [1 << 40]);
    }

    #[test]
    fn memory_begins_with_a_whole_second_and_later_with_a_whole_minute() {
        let mut reported = Reported::new(1 << 20);
        assert_eq!(reported.begin(0), 0);
        reported.keep_fresh(7_200_200);
        assert_eq!((reported.begin(7_200_300), reported.begin(14_400_300)), (7_201_000, 7_260_000));
        let mut reported = Reported::new(1 << 20);
        reported.keep_fresh(7_200_000);
        assert_eq!((reported.begin(7_200_300), reported.begin(14_400_300)), (7_200_000, 7_200_000));
    }

    #[test]
    fn values_of_no_samples_make_no_metric() {
        let mut reported = Reported::new(1 << 20);
        reported.add(&metric("m"), "Count", &[]);
        assert_eq!((reported.metrics_after(None, i64::MIN).count(), reported.bytes), (0, 0));
    }
}
