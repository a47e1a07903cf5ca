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
}

impl Reported {
    /// No points; at most about `capacity` bytes will be used.
    pub(in crate::aws) fn new(capacity: usize) -> Self {
        Self { metrics: BTreeMap::new(), bytes: 0, capacity }
    }

    /// Adds points of a metric with a unit. Times before others are no error.
    pub(super) fn add(&mut self, metric: &Metric, unit: &str, points: &[Point], now: i64) {
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
        for point in points {
            let at = series.partition_point(|other| other.end <= point.end);
            series.insert(at, *point);
        }
        self.bytes += (series.capacity() - before) * size_of::<Point>();
        if self.bytes > self.capacity {
            self.make_room(now);
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

    /// Drops the oldest sixteenth of the time that points are about. Without a difference in time, the
    /// sixteenth of the metrics that is the oldest.
    fn make_room(&mut self, now: i64) {
        let first = self.metrics.values().flat_map(BTreeMap::values).filter_map(|it| it.first());
        let first = first.map(|point| point.end).min().unwrap_or(now);
        let limit = (now - (now - first) / 16 * 15).max(now - MAX_AGE);
        let before = self.bytes;
        self.keep(|point| point.end > limit);
        if self.bytes == before {
            let mut ages: Vec<_> = self.metrics.values().map(newest).collect();
            let sixteenth = ages.len() / 16;
            if ages.is_empty() {
                return;
            }
            let (oldest, mut room) = (*ages.select_nth_unstable(sixteenth).1, sixteenth + 1);
            self.metrics.retain(|_, units| {
                let keep = newest(units) > oldest || room == 0;
                room -= usize::from(!keep);
                keep
            });
            self.keep(|_| true);
        }
    }

    fn keep(&mut self, keep: impl Fn(&Point) -> bool) {
        self.bytes = 0;
        self.metrics.retain(|metric, units| {
            units.retain(|_, points| {
                points.retain(&keep);
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

/// The time of the last point.
fn newest(units: &BTreeMap<String, Vec<Point>>) -> i64 {
    let last = units.values().filter_map(|points| points.last());
    last.map(|point| point.end).max().unwrap_or(i64::MIN)
}

/// Bytes of a metric, its texts and its share of a node.
fn cost(metric: &Metric) -> usize {
    let dimensions = metric.dimensions().iter();
    let dimensions: usize = dimensions.map(|(name, value)| name.len() + value.len() + 96).sum();
    metric.namespace.len() + metric.name.len() + dimensions + 256
}

/// Bytes of a unit of a metric.
const UNIT: usize = 160;
/// Milliseconds: the 15 days that the service keeps minutes for.
const MAX_AGE: i64 = 15 * 86_400_000;

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
            reported.add(&metric("m"), "Count", &[Point::value(end, 1.0)], 40);
        }
        assert_eq!(times(&reported, "m", 0, 100), [10, 20, 20, 30]);
        assert_eq!(times(&reported, "m", 20, 30), [20, 20]);
        assert_eq!(times(&reported, "m", 30, 20), [0; 0]);
        assert_eq!(times(&reported, "other", 0, 100), [0; 0]);
    }

    #[test]
    fn full_memory_drops_the_oldest_points() {
        let mut reported = Reported::new(64 << 10);
        for now in 0..10_000 {
            reported.add(&metric("m"), "Count", &[Point::value(now, 1.0)], now);
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
            reported.add(&metric(&name), "Count", &[Point::value(7, 1.0)], 7);
            assert!(reported.bytes <= 64 << 10, "{}", reported.bytes);
        }
        let count = reported.metrics_after(None, 0).count();
        assert!((50..200).contains(&count), "{count}");
        assert_eq!(reported.metrics_after(None, 7).count(), 0);
    }
}
