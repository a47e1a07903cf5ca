//! The UDP socket of a collector: its source, its device and its network namespace.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use crate::config::{Source, needs_device};
use crate::kernel::error_queue;
use crate::kernel::sys::udp::dissolve;

/// Opens a non-blocking socket connected to `address`, from `source` and bound to `device` if there
/// is one.
///
/// # Errors
/// Those of the system calls, with the cause in words.
pub(crate) fn connect(
    address: SocketAddr,
    device: Option<&str>,
    source: &Source,
) -> io::Result<UdpSocket> {
    let opened = open(family(address)).and_then(|socket| {
        join(&socket, address, device, source)?;
        Ok(socket)
    });
    opened.map_err(|error| explained(error, address, device, source))
}

/// Sockets that were opened in another network namespace. They stay in it, and are connected as often
/// as necessary: entering the namespace requires CAP_SYS_ADMIN, which the daemon has at its start at
/// most.
#[derive(Debug)]
pub(crate) struct NamespaceSockets {
    /// Of IPv4 and IPv6; `None`: the kernel lacks the protocol.
    sockets: [Option<Rc<UdpSocket>>; 2],
}

impl NamespaceSockets {
    /// Opens the sockets in the namespace that `ip netns add NAME` creates.
    ///
    /// # Errors
    /// `NotFound` for a namespace that does not exist, `PermissionDenied` without CAP_SYS_ADMIN, both
    /// with the cause in words.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let sockets = inside(name, || [AddressFamily::Inet, AddressFamily::Inet6].map(open))?;
        let sockets = sockets.map(|socket| socket.ok().map(Rc::new));
        Ok(Self { sockets })
    }

    /// Connects the socket of the address's family, which ends its connection of before.
    ///
    /// # Errors
    /// Those of the system calls, with the cause in words.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        device: Option<&str>,
        source: &Source,
    ) -> io::Result<Rc<UdpSocket>> {
        let [v4, v6] = &self.sockets;
        let socket = if address.is_ipv4() { v4 } else { v6 };
        let socket =
            socket.as_ref().ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))?;
        dissolve(socket)
            .and_then(|()| join(socket, address, device, source))
            .map_err(|error| explained(error, address, device, source))?;
        Ok(socket.clone())
    }
}

/// Runs `work` in a thread that enters a network namespace. No other thread is moved.
fn inside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let explain = |error: io::Error, what: &str| io::Error::new(error.kind(), what.to_owned());
    let path = Path::new(NAMESPACES).join(name);
    let namespace = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => explain(error, &format!("there is no namespace {name:?}")),
        _ => error,
    })?;
    let enter = move || setns(namespace, CloneFlags::CLONE_NEWNET).map(|()| work());
    let thread = thread::Builder::new().name("namespace".into()).stack_size(STACK).spawn(enter)?;
    let outcome = thread.join().map_err(|_| io::Error::other("the thread panicked"))?;
    outcome.map_err(io::Error::from).map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM) => explain(
            error,
            "CAP_SYS_ADMIN is needed to enter the namespace; only the start has it, so restart the \
             agent as root",
        ),
        _ => error,
    })
}

/// Opens a non-blocking socket in the namespace of the calling thread.
fn open(family: AddressFamily) -> io::Result<UdpSocket> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = UdpSocket::from(socket(family, SockType::Datagram, flags, None)?);
    error_queue::enable(&socket);
    setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
    Ok(socket)
}

