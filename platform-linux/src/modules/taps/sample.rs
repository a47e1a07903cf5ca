//! The flow sample of a captured packet.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface};

use crate::modules::taps::capture::{Packet, PacketKind, VlanTag};

/// Passes the flow sample of a packet on interface `if_index`, with its input and output, to `emit`.
/// On the stack, so that a packet causes no allocation.
#[inline]
pub fn with_flow_sample<T>(
    if_index: u32,
    packet: &Packet<'_>,
    (input, output): (Interface, Interface),
    emit: impl FnOnce(&FlowSample<'_>) -> T,
) -> T {
    let timestamp = ExtendedTimestamp { nanoseconds: packet.timestamp_ns };
    let switch = packet.vlan.map(|tag| extended_switch(tag, packet.kind));
    let with_switch: [&dyn FlowRecord; 2];
    let records: &[&dyn FlowRecord] = match &switch {
        Some(switch) => {
            with_switch = [switch, &timestamp];
            &with_switch
        }
        None => &[&timestamp],
    };
    emit(&FlowSample {
        source: DataSource::interface(if_index),
        meta: packet.meta,
        input,
        output,
        header: Some(SampledHeader {
            protocol: protocol(packet),
            frame_length: frame_length(packet),
            stripped: packet.stripped,
            header: packet.header,
        }),
        records,
    })
}

/// Returns true if packets of this ARPHRD type begin with a header that sFlow has a number for.
#[must_use]
pub fn is_supported(hardware_type: u16) -> bool {
    is_ethernet(hardware_type) || BARE_IP.contains(&hardware_type)
}

/// `extended_switch` (0:1001): the tag applies to the side with the wire.
fn extended_switch(tag: VlanTag, kind: PacketKind) -> ExtendedSwitch {
    let (vlan, priority) = (Some(u32::from(tag.id())), Some(u32::from(tag.priority())));
    match kind {
        PacketKind::Outgoing => {
            ExtendedSwitch { dst_vlan: vlan, dst_priority: priority, ..Default::default() }
        }
        _ => ExtendedSwitch { src_vlan: vlan, src_priority: priority, ..Default::default() },
    }
}

/// The bytes on the wire. The adapter pads a short Ethernet frame after the packet socket has seen it;
/// a received frame has its padding, and loopback has none.
fn frame_length(packet: &Packet<'_>) -> u32 {
    let padded = packet.kind == PacketKind::Outgoing && packet.hardware_type == libc::ARPHRD_ETHER;
    if padded { packet.frame_length.max(MIN_FRAME) } else { packet.frame_length }
}

fn protocol(packet: &Packet<'_>) -> HeaderProtocol {
    let version = packet.header.first().map(|byte| byte >> 4);
    match version {
        _ if is_ethernet(packet.hardware_type) => HeaderProtocol::ETHERNET,
        Some(6) => HeaderProtocol::IPV6,
        _ => HeaderProtocol::IPV4,
    }
}

/// The loopback also has Ethernet headers.
fn is_ethernet(hardware_type: u16) -> bool {
    matches!(hardware_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
}

/// Bytes of the shortest Ethernet frame, FCS included (IEEE 802.3, clause 4.4.2, `minFrameSize`).
const MIN_FRAME: u32 = 64;

/// Tunnels and tun devices, whose packets begin with IP.
const BARE_IP: [u16; 5] =
    [libc::ARPHRD_NONE, ARPHRD_RAWIP, libc::ARPHRD_TUNNEL, libc::ARPHRD_TUNNEL6, libc::ARPHRD_SIT];
/// linux/if_arp.h; libc lacks it.
const ARPHRD_RAWIP: u16 = 519;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::taps::capture::Origin;
    use flowmote_core::SampleMeta;

    #[test]
    fn short_frame_is_padded_where_the_adapter_pads_it() {
        let length = |kind, hardware_type, frame_length| {
            let packet = Packet {
                header: &[0; 42],
                frame_length,
                stripped: 4,
                kind,
                origin: Origin::Unknown,
                vlan: None,
                timestamp_ns: 0,
                if_index: 7,
                hardware_type,
                meta: SampleMeta::default(),
            };
            let sides = (Interface::Index(7), Interface::Unknown);
            with_flow_sample(7, &packet, sides, |sample| sample.header.unwrap().frame_length)
        };
        let (ethernet, tun) = (libc::ARPHRD_ETHER, libc::ARPHRD_NONE);
        assert_eq!(length(PacketKind::Outgoing, ethernet, 46), 64);
        assert_eq!(length(PacketKind::Outgoing, ethernet, 65), 65);
        assert_eq!(length(PacketKind::Host, ethernet, 46), 46, "received as it is");
        assert_eq!(length(PacketKind::Outgoing, libc::ARPHRD_LOOPBACK, 46), 46);
        assert_eq!(length(PacketKind::Outgoing, tun, 28), 28);
    }

    #[test]
    fn tag_is_reported_on_the_side_of_the_wire() {
        let tag = VlanTag { tpid: 0x8100, tci: 0xA00C };
        let received = extended_switch(tag, PacketKind::Host);
        assert_eq!((received.src_vlan, received.src_priority), (Some(12), Some(5)));
        assert_eq!((received.dst_vlan, received.dst_priority), (None, None));
        let sent = extended_switch(tag, PacketKind::Outgoing);
        assert_eq!((sent.dst_vlan, sent.dst_priority), (Some(12), Some(5)));
        assert_eq!((sent.src_vlan, sent.src_priority), (None, None));
    }
}
