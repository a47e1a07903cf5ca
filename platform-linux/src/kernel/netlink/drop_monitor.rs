//! The kernel's drop monitor (net/core/drop_monitor.c), family `NET_DM`: packets that the kernel or a
//! device has dropped, one message each.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::attributes::{as_str, as_u16, as_u32, as_u64, attributes, find};
use super::generic::GenericSocket;
use super::message::{Malformed, Request};
use super::socket::ReceiveError;

/// A socket that receives the drops of all network namespaces, while they are monitored.
#[derive(Debug)]
pub(crate) struct DropEvents {
    socket: GenericSocket,
    /// The count of lost messages that [`lost`](Self::lost) has returned.
    lost: u32,
}

/// A socket for the requests that control the monitoring.
#[derive(Debug)]
pub(crate) struct DropControl {
    socket: GenericSocket,
    /// The count of drops without room in the kernel's queues that was returned before.
    unqueued: u64,
}

/// The origins of drops that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origins {
    /// The kernel.
    pub(crate) software: bool,
    /// Devices, which report their drops by traps of devlink.
    pub(crate) hardware: bool,
}

impl DropEvents {
    /// Joins the group of the drops. Receiving needs no capability.
    ///
    /// # Errors
    /// `ENOENT` on a kernel without drop monitor, and outside the initial network namespace.
    /// `EPERM` without `CAP_SYS_ADMIN` on kernels that require it: from 6.7 on, and those with the
    /// same correction.
    pub(crate) fn join() -> io::Result<Self> {
        let mut socket = GenericSocket::open(FAMILY)?;
        socket.join(FAMILY, "events", QUEUE_BYTES)?;
        Ok(Self { socket, lost: 0 })
    }

    /// Takes one datagram out of the receive queue and passes its drop to `visit`. Returns false if
    /// the queue is empty.
    ///
    /// # Errors
    /// [`ReceiveError::Overrun`] if the queue was full (`ENOBUFS`); see [`lost`](Self::lost).
    pub(crate) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<DroppedPacket<'_>, Malformed>),
    ) -> Result<bool, ReceiveError> {
        self.socket.receive(&mut |message| match message {
            Ok(message) if message.command == NET_DM_CMD_PACKET_ALERT => {
                visit(Ok(DroppedPacket::parse(message.attributes)));
            }
            Ok(_) => {}
            Err(malformed) => visit(Err(malformed)),
        })
    }

    /// Number of messages that the full queue has lost since the last call.
    pub(crate) fn lost(&mut self) -> u32 {
        let Ok(lost) = self.socket.lost() else { return 0 };
        lost.wrapping_sub(core::mem::replace(&mut self.lost, lost))
    }
}

impl AsFd for DropEvents {
    /// Readable when [`DropEvents::receive`] has a datagram or an overrun to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl DropControl {
    /// Opens the socket.
    ///
    /// # Errors
    /// See [`DropEvents::join`]; no capability is needed.
    pub(crate) fn open() -> io::Result<Self> {
        let mut control = Self { socket: GenericSocket::open(FAMILY)?, unqueued: 0 };
        // What was lost before is not our loss.
        control.unqueued();
        Ok(control)
    }

    /// Selects messages of one packet each, with at most `bytes` of it.
    ///
    /// # Errors
    /// `EBUSY` while drops are monitored, `EPERM` without `CAP_NET_ADMIN` in the initial user
    /// namespace.
    pub(crate) fn configure(&mut self, bytes: u32) -> io::Result<()> {
        let request = self
            .socket
            .command(NET_DM_CMD_CONFIG)
            .attribute(NET_DM_ATTR_ALERT_MODE, &[NET_DM_ALERT_MODE_PACKET])
            .attribute(NET_DM_ATTR_TRUNC_LEN, &bytes.to_ne_bytes())
            .attribute(NET_DM_ATTR_QUEUE_LEN, &QUEUE_PACKETS.to_ne_bytes());
        self.socket.request(&request, &mut |_| {})
    }

    /// Starts the monitoring.
    ///
    /// # Errors
    /// `EAGAIN` if one of `origins` is monitored already, `EPERM` as above.
    pub(crate) fn start(&mut self, origins: Origins) -> io::Result<()> {
        let request = with_origins(self.socket.command(NET_DM_CMD_START), origins);
        self.socket.request(&request, &mut |_| {})
    }

