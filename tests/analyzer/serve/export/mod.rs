//! Metrics sent to other systems: to a real Prometheus and a real VictoriaMetrics, which are asked what
//! they have; and to receivers that fail in every way.

pub(crate) mod database;
mod failures;
mod otlp;
mod receiver;

use std::process::Command;

use flowmote_core::record::counter::{IfCounters, PortName};
use flowmote_core::{CounterSample, DataSource, DatagramBuilder};
use flowmote_lab::{Program, wait_until};
use nix::sys::signal::Signal;

use crate::client::Server;
use crate::traffic::{
    AGENT, FRAME_LENGTH, INTERVAL, PORT, PORT_NAME, RATE, SAMPLES, Traffic, connection, head,
};
use database::{Database, Kind, free_port};

/// Bytes that the port counts from one datagram to the next.
const BYTES: f64 = (FRAME_LENGTH * RATE * SAMPLES) as f64;

/// The selector of series of the port.
fn port(name: &str) -> String {
    format!(
        "{name}{{agent=\"{AGENT}\",instance=\"{AGENT}\",job=\"sflow\",host=\"{AGENT}\",\
         datasource=\"{PORT}\",ifname=\"{PORT_NAME}\"}}"
    )
}

/// A server that sends all metrics to a database.
fn exporting(database: &Database, interval: &str) -> Server {
    let url = Database::url(database.address);
    Server::start(&["--remote-write", &url, "--export-interval", interval])
}

fn accepts_every_sample_once(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let database = Database::start(kind, free_port(), directory.path());
    let server = exporting(&database, "0.5");
    server.put("/flow/pairs/json", "{keys:'ipsource',value:'bytes',counter:true}");
    let traffic = Traffic::to(server.sflow);
    let octets = port("sflow_ifinoctets_total");
    let scrapes = format!("count_over_time({octets}[1m])");
    wait_until("samples", || database.value(&scrapes).filter(|count| *count >= 60.0));
    let rate = database.value(&format!("rate({octets}[2s])")).expect("a rate");
    let expected = BYTES / INTERVAL.as_secs_f64();
    assert!((rate / expected - 1.0).abs() < 0.2, "{rate} instead of {expected}");

    // The first sample has no difference: it is the 0 from which the counter counts.
    let datagrams = traffic.stop().datagrams;
    database.wait_for(&octets, BYTES * (datagrams - 1.0));
    database.wait_for(&scrapes, datagrams);
    database.wait_for(&format!("min_over_time({octets}[1m])"), 0.0);
    database.wait_for(&port("sflow_ifspeed_bits_per_second"), 1e9);
    database.wait_for(&port("sflow_ifoperstatus"), 1.0);

    // What the program counts itself, and the counters of flows.
    let own = "job=\"flowmote-analyzer\"";
    database.wait_for(&format!("flowmote_datagrams_total{{{own}}}"), datagrams);
    let flows = format!("flowmote_flow_bytes_total{{{own},agent=\"{AGENT}\",flow=\"pairs\"}}");
    database.wait_for(&flows, datagrams * BYTES);
    let failed = "sum(flowmote_export_samples_total{result!=\"sent\",protocol=\"remote-write\"})";
    database.wait_for(failed, 0.0);

    // Series that vanish have an end; otherwise they would be shown for five minutes.
    assert_eq!(server.delete("/flow/pairs/json"), 204);
    wait_until("the end of the series", || database.value(&flows).is_none().then_some(()));
    assert!(database.value(&octets).is_some());
}

#[test]
fn prometheus_has_every_sample_once() {
    accepts_every_sample_once(Kind::Prometheus);
}

#[test]
fn victoria_metrics_has_every_sample_once() {
    accepts_every_sample_once(Kind::VictoriaMetrics);
}

/// A datagram with the counters of a port of this name.
fn named(number: u32, name: &str) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    let counters =
        IfCounters { if_index: PORT, if_in_octets: number.into(), ..IfCounters::UNKNOWN };
    let sample = CounterSample { records: &[&counters, &PortName { name }] };
    datagram.counter_sample(DataSource::interface(PORT), number + 1, &sample).expect("room");
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

#[test]
fn renamed_port_is_another_series_with_the_same_count() {
    if !Kind::Prometheus.is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let database = Database::start(Kind::Prometheus, free_port(), directory.path());
    let server = exporting(&database, "0.2");
    let name = |number| if number < 40 { "before" } else { "after" };
    let _traffic = Traffic::of(server.sflow, move |number| vec![named(number, name(number))]);
    let series = |name: &str| format!("sflow_ifinoctets_total{{ifname=\"{name}\"}}");
    wait_until("the first name", || database.value(&series("before")));
    wait_until("the second name", || database.value(&series("after")).filter(|it| *it > 60.0));
    assert_eq!(database.value(&series("before")), None, "the series has no end");
    let last = database.value(&format!("max_over_time({}[1m])", series("before"))).unwrap();
    let first = database.value(&format!("min_over_time({}[1m])", series("after"))).unwrap();
    assert!(first > last && first < last + 15.0, "{last} and {first}");
}

