//! What was received since the last collection: a state for each metric, within a number of bytes.

use core::hash::BuildHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::RandomState;

use super::line::Value;
use crate::aws::cloudwatch::datum::Datum;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::Point;
use crate::aws::cloudwatch::reported::cost;

/// The state of all metrics.
#[derive(Debug)]
pub(in crate::aws) struct Table {
    metrics: HashMap<Metric, State>,
    bytes: usize,
    capacity: usize,
    hasher: RandomState,
}

#[derive(Debug)]
enum State {
    Counter(f64),
    /// A gauge is kept for later changes, so many collections after its last one.
    Gauge {
        value: f64,
        age: u32,
    },
    Set(HashSet<u64>),
    Numbers(Numbers),
}

impl Table {
    /// No metrics; at most about `capacity` bytes will be used.
    pub(in crate::aws) fn new(capacity: usize) -> Self {
        let (metrics, hasher) = (HashMap::new(), RandomState::new());
        Self { metrics, bytes: 0, capacity, hasher }
    }

    /// Adds a value; false if there is no room for it.
    pub(super) fn add(&mut self, metric: Metric, value: Value<'_>) -> bool {
        let is_new = !self.metrics.contains_key(&metric);
        let bytes = VALUE + if is_new { cost(&metric) } else { 0 };
        let has_room = self.bytes + bytes <= self.capacity;
        if is_new && !has_room {
            return false;
        }
        if is_new {
            self.bytes += cost(&metric);
        }
        let state = self.metrics.entry(metric).or_insert_with(|| State::new(value));
        let added = match (state, value) {
            (State::Counter(sum), Value::Counter(more)) => {
                *sum += more;
                Some(0)
            }
            (State::Gauge { value: own, age }, Value::Gauge(_) | Value::Change(_)) => {
                *own = match value {
                    Value::Change(change) => *own + change,
                    Value::Gauge(value) => value,
                    _ => *own,
                };
                *age = 0;
                Some(0)
            }
            (State::Set(members), Value::Member(member)) => {
                let member = self.hasher.hash_one(member);
                let is_known = members.contains(&member);
                (is_known || has_room).then(|| usize::from(members.insert(member)))
            }
            (State::Numbers(numbers), Value::Number(number, count)) => {
                numbers.add(number, count, has_room)
            }
            _ => None,
        };
        self.bytes += added.unwrap_or(0) * VALUE;
        added.is_some()
    }

    /// Takes the points of all metrics, at a time in milliseconds since 1970.
    pub(in crate::aws) fn collect(&mut self, time: i64) -> Vec<Datum> {
        let mut data = Vec::new();
        let mut kept = 0;
        // Gauges without news make room for metrics that have some.
        let most = if self.bytes > self.capacity / 2 { 2 } else { MAX_AGE };
        self.metrics.retain(|metric, state| {
            let points = state.take(time);
            if !points.is_empty() {
                data.push(Datum { metric: metric.clone(), unit: "None", points });
            }
            let keeps = matches!(state, State::Gauge { age, .. } if *age < most);
            kept += if keeps { cost(metric) } else { 0 };
            keeps
        });
        self.bytes = kept;
        data
    }
}

impl State {
    fn new(value: Value<'_>) -> Self {
        match value {
            Value::Counter(_) => Self::Counter(0.0),
            Value::Gauge(_) | Value::Change(_) => Self::Gauge { value: 0.0, age: 0 },
            Value::Member(_) => Self::Set(HashSet::new()),
            Value::Number(..) => Self::Numbers(Numbers::default()),
        }
    }

    fn take(&mut self, time: i64) -> Vec<Point> {
        match self {
            Self::Counter(sum) => vec![Point::value(time, *sum)],
            Self::Gauge { value, age } => {
                *age += 1;
                if *age == 1 { vec![Point::value(time, *value)] } else { Vec::new() }
            }
            Self::Set(members) => vec![Point::value(time, members.len() as f64)],
            Self::Numbers(numbers) => numbers.points(time),
        }
    }
}

/// Numbers, and how often each was seen: exact up to [`MAX_EXACT`] of them, then in ranges of 3 %.
#[derive(Debug, Default)]
struct Numbers {
    ranges: BTreeMap<u64, Range>,
    are_coarse: bool,
}

/// Numbers that are one; their sum is exact.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    sum: f64,
    count: f64,
}

impl Numbers {
    /// Adds a number. Returns the new ranges; `None` if it needs one and there is no room.
    fn add(&mut self, number: f64, count: f64, has_room: bool) -> Option<usize> {
        if !self.are_coarse && self.ranges.len() >= MAX_EXACT {
            self.are_coarse = true;
            for range in core::mem::take(&mut self.ranges).into_values() {
                self.join(range.sum / range.count, range);
            }
        }
        let key = self.key(number);
        let is_new = !self.ranges.contains_key(&key);
        if is_new && (!has_room || self.ranges.len() >= MAX_RANGES) {
            return None;
        }
        self.join(number, Range { sum: number * count, count });
        Some(usize::from(is_new))
    }

    fn join(&mut self, number: f64, range: Range) {
        let own = self.ranges.entry(self.key(number)).or_default();
        *own = Range { sum: own.sum + range.sum, count: own.count + range.count };
    }

