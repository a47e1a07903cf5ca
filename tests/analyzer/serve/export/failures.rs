//! Receivers that fail: nothing is lost that may succeed later, nothing is repeated that was refused, and
//! nothing else waits.

use std::time::Instant;

use flowmote_lab::wait_until;

use super::receiver::{Receiver, status};
use crate::client::{Server, serve};
use crate::traffic::Traffic;

fn exporting(receiver: &Receiver) -> (Server, String) {
    let url = format!("http://{}/write", receiver.address);
    (Server::start(&["--remote-write", &url, "--export-interval", "0.2"]), url)
}

/// The samples of a result.
fn samples(server: &Server, result: &str) -> f64 {
    let metrics = server.get("/metrics").body;
    let line = metrics.lines().find(|line| {
        line.starts_with("flowmote_export_samples_total")
            && line.contains(&format!("result=\"{result}\""))
    });
    let line = line.unwrap_or_else(|| panic!("no {result}: {metrics}"));
    line.rsplit_once(' ').expect("a value").1.parse().expect("a number")
}

#[test]
fn failed_requests_are_sent_again() {
    let receiver = Receiver::start(|number| match number {
        0 => status(500, "", "later"),
        1 => status(429, "Retry-After: 1\r\n", ""),
        2 => String::new(),
        3 => status(503, "", ""),
        _ => status(204, "", ""),
    });
    let start = Instant::now();
    let (server, url) = exporting(&receiver);
    let requests = receiver.wait_for(6);
    for header in [
        "post /write http/1.1",
        "content-type: application/x-protobuf",
        "content-encoding: snappy",
        "x-prometheus-remote-write-version: 0.1.0",
        "user-agent: flowmote-analyzer/",
    ] {
        assert!(requests[0].head.contains(header), "{:?}", requests[0].head);
    }
    assert!(requests[..5].iter().all(|request| request.body == requests[0].body));
    assert_ne!(requests[5].body, requests[0].body);
    // 0.5 s, 1 s as the receiver asked for and the back-off has, 2 s, 4 s.
    assert!(start.elapsed().as_secs_f64() > 7.0, "{:?}", start.elapsed());
    wait_until("success", || (samples(&server, "sent") > 0.0).then_some(()));
    assert_eq!((samples(&server, "failed"), samples(&server, "dropped")), (0.0, 0.0));
    server.program.wait_for_line(0, &format!("remote-write to {url} succeeds again"));
    let log = server.program.log();
    assert!(log.contains(&format!("remote-write to {url}: status 500: later; samples wait")));
    assert_eq!(log.matches("remote-write to").count(), 2, "{log}");
}

#[test]
fn refused_requests_are_not_sent_again() {
    let receiver = Receiver::start(|number| match number {
        0..3 => status(400, "", "out of order sample\n"),
        // A redirection would take secrets to another host.
        3 => status(301, "Location: /elsewhere\r\n", ""),
        _ => status(200, "", ""),
    });
    let (server, _) = exporting(&receiver);
    let requests = receiver.wait_for(6);
    for pair in requests.windows(2) {
        assert_ne!(pair[0].body, pair[1].body);
    }
    assert!(requests.iter().all(|it| it.head.starts_with("post /write ")), "{requests:?}");
    wait_until("success", || (samples(&server, "sent") > 0.0).then_some(()));
    assert!(samples(&server, "failed") > 4.0);
    let log = server.program.log();
    assert_eq!(log.matches("out of order").count(), 1, "{log}");
    assert!(log.contains("status 400: out of order sample; these samples are lost"), "{log}");
}

#[test]
fn silent_receiver_holds_up_nothing() {
    let receiver = Receiver::start(|_| {
        std::thread::sleep(flowmote_lab::DEADLINE);
        String::new()
    });
    let (server, _) = exporting(&receiver);
    let traffic = Traffic::to(server.sflow);
    receiver.wait_for(1);
    let start = Instant::now();
    for _ in 0..50 {
        samples(&server, "sent");
    }
    assert!(start.elapsed().as_secs_f64() < 10.0, "{:?}", start.elapsed());
    wait_until("a queue", || {
        let metrics = server.get("/metrics").body;
        let line = metrics.lines().find(|it| it.starts_with("flowmote_export_samples_pending"))?;
        (line.rsplit_once(' ')?.1.parse::<f64>().ok()? > 300.0).then_some(())
    });
    let datagrams = traffic.stop().datagrams;
    let line = format!("\nflowmote_datagrams_total {datagrams}\n");
    wait_until("all datagrams", || server.get("/metrics").body.contains(&line).then_some(()));
}

#[test]
fn full_queue_drops_the_oldest_and_counts_them() {
    let receiver = Receiver::start(|_| status(503, "Retry-After: 300\r\n", ""));
    // 2 MiB for requests.
    let (server, _) = exporting(&receiver);
    server.put("/flow/ttl/json", "{keys:'ipsource,ipdestination',value:'bytes',counter:true}");
    let _traffic = Traffic::of(server.sflow, |number| {
        let packets = (0..20).map(|it| {
            let source = format!("10.{}.{}.1", number % 250, it);
            crate::traffic::datagram("192.0.2.9", &source, 1, number * 20 + it)
        });
        packets.collect()
    });
    wait_until("dropped samples", || (samples(&server, "dropped") > 0.0).then_some(()));
    assert_eq!(samples(&server, "sent"), 0.0);
    assert_eq!(receiver.requests().len(), 1, "the receiver asked for a pause");
}

#[test]
fn options_that_cannot_be_used_are_errors() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Bearer x\n").unwrap();
    let path = file.path().to_str().unwrap();
    let url = "http://localhost:9/write";
    for (options, message) in [
        (vec!["--remote-write", "localhost:9090"], "expected http:// or https://"),
        (vec!["--remote-write", "http://localhost:9090"], "the path is missing"),
        (vec!["--remote-write", "http://a:b@localhost/x"], "file of headers"),
        (vec!["--remote-write", url, "--remote-write", url], "is given twice"),
        (vec!["--remote-write", url, "--remote-write-headers", path], "expected `Name: value`"),
        (vec!["--otlp", url, "--otlp-headers", "/nonexistent"], "cannot read the headers in"),
        (vec!["--otlp-headers", path], "1 files for 0 URLs"),
        (vec!["--tls-ca", path], "there are none"),
        (vec!["--export-interval", "0"], "expected seconds"),
    ] {
        let output = serve(&options).args(["--http", "127.0.0.1:0"]).output().unwrap();
        assert!(!output.status.success(), "{options:?}");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(log.contains(message), "{options:?}: {log}");
    }
}
