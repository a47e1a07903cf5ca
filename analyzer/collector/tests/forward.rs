//! Tests of `forward` as a process.

mod process;

use std::net::UdpSocket;

use flowmote_vectors::all as vectors;
use nix::sys::signal::Signal;
use process::{Listening, run};

#[test]
fn every_datagram_reaches_every_destination_unchanged() {
    let collectors = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
    let addresses = collectors.each_ref().map(|socket| socket.local_addr().unwrap().to_string());
    let [first, second] = &addresses;
    let forward = Listening::start(&["forward", "--listen", "127.0.0.1:0", first, second]);
    let mut buffer = [0xa5; 65_535];
    let vectors = vectors();
    for (name, payload) in &vectors {
        forward.send(payload);
        for collector in &collectors {
            let len = collector.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..len], payload[..], "{name}");
        }
    }
    forward.signal(Signal::SIGTERM);
    let ended = forward.end();
    assert_eq!(ended.code, Some(0));
    for address in addresses {
        let expected = format!("to {address}: {} sent, 0 failed", vectors.len());
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    }
}

#[test]
fn refused_destination_does_not_affect_others() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap().to_string();
    // The port of a closed socket, which is free for now.
    let refused = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let forward = Listening::start(&[
        "forward",
        "--listen",
        "127.0.0.1:0",
        "--count",
        "3",
        &refused,
        &address,
    ]);
    let mut buffer = [0xa5; 16];
    for number in 0..3 {
        forward.send(&[number]);
        assert_eq!(collector.recv(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], number);
    }
    let ended = forward.end();
    assert!(ended.stderr.contains("Connection refused"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("to {address}: 3 sent, 0 failed")), "{}", ended.stderr);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn destination_must_be_an_address() {
    for bad in ["6343", "0.0.0.0:6343", "127.0.0.1:0", "collector.example"] {
        let refused = run(&["forward", bad], b"");
        assert_eq!(refused.code, Some(2), "{bad}");
        assert!(refused.stderr.contains("expected 192.0.2.1:6343"), "{}", refused.stderr);
    }
    assert_eq!(run(&["forward"], b"").code, Some(2));
}
