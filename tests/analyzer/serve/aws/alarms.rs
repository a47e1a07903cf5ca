//! Alarms: by boto3 of today and of 2023, over a restart.

use std::time::{Duration, Instant};

use flowmote_lab::wait_until;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::host::Host;
use super::requests::{call, fails};
use super::{CURRENT, OLD, accept_with};
use crate::client::Server;
use crate::traffic::now;

const CLIENT: &str = "own_alarms.py";

/// Runs a step of the client; false without its Python.
fn step(server: &Server, environment: &str, step: &str, hook: &str) -> bool {
    accept_with(server, environment, CLIENT, &[("FLOWMOTE_STEP", step), ("FLOWMOTE_HOOK", hook)])
}

#[test]
fn alarm_on_a_host_has_states_and_history_and_survives_a_restart() {
    for environment in [CURRENT, OLD] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut server = Server::with_state(directory.path());
        let host = Host::to(&server);
        if !step(&server, environment, "put", "http://127.0.0.1:9/hook") {
            return;
        }
        drop(host);
        server.program.signal(Signal::SIGTERM);
        server.program.wait();
        let server = Server::with_state(directory.path());
        step(&server, environment, "again", "http://127.0.0.1:9/hook");
        step(&server, environment, "errors", "http://127.0.0.1:9/hook");
    }
}

/// An alarm on a metric that a program reports, with 5 as its threshold.
fn alarm(name: &str, further: &Value) -> Value {
    let mut alarm = json!({"AlarmName": name, "Namespace": "Shop", "MetricName": "orders", "Period": 60,
        "Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "LessThanThreshold"});
    for (name, value) in further.as_object().expect("members") {
        alarm[name] = value.clone();
    }
    alarm
}

fn described(server: &Server, name: &str) -> Value {
    let found = call(server, "DescribeAlarms", &json!({"AlarmNames": [name]}));
    found["MetricAlarms"][0].clone()
}

fn wait_for(server: &Server, name: &str, state: &str) -> Value {
    wait_until(&format!("{name} is {state}"), || {
        let alarm = described(server, name);
        (alarm["StateValue"] == state).then_some(alarm)
    })
}

#[test]
fn new_alarm_is_evaluated_at_once_with_values_of_before() {
    let server = Server::start(&[]);
    let minute = (now() / 60.0).floor() * 60.0 - 60.0;
    let put = json!({"Namespace": "Shop", "MetricData": [
        {"MetricName": "orders", "Value": 3, "Timestamp": minute}]});
    call(&server, "PutMetricData", &put);
    call(&server, "PutMetricAlarm", &alarm("few", &json!({})));
    let few = wait_for(&server, "few", "ALARM");
    assert!(few["StateReason"].as_str().is_some_and(|it| it.contains("[3.0 (")), "{few}");
    // What is missing counts as demanded.
    for (treat, state) in [("breaching", "ALARM"), ("notBreaching", "OK")] {
        let none = json!({"MetricName": "none", "TreatMissingData": treat});
        call(&server, "PutMetricAlarm", &alarm(treat, &none));
        wait_for(&server, treat, state);
    }
    // The same under another unit is another series.
    call(&server, "PutMetricAlarm", &alarm("unit", &json!({"Unit": "Bytes"})));
    wait_for(&server, "few", "ALARM");
    assert_eq!(described(&server, "unit")["StateValue"], "INSUFFICIENT_DATA");
    // An expression that cannot be evaluated makes no alarm.
    let mut wrong = alarm("wrong", &json!({"Metrics": [{"Id": "e1", "Expression": "m1 + 1"}]}));
    for name in ["Namespace", "MetricName", "Period", "Statistic"] {
        wrong[name] = Value::Null;
    }
    fails(&server, "PutMetricAlarm", &wrong, "ValidationError", "ValidationError");
    assert_eq!(described(&server, "wrong"), Value::Null);
}

/// The first alarm of a fleet: a host is silent.
#[test]
fn alarm_on_the_status_check_of_a_host_that_is_silent() {
    let server = Server::start(&[]);
    let host = Host::to(&server);
    for name in ["StatusCheckFailed", "StatusCheckFailed_Instance"] {
        let check = json!({"Namespace": "AWS/EC2", "MetricName": name, "Statistic": "Maximum",
            "Dimensions": [{"Name": "InstanceId", "Value": super::INSTANCE}], "Period": 1,
            "EvaluationPeriods": 3, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold"});
        call(&server, "PutMetricAlarm", &alarm(name, &check));
        let request = json!({"Namespace": "AWS/EC2", "MetricName": name});
        // Of the instance, its type, its image, and all instances together.
        let listed = call(&server, "ListMetrics", &request);
        assert_eq!(listed["Metrics"].as_array().map(Vec::len), Some(4), "{listed}");
        wait_for(&server, name, "OK");
    }
    let system = json!({"Namespace": "AWS/EC2", "MetricName": "StatusCheckFailed_System"});
    assert_eq!(call(&server, "ListMetrics", &system)["Metrics"], json!([]));
    drop(host);
    wait_for(&server, "StatusCheckFailed", "ALARM");
    wait_for(&server, "StatusCheckFailed_Instance", "ALARM");
    let query = super::requests::query("m1", "AWS/EC2", "StatusCheckFailed", "Sum", &[]);
    let found = super::requests::data(&server, &[query], &json!({}));
    assert_eq!(found["MetricDataResults"][0]["Values"][0], 1.0, "{found}");
    let _host = Host::to(&server);
    wait_for(&server, "StatusCheckFailed", "OK");
}

#[test]
fn alarms_that_have_no_room_are_refused() {
    let server = Server::start(&[]);
    let text = "x".repeat(1024);
    let long = json!({"AlarmDescription": text, "OKActions": [text, text, text, text, text]});
    let mut count = 0;
    loop {
        let reply =
            super::requests::send(&server, "PutMetricAlarm", &alarm(&format!("a{count}"), &long));
        if reply.status != 200 {
            assert_eq!(reply.json()["__type"], "LimitExceededFault", "{reply:?}");
            assert!(reply.head.contains("LimitExceeded;Sender"), "{reply:?}");
            break;
        }
        count += 1;
        assert!(count < 1000, "no limit");
    }
    // One that is there can be put again.
    call(&server, "PutMetricAlarm", &alarm("a0", &json!({})));
    assert!(count > 20, "{count}");
}

/// Many alarms are evaluated in their time, and nobody waits for them.
#[test]
fn many_alarms_are_evaluated_in_time() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let busy = json!({"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": super::INSTANCE}], "Period": 1, "Threshold": 50});
    for number in 0..300 {
        call(&server, "PutMetricAlarm", &alarm(&format!("a{number:04}"), &busy));
    }
    wait_until("all are OK", || {
        let text = server.get("/metrics").body;
        text.contains("flowmote_alarms{state=\"ALARM\"} 300").then_some(())
    });
    let begin = Instant::now();
    assert_eq!(server.get("/version").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
