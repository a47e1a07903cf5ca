//! Topologies as clients send them, and what is read by them.

use flowmote_lab::wait_until;
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, SRC, Traffic};

/// Two switches with a link at the port by which the packets enter the first.
fn two_switches() -> String {
    format!(
        "{{nodes:{{s1:{{agent:'{AGENT}',ports:{{p5:{{ifindex:'{PORT}'}}}}}},\
         s2:{{agent:'192.0.2.2',ports:{{p1:{{ifindex:1}}}}}}}},\
         links:{{l1:{{node1:'s1',port1:'p5',node2:'s2',port2:'p1'}}}}}}"
    )
}

#[test]
fn topology_is_returned_as_it_was_put() {
    let server = Server::start(&[]);
    for (version, (body, mut expected)) in [
        ("{}", json!({})),
        ("{nodes:null,links:null}", json!({ "nodes": null, "links": null })),
        (
            "{nodes:{s1:{agent:'192.0.2.1',ports:null,tags:{a:'b'}}},site:[1]}",
            json!({
                "nodes": { "s1": { "agent": "192.0.2.1", "ports": null, "tags": { "a": "b" } } },
                "site": [1],
            }),
        ),
        (
            "{links:{'a-b':{node1:'a.example.net',port1:'Ethernet1/1',node2:'b',port2:'p',lag:1}}}",
            json!({ "links": { "a-b": {
                "node1": "a.example.net", "port1": "Ethernet1/1", "node2": "b", "port2": "p", "lag": 1,
            } } }),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        server.put("/topology/json", body);
        expected["version"] = (version + 1).into();
        assert_eq!(server.json("/topology/json"), expected, "{body}");
    }
    let before = server.json("/topology/json");
    for body in ["[]", "null", "5", "{nodes:5}", "{links:{a:{node1:'x'}}}"] {
        server.send("PUT", "/topology/json", "", body).fails(400);
    }
    assert_eq!(server.json("/topology/json"), before);
}

#[test]
fn ports_with_links_are_core_and_others_edge() {
    let server = Server::start(&[]);
    server.put("/topology/json", &two_switches());
    server.put(
        "/flow/pairs/json",
        "{keys:'link:inputifindex,node:inputifindex,src,dst',value:'bytes'}",
    );
    let _traffic = Traffic::to(server.sflow);
    let (key, port) = (format!("l1,s1,{SRC},{DST}"), PORT.to_string());
    let flow = |path: &str| server.json(&format!("{path}/json?key={key}&maxFlows=1"))[0].clone();
    wait_until("the flow", || (flow("/activeflows/ALL/pairs")["key"] == *key).then_some(()));
    for (agents, known) in [
        ("TOPOLOGY", true),
        ("CORE", true),
        ("EDGE", false),
        ("s1", true),
        ("s2", false),
        ("s2;s1", true),
    ] {
        for path in ["/activeflows", "/flowlocations"] {
            let found = flow(&format!("{path}/{agents}/pairs"));
            assert_eq!(found["key"] == *key, known, "{path} {agents}: {found}");
        }
        let found = server.json(&format!("/dump/{agents}/pairs/json"));
        assert_eq!(found[0]["dataSource"] == *port, known, "{agents}: {found}");
        let found = server.json(&format!("/metric/{agents}/sum:pairs/json"));
        assert_eq!(found[0]["metricN"], i32::from(known), "{agents}: {found}");
    }
    for (mode, known) in [("core", true), ("edge", false), ("sum", true), ("max", true)] {
        let found = server.json(&format!("/activeflows/ALL/pairs/json?aggMode={mode}"));
        assert_eq!(found.as_array().map(Vec::len), Some(usize::from(known)), "{mode}: {found}");
    }
    // Without nodes, no agent is part of the topology.
    server.put("/topology/json", "{}");
    assert_eq!(server.json("/activeflows/TOPOLOGY/pairs/json"), Value::Array(Vec::new()));
}
