//! Packets that a firewall rule logs to a group of `nfnetlink_log` (net/netfilter/nfnetlink_log.c).

mod packet;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::SockProtocol;

use super::message::{Malformed, Messages, Request};
use super::socket::{NetlinkSocket, ReceiveError};

pub(crate) use packet::{LogPacket, StrippedTag};

/// A socket to which the kernel sends the packets of one group.
///
/// The binding ends when the socket is closed. Receiving needs no capability, only binding does.
#[derive(Debug)]
pub(crate) struct LogGroup {
    socket: NetlinkSocket,
}

impl LogGroup {
    /// Binds a group in the network namespace of the caller. Of each packet the kernel copies
    /// `copy_bytes` from its network header on.
    ///
    /// Loads the kernel modules `nfnetlink` and `nfnetlink_log` if need be: both requests are
    /// preceded by a `request_module` in the kernel.
    ///
    /// # Errors
    /// See [`BindError`].
    pub(crate) fn bind(group: u16, copy_bytes: u32) -> Result<Self, BindError> {
        let mut socket = NetlinkSocket::open(SockProtocol::NetlinkNetFilter, 0)?;
        // Before the binding, after which packets can arrive.
        socket.set_queue_bytes(QUEUE_BYTES);
        match socket.request(&bind_request(group, copy_bytes), &mut |_| {}) {
            Ok(()) => Ok(Self { socket }),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                // EPERM has two causes: nfnetlink_rcv (no CAP_NET_ADMIN) and nfulnl_recv_config
                // (the group belongs to another socket). An invalid request shows which one it is.
                let probe = socket.request(&probe_request(), &mut |_| {});
                match probe.err().and_then(|error| error.raw_os_error()) {
                    Some(libc::EPERM) => Err(BindError::NotPermitted),
                    _ => Err(BindError::InUse),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes one datagram out of the receive queue and passes its packets to `visit`, at most
    /// [`BATCH`]. Returns false if the queue is empty.
    ///
    /// # Errors
    /// [`ReceiveError::Overrun`] if the queue was full (`ENOBUFS`). The sequence number of the next
    /// packet shows how many packets were lost.
    pub(crate) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<LogPacket<'_>, Malformed>),
    ) -> Result<bool, ReceiveError> {
        let Some(datagram) = self.socket.receive_bounded()? else { return Ok(false) };
        for message in Messages::new(datagram) {
            match message.and_then(LogPacket::parse) {
                Ok(Some(packet)) => visit(Ok(packet)),
                // NLMSG_DONE ends a datagram of several packets (__nfulnl_send).
                Ok(None) => {}
                Err(malformed) => visit(Err(malformed)),
            }
        }
        Ok(true)
    }
}

impl AsFd for LogGroup {
    /// Readable when [`LogGroup::receive`] has a datagram or an overrun to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A failed [`LogGroup::bind`].
#[derive(Debug)]
pub(crate) enum BindError {
    /// `EPROTONOSUPPORT` or `EINVAL`: the kernel has no `nfnetlink_log`.
    NotSupported,
    /// `EPERM`: no `CAP_NET_ADMIN` in the user namespace of the network namespace.
    NotPermitted,
    /// `EPERM` or `EBUSY`: another socket is bound to the group.
    InUse,
    /// Any other errno.
    Io(io::Error),
}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            // nfnetlink_rcv_msg returns EINVAL if no subsystem has registered the number.
            Some(libc::EPROTONOSUPPORT | libc::EINVAL) => Self::NotSupported,
            Some(libc::EBUSY) => Self::InUse,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported => {
                f.write_str("this kernel has no nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG)")
            }
            Self::NotPermitted => f.write_str("CAP_NET_ADMIN is missing"),
            Self::InUse => f.write_str("another process has bound this group"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

/// One message that binds the group and sets all of its parameters, so that no packet arrives with
/// other ones.
///
/// `NFULNL_CFG_CMD_PF_BIND`, which older programs send first, is left out. It makes this socket's
/// kernel module the default logger of a protocol family, for example for conntrack's invalid
/// packets, and the rules have not needed it since Linux 3.17: they name their logger
/// (net/netfilter/nf_log.c, `nf_log_packet`).
fn bind_request(group: u16, copy_bytes: u32) -> Request {
    let [r0, r1, r2, r3] = copy_bytes.to_be_bytes();
    config_request(0, group)
        .attribute(NFULA_CFG_CMD, &[NFULNL_CFG_CMD_BIND])
        .attribute(NFULA_CFG_MODE, &[r0, r1, r2, r3, NFULNL_COPY_PACKET, 0])
        .attribute(NFULA_CFG_NLBUFSIZ, &DATAGRAM_BYTES.to_be_bytes())
        .attribute(NFULA_CFG_TIMEOUT, &HOLD_CENTISECONDS.to_be_bytes())
        .attribute(NFULA_CFG_QTHRESH, &BATCH.to_be_bytes())
        .attribute(NFULA_CFG_FLAGS, &NFULNL_CFG_F_SEQ.to_be_bytes())
}

/// A request that fails with `EINVAL` if the caller has `CAP_NET_ADMIN`: no protocol family has the
/// number 255 (`nf_log_bind_pf`).
fn probe_request() -> Request {
    config_request(255, 0).attribute(NFULA_CFG_CMD, &[NFULNL_CFG_CMD_PF_BIND])
}

fn config_request(family: u8, group: u16) -> Request {
    // struct nfgenmsg: family, version, resource (the group, big-endian).
    let mut header = vec![family, NFNETLINK_V0];
    header.extend_from_slice(&group.to_be_bytes());
    Request::new(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0, &header)
}

/// Longest time in milliseconds for which the kernel holds a packet back to send several together.
pub(crate) const HOLD_MS: u32 = 100;
const HOLD_CENTISECONDS: u32 = HOLD_MS / 10;
/// Packets that the kernel puts into one datagram at most. A rule can lower this
/// (`queue-threshold`, `--nflog-threshold`), but not raise it.
const BATCH: u32 = 32;
/// Room for about twenty packets of 256 bytes. With the kernel's bookkeeping (`skb_shared_info`)
/// an allocation of 8 KiB. The kernel ignores less than its default, about 3.7 KiB.
const DATAGRAM_BYTES: u32 = 7680;
/// Some thousand packets, while the reader waits for a CPU.
const QUEUE_BYTES: usize = 1 << 20;

// linux/netfilter/nfnetlink.h
const NFNL_SUBSYS_ULOG: u16 = 4;
const NFNETLINK_V0: u8 = 0;
// linux/netfilter/nfnetlink_log.h
const NFULNL_MSG_PACKET: u16 = 0;
const NFULNL_MSG_CONFIG: u16 = 1;
const NFULNL_CFG_CMD_BIND: u8 = 1;
const NFULNL_CFG_CMD_PF_BIND: u8 = 3;
const NFULNL_COPY_PACKET: u8 = 2;
const NFULNL_CFG_F_SEQ: u16 = 1;
const NFULA_CFG_CMD: u16 = 1;
const NFULA_CFG_MODE: u16 = 2;
const NFULA_CFG_NLBUFSIZ: u16 = 3;
const NFULA_CFG_TIMEOUT: u16 = 4;
const NFULA_CFG_QTHRESH: u16 = 5;
const NFULA_CFG_FLAGS: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::run_in_network_namespaces;

    #[test]
    #[cfg(target_endian = "little")]
    fn bind_request_bytes() {
        let bytes = [
            72, 0, 0, 0, 1, 4, 5, 0, 9, 0, 0, 0, 0, 0, 0, 0, // NFULNL_MSG_CONFIG
            0, 0, 0, 5, // group 5
            5, 0, 1, 0, 1, 0, 0, 0, // NFULA_CFG_CMD: bind
            10, 0, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, // NFULA_CFG_MODE: 256 bytes of the packet
            8, 0, 3, 0, 0, 0, 0x1e, 0, // NFULA_CFG_NLBUFSIZ
            8, 0, 4, 0, 0, 0, 0, 10, // NFULA_CFG_TIMEOUT: 100 ms
            8, 0, 5, 0, 0, 0, 0, 32, // NFULA_CFG_QTHRESH
            6, 0, 6, 0, 0, 1, 0, 0, // NFULA_CFG_FLAGS: sequence numbers
        ];
        assert_eq!(bind_request(5, 256).bytes(9), bytes);
    }

    #[test]
    fn in_a_network_namespace() {
        run_in_network_namespaces(&["kernel::netlink::nflog::tests::group_has_one_owner"]);
    }

    #[test]
    #[ignore = "in_a_network_namespace runs it in one"]
    fn group_has_one_owner() {
        let mut first = match LogGroup::bind(5, 128) {
            Err(BindError::NotSupported) => return println!("SKIPPED: no nfnetlink_log"),
            bound => bound.unwrap(),
        };
        assert!(matches!(LogGroup::bind(5, 128), Err(BindError::InUse)));
        let other = LogGroup::bind(6, 128).unwrap();
        assert!(!first.receive(&mut |_| {}).unwrap(), "no packets yet");
        drop(first);
        drop(other);
        LogGroup::bind(5, 128).unwrap();
        caps::clear(None, caps::CapSet::Effective).unwrap();
        assert!(matches!(LogGroup::bind(5, 128), Err(BindError::NotPermitted)));
    }
}
