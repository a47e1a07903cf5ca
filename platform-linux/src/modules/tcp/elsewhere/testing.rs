//! Connections for unit tests.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// A connection within this host, of which both ends have sent a byte.
pub(crate) fn connection(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut server = listener.accept().unwrap().0;
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    server.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    (client, server)
}
