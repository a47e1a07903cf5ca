//! Conversion of a logged packet into a flow sample.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

use crate::frame::{FCS, IPV4, IPV6, MAC_ADDRESSES, MIN_FRAME, is_ethernet};
use crate::kernel::netlink::nflog::{LogPacket, StrippedTag};

/// The ifIndex of the data source of a packet: its input interface, else its output interface;
/// `None` if the kernel reported neither.
///
/// For a bridged packet these are the bridge ports: they have the wire, the bridge has none.
pub(super) fn data_source(packet: &LogPacket<'_>) -> Option<u32> {
    input(packet).or(output(packet))
}

/// Converts a packet of data source `if_index` and passes it to `emit`.
pub(super) fn with_flow_sample(
    packet: &LogPacket<'_>,
    if_index: u32,
    header: SampledHeader<'_>,
    meta: SampleMeta,
    emit: impl FnOnce(&FlowSample<'_>),
) {
    let switch = packet.vlan.map(|tag| extended_switch(packet, tag));
    let timestamp = packet.timestamp_ns.map(|nanoseconds| ExtendedTimestamp { nanoseconds });
    let mut records: [&dyn FlowRecord; 2] = [&header; 2];
    let mut count = 0;
    let present = [
        switch.as_ref().map(|record| record as &dyn FlowRecord),
        timestamp.as_ref().map(|record| record as &dyn FlowRecord),
    ];
    for (slot, record) in records.iter_mut().zip(present.into_iter().flatten()) {
        *slot = record;
        count += 1;
    }
    let (input, output) = interfaces(packet);
    emit(&FlowSample {
        source: DataSource::interface(if_index),
        meta,
        input,
        output,
        header: Some(header),
        records: records.get(..count).unwrap_or_default(),
    });
}

/// The `sampled_header` (0:1) of a packet, cut at `limit` bytes. `room` is scratch space for them.
/// `None` if the packet does not begin with a header for which sFlow has a number.
///
/// The frame length is computed from the headers of the packet: the number of bytes that the kernel
/// copied depends on the copy range and on the rule.
pub(super) fn sampled_header<'a>(
    packet: &LogPacket<'_>,
    room: &'a mut Vec<u8>,
    limit: usize,
) -> Option<SampledHeader<'a>> {
    let (link, network) = split(packet);
    let length = network_length(packet.protocol, network);
    room.clear();
    let Some((addresses, rest)) = link.split_at_checked(MAC_ADDRESSES) else {
        // From a rule on output or from an interface without link-layer header: bare IP, without
        // FCS.
        let protocol = match packet.protocol {
            IPV4 => HeaderProtocol::IPV4,
            IPV6 => HeaderProtocol::IPV6,
            _ => return None,
        };
        room.extend(network.iter().take(limit));
        let header = SampledHeader { protocol, frame_length: length, stripped: 0, header: room };
        return (!network.is_empty()).then_some(header);
    };
    // The tag was on the wire, so it is put back, as in the samples of taps.
    let tag = packet.vlan.map(|tag| [tag.tpid.to_be_bytes(), tag.tci.to_be_bytes()]);
    let tag = tag.as_ref().map_or([].as_slice(), |tag| tag.as_flattened());
    let on_wire = link.len().saturating_add(tag.len()).saturating_add(FCS as usize);
    room.extend(addresses.iter().chain(tag).chain(rest).chain(network).take(limit));
    Some(SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: u32::try_from(on_wire).ok()?.saturating_add(length).max(shortest(packet)),
        stripped: FCS,
        header: room,
    })
}

/// Bytes of the shortest frame. The IP layer has removed the padding of one that was received
/// (net/ipv4/ip_input.c, `ip_rcv_core`), and the adapter adds it to one that is sent. Loopback has
/// no padding.
fn shortest(packet: &LogPacket<'_>) -> u32 {
    if packet.hardware_type == Some(libc::ARPHRD_LOOPBACK) { 0 } else { MIN_FRAME }
}

/// The Ethernet header, empty if there is none, and the bytes that follow it.
fn split<'a>(packet: &LogPacket<'a>) -> (&'a [u8], &'a [u8]) {
    // On netdev egress the payload begins with the link-layer header, which is in NFULA_L2HDR too
    // (net/core/dev.c, nf_hook_egress is called before the header is pulled).
    if packet.family == NFPROTO_NETDEV && packet.hook == NF_NETDEV_EGRESS {
        let parts = packet.payload.split_at_checked(packet.link_header.len());
        return parts.unwrap_or((&[], packet.payload));
    }
    if is_ethernet(packet.link_header, packet.protocol) {
        return (packet.link_header, packet.payload);
    }
    // NFULA_HWHEADER is as long as the headers of the interface at hand, which on postrouting is
    // not the interface that received the packet: a packet from a tunnel has no Ethernet header
    // there, and the bytes are something else. So type, length and EtherType must match.
    let ethernet = matches!(packet.hardware_type, Some(libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK))
        && packet.hardware_header.len() == ETHERNET_HEADER
        && is_ethernet(packet.hardware_header, packet.protocol);
    (if ethernet { packet.hardware_header } else { &[] }, packet.payload)
}

