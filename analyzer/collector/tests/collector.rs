//! Tests of `listen` and `top` as processes: datagrams in, output and summary out.

mod process;

use std::net::UdpSocket;
use std::process::Command;

use flowmote_vectors::{all as vectors, named as vector, walk};
use nix::sys::signal::Signal;
use process::Listening;
use serde_json::{Value, json};

/// A collector on a free port.
fn start(command: &str, arguments: &[&str]) -> Listening {
    let arguments: Vec<&str> = [command, "127.0.0.1:0"].iter().chain(arguments).copied().collect();
    Listening::start(&arguments)
}

/// The JSON of one datagram.
fn json_of(payload: &[u8]) -> Value {
    let collector = start("listen", &["--json", "--count", "1"]);
    collector.send(payload);
    let ended = collector.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(ended.text()).unwrap()
}

/// The number of leaves of a JSON value.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(fields) => fields.values().map(leaves).sum(),
        _ => 1,
    }
}

#[test]
fn json_holds_every_value_of_every_vector() {
    let vectors = vectors();
    let count = vectors.len().to_string();
    let collector = start("listen", &["--json", "--count", &count]);
    vectors.iter().for_each(|(_, payload)| collector.send(payload));
    let ended = collector.end();
    assert_eq!(ended.text().lines().count(), vectors.len(), "{}", ended.stderr);
    for (line, (name, payload)) in ended.text().lines().zip(&vectors) {
        let shown: Value = serde_json::from_str(line).expect(name);
        match walk(payload) {
            Ok(walk) => {
                assert!(leaves(&shown) >= walk.values, "{name}");
                assert_eq!(shown["malformed"].as_array().unwrap().len(), walk.faults.len());
                assert_eq!(shown["trailing"].as_str().map_or(0, str::len), 2 * trailing(name));
            }
            Err(error) => assert_eq!(shown["error"], error.name(), "{name}"),
        }
    }
    assert!(ended.stderr.contains("236 datagrams"), "{}", ended.stderr);
    assert!(ended.stderr.contains("malformed sample_overrun: 1"), "{}", ended.stderr);
}

/// The bytes after the last sample of a vector.
fn trailing(name: &str) -> usize {
    match name {
        "cistern-flow-samples-2" => 244,
        "goflow2-expandeddecode" => 332,
        // The bytes after a fault cannot be separated into samples.
        "tcpdump-print-segv" => 672,
        _ => 0,
    }
}

#[test]
fn json_of_the_worked_example() {
    let mut shown = json_of(&vector("goflow2-decode"));
    let received = shown["received"].take().as_f64().unwrap();
    assert!(received > 1.7e9);
    assert!(shown["from"].take().as_str().unwrap().starts_with("127.0.0.1:"));
    let header = shown["samples"][0]["records"][0]["header"].take();
    assert_eq!(header.as_str().unwrap().len(), 2 * 78);
    let layers = shown["samples"][0]["records"][0]["packet"]["layers"].take();
    let names: Vec<_> = layers.as_array().unwrap().iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(names, ["ethernet", "vlan", "ipv4", "icmp", "payload"]);
    assert_eq!(layers[1]["id"], 32);
    assert_eq!(
        shown,
        json!({
            "received": null, "from": null, "length": 172,
            "agent_address": "172.16.0.17", "sub_agent_id": 1, "sequence_number": 426,
            "uptime": 1743694337u32, "num_samples": 1,
            "samples": [{
                "sample": "flow_sample", "data_format": "0:1", "sequence_number": 6,
                "source_id": {"class": 0, "index": 1043},
                "sampling_rate": 2048, "sample_pool": 12288, "drops": 0,
                "input": {"format": 0, "value": 1194, "port": "1194"},
                "output": {"format": 0, "value": 1043, "port": "1043"},
                "num_records": 1,
                "records": [{
                    "record": "sampled_header", "data_format": "0:1",
                    "protocol": 1, "frame_length": 82, "stripped": 4, "header": null,
                    "packet": {
                        "src": "172.16.32.254", "dst": "172.16.32.241",
                        "protocol": 1, "src_port": 0, "dst_port": 0, "layers": null,
                    },
                }],
            }],
            "malformed": [],
        })
    );
}

#[test]
fn json_of_a_host() {
    let shown = json_of(&vector("cistern-host-sample"));
    let records = shown["samples"][0]["records"].as_array().unwrap();
    let record = |name: &str| records.iter().find(|record| record["record"] == name).unwrap();
    let descr = record("host_descr");
    assert_eq!(descr["hostname"], "fractal");
    assert_eq!(descr["uuid"], "20d11d01-5150-11cb-957d-990521365ba3");
    let cpu = record("host_cpu");
    assert_eq!((&cpu["load_one"], &cpu["cpu_num"]), (&json!(0.47), &json!(4)));
    // The record has 68 bytes, so later fields are absent.
    assert_eq!(cpu.get("cpu_steal"), None);
    let adapters = record("host_adapters")["adapters"].as_array().unwrap();
    assert!(adapters.iter().all(|adapter| adapter["mac_address"][0].is_string()));
}

#[test]
fn signal_ends_listen_with_a_summary() {
    let collector = start("listen", &[]);
    collector.send(&vector("discarded"));
    collector.signal(Signal::SIGTERM);
    let ended = collector.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.text().contains("discarded_packet 0:5"), "{}", ended.text());
    assert!(ended.text().contains("reason 258 that is acl"), "{}", ended.text());
    assert!(ended.stderr.starts_with("1 datagrams (216 bytes), 1 samples"), "{}", ended.stderr);
}

#[test]
fn closed_pipe_ends_listen_without_error() {
    let mut collector = start("listen", &["--json"]);
    collector.stop_reading();
    collector.send(&vector("goflow2-decode"));
    let ended = collector.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn port_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = Command::new(env!("CARGO_BIN_EXE_flowmote-analyzer"))
        .args(["listen", &address])
        .output()
        .unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let stderr = String::from_utf8(failed.stderr).unwrap();
    let expected = format!("cannot listen on {address}: Address already in use");
    assert!(stderr.contains(&expected), "{stderr}");
}

#[test]
fn top_prints_plain_text_without_a_terminal() {
    let collector = start("top", &["--interval", "1000"]);
    collector.send(&vector("tcpdump-print-v6-19"));
    collector.send(&vector("cistern-host-sample"));
    collector.signal(Signal::SIGTERM);
    let ended = collector.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for expected in ["agents 2", "from 6 samples", "FLOW FROM", "INTERFACE", "HOST", "fractal"] {
        assert!(ended.text().contains(expected), "{expected} is missing:\n{}", ended.text());
    }
}

#[test]
fn top_ends_with_its_command_and_reports_its_status() {
    let script = "echo 'flowmote: no such interface' >&2; exit 2";
    let ended = start("top", &["--", "sh", "-c", script]).end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("flowmote: no such interface"), "{}", ended.stderr);
    assert!(ended.stderr.contains("sh: exit status: 2"), "{}", ended.stderr);
}

/// Otherwise an agent would continue to sample, at the rate of a trial.
#[test]
fn command_of_a_killed_top_ends() {
    let mut collector = start("top", &["--", "sh", "-c", "echo started >&2; exec sleep 1000"]);
    assert_eq!(collector.stderr_line(), "started\n");
    collector.signal(Signal::SIGKILL);
    // Standard error ends with the last process that has it.
    let ended = collector.end();
    assert_eq!(ended.code, None, "killed");
}
