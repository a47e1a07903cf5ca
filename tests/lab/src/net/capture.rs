//! Received datagrams, and the rules that every stream of them must satisfy.

use std::collections::HashMap;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::flow::{ExtendedTimestamp, SampledHeader};
use flowmote_decoder::{CountersSample, DataSource, Datagram, DiscardedPacket, FlowSample, Sample};

use super::tshark;

/// One UDP payload with its arrival time.
#[derive(Clone, Debug)]
pub struct Received {
    /// Arrival time, in nanoseconds since 1970.
    pub at_ns: u64,
    /// The datagram.
    pub payload: Vec<u8>,
}

/// Datagrams in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    received: Vec<Received>,
}

impl Capture {
    pub(super) fn push(&mut self, received: Received) {
        self.received.push(received);
    }

    /// The datagrams, not decoded.
    #[must_use]
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// The datagrams, decoded.
    ///
    /// # Panics
    /// If the decoder rejects one.
    #[must_use]
    pub fn datagrams(&self) -> Vec<Datagram<'_>> {
        let payloads = self.received.iter().map(|received| received.payload.as_slice());
        payloads.map(|payload| Datagram::parse(payload).expect("an sFlow datagram")).collect()
    }

    /// All samples in order.
    ///
    /// # Panics
    /// If one is malformed.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample<'_>> {
        let datagrams = self.datagrams().into_iter();
        datagrams
            .flat_map(|one| one.samples().map(|sample| sample.expect("a whole sample")))
            .collect()
    }

    /// All flow samples in order.
    #[must_use]
    pub fn flow_samples(&self) -> Vec<FlowSample<'_>> {
        let flow = |sample| if let Sample::Flow(flow) = sample { Some(flow) } else { None };
        self.samples().into_iter().filter_map(flow).collect()
    }

    /// All counters samples in order.
    #[must_use]
    pub fn counters_samples(&self) -> Vec<CountersSample<'_>> {
        let counters = |sample| if let Sample::Counters(one) = sample { Some(one) } else { None };
        self.samples().into_iter().filter_map(counters).collect()
    }

    /// The flow samples of an interface.
    #[must_use]
    pub fn flow_samples_of(&self, if_index: u32) -> Vec<FlowSample<'_>> {
        let source = DataSource { class: 0, index: if_index };
        self.flow_samples().into_iter().filter(|sample| sample.source_id == source).collect()
    }

    /// The counters samples of a data source.
    #[must_use]
    pub fn counters_of(&self, class: u32, index: u32) -> Vec<CountersSample<'_>> {
        let source = DataSource { class, index };
        self.counters_samples().into_iter().filter(|sample| sample.source_id == source).collect()
    }

    /// `sample_pool` of the last sample of an interface; 0 before the first.
    #[must_use]
    pub fn pool_of(&self, if_index: u32) -> u32 {
        self.flow_samples_of(if_index).last().map_or(0, |sample| sample.sample_pool)
    }

    /// Checks the rules for a stream of datagrams of one agent without losses, and compares tshark's
    /// view of it.
    ///
    /// # Panics
    /// If a rule is violated.
    pub fn check(&self) {
        self.check_stream(Gaps::None);
        tshark::check(self);
    }

    /// Checks the same rules for a collector that missed some datagrams.
    ///
    /// # Panics
    /// If a rule is violated.
    pub fn check_with_gaps(&self) {
        self.check_stream(Gaps::Allowed);
        tshark::check(self);
    }

    /// Checks the same rules for flow samples with records that tshark does not know: it does not skip
    /// them by their length, and shows what follows as malformed.
    ///
    /// # Panics
    /// If a rule is violated.
    pub fn check_without_tshark(&self) {
        self.check_stream(Gaps::None);
    }

    fn check_stream(&self, gaps: Gaps) {
        assert!(!self.received.is_empty(), "nothing arrived");
        self.check_datagrams(gaps);
        self.check_samples(gaps);
        self.check_records();
    }

    fn check_datagrams(&self, gaps: Gaps) {
        let datagrams = self.datagrams();
        for (datagram, received) in datagrams.iter().zip(&self.received) {
            assert!(received.payload.len() <= 1400, "{} bytes", received.payload.len());
            assert!(datagram.num_samples > 0, "an empty datagram");
            let mut samples = datagram.samples();
            assert_eq!(samples.by_ref().count(), datagram.num_samples as usize);
            assert!(samples.remaining().is_empty(), "surplus bytes after the last sample");
            let host = uptime_ms_at(received.at_ns);
            let apart = host.wrapping_sub(datagram.uptime).cast_signed();
            assert!((-50..5000).contains(&apart), "uptime {} at {host}", datagram.uptime);
        }
        for pair in datagrams.windows(2) {
            let [before, after] = pair else { unreachable!("windows of two") };
            gaps.check("datagram", before.sequence_number, after.sequence_number);
            assert_eq!(before.sub_agent_id, after.sub_agent_id);
            assert_eq!(before.agent_address, after.agent_address);
            assert!(after.uptime.wrapping_sub(before.uptime) < 1 << 31, "uptime decreases");
        }
    }

    fn check_samples(&self, gaps: Gaps) {
        let mut last_flow: HashMap<DataSource, FlowSample<'_>> = HashMap::new();
        let mut last_counters: HashMap<DataSource, u32> = HashMap::new();
        let mut last_discards: HashMap<DataSource, DiscardedPacket<'_>> = HashMap::new();
        for sample in self.samples() {
            match sample {
                Sample::Flow(flow) => {
                    assert!(!flow.expanded, "expanded encoding with small ifIndex");
                    if let Some(before) = last_flow.insert(flow.source_id, flow) {
                        gaps.check("flow sample", before.sequence_number, flow.sequence_number);
                        let pool = flow.sample_pool.wrapping_sub(before.sample_pool);
                        assert!(pool < 1 << 31, "sample_pool decreases");
                        assert!(flow.drops.wrapping_sub(before.drops) < 1 << 31, "drops decrease");
                    }
                }
                Sample::Counters(counters) => {
                    assert!(!counters.expanded, "expanded encoding with small ifIndex");
                    let number = counters.sequence_number;
                    if let Some(before) = last_counters.insert(counters.source_id, number) {
                        gaps.check("counters sample", before, number);
                    }
                }
                Sample::Discarded(discard) => {
                    if let Some(before) = last_discards.insert(discard.source_id, discard) {
                        let number = discard.sequence_number;
                        gaps.check("discarded packet", before.sequence_number, number);
                        assert!(discard.drops >= before.drops, "drops decrease");
                    }
                }
                // They have no number.
                Sample::RtMetric(_) | Sample::RtFlow(_) => {}
                other => panic!("the agent sends no such sample: {other:?}"),
            }
        }
    }

    fn check_records(&self) {
        for sample in self.flow_samples() {
            for record in sample.records() {
                assert_eq!(record.expect("a whole record").check(), Ok(0), "{sample:?}");
            }
            if sample.source_id.class != 0 {
                // An operation of an application, not a packet.
                continue;
            }
            let header = sampled_header(&sample);
            let captured = header.header.len() + header.stripped as usize;
            assert!(captured <= header.frame_length as usize, "{header:?}");
            assert!(sample.sample_pool >= sample.sequence_number || sample.sampling_rate > 1);
        }
        for sample in self.counters_samples() {
            for record in sample.records() {
                let record = record.expect("a whole record");
                assert_eq!(record.check(), Ok(0), "{}", record.data_format());
                assert!(record.name().is_some(), "unknown record {}", record.data_format());
            }
        }
    }
}

