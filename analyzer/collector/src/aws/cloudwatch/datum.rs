//! Points that a program reports of a metric. The limits are the same whatever the way.

use std::collections::BTreeMap;

use parking_lot::MutexGuard;

use super::metric::Metric;
use super::period::Point;
use crate::aws::fault::Fault;
use crate::hub::Hub;

/// The points of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::aws) struct Datum {
    pub(super) metric: Metric,
    pub(super) unit: &'static str,
    pub(super) points: Vec<Point>,
}

/// Adds points to those that programs reported.
pub(in crate::aws) fn report(hub: &Hub, data: &[Datum]) {
    let mut all: BTreeMap<(&Metric, &str), Vec<Point>> = BTreeMap::new();
    for datum in data {
        all.entry((&datum.metric, datum.unit)).or_default().extend(&datum.points);
    }
    for ((metric, unit), mut points) in all {
        points.sort_by_key(|point| point.end);
        // Others need not wait for the whole request.
        let mut reported = hub.aws.reported.lock();
        reported.add(metric, unit, &points);
        MutexGuard::unlock_fair(reported);
    }
}

/// The number of points.
///
/// # Panics
/// If one is no number.
#[cfg(any(test, feature = "_testing"))]
pub(in crate::aws) fn checked_points(datum: &Datum) -> usize {
    for Point { sum, min, max, count, .. } in &datum.points {
        assert!([sum, min, max, count].iter().all(|number| number.is_finite()), "{datum:?}");
    }
    datum.points.len()
}

/// Checks that programs may report metrics of a namespace.
pub(super) fn check_namespace(name: &str, space: &str) -> Result<(), Fault> {
    if space.starts_with("AWS/") || space == "Flowmote" {
        return Err(Fault::value(name, "is one that only this service fills"));
    }
    Ok(())
}

/// Checks a time in milliseconds since 1970.
pub(super) fn check_time(name: &str, time: i64, now: i64) -> Result<(), Fault> {
    if !(now - MAX_PAST..=now + MAX_FUTURE).contains(&time) {
        let reason = "must be at most two weeks ago and at most two hours ahead";
        return Err(Fault::value(name, reason));
    }
    Ok(())
}

/// The unit with a name.
pub(super) fn unit(name: &str, text: &str) -> Result<&'static str, Fault> {
    let unit = UNITS.into_iter().find(|unit| *unit == text);
    unit.ok_or_else(|| Fault::value(name, &format!("has no unit {text:?}")))
}

/// A point of a value that was seen so many times.
pub(super) fn point(name: &str, time: i64, value: f64, count: f64) -> Result<Point, Fault> {
    if value.is_nan() || value.abs() > LARGEST.powi(2) {
        return Err(Fault::value(name, "must be from -2^360 to 2^360"));
    }
    Ok(Point { sum: value * count, count, ..Point::value(time, value) })
}

/// Metrics of a request or log event.
pub(super) const MAX_DATA: usize = 1000;
/// 2^180.
const LARGEST: f64 = (1_u128 << 90) as f64 * (1_u128 << 90) as f64;
/// Milliseconds.
pub(super) const MAX_PAST: i64 = 14 * 86_400_000;
pub(super) const MAX_FUTURE: i64 = 2 * 3_600_000;
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
