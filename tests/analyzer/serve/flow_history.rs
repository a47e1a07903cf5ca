//! Flows of times that memory does not reach back to, from the files of the history.

use std::path::Path;
use std::process::Command;

use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, SAMPLES, SRC, Traffic};

const KEYS: &str = "keys=ipsource,ipdestination&value=bytes&filter=dport=443";

/// Bytes of the only flow of a reply, and its samples.
fn bytes(reply: &Value) -> (f64, u64) {
    let flow = &reply["flows"][0];
    assert_eq!(reply["flows"].as_array().map(Vec::len), Some(1), "{reply}");
    assert_eq!(flow["key"], format!("{SRC},{DST}"));
    assert_eq!((&flow["agent"], &flow["dataSource"]), (&AGENT.into(), &PORT.to_string().into()));
    let number = |value: &Value| value.as_f64().expect("a number");
    let seconds = (number(&reply["to"]) - number(&reply["from"])) / 1000.0;
    let total = number(&flow["value"]) * seconds;
    (total.round(), reply["matched"].as_u64().expect("a number"))
}

/// The time of the program, in milliseconds since 1970.
fn time(server: &Server) -> u64 {
    server.json("/api/v1/flows")["to"].as_u64().expect("a time")
}

/// Sends the traffic of about a second. Returns bytes and samples of the reply from memory.
fn send(server: &Server) -> (f64, u64) {
    let path = format!("/api/v1/flows?{KEYS}&from={}", time(server) - 1);
    let traffic = Traffic::to(server.sflow);
    wait_until("samples", || (server.json(&path)["matched"].as_u64()? >= 60).then_some(()));
    let sent = traffic.stop().datagrams as u64 * u64::from(SAMPLES);
    // What was sent last may be on its way.
    let reply = wait_until("all samples", || {
        let reply = server.json(&path);
        (reply["matched"] == sent).then_some(reply)
    });
    bytes(&reply)
}

fn end(mut server: Server) {
    server.program.signal(Signal::SIGTERM);
    let ended = server.program.wait();
    assert!(ended.success(), "{ended:?}");
}

fn sum(one: (f64, u64), other: (f64, u64)) -> (f64, u64) {
    (one.0 + other.0, one.1 + other.1)
}

#[test]
fn flows_of_earlier_runs_are_in_files_and_those_of_this_one_in_memory() {
    let state = tempfile::tempdir().expect("a directory");
    let server = Server::with_state(state.path());
    let begin = time(&server);
    let first = send(&server);
    end(server);
    files_have(state.path(), first);
    let server = Server::with_state(state.path());
    let ask = |parameters: &str| server.json(&format!("/api/v1/flows?{parameters}"));
    let whole = ask(&format!("{KEYS}&from={begin}"));
    assert_eq!(bytes(&whole), first, "{whole}");
    assert_eq!(whole["from"], begin / 60_000 * 60_000);
    assert!(whole["history"]["records"].as_u64() >= Some(1), "{whole}");
    // This run has the same minute, and its files the same packets as its memory.
    let second = send(&server);
    let whole = ask(&format!("{KEYS}&from={begin}&step=1m"));
    assert_eq!(bytes(&whole), sum(first, second), "{whole}");
    let series = whole["flows"][0]["series"].as_array().expect("a series").iter();
    let times: Vec<u64> =
        whole["times"].as_array().expect("times").iter().filter_map(Value::as_u64).collect();
    let ends = times.iter().skip(1).copied().chain(whole["to"].as_u64());
    let steps = times.iter().zip(ends).map(|(from, to)| (to - from) as f64 / 1000.0);
    let steps: f64 =
        series.zip(steps).filter_map(|(value, step)| Some(value.as_f64()? * step)).sum();
    assert_eq!(steps.round(), sum(first, second).0, "{whole}");
    // Only what was before this run.
    let border = whole["history"]["to"].as_u64().expect("a time");
    let before = ask(&format!("{KEYS}&from={begin}&to={border}"));
    assert_eq!((bytes(&before), &before["to"]), (first, &border.into()));
    // And in memory only.
    let after = ask(&format!("{KEYS}&from={border}"));
    // It begins with the microsecond of the start, which the reply has in milliseconds.
    assert_eq!((bytes(&after).1, &after["history"]), (second.1, &Value::Null));
    end(server);
    let server = Server::with_state(state.path());
    let whole = server.json(&format!("/api/v1/flows?{KEYS}&from={begin}"));
    assert_eq!(bytes(&whole), sum(first, second), "{whole}");
}

/// DuckDB reads the same from the files.
fn files_have(state: &Path, (bytes, samples): (f64, u64)) {
    let python = target_directory("").join("flow-logs/bin/python");
    if !python.exists() {
        return skip("flow-logs of PyPI is missing; tests/setup installs it");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/aws/flow_history.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(state.join("flows"));
    command.env("BYTES", bytes.to_string()).env("SAMPLES", samples.to_string());
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_files_do_not_have_is_named() {
    let state = tempfile::tempdir().expect("a directory");
    let server = Server::with_state(state.path());
    let begin = time(&server);
    send(&server);
    end(server);
    let server = Server::with_state(state.path());
    let ask = |parameters: &str| server.get(&format!("/api/v1/flows?{parameters}"));
    let border =
        server.json(&format!("/api/v1/flows?{KEYS}&from={begin}"))["history"]["to"].clone();
    for (parameters, named) in [
        ("keys=src,stack&filter=ipttl=64", "ipttl, stack"),
        ("keys=src&value=avg:bytes", "bytes of single packets"),
        ("keys=src&aggMode=sum", "aggMode=sum"),
        ("keys=src&dropped=true", "dropped=true"),
        ("keys=src&step=10s", "steps other than whole minutes"),
    ] {
        let reply = ask(&format!("{parameters}&from={begin}&to={border}"));
        assert_eq!(reply.status, 400, "{reply:?}");
        let expected = format!(
            "from: not in the history of flows, which has what is before {border}: {named}"
        );
        assert_eq!(reply.json()["error"], expected);
        // Memory has the rest of the span, as far as it goes.
        let reply = ask(&format!("{parameters}&from={begin}")).json();
        assert_eq!(reply["from"], border, "{reply}");
        assert_eq!(reply["notInHistory"], Value::from(named.split(", ").collect::<Vec<_>>()));
        assert_eq!(reply["history"], Value::Null);
    }
    // An error of the query comes first.
    let reply = ask(&format!("keys=nonsense&from={begin}&to={border}"));
    assert!(
        reply.json()["error"].as_str().is_some_and(|text| text.starts_with("keys: ")),
        "{reply:?}"
    );
}
