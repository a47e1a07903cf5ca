//! Options of a netlink socket that the crate `nix` lacks.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::syscall::{Call, call};

/// Makes the socket a member of a multicast group. Groups above 32 have no bit in the address that
/// a socket is bound to.
///
/// # Errors
/// `EPERM` if the group requires a capability, `EINVAL` if the kernel has no such group.
pub(crate) fn join_group(socket: BorrowedFd<'_>, group: u32) -> io::Result<()> {
    let (level, name) = (libc::SOL_NETLINK, libc::NETLINK_ADD_MEMBERSHIP);
    let value = &group.to_ne_bytes();
    call(Call::SetOption { fd: socket.as_raw_fd(), level, name, value }).map(drop)
}

/// The number of datagrams that the socket has lost because its receive queue was full
/// (`sk_drops`); wraps.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 4.12.
pub(crate) fn lost_datagrams(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut value = [0; MEMINFO_BYTES];
    let (level, name) = (libc::SOL_SOCKET, libc::SO_MEMINFO);
    call(Call::GetOption { fd: socket.as_raw_fd(), level, name, value: &mut value })?;
    let [.., d0, d1, d2, d3] = value;
    Ok(u32::from_ne_bytes([d0, d1, d2, d3]))
}

/// `SK_MEMINFO_*` (linux/sock_diag.h): nine words, of which `SK_MEMINFO_DROPS` is the last.
const MEMINFO_BYTES: usize = 9 * 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    #[test]
    fn datagrams_beyond_the_queue_are_counted() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        nix::sys::socket::setsockopt(&receiver, nix::sys::socket::sockopt::RcvBuf, &4096).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        assert_eq!(lost_datagrams(receiver.as_fd()).unwrap(), 0);
        (0..100).for_each(|_| assert_eq!(sender.send(&[0; 1000]).unwrap(), 1000));
        receiver.set_nonblocking(true).unwrap();
        let received = (0..100).take_while(|_| receiver.recv(&mut [0; 1000]).is_ok()).count();
        assert_eq!(lost_datagrams(receiver.as_fd()).unwrap() as usize, 100 - received);
    }
}
