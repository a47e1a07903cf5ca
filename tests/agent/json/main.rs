//! Operations, counters and metrics of applications (`json { }`), in network namespaces.

use std::net::SocketAddr;
use std::path::PathBuf;

use flowmote_decoder::{DataSource, FlowSample};
use flowmote_lab::net::{Agent, Collector, Lab, Namespace, with_local_collector};
use flowmote_lab::wait_until;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

mod applications;
mod examples;
mod inputs;
mod messages;
mod metrics;
mod samples;

/// An agent that has applications only.
fn config(settings: &str) -> String {
    with_local_collector(&format!("polling = 0 {settings}"))
}

fn port() -> SocketAddr {
    ([127, 0, 0, 1], 36_343).into()
}

fn port6() -> SocketAddr {
    "[::1]:36343".parse().unwrap()
}

/// A namespace, a collector in it, and an agent with these settings.
fn start(settings: &str) -> Option<(Lab, Namespace, Collector, Agent)> {
    let lab = Lab::open()?;
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(settings));
    Some((lab, host, collector, agent))
}

/// Waits until the statistics contain a text, and returns them.
fn wait_for_statistics(agent: &Agent, text: &str) -> String {
    wait_until(text, || {
        let statistics = agent.statistics(1);
        statistics.contains(text).then_some(statistics)
    })
}

fn operation(app: &str, more: &str) -> String {
    format!(r#"{{"flow_sample":{{"app_name":"{app}"{more},"app_operation":{{"status":0}}}}}}"#)
}

fn sources(samples: &[FlowSample<'_>]) -> Vec<(u32, u32)> {
    samples.iter().map(|sample| (sample.source_id.class, sample.source_id.index)).collect()
}

fn logical(index: u32) -> DataSource {
    DataSource { class: 3, index }
}

const FLOW: &str = r#"{"flow_sample":{
    "app_name":"shop","service_port":8080,"client":true,"sampling_rate":4,
    "app_operation":{"operation":"cart.add","attributes":"cc=visa","status_descr":"not here",
        "status":8,"req_bytes":5000000000,"resp_bytes":7,"uS":1234.9},
    "app_parent_context":{"application":"web","operation":"get","attributes":"a=1"},
    "app_initiator":{"actor":"customer-7"},"app_target":{"actor":"order-9"},
    "extended_socket_ipv4":{"protocol":6,"local_ip":"10.0.0.1","remote_ip":"10.0.0.2",
        "local_port":8080,"remote_port":40000},
    "extended_socket_ipv6":{"protocol":17,"local_ip":"fd00::1","remote_ip":"fd00::2",
        "local_port":1,"remote_port":2}}}"#;

const COUNTERS: &str = r#"{"counter_sample":{"app_name":"shop","service_port":8080,
    "app_operations":{"success":4294967301,"other":2,"not_found":3},
    "app_resources":{"user_time":1,"mem_used":5000000000,"fd_open":7},
    "app_workers":{"workers_active":3,"req_delayed":4}}}"#;

fn make_fifo(lab: &Lab) -> PathBuf {
    let path = lab.path().join("fifo");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&path, everybody).unwrap();
    path
}
