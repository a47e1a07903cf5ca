//! Requests as clients really send them, and what they get.

use std::io::Write;

use flowmote_lab::wait_until;
use serde_json::json;

use crate::client::{Server, reply};
use crate::traffic::{AGENT, PORT, Traffic};

#[test]
fn bodies_are_relaxed_json_of_any_content_type() {
    let server = Server::start(&[]);
    let expected = json!({
        "keys": "ipsource,ipdestination", "value": "bytes", "n": 10, "t": 2, "fs": ",",
        "log": false, "activeTimeout": 60,
    });
    for body in [
        r#"{"keys":"ipsource,ipdestination","value":"bytes","n":10}"#,
        "{keys:'ipsource,ipdestination',value:'bytes',n:'10',}",
        r#"{"keys":["ipsource","ipdestination"],"value":"bytes","n":10,"unknown":{}}"#,
    ] {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        assert_eq!(server.send("PUT", "/flow/pairs/json", form, body).status, 204, "{body}");
        // The defaults are filled in, and the keys are one text.
        assert_eq!(server.json("/flow/pairs/json"), expected, "{body}");
        assert_eq!(server.json("/flow/json"), json!({ "pairs": expected }));
        assert_eq!(server.delete("/flow/pairs/json"), 204);
    }
}

#[test]
fn lists_may_be_single_values_and_numbers() {
    let server = Server::start(&[]);
    server.put("/group/json", "{external:'0.0.0.0/0',internal:['10.0.0.0/8',]}");
    let groups = json!({ "external": ["0.0.0.0/0"], "internal": ["10.0.0.0/8"] });
    assert_eq!(server.json("/group/json"), json!({ "": groups }));
    server.put("/map/services/json", "{web:[80,'443'],ssh:22}");
    let map = json!({ "web": ["80", "443"], "ssh": ["22"] });
    assert_eq!(server.json("/map/services/json"), map);
    for body in ["{a:null}", "{a:{}}", "{a:[[]]}", "[]", "null"] {
        server.send("PUT", "/map/services/json", "", body).fails(400);
    }
    assert_eq!(server.json("/map/services/json"), map);
}

#[test]
fn bodies_may_come_in_chunks_or_after_a_permission() {
    let server = Server::start(&[]);
    let chunked = "PUT /flow/a/json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
                   9\r\n{value:'b\r\n6\r\nytes'}\r\n0\r\n\r\n";
    assert_eq!(server.raw(chunked.as_bytes()).status, 204);
    assert_eq!(server.json("/flow/a/json")["value"], "bytes");
    let mut stream = server.connect();
    let head = "PUT /flow/b/json HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
                Content-Length: 16\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(reply(&mut stream).status, 100);
    stream.write_all(b"{value:'frames'}").unwrap();
    assert_eq!(reply(&mut stream).status, 204);
    assert_eq!(server.json("/flow/b/json")["value"], "frames");
}

#[test]
fn body_of_a_get_is_ignored_and_the_connection_stays() {
    let server = Server::start(&[]);
    let mut stream = server.connect();
    for _ in 0..2 {
        let request = "GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{a:1}";
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(reply(&mut stream).status, 200);
    }
}

#[test]
fn slashes_and_unknown_parameters_do_not_matter() {
    let server = Server::start(&[]);
    for path in ["/version", "//version", "/version/", "/version?_=17&x", "//version//?a=//"] {
        assert_eq!(server.get(path).body, server.get("/version").body, "{path}");
    }
    server.put("/flow/a/json", "{value:'bytes'}");
    for path in ["/activeflows/ALL/a/json?timeout=x&maxFlows=many&aggMode=avg", "/events/json?x"] {
        assert_eq!(server.json(path), json!([]), "{path}");
    }
}

#[test]
fn errors_are_json_objects() {
    let server = Server::start(&[]);
    for (method, path, body, status) in [
        ("GET", "/nothing", "", 404),
        ("GET", "/no/such/json", "", 404),
        ("GET", "/flow/a/json", "", 404),
        ("GET", "/activeflows/ALL/a/json", "", 404),
        ("GET", "/threshold/a/json", "", 404),
        ("GET", "/group/a/json", "", 404),
        ("GET", "/topology/json", "", 404),
        ("GET", "/api/v1/flows/a", "", 404),
        ("GET", "/api/v1/flows/a?maxFlow=1", "", 400),
        ("GET", "/api/v1/flows/a?minValue=NaN", "", 400),
        ("GET", "/flow/%ff/json", "", 400),
        ("PUT", "/version", "", 405),
        ("PUT", "/flow/a/json", "", 400),
        ("PUT", "/flow/a/json", "{", 400),
        ("PUT", "/flow/a/json", "[]", 400),
        ("PUT", "/flow/a/json", "{keys:'nosuchkey',value:'bytes'}", 400),
        ("PUT", "/flow/a/json", "{keys:'ipsource'}", 400),
        ("PUT", "/flow/a/json", "{value:'bytes',n:'many'}", 400),
        ("PUT", "/threshold/a/json", "{metric:'a'}", 400),
        ("PUT", "/threshold/a/json", "{metric:'a',value:1,timeout:NaN}", 400),
        ("PUT", "/threshold/a/json", "{metric:'a',value:'inf'}", 400),
        ("PUT", "/threshold/a/json", "{value:1}", 400),
        ("PUT", "/group/json", "{a:['10.0.0.0/99']}", 400),
        ("PUT", "/topology/json", "{links:{a:{node1:'x'}}}", 400),
        ("DELETE", "/flow/a/json", "", 404),
        ("DELETE", "/threshold/a/json", "", 404),
        ("DELETE", "/group/a/json", "", 404),
    ] {
        println!("{method} {path} {body}");
        server.send(method, path, "", body).fails(status);
    }
}

#[test]
fn second_delete_finds_nothing() {
    let server = Server::start(&[]);
    server.put("/flow/a/json", "{value:'bytes'}");
    server.put("/threshold/a/json", "{metric:'a',value:1}");
    server.put("/group/a/json", "{all:['0.0.0.0/0']}");
    server.put("/map/a/json", "{web:['80']}");
    for kind in ["flow", "threshold", "group", "map"] {
        let path = format!("/{kind}/a/json");
        assert_eq!([server.delete(&path), server.delete(&path)], [204, 404], "{kind}");
    }
}

#[test]
fn metrics_are_listed_with_either_separator() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let dump = format!("/dump/{AGENT}/ifinoctets;ifspeed/json");
    let cells = wait_until("rates of counters", || {
        let cells = server.json(&dump);
        (cells.as_array()?.len() == 2).then_some(cells)
    });
    assert_eq!(cells, {
        let mut same = server.json(&dump.replace(';', ","));
        // Only times and rates go on.
        for (same, cell) in same.as_array_mut().into_iter().flatten().zip(cells.as_array().unwrap())
        {
            same["lastUpdate"] = cell["lastUpdate"].clone();
            same["metricValue"] = cell["metricValue"].clone();
        }
        same
    });
    assert_eq!(cells[1]["metricValue"], 1e9);
    assert_eq!(cells[0]["dataSource"], PORT.to_string());
    let statistics = server.json(&format!("/metric/{AGENT}/max:ifspeed;no-such-metric/json"));
    assert_eq!(statistics[0]["metricValue"], 1e9);
    assert_eq!(statistics[1], json!({ "metricName": "no-such-metric", "metricN": 0 }));
}
