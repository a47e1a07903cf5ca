//! Ports with the check of their samples, over HTTP.

use flowmote_lab::wait_until;
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, PORT, PORT_NAME, Traffic};

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