/// Length of the packet from its network header on: by the header itself, and at least the bytes
/// that were copied. These include the padding of a short frame, and they are all there is of a
/// protocol other than IP, of jumbograms and of super-packets beyond 64 KiB, whose length field is
/// 0.
fn network_length(protocol: u16, network: &[u8]) -> u32 {
    let field = |at: usize| network.get(at..).and_then(<[u8]>::first_chunk);
    let length = match protocol {
        IPV4 => field(2).map_or(0, |length| u32::from(u16::from_be_bytes(*length))),
        IPV6 => field(4).map_or(0, |length| 40 + u32::from(u16::from_be_bytes(*length))),
        _ => 0,
    };
    length.max(u32::try_from(network.len()).unwrap_or(u32::MAX))
}

fn input(packet: &LogPacket<'_>) -> Option<u32> {
    packet.input_port.or(packet.input)
}

fn output(packet: &LogPacket<'_>) -> Option<u32> {
    packet.output_port.or(packet.output)
}

/// Input and output of the sample. A side without interface is the host itself only on the hooks
/// of local packets. It is unknown on prerouting and ingress, where the route is not yet known, and
/// on postrouting, where kernels before 5.8 report no input interface.
fn interfaces(packet: &LogPacket<'_>) -> (Interface, Interface) {
    let is_local = |hook| packet.hook == hook && packet.family != NFPROTO_NETDEV;
    let side = |if_index: Option<u32>, local: bool| match if_index {
        Some(if_index) => Interface::Index(if_index),
        None if local => Interface::Internal,
        None => Interface::Unknown,
    };
    let sent = is_local(NF_INET_LOCAL_OUT);
    let received = is_local(NF_INET_LOCAL_IN) && packet.family != NFPROTO_ARP;
    (side(input(packet), sent), side(output(packet), received))
}

/// The tag belongs to the side of the host on which the packet was seen.
fn extended_switch(packet: &LogPacket<'_>, tag: StrippedTag) -> ExtendedSwitch {
    let (vlan, priority) = (Some(u32::from(tag.tci & 0x0fff)), Some(u32::from(tag.tci >> 13)));
    if input(packet).is_some() {
        ExtendedSwitch { src_vlan: vlan, src_priority: priority, ..Default::default() }
    } else {
        ExtendedSwitch { dst_vlan: vlan, dst_priority: priority, ..Default::default() }
    }
}

