//! Notifications of closed sockets, with the last state of their connections.

use std::io;

use nix::sys::socket::SockProtocol;

use super::super::message::Messages;
use super::super::socket::{NetlinkSocket, ReceiveError};
use super::SOCK_DIAG_BY_FAMILY;
use super::socket::Found;

/// A socket to which the kernel sends the TCP sockets of its network namespace as they are destroyed
/// (net/core/sock_diag.c, `sock_diag_broadcast_destroy`).
#[derive(Debug)]
pub(crate) struct ClosedSockets {
    socket: NetlinkSocket,
}

impl ClosedSockets {
    /// Subscribes, which needs no privileges (`NL_CFG_F_NONROOT_RECV`).
    ///
    /// # Errors
    /// Those of [`NetlinkSocket::open`], and that of a kernel without such groups.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NetlinkSocket::open(SockProtocol::NetlinkSockDiag, GROUPS)?;
        socket.set_queue_bytes(QUEUE_BYTES);
        Ok(Self { socket })
    }

    /// Passes the sockets that were closed to `visit`, those of [`MAX_DATAGRAMS`] datagrams at most.
    ///
    /// # Errors
    /// `ENOBUFS` if more were closed than the queue has room for, else those of `recvmsg`. Those in the
    /// queue have been passed on, too.
    pub(crate) fn receive(&mut self, visit: &mut dyn FnMut(&Found)) -> io::Result<()> {
        let mut outcome = Ok(());
        for _ in 0..MAX_DATAGRAMS {
            match self.socket.receive_bounded() {
                Ok(Some(datagram)) => Messages::new(datagram)
                    .flatten()
                    .filter(|message| message.kind == SOCK_DIAG_BY_FAMILY)
                    .filter_map(|message| Found::parse(message.body))
                    .for_each(|found| visit(&found)),
                Ok(None) => break,
                Err(error @ (ReceiveError::Overrun | ReceiveError::TooLong)) => {
                    outcome = Err(error.into());
                }
                Err(ReceiveError::Io(error)) => return Err(error),
            }
        }
        outcome
    }
}

/// `SKNLGRP_INET_TCP_DESTROY` (1) and `SKNLGRP_INET6_TCP_DESTROY` (3) as bits n-1.
const GROUPS: u32 = 1 | 1 << 2;
/// About a thousand notifications.
const QUEUE_BYTES: usize = 1 << 20;
/// Enough for all that the queue can have, about a millisecond.
const MAX_DATAGRAMS: usize = 4096;