/// Binds an unconnected socket to its source and device, and connects it.
fn join(
    socket: &UdpSocket,
    address: SocketAddr,
    device: Option<&str>,
    source: &Source,
) -> io::Result<()> {
    if let Some(device) = device {
        // The kernel would cut a longer name (net/core/sock.c, sock_setbindtodevice).
        if device.len() >= libc::IFNAMSIZ {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        setsockopt(socket, sockopt::BindToDevice, &device.into())?;
    }
    bind_source(socket, address, source)?;
    socket.connect(address)
}

/// Binds a socket to its source, once: the binding survives the end of a connection.
fn bind_source(socket: &UdpSocket, address: SocketAddr, source: &Source) -> io::Result<()> {
    let is_bound = socket.local_addr().is_ok_and(|local| local.port() != 0);
    if *source == Source::default() || is_bound {
        return Ok(());
    }
    // Sockets of several collectors share the port; nothing is received on them.
    setsockopt(socket, sockopt::ReuseAddr, &(source.port != 0))?;
    let any = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = SocketAddr::new(source.address.unwrap_or(any), source.port);
    Ok(bind(socket.as_raw_fd(), &SockaddrStorage::from(local))?)
}

fn family(address: SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn explained(
    error: io::Error,
    address: SocketAddr,
    device: Option<&str>,
    source: &Source,
) -> io::Error {
    match cause(address.ip(), device.is_some(), source, error.raw_os_error()) {
        Some(cause) => io::Error::new(error.kind(), format!("{cause} ({error})")),
        None => error,
    }
}

/// The cause of an error, where the text of the errno does not show it.
fn cause(
    address: IpAddr,
    has_device: bool,
    source: &Source,
    errno: Option<i32>,
) -> Option<&'static str> {
    Some(match errno? {
        libc::ENETUNREACH | libc::EHOSTUNREACH if address.is_multicast() && !has_device => {
            "no route to this multicast group; add dev = ... (--collector ADDRESS%DEVICE)"
        }
        libc::ENETUNREACH | libc::EHOSTUNREACH => "no route to this address",
        libc::EADDRNOTAVAIL if source.address.is_some() => {
            "no interface has the address of source = ..."
        }
        libc::EADDRINUSE => "another program uses the port of source.port = ...",
        libc::EACCES if source.port != 0 && source.port < 1024 => {
            "source.port below 1024 requires CAP_NET_BIND_SERVICE"
        }
        // connect(2) without SO_BROADCAST, ip(7). A rule of the routing table can prohibit, too.
        libc::EACCES if address.is_ipv4() => {
            "a broadcast address, or prohibited by a route; name one host or a multicast group"
        }
        libc::EINVAL if needs_device(address) => {
            "a link-local address needs a device; add dev = ... (--collector ADDRESS%DEVICE)"
        }
        libc::EINVAL if source.address.is_some() => "no route from the address of source = ...",
        libc::ENODEV if has_device => "there is no such device",
        _ => return None,
    })
}

/// Where `ip netns` keeps its namespaces.
const NAMESPACES: &str = "/run/netns";
/// Enough for the samples of a full receive ring at N = 1. The kernel charges about 2.3 kB for a
/// datagram of 1,400 bytes.
const SEND_BUFFER: usize = 1 << 20;
/// Bytes.
const STACK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_has_the_configured_source() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let source = Source { address: Some("127.0.0.7".parse().unwrap()), port: free };
        let to = receiver.local_addr().unwrap();
        let sockets = [(); 2].map(|()| connect(to, None, &source).unwrap());
        for socket in &sockets {
            assert_eq!(socket.local_addr().unwrap(), SocketAddr::new([127, 0, 0, 7].into(), free));
            assert_eq!(socket.peer_addr().unwrap(), to);
        }
        let stranger = Source { address: Some("192.0.2.9".parse().unwrap()), port: 0 };
        let error = connect(to, None, &stranger).unwrap_err().to_string();
        assert!(error.starts_with("no interface has the address of source"), "{error}");
    }

    #[test]
    fn port_of_another_program_is_reported() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let _owner = UdpSocket::bind(taken).unwrap();
        let source = Source { address: None, port: taken.port() };
        let error = connect("127.0.0.1:9".parse().unwrap(), None, &source).unwrap_err();
        assert!(error.to_string().starts_with("another program uses the port"), "{error}");
    }

    #[test]
    fn socket_can_be_connected_again() {
        let sockets = [AddressFamily::Inet, AddressFamily::Inet6].map(open);
        let sockets = sockets.map(|socket| socket.ok().map(Rc::new));
        let namespace = NamespaceSockets { sockets };
        let source = Source { address: None, port: 0 };
        for to in ["127.0.0.1:9", "127.0.0.2:9", "127.0.0.1:10"] {
            let to: SocketAddr = to.parse().unwrap();
            let socket = namespace.connect(to, None, &source).unwrap();
            assert_eq!(socket.peer_addr().unwrap(), to);
            assert!(socket.local_addr().unwrap().ip().is_loopback());
        }
    }

    #[test]
    fn namespace_that_does_not_exist_is_named() {
        let error = NamespaceSockets::open("no-such-namespace").unwrap_err();
        assert_eq!(error.to_string(), "there is no namespace \"no-such-namespace\"");
    }
}