const ETHERNET_HEADER: usize = 14;
// linux/netfilter.h
const NFPROTO_ARP: u8 = 3;
const NFPROTO_NETDEV: u8 = 5;
const NF_NETDEV_EGRESS: u8 = 1;
const NF_INET_LOCAL_IN: u8 = 1;
const NF_INET_LOCAL_OUT: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    const ETHERNET_IPV4: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    /// The first 20 bytes of an IPv4 packet of 1428 bytes.
    const IPV4_1428: [u8; 20] =
        [0x45, 0, 0x05, 0x94, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    /// The first 8 bytes of an IPv6 packet of 148 bytes.
    const IPV6_148: [u8; 8] = [0x60, 0, 0, 0, 0, 108, 17, 64];

    fn received() -> LogPacket<'static> {
        LogPacket {
            family: 2,
            hook: 0,
            protocol: IPV4,
            input: Some(7),
            hardware_type: Some(libc::ARPHRD_ETHER),
            hardware_header: &ETHERNET_IPV4,
            payload: &IPV4_1428,
            ..LogPacket::default()
        }
    }

    fn sent() -> LogPacket<'static> {
        let (input, output) = (None, Some(8));
        LogPacket {
            hook: 3,
            input,
            output,
            hardware_header: &[],
            hardware_type: None,
            ..received()
        }
    }

    /// Header protocol, frame length, stripped bytes, header.
    fn header(packet: &LogPacket<'_>, limit: usize) -> Option<(u32, u32, u32, Vec<u8>)> {
        let mut room = vec![0xa5; 300];
        let header = sampled_header(packet, &mut room, limit)?;
        Some((header.protocol.code(), header.frame_length, header.stripped, header.header.to_vec()))
    }

    #[test]
    fn frame_length_is_that_of_the_packet_and_not_of_the_copy() {
        let bytes = [ETHERNET_IPV4.as_slice(), &IPV4_1428].concat();
        assert_eq!(header(&received(), 256), Some((1, 14 + 1428 + 4, 4, bytes.clone())));
        assert_eq!(header(&received(), 16), Some((1, 14 + 1428 + 4, 4, bytes[..16].to_vec())));
        assert_eq!(header(&sent(), 256), Some((11, 1428, 0, IPV4_1428.to_vec())));
        let ipv6 = LogPacket { protocol: IPV6, payload: &IPV6_148, ..sent() };
        assert_eq!(header(&ipv6, 256), Some((12, 148, 0, IPV6_148.to_vec())));
    }

    #[test]
    fn padding_and_packets_without_length_count_as_copied() {
        let short = [&IPV4_1428[..2], &[0, 20], &IPV4_1428[4..], &[0; 26]].concat();
        let padded = LogPacket { payload: &short, ..received() };
        assert_eq!(header(&padded, 256).unwrap().1, 64);
        let trimmed = LogPacket { payload: &short[..20], ..padded };
        assert_eq!(header(&trimmed, 256).unwrap().1, 64);
        let loopback = LogPacket { hardware_type: Some(libc::ARPHRD_LOOPBACK), ..trimmed };
        assert_eq!(header(&loopback, 256).unwrap().1, 14 + 20 + 4);
        let giant = [&IPV4_1428[..2], &[0, 0], &IPV4_1428[4..]].concat();
        assert_eq!(header(&LogPacket { payload: &giant, ..sent() }, 256).unwrap().1, 20);
    }

    #[test]
    fn header_that_is_not_ethernet_is_left_out() {
        let bare = Some((11, 1428, 0, IPV4_1428.to_vec()));
        let tunnel = LogPacket { hardware_type: Some(libc::ARPHRD_NONE), ..received() };
        assert_eq!(header(&tunnel, 256), bare);
        let garbage = LogPacket { hardware_header: &IPV4_1428[..14], ..received() };
        assert_eq!(header(&garbage, 256), bare);
        let none = LogPacket { payload: &[], ..sent() };
        assert_eq!(header(&none, 256), None);
        assert_eq!(header(&LogPacket { protocol: 0x0806, ..sent() }, 256), None, "ARP on output");
    }

    #[test]
    fn egress_payload_begins_with_the_link_header() {
        let payload = [ETHERNET_IPV4.as_slice(), &IPV4_1428].concat();
        let (family, hook) = (NFPROTO_NETDEV, NF_NETDEV_EGRESS);
        let egress =
            LogPacket { family, hook, link_header: &ETHERNET_IPV4, payload: &payload, ..sent() };
        assert_eq!(header(&egress, 256), Some((1, 14 + 1428 + 4, 4, payload.clone())));
    }

    #[test]
    fn stripped_tag_is_put_back() {
        let tag = StrippedTag { tpid: 0x8100, tci: 0xa007 };
        let tagged = LogPacket { vlan: Some(tag), link_header: &ETHERNET_IPV4, ..received() };
        let bytes = [MACS.as_slice(), &[0x81, 0, 0xa0, 7], &[8, 0], &IPV4_1428].concat();
        assert_eq!(header(&tagged, 256), Some((1, 18 + 1428 + 4, 4, bytes)));
        let switch = extended_switch(&tagged, tag);
        assert_eq!((switch.src_vlan, switch.src_priority), (Some(7), Some(5)));
        let switch = extended_switch(&LogPacket { input: None, ..tagged }, tag);
        assert_eq!((switch.dst_vlan, switch.dst_priority), (Some(7), Some(5)));
    }

    #[test]
    fn missing_interface_is_the_host_only_on_local_hooks() {
        let (index, host, unknown) = (Interface::Index, Interface::Internal, Interface::Unknown);
        let hook = |hook, input, output| LogPacket { hook, input, output, ..received() };
        assert_eq!(interfaces(&hook(0, Some(7), None)), (index(7), unknown), "prerouting");
        assert_eq!(interfaces(&hook(1, Some(7), None)), (index(7), host), "input");
        assert_eq!(interfaces(&hook(2, Some(7), Some(8))), (index(7), index(8)), "forward");
        assert_eq!(interfaces(&hook(3, None, Some(8))), (host, index(8)), "output");
        assert_eq!(interfaces(&hook(4, None, Some(8))), (unknown, index(8)), "postrouting");
        let egress = LogPacket { family: NFPROTO_NETDEV, ..hook(1, None, Some(8)) };
        assert_eq!(interfaces(&egress), (unknown, index(8)));
    }

    #[test]
    fn data_source_is_the_input_port() {
        assert_eq!(data_source(&received()), Some(7));
        assert_eq!(data_source(&sent()), Some(8));
        let bridged = LogPacket { input_port: Some(2), output_port: Some(3), ..received() };
        assert_eq!(data_source(&bridged), Some(2));
        assert_eq!(interfaces(&bridged), (Interface::Index(2), Interface::Index(3)));
        assert_eq!(data_source(&LogPacket { input: None, ..received() }), None);
    }
}
