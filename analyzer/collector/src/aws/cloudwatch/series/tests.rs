//! Series of memory and the history together.

use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::recorder::lab::{BYTES, Lab, Poll};

const FIRST: Poll = Poll { thread: 0, instance: 1, kind: "m5", second: 0 };

fn network_in(dimensions: &[(&str, &str)]) -> Metric {
    let own = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Metric::new("AWS/EC2", "NetworkIn", own.collect())
}

/// Bytes that an instance receives in so many seconds.
fn bytes(seconds: u64) -> f64 {
    (seconds * BYTES) as f64
}

#[test]
fn history_and_memory_are_joined_without_a_gap_or_a_double() {
    let mut lab = Lab::new(1);
    lab.polls(FIRST, 130);
    lab.restart();
    lab.polls(Poll { second: 130, ..FIRST }, 250);
    lab.record();
    for dimensions in [&[("InstanceId", "i-1")][..], &[]] {
        let found = lab.read(&network_in(dimensions), 60, (0, 300));
        let minutes: Vec<_> = found.iter().map(|(at, it)| (*at, it.sum, it.count)).collect();
        let minute = bytes(60);
        let expected =
            [(0, minute), (60, minute), (120, minute), (180, minute), (240, minute / 6.0)];
        assert_eq!(minutes, expected.map(|(at, sum)| (at, sum, 1.0)), "{dimensions:?}");
    }
}

#[test]
fn data_source_that_moved_to_another_thread_counts_once() {
    let mut lab = Lab::new(2);
    lab.polls(FIRST, 130);
    lab.restart();
    lab.polls(Poll { second: 130, ..FIRST }, 250);
    lab.polls(Poll { second: 250, thread: 1, ..FIRST }, 370);
    lab.record();
    let metric = network_in(&[("InstanceId", "i-1")]);
    assert_eq!(lab.sum(&metric, (0, 420)), bytes(370));
    // The history is read once, and one sample is made of each minute.
    let found = lab.read(&metric, 60, (0, 420));
    assert!(found.values().all(|it| it.count == 1.0), "{found:?}");
}

#[test]
fn renamed_data_source_counts_once() {
    let mut lab = Lab::new(1);
    lab.polls(FIRST, 70);
    lab.restart();
    lab.polls(Poll { second: 70, ..FIRST }, 130);
    lab.record();
    let other = Poll { kind: "c5", ..FIRST };
    lab.polls(Poll { second: 140, ..other }, 250);
    lab.record();
    for dimensions in [&[("InstanceId", "i-1")][..], &[]] {
        assert_eq!(lab.sum(&network_in(dimensions), (0, 300)), bytes(250), "{dimensions:?}");
    }
    // It has no rows of this name in memory.
    assert_eq!(lab.sum(&network_in(&[("InstanceType", "m5")]), (0, 300)), bytes(130));
    lab.restart();
    for (kind, seconds) in [("m5", 130), ("c5", 120)] {
        let metric = network_in(&[("InstanceType", kind)]);
        assert_eq!(lab.sum(&metric, (0, 300)), bytes(seconds), "{kind}");
    }
}

#[test]
fn rate_has_all_samples_where_memory_begins() {
    let mut lab = Lab::new(1);
    let metric = Metric::new("Flowmote", "bytes_in", vec![("host".into(), "host1".into())]);
    let count = |lab: &Lab| -> f64 {
        lab.read(&metric, 10, (0, 600)).values().map(|period| period.count).sum()
    };
    lab.polls(FIRST, 599);
    lab.record();
    let before = count(&lab);
    assert!(before >= 57.0, "{before}");
    // Others fill the memory until the first rows go.
    let mut instance = 2;
    while lab.begin(1) <= 120_000 {
        lab.polls(Poll { instance, ..FIRST }, 599);
        instance += 1;
    }
    assert!(lab.begin(1) < 500_000);
    assert_eq!(count(&lab), before);
}

#[test]
fn instances_that_ended_before_are_not_read() {
    let mut lab = Lab::new(1);
    for number in 0..20 {
        lab.polls(Poll { instance: number, ..FIRST }, 60);
    }
    lab.restart();
    lab.polls(Poll { instance: 20, second: 10_000, ..FIRST }, 10_060);
    lab.record();
    lab.history().maintain(lab.start + 10_060_000, true);
    let places = |from| lab.find(&network_in(&[]), from)[0].past.len();
    assert_eq!((places(0), places(3600), places(9000)), (21, 21, 1));
    assert_eq!(lab.sum(&network_in(&[]), (0, 120)), 20.0 * bytes(60));
}

#[test]
fn connections_of_several_threads_are_one_series_before_and_after_a_restart() {
    let mut lab = Lab::new(2);
    let of = |name: &str| {
        let monitor = ("MonitorName".to_owned(), "flowmote".to_owned());
        Metric::new("AWS/NetworkFlowMonitor", name, vec![monitor])
    };
    lab.reports(0, 0..100, 1000);
    lab.record();
    lab.reports(1, 100..151, 10);
    let span = (0, 180);
    let before = lab.read(&of("DataTransferred"), 60, span);
    assert!(before.values().all(|it| it.count == 1.0), "{before:?}");
    let sum: f64 = before.values().map(|it| it.sum).sum();
    assert!((99_000.0..=100_510.0).contains(&sum), "{sum}");
    lab.restart();
    assert_eq!(lab.read(&of("DataTransferred"), 60, span), before);
    let times = lab.read(&of("RoundTripTime"), 60, span);
    let extremes = times.values().map(|it| (it.min, it.max)).collect::<Vec<_>>();
    assert_eq!(extremes, [(1100.0, 1100.0), (110.0, 1100.0), (110.0, 110.0)]);
    // Memory has some again.
    lab.tick(180);
    lab.reports(1, 181..200, 10);
    lab.record();
    assert_eq!(lab.read(&of("DataTransferred"), 60, span), before);
}
