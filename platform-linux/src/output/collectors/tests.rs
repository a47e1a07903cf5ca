//! Collectors with real sockets on loopback. Time is an argument, so that no test waits for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, poll};

use super::*;
use crate::config::Host;
use crate::headers::{TCP, UDP};

#[test]
fn every_collector_gets_every_datagram_over_ipv4_and_ipv6() {
    let mut listeners = vec![listener("127.0.0.1:0")];
    match UdpSocket::bind("[::1]:0") {
        Ok(listener) => listeners.push(listener),
        Err(error) => eprintln!("SKIPPED: IPv6: {error}"),
    }
    let wanted: Vec<_> = listeners.iter().map(to).collect();
    let mut collectors = Collectors::new(&wanted);
    assert_eq!(collectors.send(b"early"), Err(SendError));
    assert_eq!(maintain(&mut collectors, 0), None, "nothing more is due");
    for datagram in [b"one".as_slice(), b"two"] {
        assert_eq!(collectors.send(datagram), Ok(()));
        listeners.iter().for_each(|listener| assert_eq!(received(listener), datagram));
    }
    let expected = DestinationStats { sent: 2, unresolved: 1, ..DestinationStats::default() };
    assert!(collectors.iter().all(|destination| destination.stats() == expected));
}

#[test]
fn flow_of_the_datagrams_has_both_addresses_and_both_ports() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = UdpSocket::bind(address) else { continue };
        let mut collectors = Collectors::new(&[to(&listener)]);
        let (destination, from) = (listener.local_addr().unwrap(), "127.0.0.9:9".parse().unwrap());
        let flow = |source: SocketAddr, protocol| Flow {
            source: source.ip(),
            destination: destination.ip(),
            tos: 0,
            transport: Some((protocol, source.port(), destination.port())),
        };
        assert!(!collectors.send_flow(&flow(from, UDP)), "no socket yet");
        maintain(&mut collectors, 0);
        collectors.send(b"one").unwrap();
        let (_, own) = listener.recv_from(&mut [0; 8]).unwrap();
        let exact = flow(own, UDP);
        assert!(collectors.send_flow(&exact));
        let fragment = Flow { transport: None, ..exact };
        let reply = Flow { transport: Some((UDP, destination.port(), own.port())), ..exact };
        let elsewhere = Flow { destination: from.ip(), ..exact };
        let other = SocketAddr::new(own.ip(), own.port() ^ 1);
        for flow in [flow(from, UDP), flow(other, UDP), flow(own, TCP), fragment, reply, elsewhere]
        {
            assert!(!collectors.send_flow(&flow), "{flow:?}");
        }
    }
}

/// On loopback the ICMP error arrives before send(2) returns.
#[test]
fn port_unreachable_is_counted_and_the_socket_kept() {
    let closed = listener("127.0.0.1:0");
    let address = closed.local_addr().unwrap();
    let mut collectors = Collectors::new(&[to(&closed)]);
    drop(closed);
    maintain(&mut collectors, 0);
    for _ in 0..3 {
        assert_eq!(collectors.send(b"lost"), Ok(()));
    }
    assert_eq!(maintain(&mut collectors, 1), Some(at(10)), "the socket stays open");
    let back = UdpSocket::bind(address).unwrap();
    assert_eq!(collectors.send(b"found"), Ok(()));
    assert_eq!(received(&back), b"found");
    let expected = DestinationStats { sent: 4, refused: 3, ..DestinationStats::default() };
    assert_eq!(stats(&collectors), [expected]);
    assert_eq!(maintain(&mut collectors, 11), None, "the outage has ended");
}

#[test]
fn unreachable_address_is_retried_every_five_seconds() {
    // connect(2) to a broadcast address fails with EACCES without SO_BROADCAST.
    let broadcast = Collector::new(Host::Address(IpAddr::V4(Ipv4Addr::BROADCAST)));
    let missing = Collector { device: Some("no-such-device".to_owned()), ..broadcast.clone() };
    let mut collectors = Collectors::new(&[broadcast, missing]);
    assert_eq!(maintain(&mut collectors, 10), Some(at(15)));
    assert_eq!(maintain(&mut collectors, 12), Some(at(15)), "not before it is due");
    assert_eq!(collectors.send(b"lost"), Err(SendError));
    assert_eq!(maintain(&mut collectors, 15), Some(at(20)));
    collectors.reconsider(at(16));
    assert_eq!(maintain(&mut collectors, 16), Some(at(21)), "retried after the change");
    let expected = DestinationStats { unresolved: 1, ..DestinationStats::default() };
    assert_eq!(stats(&collectors), [expected, expected]);
}

#[test]
fn collector_that_stays_keeps_socket_and_counters() {
    let (one, two) = (listener("127.0.0.1:0"), listener("127.0.0.1:0"));
    let mut collectors = Collectors::new(&[to(&one), to(&two)]);
    maintain(&mut collectors, 0);
    collectors.send(b"both").unwrap();
    let first = source(&two);
    collectors.reconfigure(&[to(&two)]);
    collectors.reconsider(at(1));
    maintain(&mut collectors, 1);
    collectors.send(b"one").unwrap();
    assert_eq!(source(&two), first, "the same socket");
    let sent = |sent| DestinationStats { sent, ..DestinationStats::default() };
    assert_eq!((stats(&collectors), collectors.former()), (vec![sent(2)], sent(1)));
}

