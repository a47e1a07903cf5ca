//! The way to the agent: UDP on the loopback interface.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::losses::Loss;

/// A socket that never waits.
#[derive(Debug)]
pub(crate) struct Socket {
    /// `None`: it could not be opened.
    socket: Option<UdpSocket>,
}

impl Socket {
    pub(crate) fn open(port: u16) -> Self {
        // The agent has both addresses, the host may have one.
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let open = |address| {
            let socket = UdpSocket::bind(SocketAddr::new(address, 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(SocketAddr::new(address, port)).map(|()| socket)
        };
        Self { socket: loopback.into_iter().find_map(|address| open(address).ok()) }
    }

    /// Sends to another port from now on, also for the threads that send at this moment.
    pub(crate) fn set_port(&self, port: u16) {
        if let Some(socket) = &self.socket
            && let Ok(address) = socket.peer_addr()
            && address.port() != port
        {
            // Fails only for a socket that has failed already.
            let _ = socket.connect(SocketAddr::new(address.ip(), port));
        }
    }

    /// Sends a message, unless that would wait. The receiver of the message before may be reported
    /// as missing: that loss is passed to `report`, too.
    pub(crate) fn send(&self, message: &str, report: impl Fn(Loss)) {
        let Some(socket) = &self.socket else { return report(Loss::Failed) };
        let mut outcome = socket.send(message.as_bytes());
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            // The error of an earlier message, which the kernel returns once instead of sending.
            report(Loss::Refused);
            outcome = socket.send(message.as_bytes());
        }
        if let Err(error) = outcome {
            report(match error.kind() {
                ErrorKind::WouldBlock => Loss::Full,
                ErrorKind::ConnectionRefused => Loss::Refused,
                _ => Loss::Failed,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::{LossCounters, Losses};
    use std::os::fd::AsRawFd;

    /// Of Linux, on all architectures that Rust has but MIPS, PA-RISC and SPARC.
    const O_NONBLOCK: u32 = 0o4000;

    fn receiver() -> (UdpSocket, u16) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = receiver.local_addr().unwrap().port();
        (receiver, port)
    }

    #[test]
    fn message_reaches_the_port_in_force() {
        let ((first, port), (second, other)) = (receiver(), receiver());
        let socket = Socket::open(port);
        let lose = |loss| panic!("{loss:?}");
        let mut buffer = [0xa5; 16];
        socket.send("one", lose);
        assert_eq!(first.recv(&mut buffer).unwrap(), 3);
        socket.set_port(other);
        socket.send("four", lose);
        assert_eq!(second.recv(&mut buffer).unwrap(), 4);
        assert_eq!(&buffer[..4], b"four");
    }

    #[test]
    fn missing_agent_is_counted_and_never_an_error() {
        let (first, port) = receiver();
        drop(first);
        let (socket, counters) = (Socket::open(port), LossCounters::default());
        // An odd number: the last one has left an error behind, whether or not one was sent again.
        for _ in 0..101 {
            socket.send("{}", |loss| counters.count(loss));
        }
        let losses = counters.totals();
        assert!((1..=101).contains(&losses.refused), "{losses:?}");
        assert_eq!(losses, Losses { refused: losses.refused, ..Losses::default() });
        // It starts.
        let receiver = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        receiver.set_nonblocking(true).unwrap();
        socket.send("now", |loss| assert_eq!(loss, Loss::Refused));
        let mut buffer = [0xa5; 16];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 3);
    }

    #[test]
    fn agent_that_does_not_read_blocks_nothing() {
        let (_receiver, port) = receiver();
        let socket = Socket::open(port);
        let message = "x".repeat(1000);
        // Loopback drops what a full receive buffer has no room for. Only the flag shows that the
        // socket would not wait for a send buffer either.
        let fd = socket.socket.as_ref().unwrap().as_raw_fd();
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        assert_ne!(u32::from_str_radix(flags, 8).unwrap() & O_NONBLOCK, 0, "{flags}");
        for _ in 0..50_000 {
            socket.send(&message, |_| {});
        }
    }

    #[test]
    fn without_a_socket_every_message_is_a_loss() {
        let counters = LossCounters::default();
        Socket { socket: None }.send("{}", |loss| counters.count(loss));
        assert_eq!(counters.totals(), Losses { failed: 1, ..Losses::default() });
    }
}
