//! The two encodings of samples, and the parts that several kinds of sample share.

use crate::data_source::DataSource;
use crate::record::FlowRecord;
use crate::xdr::Encoder;

/// The layout of flow and counter samples, the same for all samples of an agent (rule A19).
///
/// `Compact` is mandatory if every ifIndex is below 2^24, `Expanded` otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Encoding {
    /// `flow_sample` (0:1) and `counters_sample` (0:2): class and index share a word.
    #[default]
    Compact,
    /// `flow_sample_expanded` (0:3) and `counters_sample_expanded` (0:4): a word each.
    Expanded,
}

/// The `source_id` word of the compact encoding.
///
/// An index of more than 24 bits overflows the encoder, so that the sample is refused. The agent
/// never gets there: it does not add such a source while its encoding is compact.
pub(super) fn compact_source(source: DataSource, xdr: &mut Encoder<'_>) -> u32 {
    source.compact().unwrap_or_else(|| {
        xdr.overflow();
        0
    })
}

/// Writes flow records, each with its `data_format` and length. The count precedes them in the
/// words of the sample.
pub(super) fn flow_records(records: &[&dyn FlowRecord], xdr: &mut Encoder<'_>) {
    for record in records {
        let start = xdr.len();
        xdr.words([record.format().word(), 0]);
        record.encode(xdr);
        patch_length(start, xdr);
    }
}

/// Writes the length of the sample or record that began at `start` into its second word.
pub(super) fn patch_length(start: usize, xdr: &mut Encoder<'_>) {
    // The length counts neither the data_format nor itself.
    let length = xdr.len().wrapping_sub(start).wrapping_sub(8);
    xdr.patch(start.wrapping_add(4), length as u32);
}
