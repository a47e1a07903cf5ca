//! Parser of `NFULNL_MSG_PACKET`: a packet that a rule logged, with its attributes.

use super::super::attributes::{as_u16_be, as_u32_be, attributes, find};
use super::super::message::{Malformed, Message};
use super::{NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET};

/// A logged packet, borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct LogPacket<'a> {
    /// `NFPROTO_*` of the rule: 2 IPv4, 3 ARP, 5 netdev, 7 bridge, 10 IPv6.
    pub(crate) family: u8,
    /// The hook, numbered per family: 0 prerouting to 4 postrouting; in family netdev 0 ingress,
    /// 1 egress.
    pub(crate) hook: u8,
    /// EtherType of the payload.
    pub(crate) protocol: u16,
    /// ifIndex of the input interface; in family bridge that of the bridge.
    pub(crate) input: Option<u32>,
    /// ifIndex of the output interface; in family bridge that of the bridge.
    pub(crate) output: Option<u32>,
    /// ifIndex of the bridge port on which the packet arrived.
    pub(crate) input_port: Option<u32>,
    /// ifIndex of the bridge port to which the packet goes.
    pub(crate) output_port: Option<u32>,
    /// `ARPHRD_*` of the interface, with [`hardware_header`](Self::hardware_header).
    pub(crate) hardware_type: Option<u16>,
    /// `NFULA_HWHEADER`: as many bytes from the start of the link-layer header as the interface
    /// has in its headers. On output hooks it is that of the received packet, or not there.
    pub(crate) hardware_header: &'a [u8],
    /// `NFULA_L2HDR`: the link-layer header; families netdev and bridge only.
    pub(crate) link_header: &'a [u8],
    /// The VLAN tag that the kernel took out of the link-layer header; families netdev and bridge.
    pub(crate) vlan: Option<StrippedTag>,
    /// The packet, cut at the copy range or at the length that the rule set. It begins with the
    /// network header, on the hook netdev egress with the link-layer header.
    pub(crate) payload: &'a [u8],
    /// Sequence number of the group, from 0 when it was bound; wraps.
    pub(crate) sequence: Option<u32>,
    /// Nanoseconds since 1970, in steps of a microsecond. Input and forward hooks only.
    pub(crate) timestamp_ns: Option<u64>,
}

/// An 802.1Q or 802.1ad tag that is not in the bytes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrippedTag {
    /// Tag protocol: 0x8100 (802.1Q) or 0x88a8 (802.1ad).
    pub(crate) tpid: u16,
    /// Priority (bits 15-13), drop eligible (bit 12), VLAN id (bits 11-0).
    pub(crate) tci: u16,
}

impl<'a> LogPacket<'a> {
    /// Parses a message; `None` if it is not a packet. Not parsed are the mark, the prefix, the
    /// user of the sending socket, and `NFULA_HWADDR`, which the hardware header contains.
    ///
    /// # Errors
    /// A body shorter than its header, or without `NFULA_PACKET_HDR`.
    pub(crate) fn parse(message: Message<'a>) -> Result<Option<Self>, Malformed> {
        if message.kind != NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET {
            return Ok(None);
        }
        // struct nfgenmsg: family, version, group.
        let (header, rest) = message.body.split_first_chunk::<4>().ok_or(Malformed)?;
        let [family, ..] = *header;
        let packet_header = find(rest, NFULA_PACKET_HDR).and_then(<[u8]>::first_chunk::<3>);
        let [p0, p1, hook] = *packet_header.ok_or(Malformed)?;
        let mut packet =
            Self { family, hook, protocol: u16::from_be_bytes([p0, p1]), ..Self::default() };
        attributes(rest).for_each(|(kind, value)| packet.set_attribute(kind, value));
        Ok(Some(packet))
    }

    fn set_attribute(&mut self, kind: u16, value: &'a [u8]) {
        let if_index = || as_u32_be(value).filter(|&index| index != 0);
        match kind {
            NFULA_TIMESTAMP => self.timestamp_ns = nanoseconds(value),
            NFULA_IFINDEX_INDEV => self.input = if_index(),
            NFULA_IFINDEX_OUTDEV => self.output = if_index(),
            NFULA_IFINDEX_PHYSINDEV => self.input_port = if_index(),
            NFULA_IFINDEX_PHYSOUTDEV => self.output_port = if_index(),
            NFULA_PAYLOAD => self.payload = value,
            NFULA_SEQ => self.sequence = as_u32_be(value),
            NFULA_HWTYPE => self.hardware_type = as_u16_be(value),
            NFULA_HWHEADER => self.hardware_header = value,
            NFULA_VLAN => self.vlan = StrippedTag::parse(value),
            NFULA_L2HDR => self.link_header = value,
            _ => {}
        }
    }
}

impl StrippedTag {
    fn parse(nested: &[u8]) -> Option<Self> {
        let field = |kind| find(nested, kind).and_then(as_u16_be);
        Some(Self { tpid: field(NFULA_VLAN_PROTO)?, tci: field(NFULA_VLAN_TCI)? })
    }
}

/// Parses `struct nfulnl_msg_packet_timestamp`: seconds and microseconds.
fn nanoseconds(value: &[u8]) -> Option<u64> {
    let ([seconds, microseconds], _) = value.as_chunks::<8>() else { return None };
    let seconds = u64::from_be_bytes(*seconds).checked_mul(1_000_000_000)?;
    seconds.checked_add(u64::from_be_bytes(*microseconds).checked_mul(1000)?)
}

