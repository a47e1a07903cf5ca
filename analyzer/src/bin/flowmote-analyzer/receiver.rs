//! The UDP socket.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv6V6Only, RcvBuf};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket,
};

/// A bound socket that does not block.
pub(crate) struct Receiver {
    socket: UdpSocket,
    buffer: Box<[u8; MAX_DATAGRAM]>,
}

impl Receiver {
    /// Binds `address`; an unspecified IPv6 address receives IPv4 as well, and becomes the IPv4
    /// one where the kernel has no IPv6.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let unspecified = address.is_ipv6() && address.ip().is_unspecified();
        let bound = bind_to(address).or_else(|errno| match errno {
            Errno::EAFNOSUPPORT if unspecified => {
                bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
            }
            _ => Err(errno),
        });
        let socket = bound.map_err(|errno| BindError { address, errno })?;
        Ok(Self { socket: UdpSocket::from(socket), buffer: Box::new([0; MAX_DATAGRAM]) })
    }

    /// The address bound.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next datagram; `None` if there is none now.
    pub(crate) fn receive(&mut self) -> io::Result<Option<(&[u8], SocketAddr)>> {
        match self.socket.recv_from(&mut self.buffer[..]) {
            Ok((len, from)) => Ok(self.buffer.get(..len).map(|payload| (payload, plain(from)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Why an address cannot be listened on, and what to do about it.
#[derive(Debug)]
pub(crate) struct BindError {
    address: SocketAddr,
    errno: Errno,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.address.port();
        write!(f, "cannot listen on {}: {}", self.address, self.errno.desc())?;
        match self.errno {
            Errno::EADDRINUSE => write!(
                f,
                ". Another collector has it (`ss -lunp 'sport = :{port}'` shows which): end that, \
                 or give another port and send there"
            ),
            Errno::EACCES => write!(f, ". Ports below 1024 need root: give a port from 1024 on"),
            Errno::EADDRNOTAVAIL => {
                write!(f, ". No interface of this host has that address: see `ip address`")
            }
            _ => Ok(()),
        }
    }
}

impl core::error::Error for BindError {}

fn bind_to(address: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        setsockopt(&fd, Ipv6V6Only, &false)?;
    }
    // the kernel cuts this to net.core.rmem_max; a smaller buffer only means less slack
    let _ = setsockopt(&fd, RcvBuf, &RECEIVE_BUFFER);
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// An IPv4 address that arrived through an IPv6 socket, in its own form.
fn plain(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
const RECEIVE_BUFFER: usize = 16 << 20;
