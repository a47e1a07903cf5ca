//! The history: what was recorded is there after the program has ended, in whatever way.

use core::time::Duration;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use std::{fs, thread};

use flowmote_core::Random;
use flowmote_lab::wait_until;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::host::{BYTES, HOST_NAME, Host, INSTANCE, names};
use super::requests::{call, numbers};
use crate::client::Server;
use crate::traffic::now;

/// Values of a metric by periods of so many seconds, over the last ones and the next one.
fn values(server: &Server, metric: &Value, stat: &str, seconds: u32, over: f64) -> Vec<(f64, f64)> {
    let now = now();
    let request = json!({"StartTime": now - over, "EndTime": now + 60.0, "ScanBy": "TimestampAscending",
        "MetricDataQueries": [{"Id": "m", "MetricStat":
            {"Metric": metric, "Period": seconds, "Stat": stat}}]});
    let found = call(server, "GetMetricData", &request);
    let result = &found["MetricDataResults"][0];
    numbers(&result["Timestamps"]).into_iter().zip(numbers(&result["Values"])).collect()
}

fn sum(values: &[(f64, f64)]) -> f64 {
    values.iter().map(|(_, value)| value).sum()
}

/// True for sums that differ by less than a poll. Memory divides the difference of a poll between the minutes
/// it is of. The history has it in the second in which it ends.
fn are_same(one: f64, other: f64) -> bool {
    (one - other).abs() < BYTES as f64
}

