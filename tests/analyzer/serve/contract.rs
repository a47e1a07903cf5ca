//! What public clients of sFlow-RT rely on in replies.

use core::net::Ipv4Addr;
use std::net::UdpSocket;

use flowmote_lab::wait_until;
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, PORT, SRC, Traffic, datagram};

#[test]
fn threshold_is_returned_as_it_was_put() {
    let server = Server::start(&[]);
    for (body, expected) in [
        (
            "{metric:'pairs',value:'125000.0',byFlow:'true',timeout:2}",
            json!({ "metric": "pairs", "value": 125_000, "byFlow": true, "timeout": 2 }),
        ),
        (
            "{metric:'load_one',value:0.5,filter:{os_name:['linux'],host_name:'web*'}}",
            json!({
                "metric": "load_one", "value": 0.5, "byFlow": false,
                "filter": { "os_name": ["linux"], "host_name": ["web*"] },
            }),
        ),
        (
            "{metric:'pairs',value:1,filter:{ifspeed:[1E9,'10000000000']}}",
            json!({
                "metric": "pairs", "value": 1, "byFlow": false,
                "filter": { "ifspeed": ["1000000000", "10000000000"] },
            }),
        ),
        (
            "{metric:'pairs',value:1,timeout:null,byFlow:null,filter:null}",
            json!({ "metric": "pairs", "value": 1, "byFlow": false }),
        ),
    ] {
        server.put("/threshold/a/json", body);
        assert_eq!(server.json("/threshold/a/json"), expected);
        assert_eq!(server.json("/threshold/json"), json!({ "a": expected }));
    }
}

#[test]
fn dashboards_find_the_series_and_members_of_the_analyzer() {
    let server = Server::start(&[]);
    let text = server.get("/prometheus/analyzer/txt").body;
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in [
        "agents",
        "agent_count",
        "received_bytes",
        "received_datagrams",
        "discarded_datagrams",
        "heap_used_bytes",
        "cpu_load_process",
        "cpu_load_system",
    ] {
        assert!(names.contains(&format!("sflow_analyzer_{name}").as_str()), "{name}: {text}");
    }
    let analyzer = server.json("/analyzer/json");
    for member in ["sFlowBytesReceived", "cpuLoadSystem", "cpuLoadProcess", "heapUsed", "heapMax"] {
        assert!(analyzer[member].is_number(), "{member}: {analyzer}");
    }
}

#[test]
fn data_source_of_all_agents_can_be_pinned() {
    let server = Server::start(&[]);
    server.put("/flow/pairs/json", "{keys:'ipsource,ipdestination',value:'bytes'}");
    let _traffic = Traffic::to(server.sflow);
    let path = format!("/metric/ALL/{PORT}.pairs,{}.pairs/json", PORT + 1);
    let found = wait_until("traffic", || {
        let found = server.json(&path);
        found[0]["metricValue"].is_number().then_some(found)
    });
    assert_eq!(found[0]["metricName"], format!("{PORT}.pairs"));
    assert_eq!(found[0]["agent"], AGENT);
    assert_eq!(found[0]["dataSource"], PORT.to_string());
    assert!(found[0]["topKeys"][0]["value"].is_number(), "{found}");
    assert_eq!(found[1], json!({ "metricName": format!("{}.pairs", PORT + 1), "metricN": 0 }));
}

#[test]
fn events_are_not_consumed_and_a_number_of_another_run_is_the_beginning() {
    let server = Server::start(&[]);
    server.put("/flow/total/json", "{value:'bytes'}");
    server.put("/threshold/some/json", "{metric:'total',value:1}");
    let _traffic = Traffic::to(server.sflow);
    let numbers = |query: &str| -> Vec<u64> {
        let events = server.json(&format!("/events/json?{query}"));
        let events: &[Value] = events.as_array().map_or(&[], Vec::as_slice);
        events.iter().filter_map(|event| event["eventID"].as_u64()).collect()
    };
    wait_until("an event", || (numbers("eventID=-1&timeout=1") == [0]).then_some(()));
    for query in ["eventID=-1&timeout=60", "", "eventID=4711&timeout=60", "maxEvents=1&maxEvents=9"]
    {
        assert_eq!(numbers(query), [0], "{query}");
    }
    assert_eq!(numbers("eventID=0"), [0_u64; 0]);
}

#[test]
fn threshold_holds_at_ports_of_a_speed() {
    let server = Server::start(&[]);
    server.put("/flow/total/json", "{value:'bytes'}");
    server.put("/threshold/slow/json", "{metric:'total',value:1,filter:{ifspeed:1E7}}");
    server.put("/threshold/fast/json", "{metric:'total',value:1,filter:{ifspeed:[1E9,1E10]}}");
    let _traffic = Traffic::to(server.sflow);
    let events = wait_until("an event", || {
        let events = server.json("/events/json");
        events[0].is_object().then_some(events)
    });
    assert_eq!(events[0]["thresholdID"], "fast");
    assert_eq!(server.json("/events/json?thresholdID=slow"), json!([]));
}

#[test]
fn agents_are_selected_by_any_list() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    wait_until("the agent", || server.json("/agents/json")[AGENT].is_object().then_some(()));
    let known = |query: &str| server.json(&format!("/agents/json?{query}"))[AGENT].is_object();
    let other = "agent=192.0.2.99";
    assert!(known(&format!("{other}&agent={AGENT}")) && known(&format!("{other};{AGENT}")));
    assert!(known("agent=ALL") && !known(other) && !known("agent=TOPOLOGY"));
    server.put("/topology/json", &format!("{{nodes:{{s1:{{agent:'{AGENT}'}}}}}}"));
    assert!(known("agent=s1") && known("agent=TOPOLOGY") && !known("agent=s2"));
}

#[test]
fn long_replies_have_all_agents_in_order() {
    let server = Server::start(&[]);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let numbered = |network| (1..=200).map(move |last| format!("{network}.{last}"));
    let agents: Vec<String> = ["192.0.2", "198.51.100"].into_iter().flat_map(numbered).collect();
    for (number, agent) in (0..2).flat_map(|number| agents.iter().map(move |it| (number, it))) {
        socket.send_to(&datagram(agent, SRC, 0, number), server.sflow).expect("sent");
    }
    let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
    wait_until("agents", || (count(&server.json("/agents/json")) == 400).then_some(()));
    let reply = server.get("/dump/ALL/ALL/json");
    assert!(reply.head.contains("chunked"), "{}", reply.head);
    let cells = reply.json();
    let cells: &[Value] = cells.as_array().map_or(&[], Vec::as_slice);
    let speeds = cells.iter().filter(|cell| cell["metricName"] == "ifspeed");
    let found: Vec<_> = speeds.filter_map(|cell| cell["agent"].as_str()).collect();
    assert_eq!(found, agents);
    let text = server.get("/prometheus/metrics/ALL/ALL/txt").body;
    assert_eq!(text.matches("sflow_ifspeed{").count(), 400);
    assert!(text.ends_with('\n'), "{:?}", text.get(text.len() - 100..));
}

#[test]
fn flow_definitions_are_among_the_metrics() {
    let server = Server::start(&[]);
    server.put("/flow/total/json", "{value:'bytes'}");
    assert_eq!(server.json("/metrics/json"), json!({ "total": 0 }));
    server.delete("/flow/total/json");
    assert_eq!(server.json("/metrics/json"), json!({}));
}
