//! Ports with the check of their samples, over HTTP.

use core::net::Ipv4Addr;
use std::net::UdpSocket;

use flowmote_lab::wait_until;
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, PORT, PORT_NAME, SRC, Traffic, datagram};

#[test]
fn samples_of_a_port_stand_beside_its_counters() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let port = wait_until("three intervals", || {
        let ports = server.json("/api/v1/ports")["ports"].clone();
        let port = ports.get(0)?.clone();
        (port["in"]["samples"].as_f64()? >= 12.0).then_some(port)
    });
    assert_eq!((&port["agent"], &port["ifIndex"]), (&json!(AGENT), &json!(PORT)));
    assert_eq!((&port["name"], &port["speed"]), (&json!(PORT_NAME), &json!(1e9)));
    // 40 packets of 1018 bytes in 50 ms.
    let received = &port["in"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value}: {port}"));
    for (kind, size) in [("packets", 1.0), ("octets", 1018.0)] {
        let rates = &received[kind];
        let [counted, value] = ["counted", "value"].map(|name| number(&rates[name]));
        assert!((counted / value - 1.0).abs() < 1e-6, "{port}");
        assert!((counted / size / 800.0 - 1.0).abs() < 0.5, "{port}");
        assert!(number(&rates["low"]) < value && value < number(&rates["high"]), "{port}");
    }
    assert_eq!((&received["rate"], &received["actualRate"]), (&json!(10.0), &Value::Null));
    // A second is too short for a judgement.
    for direction in ["in", "out"] {
        assert_eq!(port[direction]["diagnosis"], "tooFewSamples");
        assert_eq!(port[direction]["text"], "There are too few samples to judge.");
    }
    assert_eq!(
        (&port["out"]["samples"], &port["out"]["packets"]["high"]),
        (&json!(0.0), &Value::Null)
    );
}

#[test]
fn ports_are_selected_and_come_in_pages() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let count = |query: &str| {
        let reply = server.json(&format!("/api/v1/ports?{query}"));
        assert_eq!(reply["next"], Value::Null);
        reply["ports"].as_array().map_or(0, Vec::len)
    };
    wait_until("a port", || (count("") == 1).then_some(()));
    assert_eq!(count("diagnosis=tooFewSamples"), 1);
    assert_eq!(count("diagnosis=wrongRate"), 0);
    assert_eq!(count(&format!("agent={AGENT}&limit=1")), 1);
    assert_eq!(count("agent=192.0.2.77"), 0);
    assert_eq!(count(&format!("after={AGENT}&afterIndex={}", PORT - 1)), 1);
    assert_eq!(count(&format!("after={AGENT}&afterIndex={PORT}")), 0);
    assert_eq!(count(&format!("after={AGENT}")), 0);
    server.get("/api/v1/ports?diagnosis=bad").fails(400);
    server.get("/api/v1/ports?limit=0").fails(400);
}

#[test]
fn ports_are_found_by_a_word_and_ordered_by_utilization() {
    let server = Server::start(&[]);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let (quiet, busy) = ("192.0.2.7", "192.0.2.8");
    let agents = |query: &str| -> Vec<Value> {
        let ports = server.json(&format!("/api/v1/ports?{query}"))["ports"].clone();
        ports.as_array().expect("ports").iter().map(|port| port["agent"].clone()).collect()
    };
    let mut number = 0;
    wait_until("rates of both", || {
        for (agent, samples) in [(quiet, 1), (busy, 4)] {
            let payload = datagram(agent, SRC, samples, number);
            socket.send_to(&payload, server.sflow).expect("sent");
        }
        number += 1;
        let ports = server.json("/api/v1/ports")["ports"].clone();
        let rates = [0, 1].map(|at| ports[at]["inOctets"].as_f64());
        rates.iter().all(|rate| rate.is_some_and(|rate| rate > 0.0)).then_some(())
    });
    assert_eq!(agents(""), [quiet, busy]);
    assert_eq!(agents("order=port&offset=1"), [busy]);
    assert_eq!(agents("order=utilization"), [busy, quiet]);
    assert_eq!(agents("order=utilization&offset=1&limit=1"), [quiet]);
    for (search, found) in [("2.7", 1), ("UPLINK", 2), ("5", 2), ("55", 0), ("eth0", 0)] {
        let page = server.json(&format!("/api/v1/ports?search={search}&limit=1"));
        assert_eq!(page["found"], found, "{search}");
        assert_eq!(page["ports"].as_array().map(Vec::len), Some(found.min(1)), "{search}");
        assert_eq!(page["next"].is_null(), found < 2, "{search}");
    }
    let last = server.json("/api/v1/ports")["ports"][0]["lastSeen"].as_u64();
    assert!(last.is_some_and(|age| age < 60_000), "{last:?}");
    assert_eq!(agents(&format!("order=utilization&after={quiet}")), [busy]);
    server.get("/api/v1/ports?order=speed").fails(400);
}