#[test]
fn name_is_resolved_in_the_background() {
    // Both families, since the first address of localhost may be of either.
    let listener = UdpSocket::bind("[::]:0").unwrap_or_else(|_| listener("127.0.0.1:0"));
    let port = listener.local_addr().unwrap().port();
    let name = Collector { port, ..Collector::new(Host::Name("localhost".to_owned())) };
    let (mut collectors, resolver) = (Collectors::new(&[name]), Resolver::new().unwrap());
    assert_eq!(collectors.maintain(at(0), &resolver), None, "the answer wakes the loop");
    assert_eq!(collectors.send(b"early"), Err(SendError));
    collectors.resolved(at(1), answer(&resolver));
    assert_eq!(collectors.maintain(at(1), &resolver), Some(at(301)), "looked up again then");
    collectors.send(b"found").unwrap();
    assert_eq!(received(&listener), b"found");
}

#[test]
fn answer_of_another_lookup_is_ignored() {
    let name = Collector::new(Host::Name("localhost".to_owned()));
    let other = Collector { port: 99, ..name.clone() };
    let (mut collectors, resolver) = (Collectors::new(&[name]), Resolver::new().unwrap());
    collectors.maintain(at(0), &resolver);
    assert_eq!(collectors.maintain(at(100_000), &resolver), None, "still the same lookup");
    collectors.reconfigure(&[other]);
    collectors.maintain(at(100_001), &resolver);
    let stale = Answer { question: 0, addresses: Ok(vec![ADDRESS]) };
    collectors.resolved(at(100_002), stale);
    assert_eq!(collectors.iter().next().unwrap().address(), None);
    let own = Answer { question: 1, addresses: Ok(vec![ADDRESS]) };
    collectors.resolved(at(100_002), own);
    assert_eq!(collectors.iter().next().unwrap().address(), Some(ADDRESS));
}

#[test]
fn pending_lookup_survives_a_reload() {
    let name = Collector::new(Host::Name("localhost".to_owned()));
    let before = Collector::new(Host::Address(ADDRESS.ip()));
    let resolver = Resolver::new().unwrap();
    let mut collectors = Collectors::new(std::slice::from_ref(&name));
    collectors.maintain(at(0), &resolver);
    collectors.reconfigure(&[before, name]);
    collectors.maintain(at(1), &resolver);
    collectors.resolved(at(2), Answer { question: 0, addresses: Ok(vec![ADDRESS]) });
    assert_eq!(collectors.iter().nth(1).unwrap().address(), Some(ADDRESS));
}

#[test]
fn address_in_use_is_kept_while_the_name_has_it() {
    let second: SocketAddr = "127.0.0.2:9".parse().unwrap();
    let name = Collector::new(Host::Name("localhost".to_owned()));
    let (mut collectors, resolver) = (Collectors::new(&[name]), Resolver::new().unwrap());
    let address = |collectors: &Collectors| collectors.iter().next().unwrap().address();
    for (question, answer, expected, again) in [
        (0, Ok(vec![ADDRESS, second]), Some(ADDRESS), 300),
        (1, Ok(vec![second, ADDRESS]), Some(ADDRESS), 300),
        // After a failure the address stays in use; the next lookups follow after 5, 10, 20 s ...
        (2, Err(io::ErrorKind::NotFound.into()), Some(ADDRESS), 5),
        (3, Err(io::ErrorKind::NotFound.into()), Some(ADDRESS), 10),
        (4, Ok(vec![second]), Some(second), 300),
        (5, Err(io::ErrorKind::NotFound.into()), Some(second), 5),
    ] {
        let now = question * 1000;
        assert_eq!(collectors.maintain(at(now), &resolver), None);
        collectors.resolved(at(now), Answer { question, addresses: answer });
        assert_eq!(address(&collectors), expected);
        assert_eq!(collectors.maintain(at(now), &resolver), Some(at(now + again)));
        // Takes the real answer, so that it no longer counts as pending.
        self::answer(&resolver);
    }
}

fn listener(address: &str) -> UdpSocket {
    UdpSocket::bind(address).unwrap()
}

fn to(listener: &UdpSocket) -> Collector {
    let address = listener.local_addr().unwrap();
    Collector { port: address.port(), ..Collector::new(Host::Address(address.ip())) }
}

fn received(listener: &UdpSocket) -> Vec<u8> {
    readable(listener);
    let mut buffer = [0xa5; 64];
    let length = listener.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// The source address of the next datagram.
fn source(listener: &UdpSocket) -> SocketAddr {
    readable(listener);
    listener.recv_from(&mut [0; 64]).unwrap().1
}

fn answer(resolver: &Resolver) -> Answer {
    loop {
        readable(resolver);
        if let Some(answer) = resolver.answer() {
            return answer;
        }
    }
}

fn readable(file: &impl AsFd) {
    let mut files = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    assert_ne!(poll(&mut files, 60_000_u16).unwrap(), 0, "timeout");
}

fn maintain(collectors: &mut Collectors, secs: u64) -> Option<Instant> {
    collectors.maintain(at(secs), &Resolver::new().unwrap())
}

fn stats(collectors: &Collectors) -> Vec<DestinationStats> {
    collectors.iter().map(Destination::stats).collect()
}

const fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1000)
}

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
