//! Several receiving threads: the same replies as of one.

use std::net::UdpSocket;
use std::thread;

use serde_json::Value;

use crate::client::Server;
use crate::traffic::{INTERVAL, PORT_NAME, datagram};

/// Requests whose replies have something of all agents.
const REQUESTS: [&str; 14] = [
    "/agents/json",
    "/metrics/json",
    "/flowkeys/json",
    "/dump/ALL/ifspeed;ifname;ifinoctets;pairs/json",
    "/metric/ALL/sum:ifinoctets,min:ifinoctets,max:pairs,med:ifinoctets/json",
    "/metric/192.0.2.3/ifname,load/json",
    "/table/ALL/ifname,ifinoctets/json",
    "/activeflows/ALL/pairs/json",
    "/activeflows/ALL/pairs/json?aggMode=sum&maxFlows=3",
    "/activeflows/EDGE/pairs/json?aggMode=edge",
    "/activeflows/CORE/pairs/json?aggMode=core",
    "/flowlocations/ALL/pairs/json?key=198.51.100.3,203.0.113.2",
    "/prometheus/metrics/ALL/ifinoctets,ifspeed/txt",
    "/api/v1/flows/pairs",
];

#[test]
fn two_threads_reply_as_one() {
    let servers = [Server::start(&[]), Server::start(&["--threads", "2"])];
    for server in &servers {
        server.put("/flow/pairs/json", "{keys:'ipsource,ipdestination',value:'bytes',t:600}");
        // Ports with links are known by the names that the agents send. Agent 1 is no node.
        let nodes: Vec<_> = (2..=8).map(|n| format!("n{n}:{{agent:'192.0.2.{n}'}}")).collect();
        let link = |a, b| {
            format!("l{a}:{{node1:'n{a}',port1:'{PORT_NAME}',node2:'n{b}',port2:'{PORT_NAME}'}}")
        };
        let (nodes, links) = (nodes.join(","), [link(2, 3), link(4, 5)].join(","));
        let topology = format!("{{nodes:{{{nodes}}},links:{{{links}}}}}");
        server.put("/topology/json", &topology);
    }
    let agents: Vec<_> = (1..=8_u32)
        .map(|last| (last, UdpSocket::bind((format!("127.0.0.{last}"), 0)).expect("a socket")))
        .collect();
    for number in 0..25 {
        for (last, socket) in &agents {
            // Different amounts, so that the order is certain.
            let (agent, src) = (format!("192.0.2.{last}"), format!("198.51.100.{last}"));
            let datagram = datagram(&agent, &src, *last, number);
            servers.iter().for_each(|server| {
                socket.send_to(&datagram, server.sflow).expect("the server listens");
            });
        }
        thread::sleep(INTERVAL);
    }
    for request in REQUESTS {
        let [one, two] = [&servers[0], &servers[1]].map(|server| {
            let reply = server.get(request);
            assert_eq!(reply.status, 200, "{request}");
            if request.ends_with("txt") { reply.body.into() } else { reply.json() }
        });
        assert!(one != Value::Array(Vec::new()), "{request}: nothing");
        if let (Value::Object(one), Value::Object(two), "/metrics/json" | "/flowkeys/json") =
            (&one, &two, request)
        {
            // Names and ages.
            assert!(one.keys().eq(two.keys()), "{request}: {one:?} {two:?}");
            continue;
        }
        assert!(similar(&one, &two), "{request}:\n{one:#}\n{two:#}");
    }
    // Both threads had a part.
    let log = std::fs::read_to_string("/proc/net/udp").expect("the sockets");
    let port = format!(":{:04X} ", servers[1].sflow.port());
    assert_eq!(log.matches(&port).count(), 2, "{log}");
}

/// True if two replies are equal but for the time that passed between them.
fn similar(one: &Value, two: &Value) -> bool {
    const TIMES: [&str; 6] =
        ["lastUpdate", "lastUpdateMin", "lastUpdateMax", "firstSeen", "lastSeen", "age"];
    match (one, two) {
        (Value::Object(one), Value::Object(two)) => {
            one.keys().eq(two.keys())
                && one
                    .iter()
                    .all(|(name, value)| TIMES.contains(&&**name) || similar(value, &two[name]))
        }
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| similar(one, two))
        }
        (Value::Number(one), Value::Number(two)) => {
            let (one, two) = (one.as_f64().unwrap_or(0.0), two.as_f64().unwrap_or(0.0));
            (one - two).abs() <= 0.03 * one.abs().max(two.abs()) + 1e-9
        }
        (one, two) => one == two,
    }
}
