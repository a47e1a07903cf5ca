//! A netlink socket: requests with their answers, and notifications.
//!
//! The kernel works on a request within `send`, and on each further part of a dump within the
//! `recv` that takes the part before. So an answer is there at once or never, and no call here
//! waits. What the kernel says is not trusted: lengths are checked, foreign senders and stale
//! answers are skipped, and a dump has an end.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvmsg, sendto,
    setsockopt, socket, sockopt,
};

/// One netlink socket with its receive buffer.
#[derive(Debug)]
pub(crate) struct NetlinkSocket {
    fd: OwnedFd,
    buffer: Box<[u8]>,
    sequence: u32,
}

impl NetlinkSocket {
    /// A non-blocking socket of the protocol, member of the multicast groups whose bits are set
    /// (bit n-1: group n).
    pub(crate) fn open(protocol: SockProtocol, groups: u32) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        if groups != 0 {
            // Best effort: a smaller queue only means an earlier overrun, which is repaired.
            let _ = setsockopt(&fd, sockopt::RcvBuf, &EVENT_QUEUE_BYTES);
        }
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self { fd, buffer: vec![0; DATAGRAM_BYTES].into_boxed_slice(), sequence: 0 })
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The next datagram from the kernel; `None` when there is none.
    ///
    /// # Errors
    /// [`Overrun`](ReceiveError::Overrun) when messages were lost: the queue was full, or one was
    /// longer than the buffer.
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>, ReceiveError> {
        loop {
            let mut room = [IoSliceMut::new(&mut self.buffer)];
            let flags = MsgFlags::MSG_TRUNC;
            let (length, from) = match recvmsg(self.fd.as_raw_fd(), &mut room, None, flags) {
                Ok(received) => (received.bytes, received.address),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => return Err(ReceiveError::Overrun),
                Err(error) => return Err(ReceiveError::Io(error.into())),
            };
            if from.is_none_or(|from: NetlinkAddr| from.pid() != 0) {
                continue;
            }
            // Borrowed anew because the loop may go round.
            return self.buffer.get(..length).map(Some).ok_or(ReceiveError::Overrun);
        }
    }

    /// Sends the request and shows the type and body of each message of the answer.
    ///
    /// # Errors
    /// The kernel's refusal as its errno; `Interrupted` for a dump during which things changed;
    /// `UnexpectedEof` for an answer without an end.
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
        for _ in 0..MAX_ANSWER_DATAGRAMS {
            let Some(datagram) = self.receive().map_err(io::Error::from)? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            for message in Messages::new(datagram).flatten() {
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

/// Why nothing was received.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// Messages were lost.
    Overrun,
    /// The socket failed.
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

/// A request under construction: type, flags, the fixed header of its family, attributes.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// A request that is always answered to its end: by an acknowledgement or by "done".
    pub(crate) fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        Self { kind, flags: flags | NLM_F_REQUEST | NLM_F_ACK, body: header.to_vec() }
    }

    /// Adds an attribute. A value has at most some hundred bytes; it is cut at 65,531.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        push_attribute(&mut self.body, kind, value);
        self
    }

    fn bytes(&self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.body.len().saturating_add(16)).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(self.body.len().saturating_add(16));
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&self.flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Appends an attribute with its padding, to a request or to the value of a nest.
pub(crate) fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX - 4)).unwrap_or(value);
    let length = u16::try_from(value.len().saturating_add(4)).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// What follows the netlink header.
    pub(crate) body: &'a [u8],
}

/// The messages of a datagram; an error, once and last, where a length is impossible.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let Ok(packet) = NetlinkBuffer::new_checked(bytes) else {
            return Some(Err(Malformed));
        };
        let length = usize::try_from(packet.length()).unwrap_or(usize::MAX);
        let next = length.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        self.rest = bytes.get(next..).unwrap_or_default();
        Some(Ok(Message {
            kind: packet.message_type(),
            flags: packet.flags(),
            sequence: packet.sequence_number(),
            body: packet.payload(),
        }))
    }
}

/// A message that is not what its type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The result in a `NLMSG_ERROR` or `NLMSG_DONE`: 0 or a negative errno.
fn status(body: &[u8]) -> io::Result<()> {
    let Some(code) = body.first_chunk().copied().map(i32::from_ne_bytes) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    if code < 0 { Err(io::Error::from_raw_os_error(code.saturating_neg())) } else { Ok(()) }
}

/// `NLM_F_DUMP_INTR`: the dump was inconsistent because of a change.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// Far more than one message; of a dump the kernel puts as many into a datagram as fit.
const DATAGRAM_BYTES: usize = 16 * 1024;
/// Room for the notifications of some hundred interfaces at once; charged by the kernel as used.
const EVENT_QUEUE_BYTES: usize = 512 * 1024;
/// A dump of a million interfaces is shorter than this.
const MAX_ANSWER_DATAGRAMS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_of_a_datagram() {
        let two = [
            [17, 0, 0, 0, 16, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0].as_slice(),
            &[0xa5, 0, 0, 0],
            &[16, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let mut messages = Messages::new(&two);
        let first = Message { kind: 16, flags: 2, sequence: 7, body: &[0xa5] };
        let second = Message { kind: 3, flags: 0, sequence: 8, body: &[] };
        assert_eq!(messages.next(), Some(Ok(first)));
        assert_eq!(messages.next(), Some(Ok(second)));
        assert_eq!(messages.next(), None);
    }

    #[test]
    fn impossible_lengths_end_the_datagram() {
        for length in [0_u8, 15, 21, 255] {
            let mut bytes = [0xa5; 20];
            bytes[..4].copy_from_slice(&[length, 0, 0, 0]);
            let messages: Vec<_> = Messages::new(&bytes).collect();
            assert_eq!(messages, [Err(Malformed)], "length {length}");
        }
    }

    #[test]
    fn request_bytes() {
        let request = Request::new(18, 0x300, &[1, 2, 3, 4]).attribute(29, &[9]);
        let bytes = [
            28, 0, 0, 0, 18, 0, 5, 3, 6, 0, 0, 0, 0, 0, 0, 0, // header, sequence 6
            1, 2, 3, 4, 5, 0, 29, 0, 9, 0, 0, 0,
        ];
        assert_eq!(request.bytes(6), bytes);
    }

    #[test]
    fn a_refusal_is_its_errno() {
        assert!(status(&[0; 4]).is_ok());
        let error = status(&(-19_i32).to_ne_bytes()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(19));
        assert!(status(&i32::MIN.to_ne_bytes()).is_err());
        assert_eq!(status(&[0; 3]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_have_an_end(bytes: Vec<u8>) {
            prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16 + 1);
        }
    }
}
