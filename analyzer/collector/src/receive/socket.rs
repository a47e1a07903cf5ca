//! The UDP socket: binding, alone or as one of a group.

use core::fmt;
use core::iter;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::num::NonZero;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv6V6Only, RcvBuf, RcvBufForce, ReuseAddr, ReusePort};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockopt, setsockopt, socket,
};

use super::allow::Allow;
use super::drops::Drops;
use super::endpoint::Endpoint;
use super::group::by_sender;
use crate::stderr::eprintln_lossy;

/// A bound non-blocking socket, and the senders whose datagrams it accepts.
pub(crate) struct Socket {
    socket: UdpSocket,
    allow: Allow,
    /// Datagrams of other senders.
    refused: Arc<AtomicU64>,
}

impl Socket {
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

    /// Binds `count` sockets to one address, as [`bind`](Receiver::bind) does. Each of them gets all
    /// datagrams of its senders.
    ///
    /// # Errors
    /// Also for a multicast group: the kernel would give each socket a copy of each datagram.
    pub(crate) fn group(
        endpoint: &Endpoint,
        allow: &Allow,
        count: NonZero<u8>,
    ) -> io::Result<Vec<Self>> {
        // Without SO_REUSEPORT, which would let a second program join the group unnoticed.
        let first = Self::bind(endpoint, allow.clone())?;
        if count.get() == 1 {
            return Ok(vec![first]);
        }
        let address = first.local_address()?;
        if address.ip().is_multicast() {
            return Err(io::Error::other(format!(
                "{endpoint} is a multicast group: use one thread"
            )));
        }
        drop(first);
        let shared = || {
            let socket = bind_to(address, true).map_err(|errno| BindError { address, errno });
            socket.map(|socket| Self::of(socket.into(), allow.clone())).map_err(io::Error::other)
        };
        let first = shared()?;
        by_sender(&first.socket, count)?;
        let further = (1..count.get()).map(|_| shared());
        iter::once(Ok(first)).chain(further).collect()
    }

    fn of(socket: UdpSocket, allow: Allow) -> Self {
        Self { socket, allow, refused: Arc::default() }
    }

    /// True if datagrams of `sender` are accepted. Others are counted.
    pub(super) fn permits(&self, sender: IpAddr) -> bool {
        let permitted = self.allow.permits(sender);
        if !permitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        permitted
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
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
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
    bind_to(address, false).or_else(|errno| match errno {
        Errno::EAFNOSUPPORT if unspecified => {
            bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())), false)
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

/// Binds a socket; `shared` if others of this program are bound to the same address.
fn bind_to(address: SocketAddr, shared: bool) -> nix::Result<OwnedFd> {
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
    if shared {
        setsockopt(&fd, ReusePort, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// The receive buffer requested, in bytes of payload: a quarter of a second of 50,000 datagrams/s of
/// 1,400 bytes.
const RECEIVE_BUFFER: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::receive::{Batch, Receiver};

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

    /// Receives what `senders` send twice, from a new port each time, to a group at `address`. Returns the
    /// senders of each socket.
    fn senders_of_group(address: &str, senders: &[IpAddr]) -> [BTreeSet<IpAddr>; 3] {
        let endpoint = address.parse().unwrap();
        let group = Socket::group(&endpoint, &Allow::default(), NonZero::new(3).unwrap());
        let group = group.unwrap();
        let port = group[0].local_address().unwrap().port();
        for from in senders.iter().chain(senders) {
            let to = if from.is_ipv4() { "127.0.0.1" } else { "::1" };
            UdpSocket::bind((*from, 0)).unwrap().send_to(b"x", (to, port)).unwrap();
        }
        let mut batch = Batch::new();
        let received = group.into_iter().map(|socket| {
            Receiver::of(socket).receive(&mut batch, usize::MAX).unwrap();
            let from: Vec<IpAddr> = batch.iter().map(|(_, from)| from.ip()).collect();
            let senders: BTreeSet<_> = from.iter().copied().collect();
            assert_eq!(from.len(), 2 * senders.len(), "{from:?}");
            senders
        });
        let received: Vec<_> = received.collect();
        assert_eq!(
            received.iter().flatten().copied().collect::<BTreeSet<_>>().len(),
            senders.len()
        );
        received.try_into().unwrap()
    }

    #[test]
    fn group_keeps_a_sender_on_one_socket() {
        let v4: Vec<IpAddr> = (1..=30).map(|last| IpAddr::from([127, 0, 0, last])).collect();
        let of_v4 = senders_of_group("127.0.0.1:0", &v4);
        assert!(of_v4.iter().all(|senders| senders.len() >= 5), "{of_v4:?}");
        // IPv4 that comes to a socket of IPv6 goes by the same address.
        let all: Vec<IpAddr> = v4.iter().copied().chain(["::1".parse().unwrap()]).collect();
        let of_both = senders_of_group("[::]:0", &all);
        for (v4, both) in of_v4.iter().zip(of_both) {
            assert_eq!(*v4, both.into_iter().filter(IpAddr::is_ipv4).collect());
        }
    }

    #[test]
    fn group_is_not_joined_by_a_second_program() {
        let two = NonZero::new(2).unwrap();
        let group = Socket::group(&"127.0.0.1:0".parse().unwrap(), &Allow::default(), two);
        let taken = group.as_ref().unwrap()[0].local_address().unwrap().to_string();
        let second = Socket::group(&taken.parse().unwrap(), &Allow::default(), two);
        let error = second.err().unwrap().to_string();
        assert!(error.contains("shows the program that uses the port"), "{error}");
    }
}
