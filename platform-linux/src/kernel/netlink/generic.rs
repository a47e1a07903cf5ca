//! Generic netlink: families that the kernel registers by name and numbers at run time
//! (linux/genetlink.h).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::SockProtocol;

use super::attributes::{as_str, as_u16, as_u32, attributes, find};
use super::message::{Malformed, Message, Messages, Request};
use super::socket::{NetlinkSocket, ReceiveError};
use crate::kernel::sys::netlink;

/// A generic netlink socket for one family.
#[derive(Debug)]
pub(crate) struct GenericSocket {
    socket: NetlinkSocket,
    family: u16,
}

impl GenericSocket {
    /// Opens a socket and looks up the number of `family`. The lookup loads the kernel module of a
    /// family where there is one (net/netlink/genetlink.c, `ctrl_getfamily`).
    ///
    /// # Errors
    /// `ENOENT` on a kernel without the family, else those of [`NetlinkSocket::open`].
    pub(crate) fn open(family: &str) -> io::Result<Self> {
        let mut socket = NetlinkSocket::open(SockProtocol::NetlinkGeneric, 0)?;
        let mut number = None;
        socket.request(&family_request(family), &mut |message| {
            number = family_number(message).or(number);
        })?;
        Ok(Self { socket, family: number.ok_or(io::ErrorKind::InvalidData)? })
    }

    /// Joins a multicast group of the family, whose messages [`receive`](Self::receive) takes. A
    /// socket that has joined makes no requests: their replies would displace messages.
    ///
    /// The queue holds `queue_bytes`, beyond `net.core.rmem_max` where `CAP_NET_ADMIN` permits it.
    ///
    /// # Errors
    /// `EPERM` without the capability that the family requires, `ENOENT` if the family has no such
    /// group.
    pub(crate) fn join(&mut self, family: &str, group: &str, queue_bytes: usize) -> io::Result<()> {
        let mut number = None;
        self.socket.request(&family_request(family), &mut |message| {
            number = group_number(message, group).or(number);
        })?;
        let number = number.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        // Before the membership, after which messages can arrive.
        self.socket.set_queue_bytes(queue_bytes);
        netlink::join_group(self.socket.as_fd(), number)
    }

    /// Takes one datagram out of the queue of a socket that has joined a group, and passes the
    /// messages of the family to `visit`. Returns false if there is none.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub(crate) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<Notification<'_>, Malformed>),
    ) -> Result<bool, ReceiveError> {
        let family = self.family;
        let Some(datagram) = self.socket.receive()? else { return Ok(false) };
        for message in Messages::new(datagram) {
            match message {
                Ok(message) if message.kind != family => {}
                Ok(message) => visit(notification(message)),
                Err(malformed) => visit(Err(malformed)),
            }
        }
        Ok(true)
    }

    /// The number of datagrams that the full queue has lost since the socket was opened.
    ///
    /// # Errors
    /// `ENOPROTOOPT` before Linux 4.12.
    pub(crate) fn lost(&self) -> io::Result<u32> {
        netlink::lost_datagrams(self.socket.as_fd())
    }

    /// A request for `command` of the family, to which attributes can be added.
    pub(crate) fn command(&self, command: u8) -> Request {
        Request::new(self.family, 0, &[command, VERSION, 0, 0])
    }

    /// Sends a request and passes each message of the reply to `visit`. The body of each begins
    /// with [`GENERIC_HEADER`] bytes.
    ///
    /// # Errors
    /// The errors of [`NetlinkSocket::request`].
    pub(crate) fn request(
        &mut self,
        request: &Request,
        visit: &mut dyn FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.socket.request(request, visit)
    }
}

impl AsFd for GenericSocket {
    /// Readable when [`GenericSocket::receive`] has a datagram or an overrun to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn family_request(family: &str) -> Request {
    let name = [family.as_bytes(), b"\0"].concat();
    Request::new(GENL_ID_CTRL, 0, &[CTRL_CMD_GETFAMILY, VERSION, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, &name)
}

/// A message of a family, without its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notification<'a> {
    /// The kind of message, defined by the family.
    pub(crate) command: u8,
    pub(crate) attributes: &'a [u8],
}

