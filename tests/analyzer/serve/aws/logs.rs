//! CloudWatch Logs: its clients, and events of thresholds in its groups.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{skip, wait_until};
use serde_json::{Value, json};

use super::host::Host;
use super::{CURRENT, OLD, accept_with};
use crate::client::{Reply, Server};
use crate::traffic::now;

/// A group of flow records that this test writes.
const GROUP: &str = "/shop/vpc";

fn send(server: &Server, operation: &str, request: &Value) -> Reply {
    let head = format!(
        "X-Amz-Target: Logs_20140328.{operation}\r\nContent-Type: application/x-amz-json-1.1\r\n"
    );
    server.send("POST", "/", &head, &request.to_string())
}

fn call(server: &Server, operation: &str, request: &Value) -> Value {
    let reply = send(server, operation, request);
    assert_eq!(reply.status, 200, "{operation}: {reply:?}");
    reply.json()
}

/// Makes the group with a stream of an interface.
fn group(server: &Server) {
    call(server, "CreateLogGroup", &json!({"logGroupName": GROUP}));
    let stream = json!({"logGroupName": GROUP, "logStreamName": "eni-1-all"});
    call(server, "CreateLogStream", &stream);
}

/// Writes records of flows that began some seconds ago, up to a minute.
fn records(server: &Server) {
    let now = now() as i64;
    let record = |at: i64| {
        let (start, protocol) = (now - 60 + at, if at % 3 == 0 { 17 } else { 6 });
        let action = if at % 5 == 0 { "REJECT" } else { "ACCEPT" };
        let message = format!(
            "2 123456789012 eni-1 10.0.0.{at} 10.1.0.{} 4000 80 {protocol} {at} {} {start} {} {action} OK",
            at % 4,
            at * 100,
            start + 9
        );
        json!({"timestamp": start * 1000 + 7, "message": message})
    };
    let events: Vec<_> = (0..50).map(record).collect();
    let request = json!({"logGroupName": GROUP, "logStreamName": "eni-1-all", "logEvents": events});
    call(server, "PutLogEvents", &request);
}

#[test]
fn clients_of_logs_pass() {
    let server = Server::start(&[]);
    group(&server);
    (0..5).for_each(|_| records(&server));
    let group = [("FLOWMOTE_LOG_GROUP", GROUP)];
    for environment in [CURRENT, OLD] {
        for client in ["logs_filter.py", "logs_insights_top.py"] {
            if !accept_with(&server, environment, client, &group) {
                return;
            }
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                records(&server);
                thread::sleep(Duration::from_millis(200));
            }
        });
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            accept_with(&server, CURRENT, "logs_live_tail.py", &group);
        }));
        is_over.store(true, Ordering::Relaxed);
        passed.expect("Live Tail");
    });
}

#[test]
fn operations_of_logs_work_as_those_of_the_service() {
    for (environment, live) in [(CURRENT, "1"), (OLD, "0")] {
        let server = Server::start(&[]);
        accept_with(&server, environment, "own_logs.py", &[("FLOWMOTE_LIVE", live)]);
    }
}

/// Runs a program of the virtual environment; `None` if it is not there.
fn tool(server: &Server, name: &str, arguments: &[&str]) -> Option<String> {
    let program = target_directory("").join(CURRENT).join("bin").join(name);
    if !program.exists() {
        skip(&format!("{name} of PyPI is missing; tests/setup installs it"));
        return None;
    }
    let url = format!("http://{}", server.http);
    let mut command = Command::new(program);
    command.args(arguments).env("AWS_ENDPOINT_URL", &url).env("AWS_ACCESS_KEY_ID", "x");
    command.env("AWS_SECRET_ACCESS_KEY", "x").env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_PAGER", "").env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_CONFIG_FILE", "/nonexistent");
    let output = command.output().expect("the tool starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn tools_for_logs_work() {
    let server = Server::start(&[]);
    group(&server);
    records(&server);
    let aws = |arguments: &[&str]| tool(&server, "aws", &[&["logs"], arguments].concat());
    let start = format!("{}", (now() as i64 - 600) * 1000);
    let events = ["filter-log-events", "--log-group-name", GROUP, "--start-time", &start];
    let Some(found) = aws(&[&events[..], &["--max-items", "5"]].concat()) else { return };
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["events"].as_array().map(Vec::len), Some(5), "{found}");
    let streams = aws(&["describe-log-streams", "--log-group-name", GROUP]).expect("streams");
    assert!(streams.contains("eni-1-all"), "{streams}");
    let awslogs = |arguments: &[&str]| tool(&server, "awslogs", arguments);
    let groups = awslogs(&["groups"]).expect("groups");
    assert!(groups.lines().any(|line| line == GROUP), "{groups}");
    let got = awslogs(&["get", GROUP, "eni-1.*", "--no-color", "-s", "10m"]).expect("events");
    assert_eq!(got.lines().count(), 50, "{got}");
    assert!(
        got.lines().all(|line| line.starts_with("/shop/vpc eni-1-all 2 123456789012")),
        "{got}"
    );
}

#[test]
fn events_of_thresholds_are_log_events() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    server.put("/threshold/busy/json", "{metric:'cpu_user',value:1}");
    let found = wait_until("an event", || {
        let request = json!({"logGroupName": "/flowmote/events", "limit": 1});
        let reply = send(&server, "FilterLogEvents", &request);
        (reply.status == 200).then(|| reply.json()["events"][0].clone())
    });
    assert_eq!(found["logStreamName"], "thresholds", "{found}");
    let message: Value =
        serde_json::from_str(found["message"].as_str().expect("a text")).expect("JSON");
    let events = server.json("/events/json");
    let last = events.as_array().and_then(|it| it.last()).expect("an event");
    assert_eq!(&message, last);
    assert_eq!(found["timestamp"], last["timestamp"]);
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("flowmote_log_events_total "), "{metrics}");
}

#[test]
fn read_only_server_takes_no_log_events() {
    let server = Server::start(&["--read-only"]);
    let reply = send(&server, "CreateLogGroup", &json!({"logGroupName": GROUP}));
    assert_eq!((reply.status, &reply.json()["__type"]), (403, &json!("AccessDeniedException")));
    let found = call(&server, "DescribeLogGroups", &json!({"limit": 1}));
    assert!(found["logGroups"].is_array(), "{found}");
}
