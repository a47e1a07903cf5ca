//! `flowmote-analyzer serve`: published clients of sFlow-RT against the real program, and its replies
//! byte by byte.

mod apps;
mod aws;
mod client;
mod contract;
mod cost;
mod custom;
mod databases;
mod documentation;
mod export;
mod flow_history;
mod grafana;
mod kills;
mod ledger;
mod limits;
mod memory;
mod mmdb;
mod openapi;
mod page;
mod past;
mod ports;
mod prometheus;
mod requests;
mod routes;
mod same;
mod settings;
mod threads;
mod topology;
mod traffic;

use std::path::Path;
use std::process::Command;

use flowmote_lab::skip;

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, PORT_NAME, SRC, Traffic};

/// Runs an acceptance client; false without Python.
fn accept(server: &Server, client: &str, options: &[&str]) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/sflow-rt");
    let mut python = Command::new("python3");
    python.arg("-B").arg(folder.join(client)).arg(format!("http://{}", server.http));
    python.args(["--agent", AGENT, "--src", SRC, "--dst", DST]).args(options);
    let Ok(output) = python.output() else {
        skip("python3 is missing");
        return false;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{client}: {}", text(&output.stderr));
    assert!(text(&output.stdout).contains("PASS"), "{client}: {}", text(&output.stdout));
    true
}

#[test]
fn clients_of_sflow_rt_pass() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let port = PORT.to_string();
    let port = ["--ifindex", port.as_str(), "--ifname", PORT_NAME];
    // A client may come again: nothing of its first run is in its way.
    for _ in 0..2 {
        for (client, options) in [
            ("top_flows.py", [].as_slice()),
            ("large_flow_events.py", &[]),
            ("ddos_top_keys.py", &[]),
            ("prometheus_scrape.py", &port),
        ] {
            if !accept(&server, client, options) {
                return;
            }
        }
    }
}
