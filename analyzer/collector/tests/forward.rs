//! Tests of `forward` as a process.

mod process;

use std::net::UdpSocket;

use flowmote_decoder::Datagram;
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
    let mut copied = 0;
    for (name, payload) in &vectors {
        forward.send(payload);
        // Datagrams without a complete header of a known version are not copied. Version 4 is known.
        if Datagram::parse(payload).is_err() && payload.get(..4) != Some(&[0, 0, 0, 4]) {
            continue;
        }
        copied += 1;
        for collector in &collectors {
            let len = collector.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..len], payload[..], "{name}");
        }
    }
    forward.signal(Signal::SIGTERM);
    let ended = forward.end();
    assert_eq!(ended.code, Some(0));
    for address in addresses {
        let expected = format!("to {address}: {copied} sent, 0 failed");
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    }
    let counts = format!(", {} not sFlow\n", vectors.len() - copied);
    assert!(ended.stderr.contains(&counts), "{}", ended.stderr);
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
    let mut buffer = [0xa5; 64];
    for number in 0..3 {
        forward.send(&sflow(number));
        assert_eq!(collector.recv(&mut buffer).unwrap(), 28);
        assert_eq!(buffer[19], number);
    }
    let ended = forward.end();
    assert!(ended.stderr.contains("Connection refused"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("to {address}: 3 sent, 0 failed")), "{}", ended.stderr);
    assert_eq!(ended.code, Some(0));
}

/// A datagram without samples.
fn sflow(number: u8) -> Vec<u8> {
    let mut payload = vec![0; 28];
    (payload[3], payload[7], payload[19]) = (5, 1, number);
    payload
}

#[test]
fn destination_must_have_a_host() {
    for bad in ["6343", "0.0.0.0:6343", "127.0.0.1:0", "not a name"] {
        let refused = run(&["forward", bad], b"");
        assert_eq!(refused.code, Some(2), "{bad}");
        assert!(refused.stderr.contains("expected 192.0.2.1:6343"), "{}", refused.stderr);
    }
    assert_eq!(run(&["forward"], b"").code, Some(2));
}

#[test]
fn names_are_resolved_and_unknown_ones_named() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("localhost:{}", collector.local_addr().unwrap().port());
    let forward = Listening::start(&["forward", "--listen", "127.0.0.1:0", "--count", "1", &name]);
    forward.send(&sflow(1));
    // The resolver may prefer ::1, where no socket listens.
    let ended = forward.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let unknown = run(&["forward", "--listen", "127.0.0.1:0", "collector.invalid"], b"");
    assert_eq!(unknown.code, Some(1));
    let expected = "cannot send to collector.invalid:6343: cannot resolve collector.invalid: ";
    assert!(unknown.stderr.contains(expected), "{}", unknown.stderr);
}

#[test]
fn own_address_is_refused() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (listen, destination) in [
        ("127.0.0.1", "127.0.0.1"),
        ("[::]", "127.0.0.1"),
        ("[::]", "[::1]"),
        ("0.0.0.0", "localhost"),
    ] {
        let (listen, destination) = (format!("{listen}:{free}"), format!("{destination}:{free}"));
        let refused = run(&["forward", "--for", "5", "--listen", &listen, &destination], b"");
        if refused.stderr.contains("Cannot assign requested address") {
            continue; // a kernel without IPv6
        }
        assert_eq!(refused.code, Some(1), "{listen} {destination}: {}", refused.stderr);
        let expected = "is the address on which datagrams are received";
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn forwarders_that_point_at_each_other_copy_each_datagram_once() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap().to_string();
    // The port of a closed socket, which is free for now.
    let second = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let listen = ["forward", "--listen"];
    let counted = |count| ["--count", count];
    let first = [&listen[..], &["127.0.0.1:0"], &counted("6"), &[&second, &address]].concat();
    let first = Listening::start(&first);
    let back = first.address.to_string();
    let other = [&listen[..], &[second.as_str()], &counted("3"), &[&back]].concat();
    let other = Listening::start(&other);
    let mut buffer = [0xa5; 64];
    for number in 0..3 {
        first.send(&sflow(number));
        assert_eq!(collector.recv(&mut buffer).unwrap(), 28);
        assert_eq!(buffer[19], number);
    }
    // Each forwarder has each datagram, and the first one has it a second time.
    let (first, other) = (first.end(), other.end());
    assert!(first.stderr.starts_with("6 datagrams (168 bytes), 3 copies"), "{}", first.stderr);
    assert!(other.stderr.contains(&format!("to {back}: 3 sent, 0 failed")), "{}", other.stderr);
}

#[test]
fn other_protocols_are_counted_and_not_copied() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap().to_string();
    let forward =
        Listening::start(&["forward", "--listen", "127.0.0.1:0", "--count", "5", &address]);
    for foreign in [&b""[..], &[0, 9, 0, 1], &[0, 0, 0, 5, 0, 0, 0, 1], &[0xa5; 100]] {
        forward.send(foreign);
    }
    forward.send(&sflow(7));
    let mut buffer = [0xa5; 64];
    assert_eq!(collector.recv(&mut buffer).unwrap(), 28);
    let ended = forward.end();
    assert!(ended.stderr.starts_with("5 datagrams (140 bytes), 4 not sFlow\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("to {address}: 1 sent, 0 failed")), "{}", ended.stderr);
}