fn notification(message: Message<'_>) -> Result<Notification<'_>, Malformed> {
    let (header, rest) = message.body.split_first_chunk::<GENERIC_HEADER>().ok_or(Malformed)?;
    let [command, ..] = *header;
    Ok(Notification { command, attributes: rest })
}

fn family_number(message: Message<'_>) -> Option<u16> {
    find(message.body.get(GENERIC_HEADER..)?, CTRL_ATTR_FAMILY_ID).and_then(as_u16)
}

/// The number of the multicast group of that name.
fn group_number(message: Message<'_>, name: &str) -> Option<u32> {
    let groups = find(message.body.get(GENERIC_HEADER..)?, CTRL_ATTR_MCAST_GROUPS)?;
    attributes(groups).find_map(|(_, group)| {
        let found = find(group, CTRL_ATTR_MCAST_GRP_NAME).and_then(as_str)?;
        find(group, CTRL_ATTR_MCAST_GRP_ID).and_then(as_u32).filter(|_| found == name)
    })
}

/// Bytes of `struct genlmsghdr`: command, version, reserved.
pub(crate) const GENERIC_HEADER: usize = 4;
/// The version of `nlctrl` and of every family used so far.
const VERSION: u8 = 1;
// linux/genetlink.h
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CTRL_ATTR_MCAST_GROUPS: u16 = 7;
const CTRL_ATTR_MCAST_GRP_NAME: u16 = 1;
const CTRL_ATTR_MCAST_GRP_ID: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// `CTRL_CMD_NEWFAMILY` for `ethtool`, up to the attributes that are read.
    #[test]
    #[cfg(target_endian = "little")]
    fn family_number_of_a_reply() {
        let body = [
            1, 2, 0, 0, // CTRL_CMD_NEWFAMILY, version
            12, 0, 2, 0, b'e', b't', b'h', b't', b'o', b'o', b'l', 0, // CTRL_ATTR_FAMILY_NAME
            6, 0, 1, 0, 21, 0, 0, 0, // CTRL_ATTR_FAMILY_ID
        ];
        let message = |body| Message { kind: GENL_ID_CTRL, flags: 0, sequence: 1, body };
        assert_eq!(family_number(message(&body)), Some(21));
        assert_eq!(family_number(message(&body[..16])), None);
        assert_eq!(family_number(message(&[])), None);
    }

    /// The groups of `psample` on Linux 6.1.
    #[test]
    #[cfg(target_endian = "little")]
    fn group_number_of_a_reply() {
        let body = [
            1, 2, 0, 0, // CTRL_CMD_NEWFAMILY, version
            52, 0, 7, 0x80, // CTRL_ATTR_MCAST_GROUPS
            24, 0, 1, 0, 8, 0, 2, 0, 9, 0, 0, 0, // id 9
            11, 0, 1, 0, b'c', b'o', b'n', b'f', b'i', b'g', 0, 0, //
            24, 0, 2, 0, 8, 0, 2, 0, 10, 0, 0, 0, // id 10
            12, 0, 1, 0, b'p', b'a', b'c', b'k', b'e', b't', b's', 0,
        ];
        let message = |body| Message { kind: GENL_ID_CTRL, flags: 0, sequence: 1, body };
        assert_eq!(group_number(message(&body), "packets"), Some(10));
        assert_eq!(group_number(message(&body), "config"), Some(9));
        assert_eq!(group_number(message(&body), "events"), None);
        assert_eq!(group_number(message(&body[..12]), "config"), None);
    }

    #[test]
    fn notification_is_command_and_attributes() {
        let message = |body| Message { kind: 30, flags: 0, sequence: 0, body };
        let expected = Notification { command: 5, attributes: &[8, 0] };
        assert_eq!(notification(message(&[5, 1, 0, 0, 8, 0])), Ok(expected));
        assert_eq!(notification(message(&[5, 1, 0])), Err(Malformed));
    }

    /// The group of `nlctrl` that reports families, which every user may join.
    #[test]
    fn group_of_this_kernel_is_joined() {
        let mut socket = GenericSocket::open("nlctrl").unwrap();
        socket.join("nlctrl", "notify", 1 << 16).unwrap();
        assert!(!socket.receive(&mut |_| {}).unwrap());
        assert_eq!(socket.lost().unwrap(), 0);
        let error = socket.join("nlctrl", "events", 1 << 16).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }

    /// `nlctrl` describes itself on every kernel; the other name is no family.
    #[test]
    fn families_of_this_kernel() {
        assert_eq!(GenericSocket::open("nlctrl").unwrap().family, GENL_ID_CTRL);
        let error = GenericSocket::open("no-such-family").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
