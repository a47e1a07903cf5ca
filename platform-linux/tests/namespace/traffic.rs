//! Packets of the tests, between `v0` and `v1`.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::ops::RangeInclusive;

use super::{Peer, ip, is_inside, skip};

/// Sends datagrams of 18 bytes, in frames of 60 bytes, from `v0` to `v1`.
pub(crate) fn send_datagrams(count: u32) {
    let socket = UdpSocket::bind("10.0.0.1:4000").unwrap();
    socket.connect("10.0.0.2:4001").unwrap();
    for number in 0..count {
        let mut payload = [0xa5; 18];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        socket.send(&payload).unwrap();
    }
}

/// Sends bulk TCP from this namespace to a peer, over `v0`. Afterwards [`tcp_segments`] returns the
/// number of segments in both directions.
pub(crate) fn bulk_tcp(bytes: usize) -> Peer {
    let mut peer = Peer::start();
    ip(&format!("link set v1 netns {}", peer.id()));
    peer.send("go");
    peer.wait_for("listening");
    let mut stream = TcpStream::connect("10.0.0.2:5001").unwrap();
    stream.write_all(&vec![0xa5; bytes]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    assert!(peer.wait_for("received").contains(&format!("received {bytes} ")));
    peer
}

/// The receiving end of [`bulk_tcp`], which starts it.
pub(crate) fn peer() {
    if !is_inside() {
        return skip("peer", "-n", "runs only as part of the TCP tests");
    }
    let mut line = String::new();
    println!("peer started");
    io::stdin().read_line(&mut line).unwrap();
    ip("addr add 10.0.0.2/24 dev v1");
    ip("link set v1 addrgenmode none");
    ip("link set v1 up");
    ip("neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 dev v1");
    let listener = TcpListener::bind("10.0.0.2:5001").unwrap();
    println!("listening");
    let (mut stream, _) = listener.accept().unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    while let read @ 1.. = stream.read(&mut buffer).unwrap() {
        total += read;
    }
    println!("received {total} bytes");
    drop(stream);
    // The interface exists until this process ends, which must not be before the test does.
    let _ = io::stdin().read_line(&mut line);
}

/// The number of TCP segments on the wire of this namespace, as a range.
///
/// `OutSegs` counts each segment of a super-packet. Received are acknowledgements only, one skb
/// each. `OutSegs` excludes retransmissions (net/ipv4/tcp_output.c, `__tcp_transmit_skb`), and
/// `RetransSegs` counts those before they are segmented again, so that the number is exact only
/// without retransmissions.
pub(crate) fn tcp_segments() -> RangeInclusive<u64> {
    let [received, sent, again] = ["InSegs", "OutSegs", "RetransSegs"].map(tcp_counter);
    received + sent..=received + sent + 2 * again
}

pub(crate) fn tcp_counter(wanted: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(name, _)| *name == wanted).unwrap().1.parse().unwrap()
}

pub(crate) const BULK: usize = 20_000_000;
