//! A collector that receives copies.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{setsockopt, sockopt::SndBuf};

use crate::receive::Endpoint;

/// A destination with its socket and counts.
#[derive(Debug)]
pub(crate) struct Destination {
    endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    socket: UdpSocket,
    /// The address of `socket`, from which copies come back in a loop.
    own: SocketAddr,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    /// The last send error.
    pub(crate) error: Option<io::Error>,
    /// A resolution in progress. It can take seconds, so a thread waits for the resolver.
    resolving: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
    next_resolution: Instant,
}

impl Destination {
    /// Resolves the name and opens a connected socket, which reports ICMP errors.
    ///
    /// # Errors
    ///
    /// The name is unknown, no route leads to the address, or it is the address `listening`.
    pub(crate) fn open(endpoint: &Endpoint, listening: SocketAddr) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot send to {endpoint}: {error}");
        let addresses = endpoint.resolve().map_err(failed)?;
        let (address, socket, own) = connect(&addresses, listening).map_err(failed)?;
        Ok(Self {
            endpoint: endpoint.clone(),
            address,
            socket,
            own,
            sent: 0,
            failed: 0,
            error: None,
            resolving: None,
            next_resolution: Instant::now() + RESOLUTION_INTERVAL,
        })
    }

    /// True if a datagram from `sender` is a copy sent to this destination.
    pub(crate) fn sent_by(&self, sender: SocketAddr) -> bool {
        (sender.ip(), sender.port()) == (self.own.ip().to_canonical(), self.own.port())
    }

    /// Sends a copy. A full send buffer is a failure: waiting would hold up other destinations.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let sent = match self.socket.send(payload) {
            // ECONNREFUSED reports an ICMP error for the datagram before, which was counted as sent.
            // The current one has not been sent yet.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.failed += 1;
                self.sent = self.sent.saturating_sub(1);
                self.error = Some(error);
                self.socket.send(payload)
            }
            sent => sent,
        };
        match sent {
            Ok(_) => self.sent += 1,
            Err(error) => {
                self.failed += 1;
                self.error = Some(error);
            }
        }
    }

    /// Resolves a name again every [`RESOLUTION_INTERVAL`], without waiting: its address may have
    /// changed. The old address is kept if that fails.
    pub(crate) fn refresh(&mut self, now: Instant, listening: SocketAddr) {
        if self.resolving.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(resolved) = self.resolving.take().and_then(|thread| thread.join().ok())
        {
            self.next_resolution = now + RESOLUTION_INTERVAL;
            if let Err(error) = resolved.and_then(|addresses| self.replace(&addresses, listening)) {
                self.error = Some(error);
            }
        }
        if self.endpoint.name().is_some() && self.resolving.is_none() && now >= self.next_resolution
        {
            let endpoint = self.endpoint.clone();
            self.resolving = Some(thread::spawn(move || endpoint.resolve()));
        }
    }

    /// Changes to another address if the current one is none of `addresses`.
    fn replace(&mut self, addresses: &[SocketAddr], listening: SocketAddr) -> io::Result<()> {
        if !addresses.contains(&self.address) {
            (self.address, self.socket, self.own) = connect(addresses, listening)?;
        }
        Ok(())
    }
}

