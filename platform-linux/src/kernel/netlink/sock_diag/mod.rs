//! Lookups of single sockets, sock_diag(7): the state of the connection of a packet.
//!
//! A request names protocol, addresses and ports, and the kernel finds the socket in its hash table as
//! it does for a received packet (net/ipv4/inet_diag.c, `inet_diag_find_one_icsk`;
//! net/ipv4/udp_diag.c, `udp_dump_one`). So the cost does not depend on the number of sockets. Many
//! requests go in one datagram; the kernel has queued a reply to each when `sendto` returns.

mod closed;
mod socket;
mod tcp_info;

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NLMSG_ERROR};
use nix::sys::socket::SockProtocol;

use super::message::{Message, Messages, Request, status};
use super::socket::{NetlinkSocket, ReceiveError};

pub(crate) use closed::ClosedSockets;
pub(crate) use socket::{Found, is_handshake};
pub(crate) use tcp_info::TcpInfo;

/// A netlink socket for lookups in the network namespace in which it was opened. It needs no
/// privileges.
#[derive(Debug)]
pub(crate) struct SocketDiag {
    socket: NetlinkSocket,
    /// Sequence number of the next request.
    sequence: u32,
    requests: Vec<u8>,
}

/// The socket to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// Number of TCP or UDP in IP.
    pub(crate) protocol: u8,
    /// Address and port of the socket.
    pub(crate) local: (IpAddr, u16),
    /// Those of its peer, of the same family.
    pub(crate) remote: (IpAddr, u16),
    /// The interface of the packet: a socket that is bound to another one is not found.
    pub(crate) device: u32,
    /// The id of the network namespace of the socket in that of this thread; `None`: the same one,
    /// which is the only one that sock_diag looks at.
    pub(crate) namespace: Option<i32>,
}

/// The result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A socket of these addresses and ports.
    Found(Found),
    /// The kernel has none: the packet is not of this network namespace, or the socket was closed.
    NoSocket,
    /// The kernel refused the request with this errno.
    Refused(i32),
    /// The message contradicts its type or belongs to another socket.
    Malformed,
}

impl SocketDiag {
    /// Opens a socket in the network namespace of the calling thread.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` if the kernel has no sock_diag, `EMFILE` or `ENFILE` if too many files are open.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NetlinkSocket::open(SockProtocol::NetlinkSockDiag, 0)?;
        socket.set_queue_bytes(QUEUE_BYTES);
        Ok(Self { socket, sequence: 1, requests: Vec::with_capacity(MAX_QUERIES * REQUEST_BYTES) })
    }

    /// Checks that the kernel can look up sockets of `protocol`, and has it load the module where it is
    /// one.
    ///
    /// # Errors
    /// `ENOENT` if the kernel has no `tcp_diag` or `udp_diag`.
    pub(crate) fn probe(&mut self, protocol: u8) -> io::Result<()> {
        // A dump of sockets in no state: the kernel looks at none of TCP (inet_diag_dump_icsk).
        let mut header = [0; REQUEST_BYTES - MESSAGE_HEADER];
        for (byte, value) in header.iter_mut().zip([libc::AF_INET as u8, protocol]) {
            *byte = value;
        }
        let dump = Request::new(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &header);
        self.socket.request(&dump, &mut |_| {})
    }

    /// Looks up sockets, at most [`MAX_QUERIES`], and passes the position of each query that the
    /// kernel replied to with its reply to `visit`.
    ///
    /// # Errors
    /// Those of `sendto` and `recvmsg`; `ENOBUFS` if replies were lost.
    pub(crate) fn look_up<'q>(
        &mut self,
        queries: impl Iterator<Item = &'q Query>,
        visit: &mut dyn FnMut(usize, Reply),
    ) -> io::Result<()> {
        let first = self.sequence;
        self.requests.clear();
        for query in queries.take(MAX_QUERIES) {
            query.push_request(self.sequence, &mut self.requests);
            self.sequence = self.sequence.wrapping_add(1);
        }
        let count = self.sequence.wrapping_sub(first) as usize;
        if count > 0 {
            self.socket.send(&self.requests)?;
        }
        self.receive(first, count, visit)
    }

    fn receive(
        &mut self,
        first: u32,
        mut missing: usize,
        visit: &mut dyn FnMut(usize, Reply),
    ) -> io::Result<()> {
        let count = missing;
        let mut outcome = Ok(());
        while missing > 0 {
            let datagram = match self.socket.receive_bounded() {
                Ok(Some(datagram)) => datagram,
                // All that there is: a reply that is not in the queue will never arrive.
                Ok(None) => break,
                // What is in the queue can still be read.
                Err(error @ (ReceiveError::Overrun | ReceiveError::TooLong)) => {
                    outcome = Err(error.into());
                    continue;
                }
                Err(ReceiveError::Io(error)) => return Err(error),
            };
            for message in Messages::new(datagram).flatten() {
                let number = message.sequence.wrapping_sub(first) as usize;
                if number < count {
                    missing = missing.saturating_sub(1);
                    visit(number, reply(&message));
                }
            }
        }
        outcome
    }
}

impl Query {
    /// Appends `struct nlmsghdr` and `struct inet_diag_req_v2` (linux/inet_diag.h).
    fn push_request(&self, sequence: u32, bytes: &mut Vec<u8>) {
        bytes.extend((REQUEST_BYTES as u32).to_ne_bytes());
        bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes.extend(NLM_F_REQUEST.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        let family = if self.local.0.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // Every state.
        bytes.extend([family as u8, self.protocol, WITH_TCP_INFO, 0, 0xff, 0xff, 0xff, 0xff]);
        // udp_dump_one has source and destination the other way round, "for historical reasons".
        let (source, destination) = match self.protocol {
            UDP => (self.remote, self.local),
            _ => (self.local, self.remote),
        };
        bytes.extend(source.1.to_be_bytes());
        bytes.extend(destination.1.to_be_bytes());
        for (address, _) in [source, destination] {
            match address {
                IpAddr::V4(address) => {
                    bytes.extend(address.octets());
                    bytes.extend([0; 12]);
                }
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend(self.device.to_ne_bytes());
        // INET_DIAG_NOCOOKIE: whichever socket has the addresses.
        bytes.extend([0xff; 8]);
    }
}

/// The meaning of a message.
fn reply(message: &Message<'_>) -> Reply {
    match message.kind {
        SOCK_DIAG_BY_FAMILY => Found::parse(message.body).map_or(Reply::Malformed, Reply::Found),
        NLMSG_ERROR => match status(message.body).map_err(|error| error.raw_os_error()) {
            Err(Some(libc::ENOENT)) => Reply::NoSocket,
            Err(Some(errno)) => Reply::Refused(errno),
            _ => Reply::Malformed,
        },
        _ => Reply::Malformed,
    }
}

/// Queries of one call at most. The replies, of about 2 KiB each with the kernel's bookkeeping, fit
/// the receive queue of default size (`net.core.rmem_default`).
pub(crate) const MAX_QUERIES: usize = 64;
const QUEUE_BYTES: usize = 512 * 1024;
const MESSAGE_HEADER: usize = 16;
/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
const REQUEST_BYTES: usize = MESSAGE_HEADER + 56;
/// linux/sock_diag.h
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Bit of `INET_DIAG_INFO` (linux/inet_diag.h) among the requested attributes, which count from 1.
const WITH_TCP_INFO: u8 = 1 << (2 - 1);
const UDP: u8 = libc::IPPROTO_UDP as u8;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
