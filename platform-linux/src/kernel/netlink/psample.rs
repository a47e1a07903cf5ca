//! Packets that the kernel's `psample` channel carries (net/psample/psample.c): samples of tc's
//! action `sample`, of Open vSwitch and of switch chips.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::attributes::{as_u16, as_u32, as_u64, attributes};
use super::generic::GenericSocket;
use super::message::Malformed;
use super::socket::ReceiveError;

/// A socket that receives the samples of all groups of its network namespace.
#[derive(Debug)]
pub(crate) struct SampleChannel {
    socket: GenericSocket,
}

impl SampleChannel {
    /// Joins the multicast group of the samples. Receiving needs no capability.
    ///
    /// # Errors
    /// `ENOENT` on a kernel without psample. `EPERM` without `CAP_NET_ADMIN` on kernels that require
    /// it: from 6.7 on, and those with the same correction.
    pub(crate) fn join() -> io::Result<Self> {
        let mut socket = GenericSocket::open(FAMILY)?;
        socket.join(FAMILY, "packets", QUEUE_BYTES)?;
        Ok(Self { socket })
    }

    /// Takes one datagram out of the receive queue and passes its sample to `visit`. Returns false
    /// if the queue is empty.
    ///
    /// # Errors
    /// [`ReceiveError::Overrun`] if the queue was full (`ENOBUFS`). The sequence number of the next
    /// sample of a group shows how many were lost.
    pub(crate) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<SampledPacket<'_>, Malformed>),
    ) -> Result<bool, ReceiveError> {
        self.socket.receive(&mut |message| match message {
            Ok(message) if message.command == PSAMPLE_CMD_SAMPLE => {
                visit(SampledPacket::parse(message.attributes));
            }
            Ok(_) => {}
            Err(malformed) => visit(Err(malformed)),
        })
    }
}

impl AsFd for SampleChannel {
    /// Readable when [`SampleChannel::receive`] has a datagram or an overrun to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A sampled packet, borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct SampledPacket<'a> {
    /// The group that the rule names.
    pub(crate) group: u32,
    /// Number of the sample in its group; wraps.
    pub(crate) sequence: u32,
    /// N of the 1 in N packets that are sampled.
    pub(crate) rate: u32,
    /// ifIndex of the input interface. The kernel cuts it to 16 bits.
    pub(crate) input: Option<u32>,
    /// ifIndex of the output interface, cut likewise.
    pub(crate) output: Option<u32>,
    /// Bytes of the packet before it was cut.
    pub(crate) length: u32,
    /// The first bytes of the packet.
    pub(crate) data: &'a [u8],
    /// EtherType of the packet (Linux 5.13).
    pub(crate) protocol: Option<u16>,
    /// Nanoseconds since 1970 (Linux 5.13).
    pub(crate) timestamp_ns: Option<u64>,
    /// Traffic class, which is the queue of the output interface.
    pub(crate) queue: Option<u16>,
    /// Bytes in that queue when the packet entered it.
    pub(crate) queue_bytes: Option<u64>,
    /// Nanoseconds that the packet spent in the switch.
    pub(crate) transit_ns: Option<u64>,
}

impl<'a> SampledPacket<'a> {
    /// Parses the attributes of a sample. Not parsed are the reference count of the group, the
    /// metadata of a tunnel, and the cookie of the user.
    fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut packet = Self::default();
        let (mut has_group, mut probability) = (false, false);
        for (kind, value) in attributes(message) {
            has_group |= kind == PSAMPLE_ATTR_SAMPLE_GROUP;
            probability |= kind == PSAMPLE_ATTR_SAMPLE_PROBABILITY;
            packet.set_attribute(kind, value);
        }
        if probability {
            packet.rate = rate_of_probability(packet.rate);
        }
        // A rate of 0 would make the pool stand still.
        if has_group && packet.rate > 0 { Ok(packet) } else { Err(Malformed) }
    }

    fn set_attribute(&mut self, kind: u16, value: &'a [u8]) {
        // 16 bits today; wider ones would be the same number.
        let if_index = || as_u32(value).or(as_u16(value).map(u32::from)).filter(|&at| at != 0);
        let number = || as_u32(value).unwrap_or_default();
        match kind {
            PSAMPLE_ATTR_IIFINDEX => self.input = if_index(),
            PSAMPLE_ATTR_OIFINDEX => self.output = if_index(),
            PSAMPLE_ATTR_ORIGSIZE => self.length = number(),
            PSAMPLE_ATTR_SAMPLE_GROUP => self.group = number(),
            PSAMPLE_ATTR_GROUP_SEQ => self.sequence = number(),
            PSAMPLE_ATTR_SAMPLE_RATE => self.rate = number(),
            PSAMPLE_ATTR_DATA => self.data = value,
            PSAMPLE_ATTR_OUT_TC => self.queue = as_u16(value),
            PSAMPLE_ATTR_OUT_TC_OCC => self.queue_bytes = as_u64(value),
            PSAMPLE_ATTR_LATENCY => self.transit_ns = as_u64(value),
            PSAMPLE_ATTR_TIMESTAMP => self.timestamp_ns = as_u64(value),
            PSAMPLE_ATTR_PROTO => self.protocol = as_u16(value),
            _ => {}
        }
    }
}

