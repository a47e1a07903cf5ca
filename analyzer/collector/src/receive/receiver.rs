//! The UDP socket: binding, and receiving in batches.

use core::fmt;
use core::iter;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv6V6Only, RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrStorage, bind, getsockopt,
    recvmmsg, setsockopt, socket,
};

use super::drops::Drops;
use crate::stderr::eprintln_lossy;

/// A bound non-blocking socket and the buffers of `recvmmsg`.
pub(crate) struct Receiver {
    socket: UdpSocket,
    headers: MultiHeaders<SockaddrStorage>,
    buffer: Box<[u8]>,
}

/// Datagrams of one `recvmmsg` call.
#[derive(Debug)]
pub(crate) struct Batch {
    time: SystemTime,
    bytes: Vec<u8>,
    /// Source address and length of each datagram in `bytes`.
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Receiver {
    /// Binds `address`. The unspecified IPv6 address also receives IPv4; on a kernel without IPv6 it
    /// is replaced by the unspecified IPv4 address.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let unspecified = address.is_ipv6() && address.ip().is_unspecified();
        let bound = bind_to(address).or_else(|errno| match errno {
            Errno::EAFNOSUPPORT if unspecified => {
                bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
            }
            _ => Err(errno),
        });
        let socket = bound.map_err(|errno| BindError { address, errno })?;
        Ok(Self {
            socket: UdpSocket::from(socket),
            headers: MultiHeaders::preallocate(BATCH_SIZE, None),
            buffer: vec![0; BATCH_SIZE * MAX_DATAGRAM].into_boxed_slice(),
        })
    }

    /// Prints the bound address to standard error, and a warning if the receive buffer is small.
    pub(crate) fn announce(&self) -> io::Result<()> {
        eprintln_lossy(format_args!("listening on {}", self.local_address()?));
        let size = self.buffer_size()?;
        if size < RECEIVE_BUFFER {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: receive buffer of {} KiB instead of {}: bursts may be lost; \
                 run with CAP_NET_ADMIN or raise net.core.rmem_max",
                size >> 10,
                RECEIVE_BUFFER >> 10,
            ));
        }
        Ok(())
    }

    /// The address bound.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The receive buffer that the kernel granted, in bytes of payload.
    ///
    /// The kernel doubles SO_RCVBUF to account for its own overhead (`__sock_set_rcvbuf`), and
    /// returns the doubled value.
    pub(crate) fn buffer_size(&self) -> io::Result<usize> {
        Ok(getsockopt(&self.socket, RcvBuf)? / 2)
    }

    /// The kernel's counter of datagrams dropped at this socket.
    pub(crate) fn drops(&self) -> io::Result<Drops> {
        Drops::of(&self.socket)
    }

    /// Replaces the content of `batch` by datagrams that have arrived: at most `limit` and at most
    /// [`BATCH_SIZE`]. Does not wait; the batch is empty if no datagram has arrived.
    pub(crate) fn receive(&mut self, batch: &mut Batch, limit: usize) -> io::Result<()> {
        batch.clear();
        let mut slots: Vec<[IoSliceMut<'_>; 1]> = self
            .buffer
            .chunks_mut(MAX_DATAGRAM)
            .take(limit)
            .map(|slot| [IoSliceMut::new(slot)])
            .collect();
        if slots.is_empty() {
            return Ok(());
        }
        let (fd, headers) = (self.socket.as_raw_fd(), &mut self.headers);
        let received = match recvmmsg(fd, headers, &mut slots, MsgFlags::MSG_DONTWAIT, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        // One clock reading for the batch: its datagrams arrived within microseconds of each other.
        batch.time = SystemTime::now();
        for message in received {
            let from = message.address.and_then(|address| plain(&address));
            batch.push(from.unwrap_or(UNKNOWN_PEER), message.iovs().next().unwrap_or_default());
        }
        Ok(())
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { time: SystemTime::UNIX_EPOCH, bytes: Vec::new(), datagrams: Vec::new() }
    }

    /// The time at which the datagrams were read from the socket.
    pub(crate) fn time(&self) -> SystemTime {
        self.time
    }

    /// Number of datagrams.
    pub(crate) fn len(&self) -> usize {
        self.datagrams.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The datagrams in the order of arrival, each with its source address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let (mut rest, mut datagrams) = (self.bytes.as_slice(), self.datagrams.iter());
        iter::from_fn(move || {
            let (from, len) = datagrams.next()?;
            let (payload, after) = rest.split_at_checked(*len)?;
            rest = after;
            Some((payload, *from))
        })
    }

    fn push(&mut self, from: SocketAddr, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.datagrams.push((from, payload.len()));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        // Give back the memory of a burst of large datagrams.
        self.bytes.shrink_to(KEPT_BYTES);
        self.datagrams.clear();
    }
}

/// An error of binding an address. Its text names the remedy.
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
                ". `ss -lunp 'sport = :{port}'` shows the program that uses the port: stop it, or \
                 choose another port"
            ),
            Errno::EACCES => write!(f, ". Ports below 1024 need root: choose a port from 1024 on"),
            Errno::EADDRNOTAVAIL => {
                write!(f, ". No interface of this host has this address: see `ip address`")
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
        // Independent of net.ipv6.bindv6only.
        setsockopt(&fd, Ipv6V6Only, &false)?;
    }
    // SO_RCVBUFFORCE exceeds net.core.rmem_max but needs CAP_NET_ADMIN; SO_RCVBUF is capped by it.
    // Failure is not an error: a smaller buffer only holds shorter bursts, and `announce` warns.
    let _ = setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(&fd, RcvBuf, &RECEIVE_BUFFER));
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// The source address of a datagram. IPv4-mapped addresses, which an IPv6 socket reports for IPv4,
/// become IPv4 addresses.
fn plain(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    let v6 = address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into());
    let from: SocketAddr = v4.or(v6)?;
    Some(SocketAddr::new(from.ip().to_canonical(), from.port()))
}

