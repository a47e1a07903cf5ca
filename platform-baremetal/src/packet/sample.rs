//! A chosen packet on its way from the packet path to the main loop.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

/// A chosen packet: its first bytes, lent, and where it came from and went. Change the public
/// fields where more is known.
///
/// [`PortSampler::offer`](crate::PortSampler::offer) copies it into a queue, as many bytes as the
/// queue keeps; the agent cuts them again to its own limit.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PacketSample<'a> {
    /// Where it was seen.
    pub source: DataSource,
    /// What its sampler says.
    pub meta: SampleMeta,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
    /// Length on the wire in bytes, with FCS.
    pub frame_length: u32,
    /// Bytes taken off at either end: at least the 4 of the FCS.
    pub stripped: u32,
    /// VLAN tag (TCI) as it came in; that of a tagged header is found without being told.
    pub src_tag: Option<u16>,
    /// VLAN tag (TCI) as it goes out.
    pub dst_tag: Option<u16>,
    /// Nanoseconds since 1970; 0: not known, and not told.
    pub timestamp_ns: u64,
    pub(crate) header: &'a [u8],
    /// What follows, where a frame is made of two parts.
    pub(crate) payload: &'a [u8],
}

impl<'a> PacketSample<'a> {
    /// A frame, from the destination MAC on and without FCS, that port `if_index` received for
    /// the device itself. Of a frame that is not all there, set `frame_length` too.
    #[must_use]
    #[inline]
    pub fn received(if_index: u32, meta: SampleMeta, frame: &'a [u8]) -> Self {
        let here = Interface::Index(if_index);
        Self::new(if_index, meta, frame, (here, Interface::Internal))
    }

    /// A frame that the device itself sends by port `if_index`, padded by the MAC if it is short.
    #[must_use]
    #[inline]
    pub fn sent(if_index: u32, meta: SampleMeta, frame: &'a [u8]) -> Self {
        Self::sent_in_parts(if_index, meta, frame, &[])
    }

    /// The same for a frame whose headers are in another place than what they carry, as
    /// [`FrameDevice::send`](crate::FrameDevice::send) gets it. The queue joins them; a flow
    /// sample that is made without a queue between has the bytes of `head` only.
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
        Self { frame_length: frame_length.max(SHORTEST), payload, ..sample }
    }

    /// A frame that port `if_index` received and a switch passed on to `output`.
    #[must_use]
    #[inline]
    pub fn switched(if_index: u32, meta: SampleMeta, frame: &'a [u8], output: Interface) -> Self {
        Self::new(if_index, meta, frame, (Interface::Index(if_index), output))
    }

    /// Its first bytes.
    #[must_use]
    pub const fn header(&self) -> &'a [u8] {
        self.header
    }

    /// Makes the flow sample, and lends it.
    #[inline]
    pub fn with_flow_sample<T>(&self, take: impl FnOnce(&FlowSample<'_>) -> T) -> T {
        let switch = self.extended_switch();
        let timestamp = ExtendedTimestamp { nanoseconds: self.timestamp_ns };
        let first: &dyn FlowRecord = match &switch {
            Some(switch) => switch,
            None => &timestamp,
        };
        let known = usize::from(switch.is_some()).wrapping_add((self.timestamp_ns != 0).into());
        let records = [first, &timestamp];
        take(&FlowSample {
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

    /// VLAN and priority, told or read from the header; the tag of a header belongs to the side
    /// of the wire that it was seen on.
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

/// The TCI of a frame with an 802.1Q or 802.1ad tag.
fn tag(header: &[u8]) -> Option<u16> {
    match header.get(12..16) {
        Some(&[0x81, 0x00, high, low] | &[0x88, 0xA8, high, low]) => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    }
}

const FCS: u32 = 4;
/// Ethernet pads shorter frames (IEEE 802.3, 3.2.8); with FCS.
const SHORTEST: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const META: SampleMeta = SampleMeta { sampling_rate: 4, sample_pool: 9, drops: 1 };
    const TAGGED: [u8; 20] =
        [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0xA0, 0x0C, 8, 0, 0x45, 0];

    #[test]
    fn the_length_is_that_on_the_wire() {
        let sample = PacketSample::received(3, META, &[7; 60]);
        assert_eq!((sample.header(), sample.frame_length, sample.stripped), (&[7; 60][..], 64, 4));
        let sample = PacketSample::switched(3, META, &[7; 1514], Interface::Index(4));
        assert_eq!((sample.frame_length, sample.output), (1518, Interface::Index(4)));
    }

    #[test]
    fn a_sent_frame_is_padded() {
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
    fn a_tag_is_told_on_the_side_of_the_wire() {
        let told = |sample: PacketSample<'_>| sample.extended_switch();
        let received = told(PacketSample::received(3, META, &TAGGED)).unwrap();
        assert_eq!((received.src_vlan, received.src_priority), (Some(12), Some(5)));
        assert_eq!((received.dst_vlan, received.dst_priority), (None, None));
        let sent = told(PacketSample::sent(3, META, &TAGGED)).unwrap();
        assert_eq!((sent.dst_vlan, sent.src_vlan), (Some(12), None));
        assert_eq!(told(PacketSample::received(3, META, &TAGGED[..15])), None, "cut in the tag");
        let mut chip = PacketSample::received(3, META, &[0; 60]);
        (chip.src_tag, chip.dst_tag) = (Some(1), Some(0x2002));
        let chip = told(chip).unwrap();
        assert_eq!((chip.src_vlan, chip.dst_vlan, chip.dst_priority), (Some(1), Some(2), Some(1)));
    }

    #[test]
    fn records_are_those_that_are_known() {
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