/// Connects a socket to the first address that has a route.
fn connect(
    addresses: &[SocketAddr],
    listening: SocketAddr,
) -> io::Result<(SocketAddr, UdpSocket, SocketAddr)> {
    let local: Vec<IpAddr> = local_addresses();
    let mut failed = io::Error::other("the name has no address");
    for address in addresses {
        if receives(listening, *address, &local) {
            let text = format!("{address} is the address on which datagrams are received");
            return Err(io::Error::other(text));
        }
        match connected(*address).and_then(|socket| Ok((socket.local_addr()?, socket))) {
            Ok((own, socket)) => return Ok((*address, socket, own)),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    // Failure is not an error: a smaller buffer only holds shorter bursts.
    let _ = setsockopt(&socket, SndBuf, &SEND_BUFFER);
    Ok(socket)
}

/// True if a socket bound to `listening` receives what is sent to `address`.
pub(super) fn is_own(listening: SocketAddr, address: SocketAddr) -> bool {
    receives(listening, address, &local_addresses())
}

/// True if a socket bound to `listening` receives what is sent to `address`, given the addresses of
/// this host.
fn receives(listening: SocketAddr, address: SocketAddr, local: &[IpAddr]) -> bool {
    let (own, ip) = (listening.ip().to_canonical(), address.ip().to_canonical());
    // The unspecified IPv6 address also receives IPv4.
    let any = own.is_unspecified() && (own.is_ipv6() || ip.is_ipv4());
    listening.port() == address.port()
        && (ip == own || any && (ip.is_loopback() || local.contains(&ip)))
}

/// The addresses of this host; empty if they cannot be read.
fn local_addresses() -> Vec<IpAddr> {
    let entries = getifaddrs().into_iter().flatten();
    let addresses = entries.filter_map(|entry| {
        let address = entry.address?;
        let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
    });
    addresses.collect()
}

/// Time between two resolutions of a name.
const RESOLUTION_INTERVAL: Duration = Duration::from_secs(60);
/// Send buffer of each destination, in bytes.
const SEND_BUFFER: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_recognised() {
        let local = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().unwrap());
        for (listening, address, own) in [
            ("127.0.0.1:6343", "127.0.0.1:6343", true),
            ("127.0.0.1:6343", "127.0.0.1:6344", false),
            ("127.0.0.1:6343", "127.0.0.2:6343", false),
            ("127.0.0.1:6343", "192.0.2.1:6343", false),
            ("[::]:6343", "127.0.0.2:6343", true),
            ("[::]:6343", "[::1]:6343", true),
            ("[::]:6343", "192.0.2.1:6343", true),
            ("[::]:6343", "[::ffff:192.0.2.1]:6343", true),
            ("[::]:6343", "[2001:db8::1]:6343", true),
            ("[::]:6343", "192.0.2.2:6343", false),
            ("0.0.0.0:6343", "192.0.2.1:6343", true),
            ("0.0.0.0:6343", "[::1]:6343", false),
            ("239.1.2.3:6343", "239.1.2.3:6343", true),
        ] {
            let found = receives(listening.parse().unwrap(), address.parse().unwrap(), &local);
            assert_eq!(found, own, "{listening} {address}");
        }
    }

    #[test]
    fn addresses_of_this_host_include_loopback() {
        assert!(local_addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }

    /// The kernel reports an ICMP error with the next datagram, instead of sending that one.
    #[test]
    fn datagram_after_an_icmp_error_is_sent() {
        let listening = "127.0.0.1:1".parse().unwrap();
        let collector = UdpSocket::bind("127.0.0.77:0").unwrap();
        let address = collector.local_addr().unwrap();
        let endpoint = Endpoint::destination(&address.to_string()).unwrap();
        let mut destination = Destination::open(&endpoint, listening).unwrap();
        drop(collector);
        destination.send(b"lost");
        let collector = UdpSocket::bind(address).unwrap();
        collector.set_nonblocking(true).unwrap();
        destination.send(b"sent");
        let mut payload = [0; 8];
        // Loopback delivers within the system call.
        let (length, _) = collector.recv_from(&mut payload).unwrap();
        assert_eq!(payload.get(..length), Some(b"sent".as_slice()));
        assert_eq!((destination.sent, destination.failed), (1, 1));
    }

    #[test]
    fn changed_address_of_a_name_replaces_the_socket() {
        let listening = "127.0.0.1:1".parse().unwrap();
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [old, new] = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let endpoint = Endpoint::destination(&old.to_string()).unwrap();
        let mut destination = Destination::open(&endpoint, listening).unwrap();
        destination.replace(&[new, old], listening).unwrap();
        assert_eq!(destination.address, old, "still one of its addresses");
        destination.replace(&[new], listening).unwrap();
        destination.send(b"x");
        let (_, from) = sockets[1].recv_from(&mut [0]).unwrap();
        assert!(destination.sent_by(from));
        assert!(destination.replace(&[listening], listening).is_err());
        assert_eq!(destination.address, new, "kept");
    }

    #[test]
    fn name_is_resolved_again_without_waiting() {
        let listening = "127.0.0.1:1".parse().unwrap();
        let endpoint = Endpoint::destination("localhost:9").unwrap();
        let mut destination = Destination::open(&endpoint, listening).unwrap();
        let start = Instant::now();
        destination.refresh(start, listening);
        assert!(destination.resolving.is_none());
        let later = start + 2 * RESOLUTION_INTERVAL;
        destination.refresh(later, listening);
        let deadline = Instant::now() + Duration::from_secs(30);
        while destination.resolving.is_some() && Instant::now() < deadline {
            destination.refresh(later, listening);
        }
        assert!(destination.resolving.is_none() && destination.error.is_none());
        assert_eq!(destination.next_resolution, later + RESOLUTION_INTERVAL);
    }
}
