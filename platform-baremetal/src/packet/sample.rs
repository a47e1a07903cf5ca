//! A sampled packet, between the packet path and the agent.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

/// A sampled packet: its first bytes, borrowed, with ingress, egress and lengths. The constructors
/// set defaults; change the public fields if more is known.
///
/// [`PortSampler::offer`](crate::PortSampler::offer) copies it into a queue, with as many bytes as
/// a slot holds; the agent truncates them to its own limit.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PacketSample<'a> {
    /// The data source that sampled it.
    pub source: DataSource,
    /// Rate, pool and drops of its sampler.
    pub meta: SampleMeta,
    /// Ingress interface.
    pub input: Interface,
    /// Egress interface.
    pub output: Interface,
    /// Length on the wire in bytes, including the FCS.
    pub frame_length: u32,
    /// Bytes removed before sampling: at least the 4 of the FCS.
    pub stripped: u32,
    /// VLAN tag (TCI) at ingress. `None`: taken from a tagged header.
    pub src_tag: Option<u16>,
    /// VLAN tag (TCI) at egress. `None`: taken from the header of a sent frame.
    pub dst_tag: Option<u16>,
    /// Nanoseconds since 1970; 0: unknown, and not exported.
    pub timestamp_ns: u64,
    pub(crate) header: &'a [u8],
    /// The second part of a frame in two buffers.
    pub(crate) payload: &'a [u8],
}

impl<'a> PacketSample<'a> {
    /// Creates the sample of a frame that port `if_index` received for the device itself. `frame`
    /// starts at the destination MAC and has no FCS; if it is truncated, set `frame_length` too.
    #[must_use]
    #[inline]
    pub fn received(if_index: u32, meta: SampleMeta, frame: &'a [u8]) -> Self {
        let here = Interface::Index(if_index);
        Self::new(if_index, meta, frame, (here, Interface::Internal))
    }

    /// Creates the sample of a frame that the device itself sends by port `if_index`. Its length
    /// includes the padding of a short frame.
    #[must_use]
    #[inline]
    pub fn sent(if_index: u32, meta: SampleMeta, frame: &'a [u8]) -> Self {
        Self::sent_in_parts(if_index, meta, frame, &[])
    }

    /// As [`sent`](Self::sent), for a frame in two buffers as passed to
    /// [`FrameDevice::send`](crate::FrameDevice::send). The queue joins them; without a queue the
    /// flow sample has only the bytes of `head`.
    #[must_use]
    #[inline]
    pub fn sent_in_parts(
        if_index: u32,
        meta: SampleMeta,
        head: &'a [u8],
        payload: &'a [u8],
    ) -> Self {
        let here = Interface::Index(if_index);
        let sample = Self::new(if_index, meta, head, (Interface::Internal, here));
        let frame_length = sample.frame_length.saturating_add(payload.len() as u32);
        Self { frame_length: frame_length.max(MIN_FRAME), payload, ..sample }
    }

    /// Creates the sample of a frame that port `if_index` received and a switch forwarded to
    /// `output`.
    #[must_use]
    #[inline]
    pub fn switched(if_index: u32, meta: SampleMeta, frame: &'a [u8], output: Interface) -> Self {
        Self::new(if_index, meta, frame, (Interface::Index(if_index), output))
    }

    /// Returns the first bytes of the packet.
    #[must_use]
    pub const fn header(&self) -> &'a [u8] {
        self.header
    }

    /// Passes the flow sample to `f`. A closure, because the sample borrows its records.
    #[inline]
    pub fn with_flow_sample<T>(&self, f: impl FnOnce(&FlowSample<'_>) -> T) -> T {
        let switch = self.extended_switch();
        let timestamp = ExtendedTimestamp { nanoseconds: self.timestamp_ns };
        let first: &dyn FlowRecord = match &switch {
            Some(switch) => switch,
            None => &timestamp,
        };
        let known = usize::from(switch.is_some()).wrapping_add((self.timestamp_ns != 0).into());
        let records = [first, &timestamp];
        f(&FlowSample {
            source: self.source,
            meta: self.meta,
            input: self.input,
            output: self.output,
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: self.frame_length,
                stripped: self.stripped,
                header: self.header(),
            }),
            records: records.get(..known).unwrap_or_default(),
        })
    }

    #[inline]
    fn new(
        if_index: u32,
        meta: SampleMeta,
        header: &'a [u8],
        (input, output): (Interface, Interface),
    ) -> Self {
        Self {
            source: DataSource::interface(if_index),
            meta,
            input,
            output,
            frame_length: (header.len() as u32).saturating_add(FCS),
            stripped: FCS,
            src_tag: None,
            dst_tag: None,
            timestamp_ns: 0,
            header,
            payload: &[],
        }
    }

    /// VLAN and priority, from the fields or else from the header. A tag in the header is that of
    /// the wire: ingress of a received frame, egress of a sent one.
    fn extended_switch(&self) -> Option<ExtendedSwitch> {
        let (mut src, mut dst) = (self.src_tag, self.dst_tag);
        if src.is_none() && dst.is_none() {
            let tag = tag(self.header());
            if self.input == Interface::Internal { dst = tag } else { src = tag }
        }
        let vlan = |tag: u16| u32::from(tag & 0xFFF);
        let priority = |tag: u16| u32::from(tag >> 13);
        (src.is_some() || dst.is_some()).then(|| ExtendedSwitch {
            src_vlan: src.map(vlan),
            src_priority: src.map(priority),
            dst_vlan: dst.map(vlan),
            dst_priority: dst.map(priority),
        })
    }
}