    /// Stops the monitoring, also if another program has started it.
    ///
    /// # Errors
    /// `EAGAIN` if one of `origins` is not monitored, `EPERM` as above.
    pub(crate) fn stop(&mut self, origins: Origins) -> io::Result<()> {
        let request = with_origins(self.socket.command(NET_DM_CMD_STOP), origins);
        self.socket.request(&request, &mut |_| {})
    }

    /// Number of drops, since the last call, for which the queues within the kernel had no room.
    pub(crate) fn unqueued(&mut self) -> u64 {
        let request = self.socket.command(NET_DM_CMD_STATS_GET);
        let mut total = None;
        let outcome = self.socket.request(&request, &mut |message| {
            let of = |kind| {
                let nested = find(message.body.get(super::GENERIC_HEADER..)?, kind)?;
                find(nested, NET_DM_ATTR_STATS_DROPPED).and_then(as_u64)
            };
            let both = [NET_DM_ATTR_STATS, NET_DM_ATTR_HW_STATS].map(of);
            total = both.into_iter().flatten().reduce(u64::wrapping_add).or(total);
        });
        let Some(total) = total.filter(|_| outcome.is_ok()) else { return 0 };
        total.saturating_sub(core::mem::replace(&mut self.unqueued, total))
    }
}

fn with_origins(request: Request, origins: Origins) -> Request {
    let flags =
        [(origins.software, NET_DM_ATTR_SW_DROPS), (origins.hardware, NET_DM_ATTR_HW_DROPS)];
    let selected = flags.into_iter().filter(|(selected, _)| *selected);
    selected.fold(request, |request, (_, flag)| request.attribute(flag, &[]))
}

/// A packet that was dropped, borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct DroppedPacket<'a> {
    /// Dropped by a device, not by the kernel.
    pub(crate) hardware: bool,
    /// The place in the kernel, as in `tcp_v4_rcv+0x3c0/0xe80`.
    pub(crate) symbol: Option<&'a str>,
    /// Name of the reason (Linux 6.1), as in `NO_SOCKET`.
    pub(crate) reason: Option<&'a str>,
    /// Group of the trap of a device, as in `l2_drops`.
    pub(crate) trap_group: Option<&'a str>,
    /// Trap of a device, as in `vlan_tag_mismatch`.
    pub(crate) trap: Option<&'a str>,
    /// ifIndex of the interface on which the packet arrived, in its network namespace.
    pub(crate) input: Option<u32>,
    /// ifIndex of the interface by which it would have left. The drop monitor does not report it.
    pub(crate) output: Option<u32>,
    /// Nanoseconds since 1970.
    pub(crate) timestamp_ns: Option<u64>,
    /// EtherType; 0 for a buffer that was no packet.
    pub(crate) protocol: u16,
    /// Bytes of the packet before it was cut.
    pub(crate) length: u32,
    /// The first bytes of the packet, from the link-layer header on if there is one.
    pub(crate) data: &'a [u8],
}

impl<'a> DroppedPacket<'a> {
    /// Parses the attributes of a message. Not parsed are the address of the function, which
    /// `symbol` names, and the cookie of a flow rule.
    fn parse(message: &'a [u8]) -> Self {
        let mut packet = Self::default();
        attributes(message).for_each(|(kind, value)| packet.set_attribute(kind, value));
        packet
    }

    fn set_attribute(&mut self, kind: u16, value: &'a [u8]) {
        match kind {
            NET_DM_ATTR_SYMBOL => self.symbol = as_str(value),
            NET_DM_ATTR_IN_PORT => {
                let index = find(value, NET_DM_ATTR_PORT_NETDEV_IFINDEX).and_then(as_u32);
                self.input = index.filter(|&index| index != 0);
            }
            NET_DM_ATTR_TIMESTAMP => self.timestamp_ns = as_u64(value),
            NET_DM_ATTR_PROTO => self.protocol = as_u16(value).unwrap_or_default(),
            NET_DM_ATTR_PAYLOAD => self.data = value,
            NET_DM_ATTR_ORIG_LEN => self.length = as_u32(value).unwrap_or_default(),
            NET_DM_ATTR_ORIGIN => self.hardware = as_u16(value) == Some(NET_DM_ORIGIN_HW),
            NET_DM_ATTR_HW_TRAP_GROUP_NAME => self.trap_group = as_str(value),
            NET_DM_ATTR_HW_TRAP_NAME => self.trap = as_str(value),
            NET_DM_ATTR_REASON => self.reason = as_str(value),
            _ => {}
        }
    }
}

