//! The UDP socket: binding, and receiving in batches.

use core::fmt;
use core::iter;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv6V6Only, RcvBuf, RcvBufForce, ReuseAddr};
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrStorage, bind, getsockopt,
    recvmmsg, setsockopt, socket,
};

use super::allow::Allow;
use super::drops::Drops;
use super::endpoint::Endpoint;
use crate::stderr::eprintln_lossy;

/// A bound non-blocking socket and the buffers of `recvmmsg`.
pub(crate) struct Receiver {
    socket: UdpSocket,
    allow: Allow,
    /// Datagrams of other senders.
    refused: Arc<AtomicU64>,
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
    /// Binds the first address of `endpoint` that this host has, and joins it if it is a multicast
    /// group. The unspecified IPv6 address also receives IPv4; on a kernel without IPv6 it is replaced
    /// by the unspecified IPv4 address. Only datagrams from `allow` are received.
    pub(crate) fn bind(endpoint: &Endpoint, allow: Allow) -> io::Result<Self> {
        let mut failed = io::Error::other(format!("{endpoint} has no address"));
        for address in endpoint.resolve()? {
            match bind_any(address).map_err(|errno| BindError { address, errno }) {
                Ok(socket) => {
                    let socket = UdpSocket::from(socket);
                    join(&socket, endpoint, address)?;
                    return Ok(Self::of(socket, allow));
                }
                Err(error) => failed = io::Error::other(error),
            }
        }
        Err(failed)
    }

    fn of(socket: UdpSocket, allow: Allow) -> Self {
        Self {
            socket,
            allow,
            refused: Arc::default(),
            headers: MultiHeaders::preallocate(BATCH_SIZE, None),
            buffer: vec![0; BATCH_SIZE * MAX_DATAGRAM].into_boxed_slice(),
        }
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

    /// The counters of datagrams that the kernel dropped at this socket and of those refused.
    pub(crate) fn drops(&self) -> io::Result<Drops> {
        Drops::of(&self.socket, (!self.allow.all()).then(|| self.refused.clone()))
    }

    /// Replaces the content of `batch` by datagrams that have arrived: at most `limit` and at most
    /// [`BATCH_SIZE`]. Does not wait; the batch is empty if no datagram of an allowed sender has
    /// arrived.
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
            let from = message.address.and_then(|address| plain(&address)).unwrap_or(UNKNOWN_PEER);
            if self.allow.permits(from.ip()) {
                batch.push(from, message.iovs().next().unwrap_or_default());
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
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

    /// Memory held, in bytes, including that of the batch itself. Batches of many small datagrams, or
    /// of a single empty one, consist mostly of the latter two.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
            + self.datagrams.capacity() * size_of::<(SocketAddr, usize)>()
            + BATCH_BYTES
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
            Errno::EINVAL if self.address.ip().is_multicast() => {
                write!(
                    f,
                    ". Name the interface on which the group arrives: {}%eth0",
                    self.address.ip()
                )
            }
            Errno::EADDRNOTAVAIL => {
                write!(f, ". No interface of this host has this address: see `ip address`")
            }
            _ => Ok(()),
        }
    }
}

impl core::error::Error for BindError {}

fn bind_any(address: SocketAddr) -> nix::Result<OwnedFd> {
    let unspecified = address.is_ipv6() && address.ip().is_unspecified();
    bind_to(address).or_else(|errno| match errno {
        Errno::EAFNOSUPPORT if unspecified => {
            bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        _ => Err(errno),
    })
}

/// Joins a multicast group, so that the network delivers its datagrams to this host.
fn join(socket: &UdpSocket, endpoint: &Endpoint, address: SocketAddr) -> io::Result<()> {
    let group = address.ip();
    if !group.is_multicast() {
        return Ok(());
    }
    let joined = match address {
        SocketAddr::V4(v4) => socket.join_multicast_v4(v4.ip(), &endpoint.interface_v4()?),
        SocketAddr::V6(v6) => socket.join_multicast_v6(v6.ip(), v6.scope_id()),
    };
    joined.map_err(|error| {
        io::Error::other(format!(
            "cannot join {group}: {error}. Name the interface on which it arrives: {group}%eth0"
        ))
    })
}

fn bind_to(address: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    if address.ip().is_multicast() {
        // Each listener of a group receives its datagrams.
        setsockopt(&fd, ReuseAddr, &true)?;
    }
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
/// Memory of a batch besides its contents: its place in the queue, which doubles when it is full, and
/// the headers of two allocations.
const BATCH_BYTES: usize = 2 * size_of::<Batch>() + 32;
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

    fn receiver(allow: &[&str]) -> Receiver {
        let networks: Vec<_> = allow.iter().map(|text| text.parse().unwrap()).collect();
        Receiver::bind(&"127.0.0.1:0".parse().unwrap(), Allow::new(&networks)).unwrap()
    }

    #[test]
    fn datagrams_of_other_senders_are_refused_and_counted() {
        let mut receiver = receiver(&["127.0.0.2", "127.0.0.16/28"]);
        let (drops, mut batch) = (receiver.drops().unwrap(), Batch::new());
        for from in ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.31", "127.0.0.32"] {
            let sender = UdpSocket::bind((from, 0)).unwrap();
            sender.send_to(from.as_bytes(), receiver.local_address().unwrap()).unwrap();
        }
        receiver.receive(&mut batch, usize::MAX).unwrap();
        let payloads: Vec<&[u8]> = batch.iter().map(|(payload, _)| payload).collect();
        assert_eq!(payloads, [b"127.0.0.2".as_slice(), b"127.0.0.31"]);
        assert_eq!(drops.refused(), Some(3));
        assert!(drops.to_string().ends_with("dropped by the kernel, 3 refused by --allow"));
    }

    #[test]
    fn memory_of_empty_datagrams_is_counted() {
        let mut batch = Batch::new();
        assert!(batch.bytes() >= size_of::<Batch>());
        let from = SocketAddr::from(([192, 0, 2, 1], 1));
        (0..64).for_each(|_| batch.push(from, b""));
        assert!(batch.bytes() >= 64 * size_of::<(SocketAddr, usize)>() + size_of::<Batch>());
        batch.push(from, &[0xa5; 1400]);
        assert!(batch.bytes() >= 1400 + 65 * size_of::<(SocketAddr, usize)>());
    }

    #[test]
    fn batches_hold_the_datagrams_in_order() {
        let mut receiver = receiver(&[]);
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
