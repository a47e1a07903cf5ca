//! Options of a connected UDP socket.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::syscall::{Call, call};

/// Bytes of the largest packet that the path of a connected socket carries: the MTU of the route or
/// of the interface, or a smaller one that a router has reported.
///
/// # Errors
/// `ENOTCONN` if the socket has no route.
pub(crate) fn path_mtu(socket: BorrowedFd<'_>, is_ipv6: bool) -> io::Result<u32> {
    let (level, name) = match is_ipv6 {
        true => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
        false => (libc::IPPROTO_IP, libc::IP_MTU),
    };
    let mut value = [0; 4];
    call(Call::GetOption { fd: socket.as_raw_fd(), level, name, value: &mut value })?;
    Ok(u32::from_ne_bytes(value))
}

/// The receive queue of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiveQueue {
    /// Bytes of memory that hold datagrams, more than these have themselves.
    pub(crate) used: u32,
    /// The limit of them.
    pub(crate) size: u32,
    /// Datagrams that did not fit, modulo 2^32.
    pub(crate) losses: u32,
}

/// The receive queue, from `SO_MEMINFO`.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 4.12.
pub(crate) fn receive_queue(socket: BorrowedFd<'_>) -> io::Result<ReceiveQueue> {
    let (level, name) = (libc::SOL_SOCKET, libc::SO_MEMINFO);
    let mut words = [[0; 4]; libc::SK_MEMINFO_DROPS as usize + 1];
    let value = words.as_flattened_mut();
    call(Call::GetOption { fd: socket.as_raw_fd(), level, name, value })?;
    let word = |at: libc::c_int| words.get(at as usize).map_or(0, |word| u32::from_ne_bytes(*word));
    Ok(ReceiveQueue {
        used: word(libc::SK_MEMINFO_RMEM_ALLOC),
        size: word(libc::SK_MEMINFO_RCVBUF),
        losses: word(libc::SK_MEMINFO_DROPS),
    })
}

/// Ends the connection of a socket, and frees the source address that the kernel chose for it.
///
/// # Errors
/// None that is known (net/ipv4/udp.c, `udp_disconnect`).
pub(crate) fn dissolve(socket: &UdpSocket) -> io::Result<()> {
    call(Call::Dissolve { fd: socket.as_raw_fd() }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::fd::AsFd;

    #[test]
    fn queue_counts_its_memory_and_the_datagrams_that_cannot_be_read() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        // The smallest queue that the kernel allows.
        nix::sys::socket::setsockopt(&receiver, nix::sys::socket::sockopt::RcvBuf, &1).unwrap();
        let queue = || receive_queue(receiver.as_fd()).unwrap();
        assert_eq!((queue().used, queue().losses), (0, 0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0x5a; 500], receiver.local_addr().unwrap()).unwrap();
        }
        let full = queue();
        assert!(full.used > full.size / 2 && full.used < full.size + 4096, "{full:?}");
        let received = (0..).take_while(|_| receiver.recv(&mut [0xa5; 500]).is_ok()).count() as u32;
        assert!(received > 0);
        assert_eq!((queue().used, queue().losses), (0, 100 - received));
    }

    #[test]
    fn path_to_this_host_has_the_mtu_of_loopback() {
        let text = fs::read_to_string("/sys/class/net/lo/mtu").unwrap();
        let mtu: u32 = text.trim().parse().unwrap();
        // A packet of IPv4 has at most 65,535 bytes (net/ipv4/route.c, ip_mtu); 65,575 of IPv6.
        for (any, address, most) in
            [("0.0.0.0:0", "127.0.0.1:9", 65_535), ("[::]:0", "[::1]:9", 65_575)]
        {
            let is_ipv6 = most == 65_575;
            // A host without IPv6.
            let Ok(socket) = UdpSocket::bind(any) else { continue };
            let error = path_mtu(socket.as_fd(), is_ipv6).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENOTCONN), "{address}");
            if socket.connect(address).is_ok() {
                assert_eq!(path_mtu(socket.as_fd(), is_ipv6).unwrap(), mtu.min(most), "{address}");
            }
        }
    }
}
