//! Alarms: by boto3 of today and of 2023, over a restart.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
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

/// A receiver of webhooks.
struct Hook {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    /// Replies with a status and further lines of the head.
    fn start(head: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let own = messages.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(message) = receive(stream.expect("a connection"), head) else { continue };
                own.lock().expect("no panic").push(message);
            }
        });
        Self { address, messages }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?key=1", self.address)
    }

    fn messages(&self) -> Vec<Value> {
        self.messages.lock().expect("no panic").clone()
    }
}

/// Reads a message and replies.
fn receive(stream: TcpStream, head: &str) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut lines) = (String::new(), 0, Vec::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        lines.push(core::mem::take(&mut line));
    }
    assert!(lines.first()?.starts_with("POST /hook?key=1 HTTP/1.1"), "{lines:?}");
    assert!(
        lines.iter().any(|it| it.to_ascii_lowercase().contains("application/json")),
        "{lines:?}"
    );
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let reply = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    reader.into_inner().write_all(reply.as_bytes()).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON"))
}

#[test]
fn alarm_on_a_host_has_states_actions_and_history_and_survives_a_restart() {
    for environment in [CURRENT, OLD] {
        let hook = Hook::start("204 No Content");
        let directory = tempfile::tempdir().expect("a directory");
        let mut server = Server::with_state(directory.path());
        let host = Host::to(&server);
        if !step(&server, environment, "put", &hook.url()) {
            return;
        }
        let states = |message: &Value| {
            format!("{} {}", message["OldStateValue"], message["NewStateValue"]).replace('"', "")
        };
        let expected =
            ["INSUFFICIENT_DATA OK", "OK ALARM", "ALARM OK", "OK ALARM", "ALARM OK", "OK ALARM"];
        let messages = wait_until("all messages", || {
            let messages = hook.messages();
            (messages.len() >= expected.len()).then_some(messages)
        });
        assert_eq!(messages.iter().map(states).collect::<Vec<_>>(), expected);
        let trigger = &messages[1]["Trigger"];
        assert_eq!(messages[1]["AlarmName"], "cpu of web1");
        assert_eq!(
            (&trigger["MetricName"], &trigger["Threshold"]),
            (&json!("CPUUtilization"), &json!(20.0))
        );
        // The action that is no URL.
        let metrics = server.get("/metrics").body;
        for (result, count) in [("delivered", 6), ("failed", 0), ("dropped", 0), ("unsupported", 3)]
        {
            let line = format!("flowmote_alarm_actions_total{{result=\"{result}\"}} {count}\n");
            assert!(metrics.contains(&line), "{line}: {metrics}");
        }
        drop(host);
        server.program.signal(Signal::SIGTERM);
        server.program.wait();
        let server = Server::with_state(directory.path());
        step(&server, environment, "again", &hook.url());
        step(&server, environment, "errors", &hook.url());
        assert_eq!(hook.messages().len(), expected.len());
    }
}

/// A composite alarm calls its webhook in the place of many, and survives a restart.
#[test]
fn composite_alarm_follows_the_states_of_others() {
    let hook = Hook::start("204 No Content");
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::with_state(directory.path());
    let set = |server: &Server, name: &str, state: &str| {
        let set = json!({"AlarmName": name, "StateValue": state, "StateReason": "a test"});
        call(server, "SetAlarmState", &set);
    };
    let wait_for = |server: &Server, state: &str| {
        wait_until(state, || {
            let request = json!({"AlarmNames": ["site"], "AlarmTypes": ["CompositeAlarm"]});
            let found = call(server, "DescribeAlarms", &request)["CompositeAlarms"][0].take();
            (found["StateValue"] == state).then_some(())
        });
    };
    for name in ["web1", "web2"] {
        let ignore = json!({"MetricName": "none", "TreatMissingData": "ignore"});
        call(&server, "PutMetricAlarm", &alarm(name, &ignore));
    }
    let site = json!({"AlarmName": "site", "AlarmRule": "ALARM(web1) AND ALARM(web2)",
        "AlarmActions": [hook.url()]});
    call(&server, "PutCompositeAlarm", &site);
    set(&server, "web1", "ALARM");
    wait_for(&server, "OK");
    let begin = Instant::now();
    set(&server, "web2", "ALARM");
    wait_for(&server, "ALARM");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let message = wait_until("the message", || hook.messages().pop());
    assert_eq!(
        (&message["AlarmName"], &message["NewStateValue"]),
        (&json!("site"), &json!("ALARM"))
    );
    assert_eq!(message["AlarmRule"], site["AlarmRule"]);
    let child = &message["TriggeringChildren"][0];
    assert!(child["Arn"].as_str().is_some_and(|arn| arn.ends_with(":alarm:web2")), "{message}");
    assert_eq!((&child["State"]["Value"], &message["Trigger"]), (&json!("ALARM"), &Value::Null));
    server.program.signal(Signal::SIGTERM);
    server.program.wait();
    let server = Server::with_state(directory.path());
    wait_for(&server, "ALARM");
    set(&server, "web1", "OK");
    wait_for(&server, "OK");
    assert_eq!(hook.messages().len(), 1);
}

