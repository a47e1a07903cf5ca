//! A netlink socket: requests with their replies, and notifications.
//!
//! No call here blocks or needs to. The kernel processes a request within `sendto`
//! (net/netlink/af_netlink.c, `netlink_unicast_kernel`) and produces each further part of a dump
//! within the `recvmsg` that takes the part before (`netlink_recvmsg`, `netlink_dump`). A reply
//! that is not in the queue after `sendto` will never arrive.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvmsg, sendto,
    setsockopt, socket, sockopt,
};

use super::message::{Message, Messages, Request, status};

/// One netlink socket with its receive buffer.
#[derive(Debug)]
pub(crate) struct NetlinkSocket {
    fd: OwnedFd,
    buffer: Box<[u8]>,
    /// Sequence number of the last request.
    sequence: u32,
    /// Datagrams skipped in replies, because they are longer than 1 MiB.
    too_long: u64,
}

impl NetlinkSocket {
    /// Opens a non-blocking socket of `protocol` that is a member of the multicast groups whose
    /// bits are set (bit n-1: group n).
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` if the kernel lacks the protocol, `EMFILE` or `ENFILE` if too many files
    /// are open.
    pub(crate) fn open(protocol: SockProtocol, groups: u32) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        if groups != 0 {
            // Best effort: with a smaller queue an overrun comes earlier, and overruns are handled.
            let _ = setsockopt(&fd, sockopt::RcvBuf, &EVENT_QUEUE_BYTES);
        }
        // Port id 0: the kernel assigns a free one (netlink_autobind).
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        let buffer = vec![0; DATAGRAM_BYTES].into_boxed_slice();
        Ok(Self { fd, buffer, sequence: 0, too_long: 0 })
    }

    /// Sets the size of the receive queue in bytes, beyond `net.core.rmem_max` where
    /// `CAP_NET_ADMIN` permits it.
    ///
    /// Best effort: a smaller queue overruns earlier, which [`receive`](Self::receive) reports.
    pub(crate) fn set_queue_bytes(&self, bytes: usize) {
        if setsockopt(&self.fd, sockopt::RcvBufForce, &bytes).is_err() {
            let _ = setsockopt(&self.fd, sockopt::RcvBuf, &bytes);
        }
    }

    /// Number of datagrams that requests have skipped, because they are longer than 1 MiB.
    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes the next datagram out of the receive queue, whatever its size; `None` if the queue is
    /// empty. A link has one message, which alternative names, virtual functions and statistics of
    /// the link make as long as they are.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>, ReceiveError> {
        // Without a buffer MSG_PEEK costs little, and with MSG_TRUNC it returns the length.
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
        let Some((length, _)) = receive(&self.fd, &mut [], flags)? else { return Ok(None) };
        if (self.buffer.len()..=MAX_DATAGRAM_BYTES).contains(&length) {
            self.buffer = vec![0; length].into_boxed_slice();
        }
        self.receive_bounded()
    }

    /// The same for datagrams that are known to fit the buffer of 16 KiB: one system call less.
    pub(crate) fn receive_bounded(&mut self) -> Result<Option<&[u8]>, ReceiveError> {
        loop {
            let mut room = [IoSliceMut::new(&mut self.buffer)];
            // With MSG_TRUNC the returned length is that of the datagram, even if it was cut.
            let received = receive(&self.fd, &mut room, MsgFlags::MSG_TRUNC)?;
            let Some((length, from)) = received else { return Ok(None) };
            // Any process with CAP_NET_ADMIN may send to our port id; only the kernel has port id 0.
            if from.is_none_or(|from| from.pid() != 0) {
                continue;
            }
            // Borrowed again here: returning the first borrow would extend it over the loop.
            return self.buffer.get(..length).map(Some).ok_or(ReceiveError::TooLong);
        }
    }

    /// Sends requests to the kernel, which has handled all of them on return.
    ///
    /// # Errors
    /// `ENOBUFS` or `EMSGSIZE` if there is no memory for so many.
    pub(super) fn send(&self, requests: &[u8]) -> io::Result<()> {
        sendto(self.fd.as_raw_fd(), requests, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        Ok(())
    }

    /// Sends a request and passes each message of the reply to `visit`.
    ///
    /// # Errors
    /// The errno of the kernel's `NLMSG_ERROR`; `Interrupted` if the dumped table changed during
    /// the dump; `UnexpectedEof` for a reply without an end.
    pub(crate) fn request(
        &mut self,
        request: &Request,
        visit: &mut dyn FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.send(&request.bytes(sequence))?;
        let mut interrupted = false;
        for _ in 0..MAX_REPLY_DATAGRAMS {
            let datagram = match self.receive() {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                // One monster is left out of the reply; the kernel ends it in a datagram of its own.
                Err(ReceiveError::TooLong) => {
                    self.too_long = self.too_long.saturating_add(1);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for message in Messages::new(datagram).flatten() {
                // Left over from a request that failed before its reply was read to the end.
                if message.sequence != sequence {
                    continue;
                }
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                match message.kind {
                    NLMSG_DONE if interrupted => return Err(io::ErrorKind::Interrupted.into()),
                    NLMSG_DONE | NLMSG_ERROR => return status(message.body),
                    _ => visit(message),
                }
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Receives a datagram; `None` if the queue is empty. Returns its length, which may exceed `room`.
fn receive(
    fd: &OwnedFd,
    room: &mut [IoSliceMut<'_>],
    flags: MsgFlags,
) -> Result<Option<(usize, Option<NetlinkAddr>)>, ReceiveError> {
    loop {
        return match recvmsg(fd.as_raw_fd(), room, None, flags) {
            Ok(received) => Ok(Some((received.bytes, received.address))),
            Err(Errno::EAGAIN) => Ok(None),
            Err(Errno::EINTR) => continue,
            // Reported once for each overrun (netlink_overrun sets sk_err).
            Err(Errno::ENOBUFS) => Err(ReceiveError::Overrun),
            Err(error) => Err(ReceiveError::Io(error.into())),
        };
    }
}

/// A failed [`NetlinkSocket::receive`].
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// `ENOBUFS`: the receive queue was full, and messages were lost.
    Overrun,
    /// A datagram longer than 1 MiB was skipped.
    TooLong,
    /// `recvmsg` failed.
    Io(io::Error),
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Overrun => Errno::ENOBUFS.into(),
            ReceiveError::TooLong => Errno::EMSGSIZE.into(),
            ReceiveError::Io(error) => error,
        }
    }
}

/// The dump is inconsistent because of a concurrent change; libc lacks the constant.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// Enough for most messages. Dumps fill each datagram up to the size of the last `recvmsg` buffer,
/// at most 32 KiB, or up to the longest message (`netlink_dump`, `min_dump_alloc`).
const DATAGRAM_BYTES: usize = 16 * 1024;
/// Far beyond the longest message: its nested attributes have at most 64 KiB each (`nla_len`).
const MAX_DATAGRAM_BYTES: usize = 1 << 20;
/// Notifications of several hundred interfaces in one burst. The kernel charges memory only as it
/// is used.
const EVENT_QUEUE_BYTES: usize = 512 * 1024;
/// Bound for a reply that never ends; a dump of a million interfaces has fewer datagrams.
const MAX_REPLY_DATAGRAMS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::getsockname;

    /// `NETLINK_USERSOCK` carries messages of any process. The kernel itself sends none.
    #[test]
    fn datagram_of_another_process_is_ignored() {
        let open = || NetlinkSocket::open(SockProtocol::NetlinkUserSock, 0).unwrap();
        let (mut ours, other) = (open(), open());
        let address: NetlinkAddr = getsockname(ours.fd.as_raw_fd()).unwrap();
        for _ in 0..2 {
            sendto(other.fd.as_raw_fd(), &[16; 64], &address, MsgFlags::empty()).unwrap();
        }
        assert!(matches!(ours.receive(), Ok(None)), "forged");
        assert!(matches!(receive(&ours.fd, &mut [], MsgFlags::empty()), Ok(None)), "both taken");
        sendto(other.fd.as_raw_fd(), &[16; 64], &address, MsgFlags::empty()).unwrap();
        assert!(matches!(ours.receive_bounded(), Ok(None)), "forged");
    }

    #[test]
    fn buffer_grows_to_the_datagram_but_not_without_bound() {
        let open = || NetlinkSocket::open(SockProtocol::NetlinkUserSock, 0).unwrap();
        let (mut ours, other) = (open(), open());
        let address: NetlinkAddr = getsockname(ours.fd.as_raw_fd()).unwrap();
        assert_eq!(ours.buffer.len(), DATAGRAM_BYTES);
        let _ = setsockopt(&other.fd, sockopt::SndBuf, &(4 << 20));
        for (bytes, expected) in [(17_000, 17_000), (100, 17_000), (100_000, 100_000)] {
            sendto(other.fd.as_raw_fd(), &vec![0; bytes], &address, MsgFlags::empty()).unwrap();
            assert!(matches!(ours.receive(), Ok(None)));
            assert_eq!(ours.buffer.len(), expected);
        }
    }
}
