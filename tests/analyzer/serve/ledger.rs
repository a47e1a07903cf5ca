//! The ledger of agents and of the process, over HTTP.

use core::net::Ipv4Addr;
use std::net::UdpSocket;

use flowmote_lab::wait_until;
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, Traffic};

/// A datagram of an agent that declares samples and has none.
fn header(agent: u8, sequence_number: u32, samples: u32) -> Vec<u8> {
    let address = u32::from_be_bytes([192, 0, 2, agent]);
    let words = [5, 1, address, 0, sequence_number, 1000 * sequence_number, samples];
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

fn send(server: &Server, payloads: &[Vec<u8>]) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket");
    for payload in payloads {
        socket.send_to(payload, server.sflow).expect("a datagram is sent");
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// Checks that `total` is the sum of all other members, except those named.
fn adds_up(object: &Value, total: &str) {
    let members = object.as_object().expect("an object");
    let others = members.iter().filter(|(name, _)| *name != total);
    assert_eq!(
        count(&object[total]),
        others.map(|(_, value)| count(value)).sum::<u64>(),
        "{object}"
    );
}

#[test]
fn samples_of_an_agent_are_used() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let path = format!("/api/v1/agents/{AGENT}");
    wait_until("five datagrams", || {
        let reply = server.get(&path);
        let known = reply.status == 200 && count(&reply.json()["datagrams"]["received"]) >= 5;
        known.then_some(())
    });
    let agent = server.json(&path);
    let received = count(&agent["datagrams"]["received"]);
    assert_eq!(agent["datagrams"]["sent"], agent["datagrams"]["received"]);
    assert_eq!(agent["flow"]["received"], 4 * received);
    assert_eq!(agent["counters"]["received"], received);
    assert_eq!(agent["samples"]["used"], 5 * received);
    assert_eq!(agent["samples"]["made"], 5 * received);
    assert_eq!((&agent["agent"], &agent["senders"]), (&json!(AGENT), &json!(["127.0.0.1"])));
    assert_eq!((&agent["flowSources"], &agent["counterSources"]), (&json!(1), &json!(1)));
}

#[test]
fn losses_have_a_place_and_add_up() {
    let server = Server::start(&["--allow", "127.0.0.1"]);
    // The third is lost, the fourth comes twice and lacks six samples.
    let datagrams = [header(7, 1, 0), header(7, 2, 0), header(7, 4, 6), header(7, 4, 6)];
    send(&server, &datagrams);
    let mut netflow = vec![0, 9, 0, 1];
    netflow.resize(40, 0);
    send(&server, &[netflow, vec![0; 8]]);
    let stranger = UdpSocket::bind(("127.0.0.9", 0)).expect("a UDP socket");
    stranger.send_to(&header(8, 1, 0), server.sflow).expect("a datagram is sent");
    wait_until("seven datagrams", || {
        (server.json("/api/v1/ledger")["socket"]["arrived"] == 7).then_some(())
    });
    let ledger = server.json("/api/v1/ledger");
    adds_up(&ledger["socket"], "arrived");
    adds_up(&ledger["samples"], "made");
    let expected = json!({ "arrived": 7, "dropped": 0, "refused": 1, "notSflow": 2, "sflow": 4 });
    assert_eq!(ledger["socket"], expected);
    assert_eq!(
        (&ledger["notSflow"]["netflow"], &ledger["notSflow"]["version"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(ledger["faults"]["samples_missing"], 2);
    let agent = server.json("/api/v1/agents/192.0.2.7");
    let numbers =
        ["sent", "lost", "received", "copies", "cut"].map(|name| count(&agent["datagrams"][name]));
    assert_eq!(numbers, [4, 1, 3, 1, 1]);
    assert_eq!((&agent["samples"]["malformed"], &agent["samples"]["made"]), (&json!(6), &json!(6)));
    assert_eq!(
        (&ledger["datagrams"], &ledger["samples"]),
        (&agent["datagrams"], &agent["samples"])
    );
    server.get("/api/v1/agents/192.0.2.8").fails(404);
}

#[test]
fn agents_come_in_pages() {
    let server = Server::start(&[]);
    send(&server, &[header(9, 1, 0), header(10, 1, 0), header(3, 1, 0)]);
    wait_until("three agents", || (server.json("/api/v1/ledger")["agents"] == 3).then_some(()));
    let page = |query: &str| {
        let reply = server.json(&format!("/api/v1/agents?{query}"));
        let agents = reply["agents"].as_array().expect("a list");
        let names: Vec<Value> = agents.iter().map(|agent| agent["agent"].clone()).collect();
        (json!(names), reply["next"].clone())
    };
    assert_eq!(page("limit=2"), (json!(["192.0.2.3", "192.0.2.9"]), json!("192.0.2.9")));
    assert_eq!(page("limit=2&after=192.0.2.9"), (json!(["192.0.2.10"]), Value::Null));
    assert_eq!(page("agent=192.0.2.9,192.0.2.77"), (json!(["192.0.2.9"]), Value::Null));
    assert_eq!(page("agent=TOPOLOGY"), (json!([]), Value::Null));
    server.get("/api/v1/agents?after=x").fails(400);
    server.get("/api/v1/agents?limit=0").fails(400);
    server.get("/api/v1/agents/x").fails(404);
}
