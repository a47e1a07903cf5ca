//! The samples: flow samples, counters samples, discarded packets, and the vendor's two.

use crate::counter::CounterRecords;
use crate::custom::{RtFlow, RtMetric};
use crate::flow::FlowRecords;
use crate::format::DataFormat;
use crate::malformed::{Malformed, MalformedKind};
use crate::record::Records;
use crate::source::{DataSource, Interface};
use crate::xdr::Span;

/// A sample, its fixed part read and its records not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// 0:1 flow_sample and 0:3 flow_sample_expanded.
    Flow(FlowSample<'a>),
    /// 0:2 counters_sample and 0:4 counters_sample_expanded.
    Counters(CountersSample<'a>),
    /// 0:5 discarded_packet.
    Discarded(DiscardedPacket<'a>),
    /// 4300:1002 rtmetric.
    RtMetric(RtMetric<'a>),
    /// 4300:1003 rtflow.
    RtFlow(RtFlow<'a>),
    /// Anything else.
    Unknown(UnknownSample<'a>),
}

impl<'a> Sample<'a> {
    /// Reads the fixed part.
    #[inline]
    pub(crate) fn read(format: DataFormat, body: Span<'a>) -> Result<Self, Malformed> {
        let read = match format {
            FLOW => FlowSample::compact(body).map(Self::Flow),
            COUNTERS => CountersSample::compact(body).map(Self::Counters),
            FLOW_EXPANDED => FlowSample::expanded(body).map(Self::Flow),
            COUNTERS_EXPANDED => CountersSample::expanded(body).map(Self::Counters),
            DISCARDED => DiscardedPacket::read(body).map(Self::Discarded),
            RT_METRIC => RtMetric::read(body).map(Self::RtMetric),
            RT_FLOW => RtFlow::read(body).map(Self::RtFlow),
            _ => Some(Self::Unknown(UnknownSample { data_format: format, body })),
        };
        read.ok_or_else(|| body.malformed(MalformedKind::SampleShort))
    }

    /// Enterprise and format.
    pub fn data_format(&self) -> DataFormat {
        match self {
            Self::Flow(sample) if sample.expanded => FLOW_EXPANDED,
            Self::Flow(_) => FLOW,
            Self::Counters(sample) if sample.expanded => COUNTERS_EXPANDED,
            Self::Counters(_) => COUNTERS,
            Self::Discarded(_) => DISCARDED,
            Self::RtMetric(_) => RT_METRIC,
            Self::RtFlow(_) => RT_FLOW,
            Self::Unknown(sample) => sample.data_format,
        }
    }

    /// The published name; `None` for an unknown number.
    pub fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Flow(sample) if sample.expanded => "flow_sample_expanded",
            Self::Flow(_) => "flow_sample",
            Self::Counters(sample) if sample.expanded => "counters_sample_expanded",
            Self::Counters(_) => "counters_sample",
            Self::Discarded(_) => "discarded_packet",
            Self::RtMetric(_) => "rtmetric",
            Self::RtFlow(_) => "rtflow",
            Self::Unknown(_) => return None,
        })
    }
}

/// One sampled packet or completed transaction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FlowSample<'a> {
    /// +1 per flow sample of this source, wraps.
    pub sequence_number: u32,
    /// Where it was taken.
    pub source_id: DataSource,
    /// N of the 1-in-N in force.
    pub sampling_rate: u32,
    /// Packets that could have been sampled, so far; wraps.
    pub sample_pool: u32,
    /// Samples lost for lack of resources, so far; 0 also if the agent cannot tell.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
    /// Flow records that the sample declares.
    pub num_records: u32,
    /// Whether it came in the expanded encoding (0:3).
    pub expanded: bool,
    records: Span<'a>,
}

impl<'a> FlowSample<'a> {
    /// The flow records in order.
    #[inline]
    pub fn records(&self) -> FlowRecords<'a> {
        Records::new(self.records, self.num_records, 0)
    }

    #[inline]
    fn compact(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, source, rate, pool, drops, input, output, num_records] =
            span.words()?;
        Some(Self {
            sequence_number,
            source_id: DataSource::from_compact(source),
            sampling_rate: rate,
            sample_pool: pool,
            drops,
            input: Interface::from_compact(input),
            output: Interface::from_compact(output),
            num_records,
            expanded: false,
            records: span,
        })
    }

    #[inline]
    fn expanded(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, class, index, rate, pool, drops] = span.words()?;
        let [in_format, in_value, out_format, out_value, num_records] = span.words()?;
        Some(Self {
            sequence_number,
            source_id: DataSource { class, index },
            sampling_rate: rate,
            sample_pool: pool,
            drops,
            input: Interface { format: in_format, value: in_value },
            output: Interface { format: out_format, value: out_value },
            num_records,
            expanded: true,
            records: span,
        })
    }
}

