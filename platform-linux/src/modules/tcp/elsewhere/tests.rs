use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;

use crate::headers::TCP;
use crate::kernel::netlink::sock_diag::testing::query_of;
use crate::kernel::netlink::sock_diag::{MAX_QUERIES, SocketDiag, TcpInfo};
use crate::modules::tcp::elsewhere::testing::connection;

fn look_up(elsewhere: &Elsewhere, queries: &[Query]) -> Vec<Reply> {
    let mut replies = Vec::new();
    let outcome = elsewhere.look_up(queries.iter(), &mut |number, reply| {
        assert_eq!(number, replies.len());
        replies.push(reply);
    });
    outcome.unwrap();
    replies
}

/// The program with all fields, and the one with the stable ones. Skips where the kernel refuses it.
fn programs() -> Vec<Elsewhere> {
    let all = Btf::of_kernel().and_then(|btf| Elsewhere::load(Fields::of(&btf)?));
    match (all, Elsewhere::load(Fields::stable())) {
        (Ok(all), Ok(some)) => vec![all, some],
        (all, some) => {
            println!("SKIPPED: {:?}, {:?}", all.err(), some.err());
            Vec::new()
        }
    }
}

fn state(reply: Reply) -> TcpInfo {
    match reply {
        Reply::Found(found) => found.tcp.expect("a connection"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn state_is_that_of_sock_diag() {
    for elsewhere in programs() {
        for address in ["127.0.0.1", "::1"] {
            let (client, server) = connection(address);
            let queries = [query_of(&client), query_of(&server)];
            let replies = look_up(&elsewhere, &queries);
            let mut expected = Vec::new();
            let mut diag = SocketDiag::open().unwrap();
            diag.look_up(queries.iter(), &mut |_, reply| expected.push(reply)).unwrap();
            let has_all = elsewhere.fields.list.len() > Fields::stable().list.len();
            for (reply, expected) in replies.into_iter().zip(expected) {
                let all = state(expected);
                let some = TcpInfo {
                    rcv_mss: 0,
                    pmtu: 0,
                    rttvar: 0,
                    reordering: 0,
                    total_rto: None,
                    ..all
                };
                assert_eq!(state(reply), if has_all { all } else { some }, "{address}");
                assert!(all.rtt > 0 && all.bytes_acked > Some(0), "{all:?}");
            }
        }
    }
}

#[test]
fn each_query_has_its_own_reply() {
    for elsewhere in programs() {
        let (client, _server) = connection("127.0.0.1");
        let found = query_of(&client);
        let nobody = Query { remote: (found.remote.0, 1), ..found };
        let queries: Vec<_> =
            (0..MAX_QUERIES).map(|number| if number % 3 == 0 { found } else { nobody }).collect();
        for (number, reply) in look_up(&elsewhere, &queries).into_iter().enumerate() {
            match number % 3 {
                0 => assert!(state(reply).rtt > 0),
                _ => assert_eq!(reply, Reply::NoSocket, "{number}"),
            }
        }
        assert_eq!(look_up(&elsewhere, &[nobody]), [Reply::NoSocket], "not an earlier reply");
        assert_eq!(look_up(&elsewhere, &[]), []);
    }
}

#[test]
fn socket_that_listens_has_no_connection() {
    for elsewhere in programs() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let (local, remote) = ((local.ip(), local.port()), (local.ip(), 1));
        let of = Query { protocol: TCP, local, remote, device: 0, namespace: None };
        let [Reply::Found(found)] = look_up(&elsewhere, &[of])[..] else { panic!("no socket") };
        assert_eq!((found.tcp, found.remote.1), (None, 0));
    }
}

#[test]
fn namespace_without_the_socket_has_none() {
    for elsewhere in programs() {
        let (client, _server) = connection("127.0.0.1");
        let of = Query { namespace: Some(1_000_000), ..query_of(&client) };
        assert_eq!(look_up(&elsewhere, &[of]), [Reply::NoSocket]);
    }
}

#[test]
fn sockets_of_the_same_addresses_differ_by_the_number_they_began_with() {
    for elsewhere in programs() {
        let (mut client, mut server) = connection("127.0.0.1");
        let of = query_of(&client);
        let cookie = || match look_up(&elsewhere, &[of])[..] {
            [Reply::Found(found)] => found.cookie,
            _ => panic!("no socket"),
        };
        let first = cookie();
        client.write_all(&[0; 1000]).unwrap();
        server.read_exact(&mut [0; 1000]).unwrap();
        // What comes back acknowledges them.
        server.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert_eq!(cookie(), first, "the same connection");
    }
}
