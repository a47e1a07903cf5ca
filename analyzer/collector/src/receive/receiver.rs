//! Receiving datagrams in batches.

use core::iter;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::time::Duration;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

use super::allow::Allow;
use super::endpoint::Endpoint;
use super::socket::Socket;

/// A socket and the buffers of `recvmmsg`.
pub(crate) struct Receiver {
    socket: Socket,
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
    /// Binds a [`Socket`].
    pub(crate) fn bind(endpoint: &Endpoint, allow: Allow) -> io::Result<Self> {
        Socket::bind(endpoint, allow).map(Self::of)
    }

    /// The receiver of a socket, for one thread.
    pub(crate) fn of(socket: Socket) -> Self {
        Self {
            socket,
            headers: MultiHeaders::preallocate(BATCH_SIZE, None),
            buffer: vec![0; BATCH_SIZE * MAX_DATAGRAM].into_boxed_slice(),
        }
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Waits until a datagram can be received.
    pub(crate) fn wait(&self) -> io::Result<()> {
        self.poll(PollTimeout::NONE)
    }

    /// Waits until a datagram can be received, or for a time.
    pub(crate) fn wait_for(&self, time: Duration) -> io::Result<()> {
        self.poll(PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX))
    }

    fn poll(&self, timeout: PollTimeout) -> io::Result<()> {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
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
        let (fd, headers) = (self.socket.as_fd().as_raw_fd(), &mut self.headers);
        let received = match recvmmsg(fd, headers, &mut slots, MsgFlags::MSG_DONTWAIT, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        // One clock reading for the batch: its datagrams arrived within microseconds of each other.
        batch.time = SystemTime::now();
        for message in received {
            let from = message.address.and_then(|address| plain(&address)).unwrap_or(UNKNOWN_PEER);
            if self.socket.permits(from.ip()) {
                batch.push(from, message.iovs().next().unwrap_or_default());
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

    /// A batch of these datagrams, each with its source address.
    #[cfg(test)]
    pub(crate) fn of(datagrams: &[(&[u8], SocketAddr)]) -> Self {
        let mut batch = Self::new();
        datagrams.iter().for_each(|(payload, from)| batch.push(*from, payload));
        batch
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
#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn receiver(allow: &[&str]) -> Receiver {
        let networks: Vec<_> = allow.iter().map(|text| text.parse().unwrap()).collect();
        Receiver::bind(&"127.0.0.1:0".parse().unwrap(), Allow::new(&networks)).unwrap()
    }

    #[test]
    fn datagrams_of_other_senders_are_refused_and_counted() {
        let mut receiver = receiver(&["127.0.0.2", "127.0.0.16/28"]);
        let (drops, mut batch) = (receiver.socket().drops().unwrap(), Batch::new());
        for from in ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.31", "127.0.0.32"] {
            let sender = UdpSocket::bind((from, 0)).unwrap();
            sender.send_to(from.as_bytes(), receiver.socket().local_address().unwrap()).unwrap();
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
            sender.send_to(payload, receiver.socket().local_address().unwrap()).unwrap();
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
