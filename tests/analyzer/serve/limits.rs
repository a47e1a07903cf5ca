//! Who may do what, and how much.

use std::io::Write;
use std::net::TcpStream;

use flowmote_lab::{Program, wait_until};
use serde_json::json;

use crate::client::{Server, is_readable, reply, serve};
use crate::traffic::Traffic;

#[test]
fn read_only_server_refuses_changes() {
    let server = Server::start(&["--read-only"]);
    server.send("PUT", "/flow/a/json", "", "{value:'bytes'}").fails(403);
    server.send("DELETE", "/flow/a/json", "", "").fails(403);
    assert_eq!(server.json("/flow/json"), json!({}));
}

#[test]
fn token_is_required_where_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "correct-horse\n").unwrap();
    let server = Server::start(&["--token-file", file.to_str().unwrap()]);
    let refused = server.get("/version");
    refused.fails(401);
    assert!(refused.head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{refused:?}");
    server.send("GET", "/version", "Authorization: Bearer wrong\r\n", "").fails(401);
    let right = "Authorization: Bearer correct-horse\r\n";
    assert_eq!(server.send("GET", "/version", right, "").status, 200);
}

#[test]
fn foreign_host_is_refused() {
    let server = Server::start(&["--name", "flows.example.net"]);
    let get = |host: &str| {
        server.raw(format!("GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
    };
    get("evil.example").fails(421);
    get("evil.example:8008").fails(421);
    assert_eq!(get("flows.example.net:8008").status, 200);
    assert_eq!(get("127.0.0.1:1").status, 200);
}

#[test]
fn address_that_others_reach_needs_a_decision() {
    let start = |options: &[&str]| {
        let mut command = serve(options);
        command.args(["--http", "0.0.0.0:0"]);
        Program::start(command)
    };
    let mut refused = start(&[]);
    assert_eq!(refused.wait().code(), Some(1));
    for option in ["--token-file", "--read-only", "--open"] {
        assert!(refused.log().contains(option), "{}", refused.log());
    }
    for decision in ["--read-only", "--open"] {
        start(&[decision]).wait_for_line(0, "serving http://0.0.0.0:");
    }
}

#[test]
fn size_and_depth_of_a_body_are_bounded() {
    let server = Server::start(&[]);
    let fill = |bytes: usize| {
        let body = "{value:'bytes',unknown:''}";
        body.replace("''", &format!("'{}'", "x".repeat(bytes - body.len())))
    };
    server.put("/flow/a/json", &fill(1 << 20));
    server.send("PUT", "/flow/a/json", "", &fill((1 << 20) + 1)).fails(413);
    // The length alone is enough: none of the body is sent.
    let head = "PUT /flow/a/json HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
                Content-Length: 1000000000\r\n\r\n";
    server.raw(head.as_bytes()).fails(413);
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", (1 << 20) + 1, "x".repeat((1 << 20) + 1));
    let head = "PUT /flow/a/json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    server.raw(format!("{head}{chunks}").as_bytes()).fails(413);
    for deep in ["[", "{a:"] {
        let reply = server.send("PUT", "/topology/json", "", &deep.repeat(100_000));
        reply.fails(400);
    }
    server.get(&format!("/version?{}", "x".repeat(9000))).fails(414);
}

#[test]
fn waiting_requests_are_bounded_and_hold_nobody_up() {
    let server = Server::start(&[]);
    let mut waiting: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut waiting {
        let poll = "GET /events/json?eventID=-1&timeout=300 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(poll.as_bytes()).unwrap();
    }
    let refused = |waiting: &[TcpStream]| waiting.iter().filter(|it| is_readable(it)).count();
    wait_until("the refusals", || (refused(&waiting) == 300 - 256).then_some(()));
    let (full, mut held): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_readable);
    full.into_iter().for_each(|mut stream| reply(&mut stream).fails(503));
    assert_eq!(server.get("/version").status, 200);
    assert_eq!(refused(&held), 0);
    // An event wakes all of them.
    let _traffic = Traffic::to(server.sflow);
    server.put("/flow/a/json", "{value:'frames'}");
    server.put("/threshold/a/json", "{metric:'a',value:10}");
    for stream in &mut held {
        assert_eq!(reply(stream).json()[0]["thresholdID"], "a");
    }
}

#[test]
fn slow_clients_hold_nobody_up() {
    let server = Server::start(&[]);
    let mut slow: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        // One byte of a head, or one byte of a body.
        let head = "PUT /flow/a/json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n{";
        let sent = if number % 2 == 0 { "P" } else { head };
        stream.write_all(sent.as_bytes()).unwrap();
    }
    assert_eq!(server.get("/version").status, 200);
    server.put("/flow/b/json", "{value:'bytes'}");
    let mut stream = slow.pop().unwrap();
    stream.write_all(b"value:'frames'}").unwrap();
    assert_eq!(reply(&mut stream).status, 204);
}
