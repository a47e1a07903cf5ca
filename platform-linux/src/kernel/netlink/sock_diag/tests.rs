//! Bytes of requests and replies, and lookups of real sockets.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use super::tcp_info::testing::tcp_info;
use super::testing::query_of;
use super::*;
use crate::kernel::netlink::push_attribute;
use proptest::prelude::*;

const TCP: u8 = libc::IPPROTO_TCP as u8;

fn query(protocol: u8, local: &str, remote: &str) -> Query {
    let address = |text: &str| {
        let address: SocketAddr = text.parse().unwrap();
        (address.ip(), address.port())
    };
    Query { protocol, local: address(local), remote: address(remote), device: 5, namespace: None }
}

#[test]
#[cfg(target_endian = "little")]
fn request_bytes() {
    let mut bytes = Vec::new();
    query(TCP, "10.0.0.1:443", "10.0.0.2:54321").push_request(7, &mut bytes);
    let expected = [
        &[72, 0, 0, 0, 20, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0][..],
        &[2, 6, 2, 0, 0xff, 0xff, 0xff, 0xff], // AF_INET, TCP, INET_DIAG_INFO, all states
        &[0x01, 0xbb, 0xd4, 0x31],
        &[10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    assert_eq!(bytes, expected.concat());
    bytes.clear();
    query(UDP, "[::1]:53", "[::2]:9").push_request(8, &mut bytes);
    assert_eq!(bytes[16..20], [10, 17, 2, 0]);
    assert_eq!(bytes[24..28], [0, 9, 0, 53], "source is the peer");
    assert_eq!((bytes[43], bytes[59]), (2, 1));
}

/// `struct inet_diag_msg` of 10.0.0.1:443 and 10.0.0.2:54321, with attributes.
fn message(family: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![0; 72];
    (body[0], body[1]) = (family, 1);
    body[4..8].copy_from_slice(&[0x01, 0xbb, 0xd4, 0x31]);
    body[8..12].copy_from_slice(&[10, 0, 0, 1]);
    body[24..28].copy_from_slice(&[10, 0, 0, 2]);
    body[44..52].copy_from_slice(&77_u64.to_ne_bytes());
    attributes.iter().for_each(|(kind, value)| push_attribute(&mut body, *kind, value));
    body
}

fn of(kind: u16, body: &[u8]) -> Reply {
    reply(&Message { kind, flags: 0, sequence: 1, body })
}

#[test]
fn reply_has_the_socket_its_state_and_its_cgroup() {
    let info = tcp_info(&[(68, 1234)]);
    let (cgroup, shutdown) = (4711_u64.to_ne_bytes(), [3]);
    let body = message(2, &[(8, &shutdown), (2, &info), (21, &cgroup)]);
    let Reply::Found(found) = of(20, &body) else { panic!() };
    assert_eq!(found.local, ("10.0.0.1".parse().unwrap(), 443));
    assert_eq!(found.remote, ("10.0.0.2".parse().unwrap(), 54321));
    assert_eq!((found.cookie, found.cgroup), (77, Some(4711)));
    assert_eq!(found.tcp.unwrap().rtt, 1234);
    let Reply::Found(bare) = of(20, &message(2, &[])) else { panic!() };
    assert_eq!((bare.tcp, bare.cgroup), (None, None));
    for state in [2, 3] {
        let mut body = body.clone();
        body[1] = state;
        let Reply::Found(found) = of(20, &body) else { panic!() };
        assert_eq!((found.tcp, found.cgroup), (None, Some(4711)), "in its handshake");
    }
}

#[test]
fn ipv6_socket_of_an_ipv4_connection_has_ipv4_addresses() {
    let mut body = message(10, &[]);
    for (at, last) in [(8, 1), (24, 2)] {
        let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0a00, last).octets();
        body[at..at + 16].copy_from_slice(&mapped);
    }
    let Reply::Found(found) = of(20, &body) else { panic!() };
    assert_eq!([found.local.0, found.remote.0].map(|ip| ip.to_string()), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn errors_and_malformed_replies() {
    let error = |errno: i32| of(2, &(-errno).to_ne_bytes());
    assert_eq!(error(libc::ENOENT), Reply::NoSocket);
    assert_eq!(error(libc::EPERM), Reply::Refused(libc::EPERM));
    assert_eq!(error(0), Reply::Malformed, "success without a socket");
    assert_eq!(of(2, &[0; 3]), Reply::Malformed);
    assert_eq!(of(3, &[0; 4]), Reply::Malformed, "another type");
    assert_eq!(of(20, &message(2, &[])[..71]), Reply::Malformed);
    assert_eq!(of(20, &message(1, &[])), Reply::Malformed, "AF_UNIX");
    // An impossible attribute ends the attributes.
    let Reply::Found(cut) = of(20, &[&message(2, &[])[..], &[255, 0, 2, 0]].concat()) else {
        panic!()
    };
    assert_eq!(cut.tcp, None);
}

/// Opens a connection and returns both ends.
fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn look_up(diag: &mut SocketDiag, queries: &[Query]) -> Vec<Option<Reply>> {
    let mut replies = vec![None; queries.len()];
    diag.look_up(queries.iter(), &mut |number, reply| replies[number] = Some(reply)).unwrap();
    replies
}

/// Sockets of this process; a lookup requires no privileges.
#[test]
fn batch_of_lookups_finds_each_socket() {
    let mut diag = SocketDiag::open().unwrap();
    if let Err(error) = diag.probe(TCP) {
        return println!("SKIPPED: no tcp_diag: {error}");
    }
    // IPv4 on an IPv6 socket, where the host has IPv6.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections: Vec<_> = (0..MAX_QUERIES / 2)
        .map(|_| {
            let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            (client, listener.accept().unwrap().0)
        })
        .collect();
    let ends = connections.iter().flat_map(|(client, server)| [client, server]);
    let queries: Vec<Query> = ends.map(query_of).collect();
    for _ in 0..2 {
        for (query, reply) in queries.iter().zip(look_up(&mut diag, &queries)) {
            let Some(Reply::Found(found)) = reply else { panic!("{query:?}: {reply:?}") };
            assert_eq!((found.local, found.remote), (query.local, query.remote));
            assert!(found.tcp.is_some_and(|tcp| tcp.snd_mss > 0), "{found:?}");
        }
    }
    let unused = Query { remote: (queries[0].remote.0, 1), ..queries[0] };
    assert_eq!(look_up(&mut diag, &[unused]), [Some(Reply::NoSocket)]);
    assert_eq!(look_up(&mut diag, &[]), []);
}

#[test]
fn socket_that_listens_is_found_for_a_connection_that_does_not_exist() {
    let mut diag = SocketDiag::open().unwrap();
    if diag.probe(TCP).is_err() {
        return println!("SKIPPED: no tcp_diag");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stranger = query(TCP, &format!("127.0.0.1:{port}"), "127.0.0.1:1");
    let [Some(Reply::Found(found))] = look_up(&mut diag, &[stranger])[..] else { panic!() };
    assert_eq!((found.local.1, found.remote.1), (port, 0));
    let (client, server) = connection(&listener);
    let query = query_of(&client);
    assert!(matches!(look_up(&mut diag, &[query])[..], [Some(Reply::Found(_))]));
    // The end that closes first waits in TIME_WAIT, without a state.
    drop(client);
    drop(server);
    let reply = look_up(&mut diag, &[query]);
    assert!(
        matches!(reply[..], [Some(Reply::Found(Found { tcp: None, .. }) | Reply::NoSocket)]),
        "{reply:?}"
    );
}

#[test]
fn udp_socket_is_found_by_its_port() {
    let mut diag = SocketDiag::open().unwrap();
    if diag.probe(UDP).is_err() {
        return println!("SKIPPED: no udp_diag");
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let query = query(UDP, &format!("127.0.0.1:{port}"), "127.0.0.1:9");
    let [Some(Reply::Found(found))] = look_up(&mut diag, &[Query { device: 0, ..query }])[..]
    else {
        panic!()
    };
    assert_eq!((found.local.1, found.remote.1, found.tcp), (port, 0, None));
}

proptest! {
    #[test]
    fn arbitrary_replies_are_parsed(kind in 0_u16..32, bytes: Vec<u8>) {
        let _ = of(kind, &bytes);
        let _ = of(20, &[message(10, &[]), bytes].concat());
    }
}
