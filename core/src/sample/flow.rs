//! `flow_sample` (0:1) and `flow_sample_expanded` (0:3): sections 3.1 and 3.3.

use super::encoding::{Encoding, compact_source, flow_records, patch_length};
use crate::data_source::{DataSource, Interface};
use crate::record::flow::SampledHeader;
use crate::record::{DataFormat, FlowRecord};
use crate::sampler::SampleMeta;
use crate::xdr::Encoder;

/// A sampled packet or a completed transaction: `flow_sample` (0:1) or `flow_sample_expanded`
/// (0:3).
#[derive(Clone, Copy)]
pub struct FlowSample<'a> {
    /// The data source at which the packet was sampled.
    pub source: DataSource,
    /// Sampling rate, pool and drops of the sampler, taken when it chose the packet.
    pub meta: SampleMeta,
    /// The port on which the packet arrived.
    pub input: Interface,
    /// The port by which the packet left, or the reason why it did not.
    pub output: Interface,
    /// The first bytes of the packet; the agent cuts them to the configured size. `None` for a
    /// transaction, which only has records.
    pub header: Option<SampledHeader<'a>>,
    /// Further records, encoded after the header in this order.
    pub records: &'a [&'a dyn FlowRecord],
}

impl FlowSample<'_> {
    /// Writes the sample with its `data_format` and length, and at most `header_bytes` of the
    /// packet.
    pub(crate) fn encode(
        &self,
        encoding: Encoding,
        sequence: u32,
        header_bytes: usize,
        xdr: &mut Encoder<'_>,
    ) {
        let start = xdr.len();
        let SampleMeta { sampling_rate, sample_pool, drops } = self.meta;
        let count = (self.records.len() as u32).wrapping_add(u32::from(self.header.is_some()));
        match encoding {
            Encoding::Compact => {
                let source = compact_source(self.source, xdr);
                xdr.words([
                    FLOW_SAMPLE.word(),
                    0,
                    sequence,
                    source,
                    sampling_rate,
                    sample_pool,
                    drops,
                    self.input.compact(),
                    self.output.compact(),
                    count,
                ]);
            }
            Encoding::Expanded => {
                let (input_format, input) = self.input.expanded();
                let (output_format, output) = self.output.expanded();
                write_words_outlined(
                    xdr,
                    [
                        FLOW_SAMPLE_EXPANDED.word(),
                        0,
                        sequence,
                        self.source.class() as u32,
                        self.source.index(),
                        sampling_rate,
                        sample_pool,
                        drops,
                        input_format,
                        input,
                        output_format,
                        output,
                        count,
                    ],
                );
            }
        }
        if let Some(header) = &self.header {
            header.cut(header_bytes).encode_record(xdr);
        }
        flow_records(self.records, xdr);
        patch_length(start, xdr);
    }
}

/// Writes words in a function of their own.
///
/// If it is inlined, the compiler merges the two encodings into one path that looks up the place
/// of each word.
#[inline(never)]
fn write_words_outlined<const N: usize>(xdr: &mut Encoder<'_>, words: [u32; N]) {
    xdr.words(words);
}

const FLOW_SAMPLE: DataFormat = DataFormat::standard(1);
const FLOW_SAMPLE_EXPANDED: DataFormat = DataFormat::standard(3);
