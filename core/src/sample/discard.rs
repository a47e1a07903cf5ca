//! `discarded_packet` (0:5): section 3.5.

use super::encoding::{flow_records, patch_length};
use crate::data_source::DataSource;
use crate::drop_reason::DropReason;
use crate::record::flow::SampledHeader;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// A packet that the device discarded: `discarded_packet` (0:5).
#[derive(Clone, Copy)]
pub struct DiscardedPacket<'a> {
    /// The data source that reports the discard.
    pub source: DataSource,
    /// ifIndex of the physical port on which the packet arrived; 0: unknown.
    pub input: u32,
    /// ifIndex of the port by which the packet would have left, for discards at egress; else 0.
    pub output: u32,
    /// The reason of the discard.
    pub reason: DropReason,
    /// The first bytes of the packet, which the specification requires; the agent cuts them to the
    /// configured size.
    pub header: SampledHeader<'a>,
    /// Further records, such as the queue, the access list or the function.
    pub records: &'a [&'a dyn FlowRecord],
}

impl DiscardedPacket<'_> {
    /// Writes the sample with its `data_format` and length. It has one layout, whichever encoding
    /// the agent uses.
    pub(crate) fn encode(&self, sequence: u32, drops: u32, xdr: &mut Encoder<'_>) {
        let start = xdr.len();
        xdr.words([
            DISCARDED_PACKET.word(),
            0,
            sequence,
            self.source.class() as u32,
            self.source.index(),
            drops,
            self.input,
            self.output,
            self.reason.code(),
            (self.records.len() as u32).wrapping_add(1),
        ]);
        self.header.encode_record(xdr);
        flow_records(self.records, xdr);
        patch_length(start, xdr);
    }
}

const DISCARDED_PACKET: DataFormat = DataFormat::standard(5);
