//! The UDP socket.

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

/// A bound socket that does not block.
pub(crate) struct Receiver {
    socket: UdpSocket,
    headers: MultiHeaders<SockaddrStorage>,
    buffer: Box<[u8]>,
}

/// Datagrams that arrived together.
#[derive(Debug)]
pub(crate) struct Batch {
    time: SystemTime,
    bytes: Vec<u8>,
    /// Where each came from, and its length.
    datagrams: Vec<(SocketAddr, usize)>,
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
        Ok(Self {
            socket: UdpSocket::from(socket),
            headers: MultiHeaders::preallocate(BATCH_SIZE, None),
            buffer: vec![0; BATCH_SIZE * MAX_DATAGRAM].into_boxed_slice(),
        })
    }

    /// Says on standard error where it listens, and whether bursts may be lost.
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

    /// What the kernel granted, in bytes of payload: half of what it reckons with, the rest is its
    /// own overhead.
    pub(crate) fn buffer_size(&self) -> io::Result<usize> {
        Ok(getsockopt(&self.socket, RcvBuf)? / 2)
    }

    /// Where the kernel counts what it dropped here.
    pub(crate) fn drops(&self) -> io::Result<Drops> {
        Drops::of(&self.socket)
    }

    /// Replaces what is in `batch` by what has arrived, up to `limit` datagrams and a bound of its
    /// own; nothing if there is nothing now.
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

    /// When they were taken from the socket.
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

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The datagrams in the order of arrival, and where each came from.
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
        // what one flood of giants has left behind
        self.bytes.shrink_to(KEPT_BYTES);
        self.datagrams.clear();
    }
}

/// The error of binding an address, with the remedy.
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
    // beyond net.core.rmem_max where that is allowed, else up to it; a smaller buffer is no error,
    // it only means less slack
    let _ = setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(&fd, RcvBuf, &RECEIVE_BUFFER));
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// In the form of IPv4 also where it arrived through an IPv6 socket.
fn plain(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    let v6 = address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into());
    let from: SocketAddr = v4.or(v6)?;
    Some(SocketAddr::new(from.ip().to_canonical(), from.port()))
}

/// The peer of a datagram whose source address the kernel did not report.
const UNKNOWN_PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
/// Datagrams in one system call.
const BATCH_SIZE: usize = 64;
/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// Memory an empty batch may keep.
const KEPT_BYTES: usize = 256 << 10;
/// What is asked of the kernel, in bytes of payload: a quarter of a second of 50,000 datagrams of
/// 1,400 bytes.
const RECEIVE_BUFFER: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        for (errno, advice) in [
            (Errno::EADDRINUSE, "`ss -lunp 'sport = :514'` shows which"),
            (Errno::EACCES, "Ports below 1024 need root"),
            (Errno::EADDRNOTAVAIL, "see `ip address`"),
        ] {
            let address = SocketAddr::from(([192, 0, 2, 1], 514));
            let said = BindError { address, errno }.to_string();
            assert!(said.starts_with("cannot listen on 192.0.2.1:514: "), "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }

    #[test]
    fn batches_hold_what_was_sent() {
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
