//! Conversion of a packet of the psample channel into a flow sample.

use flowmote_core::record::flow::{
    ExtendedEgressQueue, ExtendedQueue, ExtendedTimestamp, ExtendedTransit, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

use crate::frame::{MAC_ADDRESSES, sampled_header};
use crate::kernel::netlink::psample::SampledPacket;
use crate::modules::psample::Side;

/// The ifIndex of the data source: the interface at which the packet was sampled, else the other
/// one; `None` if the kernel reported neither.
pub(super) fn data_source(packet: &SampledPacket<'_>, side: Side) -> Option<u32> {
    match side {
        Side::Ingress => packet.input.or(packet.output),
        Side::Egress => packet.output.or(packet.input),
    }
}

/// The header record; `None` if sFlow has no number for the header.
pub(super) fn header<'a>(packet: &SampledPacket<'a>) -> Option<SampledHeader<'a>> {
    // Kernels before 5.13 do not report the protocol, and their packets are Ethernet frames.
    let ether_type = packet.data.get(MAC_ADDRESSES..).and_then(<[u8]>::first_chunk);
    let protocol = packet.protocol.or(ether_type.map(|bytes| u16::from_be_bytes(*bytes)))?;
    sampled_header(packet.data, protocol, packet.length)
}

/// Converts a packet of data source `if_index` and passes it to `emit`.
pub(super) fn with_flow_sample(
    packet: &SampledPacket<'_>,
    side: Side,
    if_index: u32,
    header: SampledHeader<'_>,
    meta: SampleMeta,
    emit: impl FnOnce(&FlowSample<'_>),
) {
    let timestamp = packet.timestamp_ns.map(|nanoseconds| ExtendedTimestamp { nanoseconds });
    let queue = packet.queue.map(|queue| ExtendedEgressQueue { queue: queue.into() });
    let depth = packet.queue_bytes.map(|bytes| ExtendedQueue { depth: saturated(bytes) });
    let transit = packet.transit_ns.map(|delay| ExtendedTransit { delay: saturated(delay) });
    let present = [
        timestamp.as_ref().map(|record| record as &dyn FlowRecord),
        queue.as_ref().map(|record| record as &dyn FlowRecord),
        // The depth is that of the selected queue, which must be there.
        depth.as_ref().filter(|_| queue.is_some()).map(|record| record as &dyn FlowRecord),
        transit.as_ref().map(|record| record as &dyn FlowRecord),
    ];
    let mut records: [&dyn FlowRecord; 4] = [&header; 4];
    let mut count = 0;
    for (slot, record) in records.iter_mut().zip(present.into_iter().flatten()) {
        *slot = record;
        count += 1;
    }
    let (input, output) = interfaces(packet, side);
    emit(&FlowSample {
        source: DataSource::interface(if_index),
        meta,
        input,
        output,
        header: Some(header),
        records: records.get(..count).unwrap_or_default(),
    });
}

/// Input and output of the sample. A packet that was sampled at its input has no route yet; one
/// without input that was sampled at its output comes from the host itself (`skb_iif` is 0).
fn interfaces(packet: &SampledPacket<'_>, side: Side) -> (Interface, Interface) {
    let missing = match side {
        Side::Ingress => Interface::Unknown,
        Side::Egress => Interface::Internal,
    };
    (
        packet.input.map_or(missing, Interface::Index),
        packet.output.map_or(Interface::Unknown, Interface::Index),
    )
}

/// The largest value of 32 bits stands for all that are larger, too.
fn saturated(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_core::Encoder;

    const FRAME: [u8; 34] = [
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0x05, 0xdc, 0, 0, 0, 0, 64, 17, 0, 0,
        10, 0, 0, 1, 10, 0, 0, 2,
    ];

    fn packet() -> SampledPacket<'static> {
        SampledPacket {
            group: 1,
            rate: 100,
            input: Some(7),
            length: 1514,
            data: &FRAME,
            protocol: Some(0x0800),
            ..SampledPacket::default()
        }
    }

    /// Record formats with their bytes.
    fn records(packet: &SampledPacket<'_>) -> Vec<(u32, Vec<u8>)> {
        let mut found = Vec::new();
        let header = header(packet).unwrap();
        with_flow_sample(packet, Side::Ingress, 7, header, SampleMeta::default(), |sample| {
            for record in sample.records {
                let mut bytes = [0xa5; 16];
                let mut xdr = Encoder::new(&mut bytes);
                record.encode(&mut xdr);
                let length = xdr.len();
                found.push((record.format().word(), bytes[..length].to_vec()));
            }
        });
        found
    }

    #[test]
    fn frame_length_includes_the_fcs() {
        let header = header(&packet()).unwrap();
        assert_eq!((header.protocol.code(), header.frame_length, header.stripped), (1, 1518, 4));
        let older = SampledPacket { protocol: None, ..packet() };
        assert_eq!(super::header(&older).unwrap().frame_length, 1518, "before 5.13");
        let bare = SampledPacket { data: &FRAME[14..], length: 1500, ..packet() };
        let header = super::header(&bare).unwrap();
        assert_eq!((header.protocol.code(), header.frame_length, header.stripped), (11, 1500, 0));
        assert!(super::header(&SampledPacket { data: &FRAME[..5], ..older }).is_none());
    }

    #[test]
    fn data_source_is_the_side_that_was_sampled() {
        let both = SampledPacket { output: Some(8), ..packet() };
        assert_eq!(data_source(&both, Side::Ingress), Some(7));
        assert_eq!(data_source(&both, Side::Egress), Some(8));
        assert_eq!(data_source(&packet(), Side::Egress), Some(7));
        let none = SampledPacket { input: None, ..packet() };
        assert_eq!(data_source(&none, Side::Ingress), None);
    }

    #[test]
    fn missing_interface_is_the_host_only_at_the_output() {
        let (index, host, unknown) = (Interface::Index, Interface::Internal, Interface::Unknown);
        assert_eq!(interfaces(&packet(), Side::Ingress), (index(7), unknown));
        let sent = SampledPacket { input: None, output: Some(8), ..packet() };
        assert_eq!(interfaces(&sent, Side::Egress), (host, index(8)));
        assert_eq!(interfaces(&sent, Side::Ingress), (unknown, index(8)));
        let forwarded = SampledPacket { output: Some(8), ..packet() };
        assert_eq!(interfaces(&forwarded, Side::Egress), (index(7), index(8)));
    }

    #[test]
    fn delay_and_depth_saturate() {
        let attributes = SampledPacket {
            timestamp_ns: Some(1 << 32),
            queue: Some(3),
            queue_bytes: Some(70_000_000_000),
            transit_ns: Some(5_000_000_000),
            ..packet()
        };
        let expected = [
            (1043, vec![0, 0, 0, 1, 0, 0, 0, 0]),
            (1036, vec![0, 0, 0, 3]),
            (1040, vec![0xff; 4]),
            (1039, vec![0xff; 4]),
        ];
        assert_eq!(records(&attributes), expected);
        let small = SampledPacket { queue_bytes: Some(5), transit_ns: Some(6), ..attributes };
        let found = records(&small);
        assert_eq!(found[2..], [(1040, vec![0, 0, 0, 5]), (1039, vec![0, 0, 0, 6])]);
        let without_queue = SampledPacket { queue: None, ..small };
        let formats: Vec<_> = records(&without_queue).iter().map(|(format, _)| *format).collect();
        assert_eq!(formats, [1043, 1039], "a depth needs its queue");
        assert_eq!(records(&packet()), []);
    }
}
