use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{Address, DataSource};

use super::*;
use crate::metrics::MetricFilter;

fn source(index: u32) -> Source {
    let agent = Address::V4(Ipv4Addr::new(192, 0, 2, 1));
    Source { agent, data_source: DataSource { class: 0, index } }
}

fn at(milliseconds: u64) -> Instant {
    Instant::after_start(Duration::from_millis(milliseconds))
}

fn watch(plain: bool) -> Watch {
    Watch::new(Threshold {
        metric: "pairs".to_owned(),
        value: 100.0,
        by_flow: true,
        timeout: Duration::from_secs(2),
        filter: MetricFilter::default(),
        plain,
    })
}

fn candidate(key: &str, value: f64, low: f64) -> Candidate {
    Candidate { source: source(5), flow_key: Some(key.to_owned()), value, low }
}

#[test]
fn event_needs_the_whole_interval_above_the_limit() {
    let mut watch = watch(false);
    let fired = |watch: &mut Watch, value, low| {
        watch.evaluate("big", at(0), [candidate("a", value, low)]).len()
    };
    assert_eq!(fired(&mut watch, 100.0, 100.0), 0);
    assert_eq!(fired(&mut watch, 150.0, 100.0), 0);
    assert_eq!(fired(&mut watch, 150.0, 101.0), 1);
    assert_eq!(fired(&mut self::watch(true), 101.0, 10.0), 1);
}

#[test]
fn event_is_repeated_only_after_the_timeout_below_the_limit() {
    let mut watch = watch(false);
    let mut count =
        |time, value: f64| watch.evaluate("big", at(time), [candidate("a", value, value)]).len();
    assert_eq!(count(0, 200.0), 1);
    assert_eq!(count(1000, 200.0), 0);
    // Two seconds since the last value above.
    assert_eq!(count(2000, 50.0), 0);
    assert_eq!(count(2900, 200.0), 0);
    assert_eq!(count(4899, 50.0), 0);
    assert_eq!(count(4900, 50.0), 0);
    assert_eq!(count(5000, 200.0), 1);
}

#[test]
fn each_flow_has_its_own_event() {
    let mut watch = watch(false);
    let both = [candidate("a", 200.0, 150.0), candidate("b", 300.0, 250.0)];
    let events = watch.evaluate("big", at(7), both);
    let keys: Vec<_> = events.iter().map(|event| event.flow_key.as_deref()).collect();
    assert_eq!(keys, [Some("a"), Some("b")]);
    let Event { time, threshold, metric, limit, value, .. } = &events[1];
    assert_eq!((*time, threshold.as_str(), metric.as_str()), (at(7), "big", "pairs"));
    assert_eq!((*limit, *value), (100.0, 300.0));
}

fn log(events: u64) -> EventLog {
    let mut log = EventLog::default();
    for number in 0..events {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let mut event = watch(true).evaluate(name, at(number), [candidate("a", 200.0, 0.0)]);
        log.push(event.remove(0));
    }
    log
}

#[test]
fn events_are_numbered_and_newest_first() {
    let log = log(5);
    let ids = |after, limit, name| {
        let Events { events, missed } = log.after(after, limit, name);
        (events.iter().map(|event| event.id).collect::<Vec<_>>(), missed)
    };
    assert_eq!(ids(None, 10, None), (vec![4, 3, 2, 1, 0], 0));
    assert_eq!(ids(None, 1, None), (vec![4], 0));
    assert_eq!(ids(Some(2), 10, None), (vec![4, 3], 0));
    assert_eq!(ids(Some(4), 10, None), (vec![], 0));
    assert_eq!(ids(Some(0), 10, Some("odd")), (vec![3, 1], 0));
    // A number of the future is from before a restart.
    assert_eq!(ids(Some(99), 2, None), (vec![4, 3], 0));
}

#[test]
fn forgotten_events_are_not_missed() {
    let mut log = log(6);
    log.forget("even");
    let Events { events, missed } = log.after(Some(0), 10, None);
    assert_eq!(
        (events.iter().map(|event| event.id).collect::<Vec<_>>(), missed),
        (vec![5, 3, 1], 0)
    );
    assert_eq!(log.total(), 6);
}

#[test]
fn reader_sees_how_many_events_it_missed() {
    let log = log(10_005);
    assert_eq!(log.after(Some(10_000), 3, None).missed, 1);
    // The first five are not kept any more.
    let events = log.after(Some(1), 10_000, None);
    assert_eq!((events.events.len(), events.missed), (10_000, 3));
}
