//! A real Prometheus scrapes the program, and its rates are compared with what was sent.

use core::net::{Ipv4Addr, SocketAddr};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use flowmote_lab::{Program, skip, wait_until};
use serde_json::Value;

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, SRC, Traffic, now};

/// A Prometheus that scrapes both resources every second.
struct Prometheus {
    _program: Program,
    url: String,
}

impl Prometheus {
    fn scraping(server: &Server, directory: &Path) -> Self {
        let listen = free_port();
        let config = directory.join("prometheus.yml");
        let job = |name: &str, path: &str| {
            format!(
                "- job_name: {name}\n  metrics_path: {path}\n  static_configs:\n  \
                 - targets: ['{}']\n",
                server.http
            )
        };
        let jobs = [job("engine", "/metrics"), job("flows", "/metrics/flows")].concat();
        let global = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n";
        fs::write(&config, format!("{global}{jobs}")).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
        command.arg(format!("--web.listen-address={listen}"));
        Self { _program: Program::start(command), url: format!("http://{listen}") }
    }

    /// The result of an expression; empty until Prometheus runs.
    fn query(&self, expression: &str, options: &[String]) -> Vec<Value> {
        let mut promtool = Command::new("promtool");
        promtool.args(["query", "instant", "-o", "json"]).args(options);
        let output = promtool.args([&self.url, expression]).output().expect("promtool");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The value of an expression with one series.
    fn value(&self, expression: &str, options: &[String]) -> Option<f64> {
        match self.query(expression, options).as_slice() {
            [series] => series["value"][1].as_str()?.parse().ok(),
            _ => None,
        }
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
    listener.local_addr().expect("its address")
}

fn has_prometheus() -> bool {
    let found = Command::new("promtool").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        skip("prometheus is missing");
    }
    found
}

#[test]
fn rate_of_a_counter_is_the_traffic() {
    if !has_prometheus() {
        return;
    }
    let (server, directory) = (Server::start(&[]), tempfile::tempdir().unwrap());
    server.put("/flow/pairs/json", "{keys:'ipsource,ipdestination',value:'bytes',counter:true}");
    let prometheus = Prometheus::scraping(&server, directory.path());
    wait_until("both jobs", || (prometheus.value("sum(up)", &[]) == Some(2.0)).then_some(()));
    let traffic = Traffic::to(server.sflow);
    let labels = format!(
        "flow='pairs',agent='{AGENT}',datasource='{PORT}',ipsource='{SRC}',ipdestination='{DST}'"
    );
    let series = format!("flowmote_flow_bytes_total{{{labels}}}");
    let scrapes = format!("count_over_time({series}[1m])");
    wait_until("scrapes", || prometheus.value(&scrapes, &[]).filter(|count| *count >= 14.0));

    // The first value is 0, so that no traffic is missed.
    let time = now();
    let at = [format!("--time={time:.3}")];
    let first = prometheus.value(&format!("min_over_time({series}[1m])"), &at);
    assert_eq!(first, Some(0.0));
    let rate = prometheus.value(&format!("rate({series}[10s])"), &at).expect("a rate");
    let sent = traffic.rate(time - 10.0, time);
    assert!((rate / sent.bytes - 1.0).abs() < 0.1, "{rate} instead of {sent:?}");
    let rate = prometheus.value("rate(flowmote_datagrams_total[10s])", &at).expect("a rate");
    assert!((rate / sent.datagrams - 1.0).abs() < 0.1, "{rate} instead of {sent:?}");

    // In the end, all of it was counted, and nothing twice.
    let total = traffic.stop();
    wait_until("the last bytes", || {
        let counted = [&*series, "flowmote_datagrams_total"].map(|it| prometheus.value(it, &[]));
        (counted == [total.bytes, total.datagrams].map(Some)).then_some(())
    });
    let others = "sum(flowmote_flow_bytes_total{flow='pairs',agent=''})";
    assert_eq!(prometheus.value(others, &[]), Some(0.0));
}

#[test]
fn expositions_pass_the_checks_of_promtool() {
    if !has_prometheus() {
        return;
    }
    let server = Server::start(&[]);
    server.put("/flow/pairs/json", "{keys:'ipsource,agent',value:'bytes',counter:true}");
    server.put("/flow/frames/json", "{value:'frames',counter:true}");
    server.put("/flow/plain/json", "{keys:'ipsource',value:'frames'}");
    let _traffic = Traffic::to(server.sflow);
    let pair = format!(
        "flowmote_flow_bytes_total{{flow=\"pairs\",agent=\"{AGENT}\",datasource=\"{PORT}\",\
         ipsource=\"{SRC}\",agent_2=\"{AGENT}\"}} "
    );
    wait_until("the counter", || server.get("/metrics/flows").body.contains(&pair).then_some(()));
    for path in ["/metrics", "/metrics/flows"] {
        let reply = server.get(path);
        assert!(reply.head.contains("text/plain; version=0.0.4"), "{reply:?}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &reply.body).unwrap();
        let mut promtool = Command::new("promtool");
        let promtool = promtool.args(["check", "metrics"]).stdin(file.reopen().unwrap());
        let output = promtool.output().unwrap();
        let faults = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && faults.is_empty(), "{path}: {faults}\n{}", reply.body);
    }
    let flows = server.get("/metrics/flows").body;
    assert!(!flows.contains("flow=\"plain\""), "{flows}");
    let frames = server.get("/metrics/flows/frames").body;
    assert!(frames.contains("flow=\"frames\"") && !frames.contains("flow=\"pairs\""), "{frames}");
    server.get("/metrics/flows/plain").fails(404);
    server.send("PUT", "/flow/x/json", "", "{value:'ipttl',counter:true}").fails(400);
}