#[test]
fn restart_of_the_receiver_loses_nothing() {
    if !Kind::Prometheus.is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let address = free_port();
    let mut database = Database::start(Kind::Prometheus, address, directory.path());
    let server = exporting(&database, "0.2");
    let traffic = Traffic::to(server.sflow);
    let octets = port("sflow_ifinoctets_total");
    let count = format!("count_over_time({octets}[5m])");
    wait_until("samples", || database.value(&count).filter(|count| *count >= 20.0));
    database.program.signal(Signal::SIGTERM);
    database.program.wait();
    server.program.wait_for_line(0, &format!("remote-write to {}: ", Database::url(address)));
    let pending = || {
        let metrics = server.get("/metrics").body;
        let line = metrics.lines().find(|line| line.starts_with("flowmote_export_samples_pending"));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).expect("pending samples")
    };
    wait_until("a queue", || (pending() > 500.0).then_some(()));
    let database = Database::start(Kind::Prometheus, address, directory.path());
    let again = format!("remote-write to {} succeeds again", Database::url(address));
    server.program.wait_for_line(0, &again);
    let datagrams = traffic.stop().datagrams;
    database.wait_for(&count, datagrams);
    database.wait_for(&octets, BYTES * (datagrams - 1.0));
    let lines = server.program.log();
    assert_eq!(lines.matches("remote-write to").count(), 2, "{lines}");
}

#[test]
fn last_samples_are_sent_at_the_end() {
    if !Kind::Prometheus.is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let database = Database::start(Kind::Prometheus, free_port(), directory.path());
    let mut server = exporting(&database, "3600");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..3 {
        socket.send_to(&connection(number), server.sflow).unwrap();
        std::thread::sleep(INTERVAL);
    }
    let counted = || server.get("/metrics").body.contains("\nflowmote_datagrams_total 3\n");
    wait_until("datagrams", || counted().then_some(()));
    server.program.signal(Signal::SIGTERM);
    assert!(server.program.wait().success());
    database.wait_for(&port("sflow_ifinoctets_total"), BYTES * 2.0);
}

#[test]
fn https_with_a_password() {
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    if !has_openssl || !Kind::Prometheus.is_installed() {
        flowmote_lab::skip("openssl or prometheus is missing");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost"]);
    // A server may not have the certificate of an authority.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", &file("key.pem"), "-out", &file("ca.pem")]);
    assert!(openssl.output().unwrap().status.success());
    // bcrypt of "secret".
    let web = "tls_server_config:\n  cert_file: ca.pem\n  key_file: key.pem\n\
               basic_auth_users:\n  flowmote: HASH\n"
        .replace("HASH", SECRET);
    std::fs::write(file("web.yml"), web).unwrap();
    std::fs::write(file("headers"), "# of Prometheus\nAuthorization: Basic flowmote:secret\n")
        .unwrap();
    let address = free_port();
    let mut command = Kind::Prometheus.command(address, directory.path());
    command.arg(format!("--web.config.file={}", file("web.yml")));
    let _prometheus = Program::start(command);
    let url = format!("https://localhost:{}/api/v1/write", address.port());
    let interval = ["--export-interval", "0.2", "--remote-write", &url];
    let with = |options: &[&str]| Server::start(&[&interval[..], options].concat());

    let server = with(&["--tls-ca", &file("ca.pem"), "--remote-write-headers", &file("headers")]);
    let sent = format!(
        "flowmote_export_samples_total{{protocol=\"remote-write\",url=\"{url}\",result=\"sent\"}} "
    );
    wait_until("samples that were accepted", || {
        let metrics = server.get("/metrics").body;
        let count = metrics.lines().find_map(|line| line.strip_prefix(&sent))?;
        (count != "0").then_some(())
    });
    let server = with(&["--tls-ca", &file("ca.pem")]);
    server.program.wait_for_line(0, &format!("remote-write to {url}: status 401"));
    // The certificate is not one of Mozilla's.
    let server = with(&["--remote-write-headers", &file("headers")]);
    let line = server.program.wait_for_line(0, &format!("remote-write to {url}: "));
    assert!(line.contains("certificate"), "{line}");
}

const SECRET: &str = "$2b$04$aiMCnnUQtbqIPfWezUUktet5Cdk8AGGWDOAahqKJs7aT25zgindBe";