/// Tolerance for missing sequence numbers.
#[derive(Clone, Copy)]
enum Gaps {
    None,
    Allowed,
}

impl Gaps {
    fn check(self, what: &str, before: u32, after: u32) {
        match self {
            Self::None => assert_eq!(before.wrapping_add(1), after, "sequence of {what}"),
            Self::Allowed => assert!(after > before, "{what} {after} after {before}"),
        }
    }
}

/// The `sampled_header` (1) record, which every sample of a packet has.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn sampled_header<'a>(sample: &FlowSample<'a>) -> SampledHeader<'a> {
    let mut records = sample.records().flatten();
    records.find_map(|record| record.read()).expect("a sampled header in each flow sample")
}

/// The capture time of the packet from `extended_timestamp` (1043), in nanoseconds since 1970.
///
/// # Panics
/// If the sample has no such record.
#[must_use]
pub fn timestamp_ns(sample: &FlowSample<'_>) -> u64 {
    let mut records = sample.records().flatten();
    let stamp = records.find_map(|record| record.read::<ExtendedTimestamp>());
    stamp.expect("a timestamp in each flow sample").nanoseconds
}

/// The `if_counters` (1) record, if the sample has one.
#[must_use]
pub fn if_counters(sample: &CountersSample<'_>) -> Option<IfCounters> {
    sample.records().flatten().find_map(|record| record.read())
}

/// Uptime of the host in milliseconds at a wall-clock time, modulo 2^32.
fn uptime_ms_at(wall_ns: u64) -> u32 {
    // Read the clock first: a delay between the two reads can only make the result later.
    let now_ns = super::collector::wall_clock_ns();
    let uptime = std::fs::read_to_string("/proc/uptime").expect("/proc/uptime");
    let seconds: f64 =
        uptime.split(' ').next().and_then(|word| word.parse().ok()).expect("seconds");
    let ago = now_ns.saturating_sub(wall_ns) / 1_000_000;
    ((seconds * 1000.0) as u64).saturating_sub(ago) as u32
}

/// The record of this type in a sample, which must have it.
#[macro_export]
macro_rules! record {
    ($sample:expr, $record:ty) => {
        $sample.records().flatten().find_map(|record| record.read::<$record>()).unwrap()
    };
}
