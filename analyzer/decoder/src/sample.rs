//! Samples: flow samples, counters samples, discarded packets, and the two of InMon.

use crate::counter::CounterRecords;
use crate::custom::{RtFlow, RtMetric};
use crate::flow::FlowRecords;
use crate::format::DataFormat;
use crate::layout::Layout;
use crate::record::Records;
use crate::source::{DataSource, Interface};
use crate::xdr::Span;

/// A sample. Its fixed part has been read, its records have not.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// `flow_sample` (0:1) or `flow_sample_expanded` (0:3).
    Flow(FlowSample<'a>),
    /// `counters_sample` (0:2) or `counters_sample_expanded` (0:4).
    Counters(CountersSample<'a>),
    /// `discarded_packet` (0:5).
    Discarded(DiscardedPacket<'a>),
    /// `rtmetric` (4300:1002).
    RtMetric(RtMetric<'a>),
    /// `rtflow` (4300:1003).
    RtFlow(RtFlow<'a>),
    /// A sample with any other number.
    Unknown(UnknownSample<'a>),
}

impl<'a> Sample<'a> {
    /// Reads the fixed part of a flow or counters sample; `None` for another number, and if `body` is
    /// too short.
    #[inline(always)]
    pub(crate) fn read(format: DataFormat, body: Span<'a>) -> Option<Self> {
        match format {
            FLOW => FlowSample::compact(body).map(Self::Flow),
            COUNTERS => CountersSample::compact(body).map(Self::Counters),
            FLOW_EXPANDED => FlowSample::expanded(body).map(Self::Flow),
            COUNTERS_EXPANDED => CountersSample::expanded(body).map(Self::Counters),
            _ => None,
        }
    }

    /// Reads the fixed part of any sample; `None` for an unknown number, and if `body` is too short.
    pub(crate) fn read_any(format: DataFormat, body: Span<'a>) -> Option<Self> {
        match format {
            DISCARDED => DiscardedPacket::read(body).map(Self::Discarded),
            RT_METRIC => RtMetric::read(body).map(Self::RtMetric),
            RT_FLOW => RtFlow::read(body).map(Self::RtFlow),
            _ => Self::read(format, body),
        }
    }

    /// True for the numbers that [`read_any`](Sample::read_any) reads.
    pub(crate) fn is_known(format: DataFormat) -> bool {
        matches!(
            format,
            FLOW | COUNTERS | FLOW_EXPANDED | COUNTERS_EXPANDED | DISCARDED | RT_METRIC | RT_FLOW
        )
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
    /// Increases by 1 per flow sample of this source; wraps.
    pub sequence_number: u32,
    /// Data source of the sampler.
    pub source_id: DataSource,
    /// Sampling rate in force: N of 1 in N.
    pub sampling_rate: u32,
    /// Total number of packets that could have been sampled; wraps.
    pub sample_pool: u32,
    /// Total number of samples lost for lack of resources; 0 also if the agent does not count them.
    pub drops: u32,
    /// Interface that received the packet.
    pub input: Interface,
    /// Interface or interfaces that the packet was sent to, or the reason for its discard.
    pub output: Interface,
    /// Declared number of flow records.
    pub num_records: u32,
    /// True for the expanded encoding (0:3).
    pub expanded: bool,
    pub(crate) records: Span<'a>,
    /// Of the records.
    pub(crate) layout: Layout,
}

impl<'a> FlowSample<'a> {
    /// The flow records in order.
    #[inline]
    pub fn records(&self) -> FlowRecords<'a> {
        Records::new(self.records, self.num_records, self.layout)
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
            layout: Layout::VERSION_5,
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
            layout: Layout::VERSION_5,
        })
    }
}

/// The counters of one data source.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CountersSample<'a> {
    /// Increases by 1 per counters sample of this source; wraps. Restarts when a counter is reset.
    pub sequence_number: u32,
    /// Data source of the counters.
    pub source_id: DataSource,
    /// Declared number of counter records.
    pub num_records: u32,
    /// True for the expanded encoding (0:4).
    pub expanded: bool,
    pub(crate) records: Span<'a>,
    /// Of the records.
    pub(crate) layout: Layout,
    /// 0 in version 5.
    pub(crate) interval: u32,
}

impl<'a> CountersSample<'a> {
    /// Most seconds between two counters samples of this source, as configured; only in versions 2
    /// and 4.
    pub fn sampling_interval(&self) -> Option<u32> {
        self.layout.is_legacy().then_some(self.interval)
    }

    /// The counter records in order.
    #[inline]
    pub fn records(&self) -> CounterRecords<'a> {
        Records::new(self.records, self.num_records, self.layout)
    }

    fn compact(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, source, num_records] = span.words()?;
        let source_id = DataSource::from_compact(source);
        Some(Self::version_5(sequence_number, source_id, num_records, span))
    }

    fn expanded(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, class, index, num_records] = span.words()?;
        let source_id = DataSource { class, index };
        let sample = Self::version_5(sequence_number, source_id, num_records, span);
        Some(Self { expanded: true, ..sample })
    }

    fn version_5(
        sequence_number: u32,
        source_id: DataSource,
        num_records: u32,
        records: Span<'a>,
    ) -> Self {
        let (expanded, layout, interval) = (false, Layout::VERSION_5, 0);
        Self { sequence_number, source_id, num_records, expanded, records, layout, interval }
    }
}

/// Notification of one packet that the device discarded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DiscardedPacket<'a> {
    /// Increases by 1 per notification of this source; wraps.
    pub sequence_number: u32,
    /// Data source that discarded the packet.
    pub source_id: DataSource,
    /// Total number of notifications suppressed or lost; 0 also if unknown.
    pub drops: u32,
    /// ifIndex of the interface that received the packet; 0 unknown.
    pub input_if_index: u32,
    /// ifIndex of the selected output interface; 0 unless dropped on egress.
    pub output_if_index: u32,
    /// Reason code; see [`drop_reason_name`](crate::drop_reason_name).
    pub reason: u32,
    /// Declared number of flow records.
    pub num_records: u32,
    records: Span<'a>,
}

impl<'a> DiscardedPacket<'a> {
    /// The flow records in order.
    #[inline]
    pub fn records(&self) -> FlowRecords<'a> {
        Records::new(self.records, self.num_records, Layout::VERSION_5)
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

/// A sample with an unknown number.
#[derive(Clone, Copy, Debug)]
pub struct UnknownSample<'a> {
    data_format: DataFormat,
    body: Span<'a>,
}

impl<'a> UnknownSample<'a> {
    pub(crate) fn new(data_format: DataFormat, body: Span<'a>) -> Self {
        Self { data_format, body }
    }

    /// Enterprise and format.
    pub fn data_format(&self) -> DataFormat {
        self.data_format
    }

    /// The sample's content, without its number and length.
    pub fn bytes(&self) -> &'a [u8] {
        self.body.bytes()
    }

    /// Offset of the content, in bytes from the start of the datagram.
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
