//! A chosen packet on its way from the packet path to the main loop.

use flowmote_core::record::flow::{
    ExtendedSwitch, ExtendedTimestamp, HeaderProtocol, SampledHeader,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};
/// What is kept of a chosen packet: its first `HEADER` bytes, and where it came from and went.
/// The agent cuts the header again to its own limit. Change the public fields where more is known.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PacketSample<const HEADER: usize = 128> {
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
    used: usize,
    header: [u8; HEADER],
}

impl<const HEADER: usize> PacketSample<HEADER> {
    /// A frame, from the destination MAC on and without FCS, that port `if_index` received for
    /// the device itself. Of a frame that is not all there, set `frame_length` too.
    #[must_use]
    #[inline]
    pub fn received(if_index: u32, meta: SampleMeta, frame: &[u8]) -> Self {
        let here = Interface::Index(if_index);
        Self::new(if_index, meta, frame, (here, Interface::Internal))
    }

    /// A frame that the device itself sends by port `if_index`.
    #[must_use]
    #[inline]
    pub fn sent(if_index: u32, meta: SampleMeta, frame: &[u8]) -> Self {
        let here = Interface::Index(if_index);
        Self::new(if_index, meta, frame, (Interface::Internal, here))
    }

    /// A frame that port `if_index` received and a switch passed on to `output`.
    #[must_use]
    #[inline]
    pub fn switched(if_index: u32, meta: SampleMeta, frame: &[u8], output: Interface) -> Self {
        Self::new(if_index, meta, frame, (Interface::Index(if_index), output))
    }

    /// The bytes kept.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        self.header.get(..self.used).unwrap_or(&self.header)
    }

    /// Makes the flow sample, and lends it.
    #[inline]
    pub fn with_flow_sample<T>(&self, take: impl FnOnce(&FlowSample<'_>) -> T) -> T {
        let switch = self.extended_switch();
        let timestamp = ExtendedTimestamp { nanoseconds: self.timestamp_ns };
        let both: [&dyn FlowRecord; 2];
        let one: [&dyn FlowRecord; 1];
        let records: &[&dyn FlowRecord] = match (&switch, self.timestamp_ns) {
            (None, 0) => &[],
            (None, _) => {
                one = [&timestamp];
                &one
            }
            (Some(switch), 0) => {
                one = [switch];
                &one
            }
            (Some(switch), _) => {
                both = [switch, &timestamp];
                &both
            }
        };
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
            records,
        })
    }

    #[inline]
    fn new(
        if_index: u32,
        meta: SampleMeta,
        frame: &[u8],
        (input, output): (Interface, Interface),
    ) -> Self {
        let mut header = [0; HEADER];
        let used = frame.len().min(HEADER);
        if let (Some(to), Some(from)) = (header.get_mut(..used), frame.get(..used)) {
            to.copy_from_slice(from);
        }
        Self {
            source: DataSource::interface(if_index),
            meta,
            input,
            output,
            frame_length: (frame.len() as u32).saturating_add(FCS),
            stripped: FCS,
            src_tag: None,
            dst_tag: None,
            timestamp_ns: 0,
            used,
            header,
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

#[cfg(test)]
mod tests {
    use super::*;

    const META: SampleMeta = SampleMeta { sampling_rate: 4, sample_pool: 9, drops: 1 };
    const TAGGED: [u8; 20] =
        [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0xA0, 0x0C, 8, 0, 0x45, 0];

    #[test]
    fn the_header_is_cut_and_the_length_is_not() {
        let sample = PacketSample::<16>::received(3, META, &[7; 60]);
        assert_eq!((sample.header(), sample.frame_length), (&[7; 16][..], 64));
        let sample = PacketSample::<64>::sent(3, META, &[7; 60]);
        assert_eq!((sample.header(), sample.frame_length), (&[7; 60][..], 64));
        assert_eq!((sample.input, sample.output), (Interface::Internal, Interface::Index(3)));
        assert_eq!(PacketSample::<0>::sent(3, META, &[7; 60]).header(), &[0; 0]);
    }

    #[test]
    fn a_tag_is_told_on_the_side_of_the_wire() {
        let told = |sample: PacketSample<128>| sample.extended_switch();
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
        let count = |sample: &PacketSample| sample.with_flow_sample(|flow| flow.records.len());
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
