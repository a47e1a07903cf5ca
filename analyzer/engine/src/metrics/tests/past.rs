//! Rows of the past.

use super::*;
use crate::metrics::PastRecord;

/// A CPU record of 80 bytes with these times.
fn cpu(user: u32, idle: u32) -> (u32, Vec<u8>) {
    let load = [1.5f32.to_bits(), 1.0f32.to_bits(), 0.5f32.to_bits()];
    let rest = [2, 100, 4, 3000, 50, user, 0, 0, idle, 0, 0, 0, 7, 8, 0, 0, 0];
    (2003, [words(&load), words(&rest)].concat())
}

fn device() -> Device {
    let mut device = Device::new(2, 1);
    device.metrics = Metrics::new(1 << 20).with_points(1 << 20);
    device
}

fn record<'d>(device: &'d Device, name: &str) -> PastRecord<'d> {
    let source = Source { agent: device.agent, data_source: device.source };
    device.metrics.past_records(&source).find(|record| record.name() == name).unwrap()
}

fn all(record: PastRecord<'_>) -> Vec<crate::points::Row<'_>> {
    let later = Instant::after_start(Duration::from_secs(1 << 40));
    record.between(Instant::default(), later).collect()
}

#[test]
fn rows_have_differences_of_counters_and_values_of_gauges() {
    let mut device = device();
    device.send(0, &[cpu(1000, 5000)]);
    device.send(20, &[cpu(1600, 6400)]);
    let rows = all(record(&device, "host_cpu"));
    let [first, second] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((first.over, first.difference("cpu_user")), (Duration::ZERO, None));
    assert_eq!(first.value("load_one"), Some(1.5));
    assert_eq!(
        (second.over, second.difference("cpu_user")),
        (Duration::from_secs(20), Some(600.0))
    );
    assert_eq!(second.difference("cpu_idle"), Some(1400.0));
    // A gauge is no counter, and a count that is meant is a value.
    assert_eq!((second.difference("load_one"), second.value("cpu_user")), (None, None));
    assert_eq!((second.difference("uptime"), second.value("uptime")), (None, Some(50.0)));
}

#[test]
fn published_metrics_of_a_row_are_those_of_the_present() {
    let mut device = device();
    device.send(0, &[cpu(1000, 5000)]);
    device.send(20, &[cpu(1600, 6400)]);
    let record = record(&device, "host_cpu");
    let row = record.newest().next().unwrap();
    let mut compared = 0;
    for (name, metric) in record.published() {
        assert_eq!(record.value(&row, metric), device.number(&name), "{name}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
    assert_eq!(device.number("cpu_user"), Some(30.0));
    assert_eq!(device.number("contexts"), Some(0.0));
}

#[test]
fn late_and_repeated_records_are_no_rows_and_a_reset_has_no_difference() {
    let mut device = device();
    device.receive(10, 1000, &[cpu(1000, 0)]);
    device.receive(12, 1040, &[cpu(3000, 0)]);
    device.receive(11, 1020, &[cpu(2000, 0)]);
    device.receive(12, 1040, &[cpu(3000, 0)]);
    assert_eq!(all(record(&device, "host_cpu")).len(), 2);
    device.receive(1, 1060, &[cpu(5, 0)]);
    let rows = all(record(&device, "host_cpu"));
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2].difference("cpu_user"), None);
}

#[test]
fn counter_that_went_back_leaves_the_whole_row_without_differences() {
    let mut device = device();
    device.source = DataSource { class: 0, index: 5 };
    device.send(0, &[(1, interface(5_000_000, 1000, 0))]);
    device.send(10, &[(1, interface(100, 2000, 0))]);
    let row = record(&device, "if_counters").newest().next().unwrap();
    assert_eq!((row.difference("ifInOctets"), row.difference("ifInUcastPkts")), (None, None));
}

#[test]
fn custom_counters_are_differences_and_texts_are_kept() {
    let mut device = device();
    device.source = DataSource { class: u32::MAX, index: 0 };
    for (seconds, count) in [(10, 100), (20, 150), (40, 170)] {
        custom(&mut device, seconds, "ethtool_drops", 1, &words(&[count]));
        custom(&mut device, seconds, "files_open", 3, &words(&[count]));
        custom(&mut device, seconds, "cloud_instance_id", 0, &text("i-0abc"));
    }
    let source = Source { agent: device.agent, data_source: device.source };
    let points = |name: &str| {
        let mut found = device.metrics.past_customs(&source).filter(|it| **it.name == *name);
        let found = found.next().unwrap();
        let later = Instant::after_start(Duration::from_secs(1000));
        let points = found.between(Instant::default(), later);
        let points = points.map(|(_, over, number)| (over.as_secs(), number));
        (found.counter, points.collect::<Vec<_>>())
    };
    assert_eq!(points("ethtool_drops"), (true, vec![(10, 50.0), (20, 20.0)]));
    assert_eq!(points("files_open"), (false, vec![(0, 100.0), (10, 150.0), (20, 170.0)]));
    let id = device.metrics.points().text_of_agent(device.agent, "cloud_instance_id");
    assert_eq!(id.map(|id| &**id), Some("i-0abc"));
}

#[test]
fn rows_outlive_the_present_metrics_of_a_silent_agent() {
    let mut device = device();
    device.send(0, &[cpu(0, 0)]);
    device.send(20, &[cpu(1, 1)]);
    let later = Instant::after_start(Duration::from_secs(u64::from(device.seconds) + 3600));
    for _ in 0..64 {
        device.metrics.tick(later);
    }
    assert_eq!(device.metrics.sources(), 0);
    assert_eq!(all(record(&device, "host_cpu")).len(), 2);
}