fn network_in() -> Value {
    json!({"Namespace": "AWS/EC2", "MetricName": "NetworkIn",
        "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]})
}

fn reported() -> Value {
    json!({"Namespace": "Shop", "MetricName": "orders", "Dimensions": []})
}

/// Puts a point, and waits until it is on the disk.
fn put(server: &Server, value: f64, time: f64) {
    let before = written(server);
    call(
        server,
        "PutMetricData",
        &json!({"Namespace": "Shop", "MetricData":
        [{"MetricName": "orders", "Value": value, "Timestamp": time, "StorageResolution": 1}]}),
    );
    wait_until("the next write", || (written(server) > before).then_some(()));
}

/// The number of samples that are written.
fn written(server: &Server) -> f64 {
    counter(server, "flowmote_history_points_total")
}

fn counter(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect(name).trim().parse().expect("a number")
}

#[test]
fn metrics_are_there_after_a_restart_and_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::with_state(directory.path());
    put(&server, 7.0, now() - 3600.0);
    let host = Host::to(&server);
    thread::sleep(Duration::from_secs(3));
    drop(host);
    let (before, memory) = (
        values(&server, &network_in(), "Sum", 60, 600.0),
        values(&server, &memory_free(), "Average", 60, 600.0),
    );
    assert!(sum(&before) > 10.0 * BYTES as f64, "{before:?}");
    server.program.signal(Signal::SIGTERM);
    server.program.wait();

    let server = Server::with_state(directory.path());
    // Nothing is received any more: all of it comes from the history.
    let after = values(&server, &network_in(), "Sum", 60, 600.0);
    assert!(are_same(sum(&before), sum(&after)), "{before:?} {after:?}");
    assert_eq!(values(&server, &memory_free(), "Average", 60, 600.0), memory);
    for (seconds, over) in [(1, 600.0), (3600, 86_400.0)] {
        let other = values(&server, &network_in(), "Sum", seconds, over);
        assert!(are_same(sum(&other), sum(&after)), "{seconds} s: {other:?} {after:?}");
    }
    assert_eq!(sum(&values(&server, &reported(), "Sum", 60, 7200.0)), 7.0);
    let rate = json!({"Namespace": "Flowmote", "MetricName": "ifinoctets", "Dimensions":
        [{"Name": "host", "Value": HOST_NAME}, {"Name": "interface", "Value": "eth0"}]});
    let rates = values(&server, &rate, "Average", 60, 600.0);
    let share = sum(&rates) * 60.0 / sum(&after);
    assert!((0.8..1.2).contains(&share), "{rates:?} {after:?}");
    // The host is silent since before the restart.
    let check = json!({"Namespace": "AWS/EC2", "MetricName": "StatusCheckFailed",
        "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]});
    let checks = wait_until("a check that fails", || {
        let found = values(&server, &check, "Maximum", 1, 30.0);
        found.last().is_some_and(|(_, value)| *value == 1.0).then_some(found)
    });
    assert!(checks.iter().any(|(_, value)| *value == 0.0), "{checks:?}");
    // Metrics of silent agents and programs are listed, and found by SEARCH.
    let listed = names(&call(&server, "ListMetrics", &json!({})));
    for name in ["NetworkIn", "ifinoctets", "mem_free", "orders", "StatusCheckFailed"] {
        assert!(listed.iter().any(|it| it == name), "{name}: {listed:?}");
    }
    let search = json!({"StartTime": now() - 600.0, "EndTime": now() + 60.0, "MetricDataQueries":
        [{"Id": "s", "Expression": "SEARCH('{AWS/EC2,InstanceId} NetworkIn', 'Sum', 60)"}]});
    let found = call(&server, "GetMetricData", &search);
    assert!(
        are_same(sum(&pairs(&found["MetricDataResults"][0])), sum(&after)),
        "{found} {after:?}"
    );

    // What memory has of the same minutes is added.
    let host = Host::to(&server);
    thread::sleep(Duration::from_secs(2));
    drop(host);
    let joined = values(&server, &network_in(), "Sum", 60, 600.0);
    let seconds = values(&server, &network_in(), "Sum", 1, 600.0);
    let further = sum(&joined) - sum(&after);
    assert!(further > 3.0 * BYTES as f64, "{after:?} {joined:?}");
    assert!(are_same(sum(&seconds), sum(&joined)), "{seconds:?} {joined:?}");
    let samples = values(&server, &network_in(), "SampleCount", 60, 600.0);
    assert!(samples.iter().all(|(_, count)| *count == 1.0), "one sample a minute: {samples:?}");
    let listed = names(&call(
        &server,
        "ListMetrics",
        &json!({"Namespace": "AWS/EC2",
        "MetricName": "NetworkIn", "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]}),
    ));
    assert_eq!(listed, ["NetworkIn"]);
}

fn memory_free() -> Value {
    json!({"Namespace": "Flowmote", "MetricName": "mem_free",
        "Dimensions": [{"Name": "host", "Value": HOST_NAME}]})
}

fn pairs(result: &Value) -> Vec<(f64, f64)> {
    numbers(&result["Timestamps"]).into_iter().zip(numbers(&result["Values"])).collect()
}

#[test]
fn kills_lose_the_last_seconds_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    let mut known = 0.0;
    for round in 0..50 {
        let mut server = Server::with_state(directory.path());
        let found = sum(&values(&server, &reported(), "Sum", 60, 7200.0));
        assert!(found >= known, "round {round}: {found} of {known}");
        known = found;
        // A point that is on the disk, and some that may be.
        put(&server, 1.0, now() - 3600.0);
        known += 1.0;
        for _ in 0..random.below(5) {
            let point = json!({"Namespace": "Shop", "MetricData": [{"MetricName": "orders",
                "Value": 1, "Timestamp": now() - 1800.0}]});
            call(&server, "PutMetricData", &point);
            thread::sleep(Duration::from_millis(random.below(200).into()));
        }
        server.program.signal(Signal::SIGKILL);
        server.program.wait();
    }
    assert!(known >= 50.0);
    let server = Server::with_state(directory.path());
    assert!(sum(&values(&server, &reported(), "Sum", 60, 7200.0)) >= known);
    assert!(!directory.path().join("history.redb.damaged").exists());
}

/// Another program has the file: nothing waits for it, and the end of the program does not either.
#[test]
fn history_that_cannot_be_opened_holds_up_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::with_state(directory.path());
    put(&first, 2.0, now() - 600.0);
    let mut server = Server::with_state(directory.path());
    server.program.wait_for_line(0, "the history goes on when it can be opened");
    let begin = Instant::now();
    assert_eq!(values(&server, &reported(), "Sum", 60, 3600.0), []);
    assert!(begin.elapsed() < Duration::from_secs(5));
    let point = json!({"Namespace": "Shop", "MetricData": [{"MetricName": "orders", "Value": 5,
        "Timestamp": now() - 500.0}]});
    call(&server, "PutMetricData", &point);
    drop(first);
    wait_until("the points that waited are written", || (written(&server) > 0.0).then_some(()));
    let found = sum(&values(&server, &reported(), "Sum", 60, 3600.0));
    assert_eq!(found, 7.0);
    let begin = Instant::now();
    server.program.signal(Signal::SIGTERM);
    server.program.wait();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(directory.path().join("history.redb.closed").exists());
}

#[test]
fn damaged_history_is_set_aside_with_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.redb");
    fs::write(&path, b"no database").unwrap();
    let server = Server::with_state(directory.path());
    server.program.wait_for_line(0, "the history is empty");
    put(&server, 3.0, now() - 600.0);
    assert_eq!(sum(&values(&server, &reported(), "Sum", 60, 3600.0)), 3.0);
    assert!(directory.path().join("history.redb.damaged").exists());
}

#[test]
fn history_needs_a_directory_and_can_be_off() {
    let server = Server::start(&[]);
    server.program.wait_for_line(0, "no history of metrics and flows: it needs --state DIR");
    assert!(!server.get("/metrics").body.contains("flowmote_history"));
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().to_str().unwrap();
    let server = Server::start(&["--state", state, "--history", "0"]);
    assert!(!server.get("/metrics").body.contains("flowmote_history"));
    assert!(!directory.path().join("history.redb").exists());
}

/// A small file system in a namespace of mounts, in which the program runs.
#[test]
fn full_disk_stops_the_history_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    if !mount(directory.path()) {
        flowmote_lab::skip("no file system can be mounted");
        return;
    }
    let _mounted = Mounted(directory.path());
    let mut server = Server::with_state(directory.path());
    put(&server, 1.0, now() - 600.0);
    let ballast = directory.path().join("ballast");
    // It ends when the disk is full.
    let _ = fs::write(&ballast, vec![0; 16 << 20]);
    let point = || {
        call(
            &server,
            "PutMetricData",
            &json!({"Namespace": "Shop", "MetricData":
            [{"MetricName": "orders", "Value": 1, "Timestamp": now() - 500.0}]}),
        );
    };
    point();
    server.program.wait_for_line(0, "the history stops until there are more");
    let before = written(&server);
    point();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(written(&server), before);
    assert!(sum(&values(&server, &reported(), "SampleCount", 3600, 86_400.0)) >= 1.0);
    // What came meanwhile is written when there is room.
    fs::remove_file(&ballast).unwrap();
    wait_until("points are written", || (written(&server) > before).then_some(()));
    assert_eq!(counter(&server, "flowmote_history_points_dropped_total"), 0.0);
    server.program.signal(Signal::SIGTERM);
    server.program.wait();
    let server = Server::with_state(directory.path());
    assert_eq!(sum(&values(&server, &reported(), "Sum", 3600, 86_400.0)), 3.0);
}

/// Mounts a small file system.
fn mount(directory: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", "size=12M", "none"]).arg(directory);
    command.status().is_ok_and(|status| status.success())
}

/// Unmounts it.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
