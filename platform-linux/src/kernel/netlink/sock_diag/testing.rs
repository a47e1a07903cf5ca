//! Queries for unit tests.

use std::net::{SocketAddr, TcpStream};

use super::Query;

/// The query for a connected socket of the network namespace of this thread.
pub(crate) fn query_of(socket: &TcpStream) -> Query {
    let (local, remote) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    let plain = |address: SocketAddr| (address.ip().to_canonical(), address.port());
    Query {
        protocol: libc::IPPROTO_TCP as u8,
        local: plain(local),
        remote: plain(remote),
        device: 0,
        namespace: None,
    }
}
