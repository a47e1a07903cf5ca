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
        Ok(Self { fd, buffer: vec![0; DATAGRAM_BYTES].into_boxed_slice(), sequence: 0 })
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

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes the next datagram out of the receive queue; `None` if the queue is empty.
    ///
    /// # Errors
    /// [`Overrun`](ReceiveError::Overrun) if messages were lost: `ENOBUFS` (the queue was full), or
    /// a datagram longer than the buffer.
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>, ReceiveError> {
        loop {
            let mut room = [IoSliceMut::new(&mut self.buffer)];
            // With MSG_TRUNC the returned length is that of the datagram, even if it was cut.
            let flags = MsgFlags::MSG_TRUNC;
            let (length, from) = match recvmsg(self.fd.as_raw_fd(), &mut room, None, flags) {
                Ok(received) => (received.bytes, received.address),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                // Reported once for each overrun (netlink_overrun sets sk_err).
                Err(Errno::ENOBUFS) => return Err(ReceiveError::Overrun),
                Err(error) => return Err(ReceiveError::Io(error.into())),
            };
            // Any process may send to our port id; only the kernel has port id 0.
            if from.is_none_or(|from: NetlinkAddr| from.pid() != 0) {
                continue;
            }
            // Borrowed again here: returning the first borrow would extend it over the loop.
            return self.buffer.get(..length).map(Some).ok_or(ReceiveError::Overrun);
        }
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
        let kernel = NetlinkAddr::new(0, 0);
        let bytes = request.bytes(sequence);
        sendto(self.fd.as_raw_fd(), &bytes, &kernel, MsgFlags::empty())?;
        let mut interrupted = false;
        for _ in 0..MAX_REPLY_DATAGRAMS {
            let Some(datagram) = self.receive().map_err(io::Error::from)? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
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

/// A failed [`NetlinkSocket::receive`].
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// Messages were lost.
    Overrun,
    /// `recvmsg` failed.
    Io(io::Error),
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Overrun => Errno::ENOBUFS.into(),
            ReceiveError::Io(error) => error,
        }
    }
}

/// The dump is inconsistent because of a concurrent change; libc lacks the constant.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// Larger than any single message. Dumps fill each datagram up to the size of the last `recvmsg`
/// buffer, at most 32 KiB (`netlink_recvmsg`, `max_recvmsg_len`).
const DATAGRAM_BYTES: usize = 16 * 1024;
/// Notifications of several hundred interfaces in one burst. The kernel charges memory only as it
/// is used.
const EVENT_QUEUE_BYTES: usize = 512 * 1024;
/// Bound for a reply that never ends; a dump of a million interfaces has fewer datagrams.
const MAX_REPLY_DATAGRAMS: usize = 1 << 16;