/// Returns the TCI of a frame with an 802.1Q or 802.1ad tag.
fn tag(header: &[u8]) -> Option<u16> {
    match header.get(12..16) {
        Some(&[0x81, 0x00, high, low] | &[0x88, 0xA8, high, low]) => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    }
}

const FCS: u32 = 4;
/// Minimum frame length, including the FCS (IEEE 802.3, 3.2.8).
const MIN_FRAME: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const META: SampleMeta = SampleMeta { sampling_rate: 4, sample_pool: 9, drops: 1 };
    const TAGGED: [u8; 20] =
        [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0xA0, 0x0C, 8, 0, 0x45, 0];

    #[test]
    fn frame_length_includes_the_fcs() {
        let sample = PacketSample::received(3, META, &[7; 60]);
        assert_eq!((sample.header(), sample.frame_length, sample.stripped), (&[7; 60][..], 64, 4));
        let sample = PacketSample::switched(3, META, &[7; 1514], Interface::Index(4));
        assert_eq!((sample.frame_length, sample.output), (1518, Interface::Index(4)));
    }

    #[test]
    fn sent_frames_count_with_padding() {
        for (length, on_the_wire) in [(0, 64), (42, 64), (60, 64), (61, 65), (1514, 1518)] {
            let frame = &[7; 1514][..length];
            let sent = PacketSample::sent(3, META, frame);
            assert_eq!((sent.header(), sent.frame_length), (frame, on_the_wire));
            assert_eq!((sent.input, sent.output), (Interface::Internal, Interface::Index(3)));
            let (head, payload) = frame.split_at(length.min(42));
            let parts = PacketSample::sent_in_parts(3, META, head, payload);
            assert_eq!((parts.header(), parts.frame_length), (head, on_the_wire));
        }
    }

    #[test]
    fn header_tag_belongs_to_the_side_of_the_wire() {
        let switch = |sample: PacketSample<'_>| sample.extended_switch();
        let received = switch(PacketSample::received(3, META, &TAGGED)).unwrap();
        assert_eq!((received.src_vlan, received.src_priority), (Some(12), Some(5)));
        assert_eq!((received.dst_vlan, received.dst_priority), (None, None));
        let sent = switch(PacketSample::sent(3, META, &TAGGED)).unwrap();
        assert_eq!((sent.dst_vlan, sent.src_vlan), (Some(12), None));
        assert_eq!(switch(PacketSample::received(3, META, &TAGGED[..15])), None, "cut in the tag");
        let mut chip = PacketSample::received(3, META, &[0; 60]);
        (chip.src_tag, chip.dst_tag) = (Some(1), Some(0x2002));
        let chip = switch(chip).unwrap();
        assert_eq!((chip.src_vlan, chip.dst_vlan, chip.dst_priority), (Some(1), Some(2), Some(1)));
    }

    #[test]
    fn only_known_records_are_attached() {
        let count = |sample: &PacketSample<'_>| sample.with_flow_sample(|flow| flow.records.len());
        let mut plain = PacketSample::received(3, META, &[0; 60]);
        assert_eq!(count(&plain), 0);
        plain.timestamp_ns = 1;
        assert_eq!(count(&plain), 1);
        let mut tagged = PacketSample::received(3, META, &TAGGED);
        assert_eq!(count(&tagged), 1);
        tagged.timestamp_ns = 1;
        assert_eq!(count(&tagged), 2);
    }
}
