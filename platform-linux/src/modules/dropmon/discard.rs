//! Conversion of a dropped packet into a discard notification.

use flowmote_core::record::flow::{
    ExtendedFunction, ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedTimestamp, SampledHeader,
};
use flowmote_core::{DataSource, DiscardedPacket, DropReason, FlowRecord};

use crate::frame::sampled_header;
use crate::kernel::netlink::drop_monitor::DroppedPacket;
use crate::modules::dropmon::reasons::function;

/// The data source of all notifications: the one that stands for all interfaces. Losses belong to
/// no interface, and the limit per second is one for the host.
pub(super) const SOURCE: DataSource = DataSource::interface(0);

/// The header record; `None` if sFlow has no number for the header.
pub(super) fn header<'a>(packet: &DroppedPacket<'a>) -> Option<SampledHeader<'a>> {
    sampled_header(packet.data, packet.protocol, packet.length)
}

/// Converts a packet and passes it to `emit`.
pub(super) fn with_discard(
    packet: &DroppedPacket<'_>,
    header: SampledHeader<'_>,
    reason: DropReason,
    emit: impl FnOnce(&DiscardedPacket<'_>),
) {
    let function = packet.symbol.map(|symbol| ExtendedFunction { symbol: function(symbol) });
    let trap = packet
        .trap
        .map(|trap| ExtendedHwTrap { group: packet.trap_group.unwrap_or_default(), trap });
    let name = packet.reason.map(|reason| ExtendedLinuxDropReason { reason });
    let timestamp = packet.timestamp_ns.map(|nanoseconds| ExtendedTimestamp { nanoseconds });
    let present = [
        function.as_ref().map(|record| record as &dyn FlowRecord),
        trap.as_ref().map(|record| record as &dyn FlowRecord),
        name.as_ref().map(|record| record as &dyn FlowRecord),
        timestamp.as_ref().map(|record| record as &dyn FlowRecord),
    ];
    let mut records: [&dyn FlowRecord; 4] = [&header; 4];
    let mut count = 0;
    for (slot, record) in records.iter_mut().zip(present.into_iter().flatten()) {
        *slot = record;
        count += 1;
    }
    emit(&DiscardedPacket {
        source: SOURCE,
        input: packet.input.unwrap_or_default(),
        output: packet.output.unwrap_or_default(),
        reason,
        header,
        records: records.get(..count).unwrap_or_default(),
    });
}