/// The calls of Terraform's provider, by both clients.
#[test]
fn resources_of_terraform_are_made_read_changed_and_deleted() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    for environment in [CURRENT, OLD] {
        if !super::accept(&server, environment, "own_terraform.py") {
            return;
        }
    }
}

/// A change that cannot be stored is an error, is in force, and is stored when that is possible again.
#[test]
fn change_that_cannot_be_stored_is_an_error_and_is_stored_later() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::with_state(directory.path());
    call(&server, "PutMetricAlarm", &alarm("before", &json!({})));
    // The file that is written before it gets its name.
    let obstacle = directory.path().join("alarms.json.new");
    std::fs::create_dir(&obstacle).expect("a directory");
    let reply = super::requests::send(&server, "PutMetricAlarm", &alarm("a", &json!({})));
    assert_eq!((reply.status, &reply.json()["__type"]), (500, &json!("InternalServiceFault")));
    assert!(reply.head.contains("InternalServiceError;Receiver"), "{reply:?}");
    assert!(reply.body.contains("cannot write"), "{reply:?}");
    assert_eq!(described(&server, "a")["AlarmName"], "a");
    server.program.wait_for_line(0, "alarms.json: Is a directory");
    std::fs::remove_dir(&obstacle).expect("it is empty");
    server.program.wait_for_line(0, "the state of alarms is stored again");
    // Without a request, and of all tries the first has a line.
    let stored = std::fs::read_to_string(directory.path().join("alarms.json")).expect("a file");
    assert!(stored.contains("\"AlarmName\": \"a\""), "{stored}");
    assert_eq!(server.program.log().matches("cannot write").count(), 1);
}

/// Receivers that refuse, reply with an error or a redirection, or do not reply hold up no other one.
#[test]
fn dead_receivers_are_tried_again_and_hold_up_no_other() {
    let server = Server::start(&[]);
    let [good, moved] = [Hook::start("200 OK"), Hook::start("302 Found\r\nLocation: /other")];
    let silent: Vec<_> =
        (0..2).map(|_| TcpListener::bind("127.0.0.1:0").expect("a socket")).collect();
    let urls = silent.iter().map(|it| format!("http://{}/", it.local_addr().expect("an address")));
    let mut urls: Vec<String> =
        urls.chain(["http://127.0.0.1:9/".to_owned(), moved.url()]).collect();
    urls.push(good.url());
    call(&server, "PutMetricAlarm", &alarm("a", &json!({"AlarmActions": urls})));
    let begin = Instant::now();
    let set = json!({"AlarmName": "a", "StateValue": "ALARM", "StateReason": "a test"});
    call(&server, "SetAlarmState", &set);
    wait_until("the message of the good one", || (good.messages().len() == 1).then_some(()));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    server.program.wait_for_line(0, "the receiver http://127.0.0.1:9 of alarms fails: ");
    let history = wait_until("the end of all tries", || {
        let request = json!({"AlarmName": "a", "HistoryItemType": "Action"});
        let found = call(&server, "DescribeAlarmHistory", &request)["AlarmHistoryItems"].take();
        (found.as_array().map(Vec::len) == Some(5)).then_some(found)
    });
    let summaries: Vec<_> =
        history.as_array().expect("a list").iter().map(|it| &it["HistorySummary"]).collect();
    let with = |text: &str| summaries.iter().filter(|it| it.to_string().contains(text)).count();
    assert_eq!((with("Successfully executed action"), with("Failed to execute action")), (1, 4));
    assert_eq!(with("302"), 1, "{summaries:?}");
    // Three tries, and the redirection was not followed.
    assert_eq!((moved.messages().len(), good.messages().len()), (3, 1));
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("flowmote_alarm_actions_total{result=\"failed\"} 4\n"), "{metrics}");
    // One line in the log for each receiver.
    assert_eq!(server.program.log().matches("of alarms fails: ").count(), 4);
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

