//! StatsD: what applications send by UDP is there as metrics of the CloudWatch agent.

use std::net::{SocketAddr, UdpSocket};

use flowmote_lab::wait_until;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::requests::call;
use crate::client::Server;

fn start(options: &[&str]) -> (Server, SocketAddr) {
    let options = [&["--statsd", "127.0.0.1:0", "--statsd-interval", "1"], options].concat();
    let server = Server::start(&options);
    let line = server.program.wait_for_line(0, "StatsD on ");
    let address = line.split_once("StatsD on ").expect("an address").1.trim().parse();
    (server, address.expect("an address"))
}

fn sum(server: &Server, name: &str, kind: &str, statistic: &str) -> Option<f64> {
    let metric = json!({"Namespace": "CWAgent", "MetricName": name, "Dimensions": [
        {"Name": "metric_type", "Value": kind}, {"Name": "env", "Value": "prod"}]});
    let stat = json!({"Metric": metric, "Period": 3600, "Stat": statistic});
    let now = crate::traffic::now();
    let request = json!({"StartTime": now - 3600.0, "EndTime": now + 60.0,
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat}]});
    let found = call(server, "GetMetricData", &request);
    let values = found["MetricDataResults"][0]["Values"].as_array().expect("values").clone();
    (!values.is_empty()).then(|| values.iter().filter_map(Value::as_f64).sum())
}

/// An upgrade ends the program within an interval.
#[test]
fn values_of_the_last_interval_survive_a_clean_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let state = directory.path().to_str().expect("a path of plain characters");
    let options = ["--statsd", "127.0.0.1:0", "--statsd-interval", "3600", "--state", state];
    let mut server = Server::start(&options);
    let line = server.program.wait_for_line(0, "StatsD on ");
    let address = line.split_once("StatsD on ").expect("an address").1.trim().to_owned();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(b"orders:2|c|#env:prod\norders:3|c|#env:prod", &address).expect("it is sent");
    wait_until("the values", || {
        server.get("/metrics").body.contains("flowmote_statsd_values_total 2\n").then_some(())
    });
    assert_eq!(sum(&server, "orders", "counter", "Sum"), None);
    server.program.signal(Signal::SIGTERM);
    server.program.wait();
    let server = Server::start(&["--state", state]);
    let found = wait_until("the metric", || sum(&server, "orders", "counter", "Sum"));
    assert_eq!(found, 5.0);
}

#[test]
fn metrics_of_applications_have_the_names_of_the_agent() {
    let (server, address) = start(&["--allow", "192.0.2.0/24"]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let lines = b"shop.orders:2|c|#env:prod\nshop.orders:1|c|@0.25|#env:prod\nload:3|g|#env:prod\n\
        time:100|ms|#env:prod\ntime:300|ms|#env:prod\nusers:a|s|#env:prod\nusers:b|s|#env:prod\nno";
    socket.send_to(lines, address).expect("it is sent");
    for (name, kind, statistic, expected) in [
        ("shop_orders", "counter", "Sum", 6.0),
        ("load", "gauge", "Maximum", 3.0),
        ("time", "timing", "SampleCount", 2.0),
        ("time", "timing", "p99", 300.0),
        ("users", "set", "Maximum", 2.0),
    ] {
        let found = wait_until(name, || sum(&server, name, kind, statistic));
        assert_eq!(found, expected, "{name} {statistic}");
    }
    let counted = server.get("/metrics").body;
    for line in [
        "flowmote_statsd_datagrams_total 1",
        "flowmote_statsd_values_total 7",
        "flowmote_statsd_lines_malformed_total 1",
        "flowmote_statsd_values_dropped_total 0",
    ] {
        assert!(counted.lines().any(|own| own == line), "{line} is not in {counted}");
    }
}
