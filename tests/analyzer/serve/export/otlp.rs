//! OpenTelemetry metrics, decoded by the messages that OpenTelemetry publishes for Python.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{skip, wait_until};
use serde_json::Value;

use super::receiver::{Receiver, Request, status};
use crate::aws::host::{HOST_NAME, Host, INSTANCE};
use crate::client::Server;
use crate::traffic::AGENT;

/// The points of a request: each with `resource`, `metric`, `unit`, `kind`, `attributes`, `start`, `time`,
/// `value` and `flags`. `None` without the messages.
fn points(request: &Request) -> Option<Vec<Value>> {
    let python = target_directory("").join("otlp/bin/python");
    if !python.exists() {
        skip("opentelemetry-proto of PyPI is missing; tests/setup installs it");
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/otlp");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join("decode.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python starts");
    child.stdin.take().expect("a pipe").write_all(&request.body).expect("the body is read");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn opentelemetry_has_hosts_by_its_conventions() {
    let receiver = Receiver::start(|number| match number {
        0 => status(200, "", "{\"partialSuccess\":{\"rejectedDataPoints\":\"2\"}}"),
        // Not to be repeated, unlike in remote write.
        1 => status(500, "", ""),
        2 => status(502, "", ""),
        _ => status(200, "", "{}"),
    });
    let url = format!("http://{}", receiver.address);
    let server = Server::start(&["--otlp", &url, "--export-interval", "0.5"]);
    let _host = Host::to(&server);
    let requests = receiver.wait_for(8);
    for header in
        ["post /v1/metrics http/1.1", "content-type: application/json", "content-encoding: gzip"]
    {
        assert!(requests[0].head.contains(header), "{:?}", requests[0].head);
    }
    assert_ne!(requests[1].body, requests[2].body);
    assert_eq!(requests[2].body, requests[3].body);
    server.program.wait_for_line(0, "2 samples were rejected");
    let Some(points) = points(&requests[7]) else { return };

    let of = |metric: &str| -> Vec<&Value> {
        points.iter().filter(|point| point["metric"] == metric).collect()
    };
    let received = of("sflow_bytes_in_total");
    assert!(received.len() >= 5, "{points:#?}");
    for pair in received.windows(2) {
        let value = |at: usize| pair[at]["value"].as_f64().expect("a number");
        assert_eq!(value(1) - value(0), 50_000.0);
        assert!(pair[0]["time"].as_u64() < pair[1]["time"].as_u64());
        assert_eq!(pair[0]["start"], pair[1]["start"]);
    }
    let point = received[0];
    assert_eq!(point["kind"], "cumulative");
    assert_eq!(point["unit"], "By");
    assert!(point["start"].as_u64() < point["time"].as_u64());
    let expected = [
        ("service.name", "sflow"),
        ("service.instance.id", AGENT),
        ("host.name", HOST_NAME),
        ("host.id", INSTANCE),
        ("host.type", "m5.large"),
        ("host.image.id", "ami-1"),
    ];
    for (name, value) in expected {
        assert_eq!(point["resource"][name], value, "{point}");
    }
    assert_eq!(point["attributes"]["agent"], AGENT);
    let ports = of("sflow_ifinoctets_total");
    assert_eq!(ports[0]["attributes"]["ifname"], "eth0", "{ports:?}");
    let idle = of("sflow_cpu_seconds_total");
    let idle: Vec<_> = idle.iter().filter(|it| it["attributes"]["mode"] == "idle").collect();
    let step = idle[1]["value"].as_f64().unwrap() - idle[0]["value"].as_f64().unwrap();
    assert!((step - 0.075).abs() < 1e-9, "75 ms an interval: {step}");
    let utilization = of("sflow_cpu_utilization_percent");
    assert_eq!(utilization[0]["kind"], "gauge");
    let value = utilization[0]["value"].as_f64().unwrap();
    assert!((value - 25.0).abs() < 1e-6, "{value}");
    let own = of("flowmote_datagrams_total");
    assert_eq!(own[0]["resource"]["service.name"], "flowmote-analyzer");
    wait_until("success", || {
        let metrics = server.get("/metrics").body;
        let sent = |it: &&str| it.contains("protocol=\"otlp\"") && it.contains("result=\"sent\"");
        metrics.lines().find(sent).filter(|line| !line.ends_with(" 0")).map(|_| ())
    });
}