/// The counters of one data source.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CountersSample<'a> {
    /// +1 per counters sample of this source, wraps; starts over when a counter does.
    pub sequence_number: u32,
    /// Whose counters.
    pub source_id: DataSource,
    /// Counter records that the sample declares.
    pub num_records: u32,
    /// Whether it came in the expanded encoding (0:4).
    pub expanded: bool,
    records: Span<'a>,
}

impl<'a> CountersSample<'a> {
    /// The counter records in order.
    #[inline]
    pub fn records(&self) -> CounterRecords<'a> {
        Records::new(self.records, self.num_records, 0)
    }

    fn compact(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, source, num_records] = span.words()?;
        let source_id = DataSource::from_compact(source);
        Some(Self { sequence_number, source_id, num_records, expanded: false, records: span })
    }

    fn expanded(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, class, index, num_records] = span.words()?;
        let source_id = DataSource { class, index };
        Some(Self { sequence_number, source_id, num_records, expanded: true, records: span })
    }
}

/// Notice of one packet that the device discarded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DiscardedPacket<'a> {
    /// +1 per notice of this source, wraps.
    pub sequence_number: u32,
    /// Where it was noticed.
    pub source_id: DataSource,
    /// Notices suppressed or lost, so far; 0 also if unknown.
    pub drops: u32,
    /// ifIndex of the port the packet came in by; 0 unknown.
    pub input_if_index: u32,
    /// ifIndex of the port the packet would have left by; 0 unless dropped on egress.
    pub output_if_index: u32,
    /// Why; [`drop_reason_name`](crate::drop_reason_name) names it.
    pub reason: u32,
    /// Flow records that the sample declares.
    pub num_records: u32,
    records: Span<'a>,
}

impl<'a> DiscardedPacket<'a> {
    /// The flow records in order.
    #[inline]
    pub fn records(&self) -> FlowRecords<'a> {
        Records::new(self.records, self.num_records, 0)
    }

    fn read(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, class, index, drops, input, output, reason, num_records] =
            span.words()?;
        Some(Self {
            sequence_number,
            source_id: DataSource { class, index },
            drops,
            input_if_index: input,
            output_if_index: output,
            reason,
            num_records,
            records: span,
        })
    }
}

/// A sample of a kind that this library does not know.
#[derive(Clone, Copy, Debug)]
pub struct UnknownSample<'a> {
    data_format: DataFormat,
    body: Span<'a>,
}

impl<'a> UnknownSample<'a> {
    /// Enterprise and format.
    pub fn data_format(&self) -> DataFormat {
        self.data_format
    }

    /// The sample's content, without its number and length.
    pub fn bytes(&self) -> &'a [u8] {
        self.body.bytes()
    }

    /// Where the content starts, in bytes from the start of the datagram.
    pub fn offset(&self) -> usize {
        self.body.offset()
    }
}

const FLOW: DataFormat = DataFormat::new(0, 1);
const COUNTERS: DataFormat = DataFormat::new(0, 2);
const FLOW_EXPANDED: DataFormat = DataFormat::new(0, 3);
const COUNTERS_EXPANDED: DataFormat = DataFormat::new(0, 4);
const DISCARDED: DataFormat = DataFormat::new(0, 5);
const RT_METRIC: DataFormat = DataFormat::new(4300, 1002);
const RT_FLOW: DataFormat = DataFormat::new(4300, 1003);
