//! `counters_sample` (0:2) and `counters_sample_expanded` (0:4): sections 3.2 and 3.4.

use super::encoding::{Encoding, compact_source, patch_length};
use crate::data_source::DataSource;
use crate::record::{CounterRecord, DataFormat};
use crate::xdr::Encoder;

/// The counters of a data source at one moment: `counters_sample` (0:2) or
/// `counters_sample_expanded` (0:4).
#[derive(Clone, Copy)]
pub struct CounterSample<'a> {
    /// The groups of counters, encoded in this order.
    pub records: &'a [&'a dyn CounterRecord],
}

impl CounterSample<'_> {
    /// Writes the sample with its `data_format` and length.
    pub(crate) fn encode(
        &self,
        encoding: Encoding,
        source: DataSource,
        sequence: u32,
        xdr: &mut Encoder<'_>,
    ) {
        let start = xdr.len();
        let count = self.records.len() as u32;
        match encoding {
            Encoding::Compact => {
                let source = compact_source(source, xdr);
                xdr.words([COUNTERS_SAMPLE.word(), 0, sequence, source, count]);
            }
            Encoding::Expanded => xdr.words([
                COUNTERS_SAMPLE_EXPANDED.word(),
                0,
                sequence,
                source.class() as u32,
                source.index(),
                count,
            ]),
        }
        for record in self.records {
            let start = xdr.len();
            xdr.words([record.format().word(), 0]);
            record.encode(xdr);
            patch_length(start, xdr);
        }
        patch_length(start, xdr);
    }
}

const COUNTERS_SAMPLE: DataFormat = DataFormat::standard(2);
const COUNTERS_SAMPLE_EXPANDED: DataFormat = DataFormat::standard(4);