/// An expression can become wrong later: it has two series as soon as both metrics have values.
#[test]
fn alarm_that_cannot_be_evaluated_shows_why() {
    let server = Server::start(&[]);
    let put = |name: &str| {
        let datum = json!({"MetricName": name, "Value": 3, "Timestamp": now() - 5.0});
        let put = json!({"Namespace": "Shop", "MetricData": [datum]});
        call(&server, "PutMetricData", &put);
    };
    let metric = |id: &str, name: &str| {
        let metric = json!({"Namespace": "Shop", "MetricName": name});
        json!({"Id": id, "ReturnData": false,
            "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Sum"}})
    };
    put("orders");
    let metrics = json!([metric("m1", "orders"), metric("m2", "refunds"),
        {"Id": "e1", "Expression": "REMOVE_EMPTY(METRICS())"}]);
    let further =
        json!({"EvaluationPeriods": 60, "TreatMissingData": "ignore", "Metrics": metrics});
    let mut twice = alarm("twice", &further);
    for name in ["Namespace", "MetricName", "Period", "Statistic"] {
        twice[name] = Value::Null;
    }
    call(&server, "PutMetricAlarm", &twice);
    assert_eq!(described(&server, "twice")["EvaluationState"], Value::Null);
    put("refunds");
    let found = wait_until("an error", || {
        let found = described(&server, "twice");
        (found["EvaluationState"] == "EVALUATION_ERROR").then_some(found)
    });
    assert_eq!(found["StateValue"], "INSUFFICIENT_DATA");
    let reason = found["StateReason"].as_str().expect("a text");
    assert!(reason.starts_with("Insufficient Data: ") && reason.contains("time series"), "{found}");
}

/// The first alarm of a fleet: a host is silent. It is still after a restart.
#[test]
fn alarm_on_the_status_check_of_a_host_that_is_silent() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::with_state(directory.path());
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
    server.program.signal(Signal::SIGTERM);
    server.program.wait();
    let server = Server::with_state(directory.path());
    let begin = Instant::now();
    let instance = [("InstanceId", super::INSTANCE)];
    let query = super::requests::query("m1", "AWS/EC2", "StatusCheckFailed", "Maximum", &instance);
    // Later than all periods of the alarm are after the start.
    while begin.elapsed() < Duration::from_secs(8) {
        assert_eq!(described(&server, "StatusCheckFailed")["StateValue"], "ALARM");
        thread::sleep(Duration::from_millis(500));
    }
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

/// Many alarms are evaluated in their time, and no request waits for them.
#[test]
fn many_alarms_are_evaluated_in_time() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let busy = json!({"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": super::INSTANCE}], "Period": 1, "Threshold": 50});
    for number in 0..300 {
        call(&server, "PutMetricAlarm", &alarm(&format!("a{number:04}"), &busy));
    }
    wait_until("each was evaluated thrice", || {
        let text = server.get("/metrics").body;
        let count =
            text.lines().find_map(|it| it.strip_prefix("flowmote_alarm_evaluations_total "));
        (count?.parse::<u64>().ok()? > 900).then_some(())
    });
    for name in ["a0000", "a0299"] {
        wait_for(&server, name, "ALARM");
    }
    let begin = Instant::now();
    assert_eq!(server.get("/version").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
