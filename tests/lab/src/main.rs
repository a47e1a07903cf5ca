//! Helper of the lab: opens sockets inside a network namespace, which only a process there can do.
//!
//! usage: flowmote-lab collect ADDRESS:PORT | flood ADDRESS:PORT COUNT SIZE [SEGMENT] |
//!        send ADDRESS:PORT | sink ADDRESS:PORT | source ADDRESS:PORT BYTES | frame INTERFACE HEX |
//!        echo ADDRESS:PORT | talk ADDRESS:PORT CONNECTIONS |
//!        relay ADDRESS:PORT SOCKET

use core::error::Error;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use flowmote_vectors::unhex;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, sendto, setsockopt, socket, sockopt,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["collect", address] => collect(address),
        ["flood", to, count, size] => flood(to, count.parse()?, size.parse()?, None),
        ["flood", to, count, size, segment] => {
            flood(to, count.parse()?, size.parse()?, Some(segment.parse()?))
        }
        ["send", to] => send(to),
        ["sink", address] => sink(address),
        ["source", to, bytes] => source(to, bytes.parse()?),
        ["frame", interface, hex] => frame(interface, hex),
        ["echo", address] => echo(address),
        ["talk", to, connections] => talk(to, connections.parse()?),
        ["relay", address, socket] => relay(address, socket),
        _ => Err("usage: see the first lines of tests/lab/src/main.rs".into()),
    }
}

/// Writes each datagram to standard output after its arrival time and length.
///
/// An empty first record announces that the socket is open. When standard input ends, it writes the
/// datagrams still queued and returns.
fn collect(address: &str) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(address)?;
    // RcvBufForce exceeds net.core.rmem_max but needs CAP_NET_ADMIN; RcvBuf is capped.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER));
    socket.set_nonblocking(true)?;
    let mut output = io::stdout().lock();
    write_record(&mut output, &[])?;
    let input = io::stdin();
    loop {
        let mut files = [
            PollFd::new(socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut files, PollTimeout::NONE)?;
        let ends = files[1].any().unwrap_or_default();
        receive_all(&socket, &mut output)?;
        if ends {
            return Ok(());
        }
    }
}

fn receive_all(socket: &UdpSocket, output: &mut impl Write) -> io::Result<()> {
    let mut datagram = [0; 65_536];
    loop {
        match socket.recv(&mut datagram) {
            Ok(length) => write_record(output, &datagram[..length])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn write_record(output: &mut impl Write, datagram: &[u8]) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let mut record = (now.as_nanos() as u64).to_be_bytes().to_vec();
    record.extend((datagram.len() as u32).to_be_bytes());
    record.extend(datagram);
    output.write_all(&record)?;
    output.flush()
}

/// With `segment`, kernel or interface cut each payload into datagrams of that size (UDP_SEGMENT).
fn flood(to: &str, count: u32, size: usize, segment: Option<i32>) -> Result<(), Box<dyn Error>> {
    let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    if let Some(segment) = segment {
        setsockopt(&socket, sockopt::UdpGsoSegment, &segment)?;
    }
    let datagram = vec![0x5a; size];
    for _ in 0..count {
        // Not connected, so that an ICMP port unreachable is no error of the next send.
        socket.send_to(&datagram, to)?;
    }
    Ok(())
}

/// Sends the datagrams of standard input, each after its length in four bytes.
fn send(to: &str) -> Result<(), Box<dyn Error>> {
    let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    let mut input = io::stdin().lock();
    let mut length = [0; 4];
    while let Ok(()) = input.read_exact(&mut length) {
        let mut datagram = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut datagram)?;
        socket.send_to(&datagram, to)?;
    }
    Ok(())
}

fn sink(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    let (mut connection, _) = listener.accept()?;
    let bytes = io::copy(&mut connection, &mut io::sink())?;
    println!("{bytes} bytes");
    Ok(())
}

fn source(to: &str, bytes: u64) -> Result<(), Box<dyn Error>> {
    let mut connection = TcpStream::connect(to)?;
    let copied = io::copy(&mut io::repeat(0x5a).take(bytes), &mut connection)?;
    connection.shutdown(Shutdown::Write)?;
    // The receiver closes after it has read everything.
    connection.read_to_end(&mut Vec::new())?;
    if copied == bytes { Ok(()) } else { Err(format!("{copied} bytes only").into()) }
}

/// Returns what it receives, on any number of connections, until it is killed.
fn echo(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    loop {
        let (connection, _) = listener.accept()?;
        thread::Builder::new().stack_size(64 << 10).spawn(move || {
            let _ = io::copy(&mut &connection, &mut &connection);
        })?;
    }
}

/// Opens connections to an echo. For each line with a number in standard input it exchanges as many
/// bytes on each connection, 1,000 at a time, and prints "done". Closes them at the end of the input.
fn talk(to: &str, connections: usize) -> Result<(), Box<dyn Error>> {
    let connect = |_| {
        let connection = TcpStream::connect(to)?;
        connection.set_nodelay(true)?;
        Ok::<_, io::Error>(connection)
    };
    let connections: Vec<TcpStream> = (0..connections).map(connect).collect::<Result<_, _>>()?;
    println!("connected");
    for line in io::stdin().lines() {
        let bytes: usize = line?.trim().parse()?;
        for mut connection in &connections {
            let mut piece = [0x5a; 1000];
            for start in (0..bytes).step_by(piece.len()) {
                let piece = &mut piece[..(bytes - start).min(1000)];
                connection.write_all(piece)?;
                connection.read_exact(piece)?;
            }
        }
        println!("done");
    }
    Ok(())
}

fn frame(interface: &str, hex: &str) -> Result<(), Box<dyn Error>> {
    let frame = unhex(hex);
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    let link = getifaddrs()?
        .filter(|address| address.interface_name == interface)
        .find_map(|address| address.address?.as_link_addr().copied());
    let link = link.ok_or_else(|| format!("no interface {interface}"))?;
    sendto(socket.as_raw_fd(), &frame, &link, MsgFlags::empty())?;
    Ok(())
}

/// Passes each TCP connection on to a Unix socket, where a server of the test waits, until it is killed.
fn relay(address: &str, socket: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    for client in listener.incoming() {
        let (mut client, mut server) = (client?, UnixStream::connect(socket)?);
        let (mut to_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut client, &mut to_server);
        });
        thread::spawn(move || {
            let _ = io::copy(&mut server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

const RECEIVE_BUFFER: usize = 8 << 20;