    fn key(&self, number: f64) -> u64 {
        // Sign, exponent and five bits of the mantissa.
        let cut = if self.are_coarse { 52 - 5 } else { 0 };
        number.to_bits() >> cut << cut
    }

    fn points(&self, time: i64) -> Vec<Point> {
        let ranges = self.ranges.values();
        let point = |range: &Range| Point {
            sum: range.sum,
            count: range.count,
            ..Point::value(time, range.sum / range.count)
        };
        ranges.map(point).collect()
    }
}

/// Bytes of a number or member, with its share of a table.
const VALUE: usize = 64;
/// Different numbers of a metric that are exact, as in a request of `PutMetricData`.
const MAX_EXACT: usize = 150;
/// Ranges of a metric: those of numbers that differ by a factor of 2^60.
const MAX_RANGES: usize = 2000;
/// Collections that a gauge is kept without a value.
const MAX_AGE: u32 = 360;

#[cfg(test)]
mod tests {
    use super::super::line::read;
    use super::*;

    /// The points of each metric after these lines.
    fn collected(table: &mut Table, lines: &[&str]) -> BTreeMap<String, Vec<Point>> {
        for line in lines {
            for (metric, value) in read(line).unwrap() {
                assert!(table.add(metric, value), "{line}");
            }
        }
        table.collect(7).into_iter().map(|datum| (datum.metric.name, datum.points)).collect()
    }

    #[test]
    fn values_between_two_collections_are_one_point() {
        let mut table = Table::new(1 << 20);
        let lines =
            ["c:1|c", "c:2|c|@0.5", "s:a|s", "s:b|s", "s:a|s", "t:3|ms", "t:5|ms", "t:3|ms|@0.5"];
        let found = collected(&mut table, &lines);
        assert_eq!(found["c"], [Point::value(7, 5.0)]);
        assert_eq!(found["s"], [Point::value(7, 2.0)]);
        let three = Point { sum: 9.0, count: 3.0, ..Point::value(7, 3.0) };
        assert_eq!(found["t"], [three, Point::value(7, 5.0)]);
        assert!(collected(&mut table, &[]).is_empty());
        assert_eq!(collected(&mut table, &["c:1|c"])["c"], [Point::value(7, 1.0)]);
        assert_eq!(collected(&mut table, &["s:a|s"])["s"], [Point::value(7, 1.0)]);
        assert_eq!(table.bytes, 0);
    }

    #[test]
    fn gauge_changes_by_what_it_was_before() {
        let mut table = Table::new(1 << 20);
        assert_eq!(collected(&mut table, &["g:10|g", "g:+5|g"])["g"], [Point::value(7, 15.0)]);
        // Without news there is no point, and the value stays.
        assert!(collected(&mut table, &[]).is_empty());
        assert_eq!(collected(&mut table, &["g:-1|g"])["g"], [Point::value(7, 14.0)]);
        (0..MAX_AGE).for_each(|_| drop(table.collect(7)));
        assert_eq!((table.metrics.len(), table.bytes), (0, 0));
    }

    #[test]
    fn many_numbers_are_in_ranges_with_the_same_sum() {
        let mut table = Table::new(1 << 20);
        let lines: Vec<_> = (1..=1000).map(|number| format!("t:{number}|ms")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let found = collected(&mut table, &lines);
        let points = &found["t"];
        assert!((150..400).contains(&points.len()), "{}", points.len());
        let sum: f64 = points.iter().map(|point| point.sum).sum();
        let count: f64 = points.iter().map(|point| point.count).sum();
        assert_eq!((sum.round(), count), (500_500.0, 1000.0));
        assert!(points.iter().all(|point| point.min == point.max));
        let largest = points.iter().map(|point| point.max).fold(0.0, f64::max);
        assert!((969.0..=1000.0).contains(&largest), "{largest}");
    }

    #[test]
    fn full_table_refuses_what_is_new() {
        let mut table = Table::new(64 << 10);
        let mut refused = 0;
        for number in 0..10_000 {
            for line in [&format!("m{number}:1|c"), &format!("s:{number}|s"), "m0:1|c"] {
                for (metric, value) in read(line).unwrap() {
                    refused += usize::from(!table.add(metric, value));
                }
            }
            assert!(table.bytes <= table.capacity, "{}", table.bytes);
        }
        assert!((18_000..20_000).contains(&refused), "{refused}");
        let data = table.collect(7);
        let first = data.iter().find(|datum| datum.metric.name == "m0").unwrap();
        // What is there takes no further room.
        assert_eq!(first.points, [Point::value(7, 10_001.0)]);
        assert_eq!(table.bytes, 0);
    }

    #[test]
    fn gauges_without_news_make_room() {
        let mut table = Table::new(64 << 10);
        let add = |table: &mut Table, line: &str| {
            read(line).unwrap().into_iter().all(|(metric, value)| table.add(metric, value))
        };
        assert!(!(0..10_000).all(|number| add(&mut table, &format!("g{number}:1|g"))));
        table.collect(1);
        assert!(!add(&mut table, "m:1|c"));
        table.collect(2);
        assert!(add(&mut table, "m:1|c"));
    }
}