// linux/netfilter/nfnetlink_log.h
const NFULA_PACKET_HDR: u16 = 1;
const NFULA_TIMESTAMP: u16 = 3;
const NFULA_IFINDEX_INDEV: u16 = 4;
const NFULA_IFINDEX_OUTDEV: u16 = 5;
const NFULA_IFINDEX_PHYSINDEV: u16 = 6;
const NFULA_IFINDEX_PHYSOUTDEV: u16 = 7;
const NFULA_PAYLOAD: u16 = 9;
const NFULA_SEQ: u16 = 12;
const NFULA_HWTYPE: u16 = 15;
const NFULA_HWHEADER: u16 = 16;
const NFULA_VLAN: u16 = 20;
const NFULA_L2HDR: u16 = 21;
const NFULA_VLAN_PROTO: u16 = 1;
const NFULA_VLAN_TCI: u16 = 2;

#[cfg(test)]
mod tests {
    use super::super::super::message::Messages;
    use super::*;
    use flowmote_vectors::unhex;
    use proptest::prelude::*;

    /// Captured on Linux 6.18, copy range 96: a UDP datagram of 1400 bytes over IPv4, then one of
    /// 100 bytes over IPv6, each seen by rules on output, postrouting, netdev egress of the sending
    /// end of a veth pair and netdev ingress of the receiving end; then `NLMSG_DONE`.
    const INET_AND_NETDEV: &str = include_str!("testdata/inet-and-netdev.hex");
    /// A frame of 78 bytes with VLAN tag, seen by rules on netdev ingress and on prerouting, forward
    /// and postrouting of a bridge.
    const BRIDGE_WITH_TAG: &str = include_str!("testdata/bridge-with-tag.hex");

    fn packets(datagram: &[u8]) -> Vec<LogPacket<'_>> {
        let messages = Messages::new(datagram);
        messages.filter_map(|message| LogPacket::parse(message.unwrap()).unwrap()).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn captured_packets_of_inet_and_netdev_rules() {
        let datagram = unhex(INET_AND_NETDEV);
        let packets = packets(&datagram);
        let seen: Vec<_> = packets
            .iter()
            .map(|packet| {
                (packet.family, packet.hook, packet.protocol, packet.input, packet.output)
            })
            .collect();
        let expected = [(2, 0x0800), (10, 0x86dd)].into_iter().flat_map(|(family, protocol)| {
            [
                (family, 3, protocol, None, Some(3)),
                (family, 4, protocol, None, Some(3)),
                (5, 1, protocol, None, Some(3)),
                (5, 0, protocol, Some(2), None),
            ]
        });
        assert_eq!(seen, expected.collect::<Vec<_>>());
        let sequences: Vec<_> = packets.iter().map(|packet| packet.sequence.unwrap()).collect();
        assert_eq!(sequences, (4..12).collect::<Vec<_>>());
        let [output, _, egress, ingress, ..] = packets[..] else { panic!("{packets:?}") };
        let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        assert_eq!(output.payload.len(), 96);
        assert_eq!(output.payload[..4], [0x45, 0, 0x05, 0x94], "IPv4 of 1428 bytes");
        assert_eq!((output.hardware_header, output.link_header), ([].as_slice(), [].as_slice()));
        assert_eq!((output.timestamp_ns, output.hardware_type), (None, None));
        assert_eq!(
            (egress.link_header, egress.payload[..14].as_ref()),
            (&ethernet[..], &ethernet[..])
        );
        assert_eq!((ingress.link_header, ingress.hardware_header), (&ethernet[..], &ethernet[..]));
        assert_eq!((ingress.hardware_type, ingress.payload[0]), (Some(1), 0x45));
        let at = ingress.timestamp_ns.unwrap();
        assert!(at > 1_700_000_000_000_000_000 && at % 1000 == 0, "{at}");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn captured_packets_of_bridge_rules() {
        let datagram = unhex(BRIDGE_WITH_TAG);
        let packets = packets(&datagram);
        let [ingress, prerouting, forward, postrouting] = packets[..] else {
            panic!("{packets:?}")
        };
        for packet in packets {
            assert_eq!(packet.vlan, Some(StrippedTag { tpid: 0x8100, tci: 0xa007 }));
            assert_eq!((packet.link_header.len(), packet.payload.len()), (14, 60));
        }
        let interfaces = |packet: LogPacket<'_>| {
            [packet.input_port, packet.input, packet.output_port, packet.output]
        };
        let (port, bridge, other) = (Some(2), Some(4), Some(6));
        assert_eq!(interfaces(ingress), [None, port, None, None]);
        assert_eq!(interfaces(prerouting), [port, bridge, None, None]);
        assert_eq!(interfaces(forward), [port, bridge, other, bridge]);
        assert_eq!(interfaces(postrouting), [None, None, other, bridge]);
    }

    #[test]
    fn messages_of_other_types_are_not_packets() {
        let message = |kind, body| Message { kind, flags: 0, sequence: 0, body };
        assert_eq!(LogPacket::parse(message(3, &[0; 4])), Ok(None), "NLMSG_DONE");
        assert_eq!(LogPacket::parse(message(0x400, &[0; 3])), Err(Malformed));
        assert_eq!(LogPacket::parse(message(0x400, &[0; 4])), Err(Malformed), "no packet header");
    }

    #[test]
    fn truncated_messages_do_not_panic() {
        for hex in [INET_AND_NETDEV, BRIDGE_WITH_TAG] {
            let datagram = unhex(hex);
            for message in Messages::new(&datagram).flatten() {
                for end in 0..message.body.len() {
                    let _ = LogPacket::parse(Message { body: &message.body[..end], ..message });
                }
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(body: Vec<u8>) {
            let _ = LogPacket::parse(Message { kind: 0x400, flags: 0, sequence: 0, body: &body });
        }
    }
}