/// N of 1 in N for a probability of `scaled` / 2^32, to the nearest whole number; 0 for 0. Open
/// vSwitch samples by a probability (Linux 6.11).
fn rate_of_probability(scaled: u32) -> u32 {
    let scaled = u64::from(scaled);
    let rate = (u64::from(u32::MAX) + scaled / 2).checked_div(scaled);
    rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or_default()
}

const FAMILY: &str = "psample";
/// Some thousand samples of 128 bytes, while the reader waits for a CPU.
const QUEUE_BYTES: usize = 4 << 20;

// linux/psample.h
const PSAMPLE_CMD_SAMPLE: u8 = 0;
const PSAMPLE_ATTR_IIFINDEX: u16 = 0;
const PSAMPLE_ATTR_OIFINDEX: u16 = 1;
const PSAMPLE_ATTR_ORIGSIZE: u16 = 2;
const PSAMPLE_ATTR_SAMPLE_GROUP: u16 = 3;
const PSAMPLE_ATTR_GROUP_SEQ: u16 = 4;
const PSAMPLE_ATTR_SAMPLE_RATE: u16 = 5;
const PSAMPLE_ATTR_DATA: u16 = 6;
const PSAMPLE_ATTR_OUT_TC: u16 = 10;
const PSAMPLE_ATTR_OUT_TC_OCC: u16 = 11;
const PSAMPLE_ATTR_LATENCY: u16 = 12;
const PSAMPLE_ATTR_TIMESTAMP: u16 = 13;
const PSAMPLE_ATTR_PROTO: u16 = 14;
const PSAMPLE_ATTR_SAMPLE_PROBABILITY: u16 = 16;

#[cfg(test)]
mod tests {
    use super::super::attributes::all_of as message;
    use super::*;

    #[test]
    fn attributes_of_a_switch_chip() {
        let bytes = message(&[
            (0, &7_u16.to_ne_bytes()),
            (1, &70_000_u32.to_ne_bytes()),
            (2, &1514_u32.to_ne_bytes()),
            (3, &5_u32.to_ne_bytes()),
            (4, &9_u32.to_ne_bytes()),
            (5, &100_u32.to_ne_bytes()),
            (7, &1_u32.to_ne_bytes()),
            (10, &3_u16.to_ne_bytes()),
            (9, &[]),
            (11, &10_000_000_000_u64.to_ne_bytes()),
            (12, &5_000_000_000_u64.to_ne_bytes()),
            (13, &1_800_000_000_000_000_000_u64.to_ne_bytes()),
            (14, &0x0800_u16.to_ne_bytes()),
            (15, b"cookie"),
            (6, &[2; 64]),
        ]);
        let expected = SampledPacket {
            group: 5,
            sequence: 9,
            rate: 100,
            input: Some(7),
            output: Some(70_000),
            length: 1514,
            data: &[2; 64],
            protocol: Some(0x0800),
            timestamp_ns: Some(1_800_000_000_000_000_000),
            queue: Some(3),
            queue_bytes: Some(10_000_000_000),
            transit_ns: Some(5_000_000_000),
        };
        assert_eq!(SampledPacket::parse(&bytes), Ok(expected));
    }

    #[test]
    fn sample_without_group_or_rate_is_malformed() {
        let (group, rate) = ((3, &5_u32.to_ne_bytes()[..]), (5, &2_u32.to_ne_bytes()[..]));
        assert!(SampledPacket::parse(&message(&[group, rate])).is_ok());
        assert_eq!(SampledPacket::parse(&message(&[rate])), Err(Malformed));
        assert_eq!(SampledPacket::parse(&message(&[group])), Err(Malformed));
        assert_eq!(SampledPacket::parse(&message(&[group, (5, &[0; 4])])), Err(Malformed));
        assert_eq!(SampledPacket::parse(&[]), Err(Malformed));
    }

    #[test]
    fn probability_becomes_one_in_n() {
        let half = message(&[(3, &[5, 0, 0, 0]), (5, &(1_u32 << 31).to_ne_bytes()), (16, &[])]);
        assert_eq!(SampledPacket::parse(&half).unwrap().rate, 2);
        assert_eq!(rate_of_probability(u32::MAX), 1);
        assert_eq!(rate_of_probability(u32::MAX / 400), 400);
        assert_eq!(rate_of_probability(1), u32::MAX);
        assert_eq!(rate_of_probability(0), 0);
    }
}
