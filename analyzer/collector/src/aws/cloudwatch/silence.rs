//! The status check of an instance: whether its agent is silent.
//!
//! It fails from three polling intervals after a record of the host on, until the next one. So it fails as
//! long as the host is silent, until its last record is [too old](flowmote_engine::points) to be kept.

use core::ops::Range;

use flowmote_engine::Instant;
use flowmote_engine::metrics::Metrics;
use flowmote_engine::source::Source;

use super::metric::Metric;
use super::period::{Periods, Point};
use super::series::Part;
use crate::hub::Hub;

/// True for a metric that is a status check, of one instance or of several.
pub(super) fn is_check(metric: &Metric) -> bool {
    metric.namespace == "AWS/EC2" && CHECKS.contains(&metric.name.as_str())
}

/// The time of the first record of a host that is known, and the samples from then on. Its records are in one
/// analyzer or in several; `before` returns those of a time that memory does not have.
pub(super) fn points(
    hub: &Hub,
    parts: &[Part],
    periods: &Periods,
    before: impl FnOnce(Range<i64>) -> Vec<i64>,
) -> (Option<i64>, Vec<Point>) {
    let from = periods.span().0;
    let time = hub.time(from.unsigned_abs());
    let times = parts.iter().flat_map(|part| {
        let read = |metrics: &Metrics| records(metrics, &part.source, time);
        hub.at(part.analyzer, |analyzer| read(analyzer.metrics())).unwrap_or_default()
    });
    let mut records: Vec<i64> = times.map(|time| hub.unix_ms(time).cast_signed()).collect();
    records.sort_unstable();
    let now = hub.unix_ms(hub.now()).cast_signed();
    // Memory has as many records as it needs, or all that it has.
    if records.partition_point(|record| *record < from) < LAST {
        let first = records.first().map_or(now + 1, |first| *first);
        records.extend(before(now - KEPT..first.max(now - KEPT)));
        records.sort_unstable();
    }
    (records.first().copied(), samples(&records, now, periods))
}

/// The times of the records of a host from a time on, and of some before it.
fn records(metrics: &Metrics, source: &Source, from: Instant) -> Vec<Instant> {
    let mut before = 0;
    let records = metrics.past_records(source).filter(|record| record.name() == RECORD);
    let times = records.flat_map(|record| record.newest().map(|row| row.time));
    let times = times.take_while(|time| {
        before += usize::from(*time < from);
        before <= LAST
    });
    times.collect()
}

/// The samples of a host with records at these times, in order: one a minute, or one a period if that is
/// shorter, of what has begun until `now`. All times are milliseconds since 1970.
pub(super) fn samples(records: &[i64], now: i64, periods: &Periods) -> Vec<Point> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Vec::new() };
    let (step, (from, to)) = (periods.step(), periods.span());
    let allowed = 3 * interval(records);
    let begin = from.max(first - (first - from).rem_euclid(step));
    let steps = (begin..to.min(now + 1).min(last + KEPT)).step_by(step.unsigned_abs() as usize);
    let sample = |begin: i64| {
        // The silence before the first record that ends the step, and all that is within it.
        let end = (begin + step).min(now);
        let next = records.partition_point(|record| *record <= begin);
        let before = next.checked_sub(1).and_then(|at| records.get(at)).copied();
        let within = records.get(next..).unwrap_or_default();
        let ends = within.iter().copied().take_while(|record| *record < end).chain([end]);
        let mut last = before;
        let fails = ends.into_iter().any(|record| {
            let silence = last.map_or(0, |last| record - last);
            last = Some(record);
            silence > allowed
        });
        Point::value(begin, f64::from(u8::from(fails)))
    };
    steps.map(sample).collect()
}

/// The usual distance of records: the median of the last ones.
fn interval(records: &[i64]) -> i64 {
    let last = records.get(records.len().saturating_sub(LAST)..).unwrap_or_default();
    let later = last.iter().skip(1);
    let mut distances: Vec<i64> = last.iter().zip(later).map(|(a, b)| b - a).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().unwrap_or(ONE_RECORD)
}

/// The record that each agent on a host sends.
pub(super) const RECORD: &str = "host_cpu";
/// The checks of instances. That of the system is the one of its hypervisor, which nothing here shows.
pub(super) const CHECKS: [&str; 2] = ["StatusCheckFailed", "StatusCheckFailed_Instance"];
/// Milliseconds for which records count, in memory and in the history.
const KEPT: i64 = 3 * 3_600_000;
/// Records whose distances count.
const LAST: usize = 65;
/// The interval of a host with one record: a minute, as agents have it at most by default.
const ONE_RECORD: i64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the steps of periods, for records at these seconds.
    fn values(records: &[i64], now: i64, from: i64, to: i64, period: u32) -> Vec<(i64, f64)> {
        let records: Vec<i64> = records.iter().map(|second| second * 1000).collect();
        let periods = Periods::new(from * 1000, to * 1000, period, "Period").unwrap();
        let samples = samples(&records, now * 1000, &periods).into_iter();
        samples.map(|point| (point.end / 1000, point.sum)).collect()
    }

    #[test]
    fn check_fails_while_a_host_is_silent() {
        // Polls each 20 s until 12:02:20.
        let records: Vec<i64> = (0..=7).map(|at| at * 20).collect();
        let minutes = |now| values(&records, now, 0, 600, 60);
        assert_eq!(minutes(150), [(0, 0.0), (60, 0.0), (120, 0.0)]);
        // Silent for 60 s at 200 s, which is allowed.
        assert_eq!(minutes(200).last(), Some(&(180, 0.0)));
        assert_eq!(minutes(201).last(), Some(&(180, 1.0)));
        assert_eq!(
            minutes(420)[2..],
            [(120, 0.0), (180, 1.0), (240, 1.0), (300, 1.0), (360, 1.0), (420, 1.0)]
        );
        let hours = values(&records, 20_000, 10_800, 11_100, 60);
        assert_eq!(hours, [(10_800, 1.0), (10_860, 1.0), (10_920, 1.0)]);
    }

    #[test]
    fn check_succeeds_again_after_a_gap() {
        let records: Vec<i64> = (0..=6).chain(100..=106).map(|at| at * 10).collect();
        let found = values(&records, 1060, 0, 1080, 60);
        let failing: Vec<i64> =
            found.iter().filter(|(_, value)| *value > 0.0).map(|(at, _)| *at).collect();
        // From 90 s on, until 1000 s.
        assert_eq!(failing, (1..=16).map(|minute| minute * 60).collect::<Vec<_>>());
        let seconds = values(&records, 1060, 88, 94, 1);
        assert_eq!(seconds, [(88, 0.0), (89, 0.0), (90, 1.0), (91, 1.0), (92, 1.0), (93, 1.0)]);
    }

    #[test]
    fn nothing_is_known_before_the_first_record() {
        assert_eq!(values(&[], 100, 0, 600, 60), []);
        assert_eq!(values(&[130, 190], 200, 0, 600, 60), [(120, 0.0), (180, 0.0)]);
        // One record: its interval is not known, and a minute is taken for it.
        assert_eq!(values(&[10], 190, 120, 180, 60), [(120, 0.0)]);
        assert_eq!(values(&[10], 240, 180, 240, 60), [(180, 1.0)]);
    }
}