/// The peer of a datagram whose source address the kernel did not report.
const UNKNOWN_PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
/// Datagrams per system call.
const BATCH_SIZE: usize = 64;
/// Upper bound on a UDP payload, in bytes.
const MAX_DATAGRAM: usize = 65_535;
/// Memory that an empty batch keeps, in bytes.
const KEPT_BYTES: usize = 256 << 10;
/// The receive buffer requested, in bytes of payload: a quarter of a second of 50,000 datagrams/s of
/// 1,400 bytes.
const RECEIVE_BUFFER: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_errors_name_the_remedy() {
        for (errno, advice) in [
            (Errno::EADDRINUSE, "`ss -lunp 'sport = :514'` shows the program"),
            (Errno::EACCES, "Ports below 1024 need root"),
            (Errno::EADDRNOTAVAIL, "see `ip address`"),
        ] {
            let address = SocketAddr::from(([192, 0, 2, 1], 514));
            let text = BindError { address, errno }.to_string();
            assert!(text.starts_with("cannot listen on 192.0.2.1:514: "), "{text}");
            assert!(text.contains(advice), "{text}");
        }
    }

    #[test]
    fn batches_hold_the_datagrams_in_order() {
        let mut receiver = Receiver::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let payloads: Vec<Vec<u8>> = (0..100).map(|len| vec![len as u8; len * 600]).collect();
        let mut batch = Batch::new();
        receiver.receive(&mut batch, usize::MAX).unwrap();
        assert!(batch.is_empty());
        for payload in &payloads {
            sender.send_to(payload, receiver.local_address().unwrap()).unwrap();
        }
        receiver.receive(&mut batch, 0).unwrap();
        assert!(batch.is_empty());
        let mut received = Vec::new();
        for limit in [3, usize::MAX, usize::MAX] {
            receiver.receive(&mut batch, limit).unwrap();
            assert!(batch.len() <= limit.min(BATCH_SIZE));
            received.extend(batch.iter().map(|(payload, from)| (payload.to_vec(), from)));
        }
        let from = sender.local_addr().unwrap();
        let expected: Vec<_> = payloads.into_iter().map(|payload| (payload, from)).collect();
        assert_eq!(received, expected);
    }
}
