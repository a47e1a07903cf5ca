//! Generic netlink: families that the kernel registers by name and numbers at run time
//! (linux/genetlink.h).

use std::io;

use nix::sys::socket::SockProtocol;

use super::attributes::{as_u16, find};
use super::message::{Message, Request};
use super::socket::NetlinkSocket;

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
        let name = [family.as_bytes(), b"\0"].concat();
        let request = Request::new(GENL_ID_CTRL, 0, &[CTRL_CMD_GETFAMILY, VERSION, 0, 0])
            .attribute(CTRL_ATTR_FAMILY_NAME, &name);
        let mut number = None;
        socket.request(&request, &mut |message| number = family_number(message).or(number))?;
        Ok(Self { socket, family: number.ok_or(io::ErrorKind::InvalidData)? })
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

fn family_number(message: Message<'_>) -> Option<u16> {
    find(message.body.get(GENERIC_HEADER..)?, CTRL_ATTR_FAMILY_ID).and_then(as_u16)
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

    /// `nlctrl` describes itself on every kernel; the other name is no family.
    #[test]
    fn families_of_this_kernel() {
        assert_eq!(GenericSocket::open("nlctrl").unwrap().family, GENL_ID_CTRL);
        let error = GenericSocket::open("no-such-family").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