const FAMILY: &str = "NET_DM";
/// Some thousand drops, while the reader waits for a CPU.
const QUEUE_BYTES: usize = 4 << 20;
/// Packets that each CPU holds for the kernel's worker; the default of the kernel.
const QUEUE_PACKETS: u32 = 1000;

// linux/net_dropmon.h
const NET_DM_CMD_CONFIG: u8 = 2;
const NET_DM_CMD_START: u8 = 3;
const NET_DM_CMD_STOP: u8 = 4;
const NET_DM_CMD_PACKET_ALERT: u8 = 5;
const NET_DM_CMD_STATS_GET: u8 = 8;
const NET_DM_ALERT_MODE_PACKET: u8 = 1;
const NET_DM_ORIGIN_HW: u16 = 1;
const NET_DM_ATTR_ALERT_MODE: u16 = 1;
const NET_DM_ATTR_SYMBOL: u16 = 3;
const NET_DM_ATTR_IN_PORT: u16 = 4;
const NET_DM_ATTR_TIMESTAMP: u16 = 5;
const NET_DM_ATTR_PROTO: u16 = 6;
const NET_DM_ATTR_PAYLOAD: u16 = 7;
const NET_DM_ATTR_TRUNC_LEN: u16 = 9;
const NET_DM_ATTR_ORIG_LEN: u16 = 10;
const NET_DM_ATTR_QUEUE_LEN: u16 = 11;
const NET_DM_ATTR_STATS: u16 = 12;
const NET_DM_ATTR_HW_STATS: u16 = 13;
const NET_DM_ATTR_ORIGIN: u16 = 14;
const NET_DM_ATTR_HW_TRAP_GROUP_NAME: u16 = 15;
const NET_DM_ATTR_HW_TRAP_NAME: u16 = 16;
const NET_DM_ATTR_SW_DROPS: u16 = 20;
const NET_DM_ATTR_HW_DROPS: u16 = 21;
const NET_DM_ATTR_REASON: u16 = 23;
const NET_DM_ATTR_PORT_NETDEV_IFINDEX: u16 = 0;
const NET_DM_ATTR_STATS_DROPPED: u16 = 0;

#[cfg(test)]
mod tests {
    use super::super::attributes::all_of as message;
    use super::*;

    #[test]
    fn attributes_of_a_drop_of_a_device() {
        let port = message(&[(0, &7_u32.to_ne_bytes()), (1, b"swp1\0")]);
        let bytes = message(&[
            (14, &1_u16.to_ne_bytes()),
            (15, b"l2_drops\0"),
            (16, b"vlan_tag_mismatch\0"),
            (4, &port),
            (5, &3_u64.to_ne_bytes()),
            (10, &1514_u32.to_ne_bytes()),
            (6, &0x0800_u16.to_ne_bytes()),
            (7, &[2; 128]),
        ]);
        let expected = DroppedPacket {
            hardware: true,
            trap_group: Some("l2_drops"),
            trap: Some("vlan_tag_mismatch"),
            input: Some(7),
            timestamp_ns: Some(3),
            protocol: 0x0800,
            length: 1514,
            data: &[2; 128],
            ..DroppedPacket::default()
        };
        assert_eq!(DroppedPacket::parse(&bytes), expected);
    }

    #[test]
    fn names_that_are_no_text_are_left_out() {
        let bytes = message(&[(3, b"\xff\0"), (23, b"\0"), (14, &[0, 0]), (4, &[])]);
        assert_eq!(DroppedPacket::parse(&bytes), DroppedPacket::default());
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn origins_are_flags() {
        let bytes = |software, hardware| {
            let request =
                with_origins(Request::new(30, 0, &[3, 1, 0, 0]), Origins { software, hardware });
            request.bytes(1)[20..].to_vec()
        };
        assert_eq!(bytes(true, true), [4, 0, 20, 0, 4, 0, 21, 0]);
        assert_eq!(bytes(false, true), [4, 0, 21, 0]);
    }
}
