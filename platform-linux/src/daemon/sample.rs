//! From a captured packet to a flow sample.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

use crate::capture::{Packet, PacketKind, VlanTag};

/// Makes the flow sample of a packet that was seen on interface `if_index`, and lends it.
pub fn with_flow_sample<T>(
    if_index: u32,
    meta: SampleMeta,
    packet: &Packet<'_>,
    take: impl FnOnce(&FlowSample<'_>) -> T,
) -> T {
    let (input, output) = interfaces(if_index, packet.kind);
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
    take(&FlowSample {
        source: DataSource::interface(if_index),
        meta,
        input,
        output,
        header: Some(SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: packet.frame_length,
            stripped: packet.stripped,
            header: packet.header,
        }),
        records,
    })
}

/// `input` and `output` by what the kernel says of the packet (section 3.6). A packet for another
/// host, seen in promiscuous mode or on a bridge port, goes on to nobody knows where.
fn interfaces(if_index: u32, kind: PacketKind) -> (Interface, Interface) {
    let here = Interface::Index(if_index);
    match kind {
        PacketKind::Host | PacketKind::Broadcast | PacketKind::Multicast => {
            (here, Interface::Internal)
        }
        PacketKind::OtherHost => (here, Interface::Unknown),
        PacketKind::Outgoing => (Interface::Internal, here),
    }
}

/// The tag belongs to the side of the host that has a wire.
fn extended_switch(tag: VlanTag, kind: PacketKind) -> ExtendedSwitch {
    let (vlan, priority) = (Some(u32::from(tag.tci & 0x0FFF)), Some(u32::from(tag.tci >> 13)));
    match kind {
        PacketKind::Outgoing => {
            ExtendedSwitch { dst_vlan: vlan, dst_priority: priority, ..Default::default() }
        }
        _ => ExtendedSwitch { src_vlan: vlan, src_priority: priority, ..Default::default() },
    }
}
