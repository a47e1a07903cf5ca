//! A strict collector: it decodes every datagram to the last byte and checks it against the rules
//! for agents (section 7 of docs/sflow-wire.md).

use std::collections::BTreeMap;

use flowmote_core::{DataSource, Duration, Encoding, Instant, SendError, SourceClass, Transport};
use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::{CountersSample, Datagram, FlowSample, Sample};

use super::port::Sampled;

/// The collector and the link to it.
#[derive(Debug)]
pub struct Collector {
    /// Current virtual time.
    pub now: Instant,
    /// The link is down: sending returns an error.
    pub down: bool,
    /// Every n-th datagram is lost on the way without an error; 0: none.
    pub loses_each: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Datagrams that did not arrive: the truth.
    pub lost: u64,
    /// Datagrams missing by sequence number: the collector's estimate of `lost`.
    pub missing: u64,
    /// The longest time that a sample waited on the device.
    pub longest_wait: Duration,
    /// Number of times that the uptime wrapped.
    pub uptime_wraps: u64,
    /// Encodings received, in order of first use.
    pub encodings: Vec<Encoding>,
    max_bytes: usize,
    sequence: u32,
    uptime: u32,
    tallies: BTreeMap<DataSource, Tally>,
}

/// The collector's account of one data source.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Flow samples that arrived.
    pub flow_samples: u64,
    /// Flow samples missing by their sequence numbers.
    pub flow_samples_missing: u64,
    /// `sample_pool` of the last flow sample, extended beyond 32 bits.
    pub sample_pool: u64,
    /// `drops` of the last flow sample.
    pub drops: u32,
    /// Sampling rates received, in order of change.
    pub sampling_rates: Vec<u32>,
    /// Samples and estimated packets and bytes by flow.
    pub flows: BTreeMap<u32, Estimate>,
    /// Counter samples that arrived.
    pub counter_samples: u64,
    /// `ifInOctets` of the last counter sample.
    pub octets: u64,
    flow_sequence: u32,
    counter_sequence: u32,
}

/// Samples of a flow and the totals estimated from them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate {
    /// Samples.
    pub samples: u64,
    /// Estimated packets: the sum of the sampling rates.
    pub packets: u64,
    /// Estimated bytes: the sum of rate times frame length.
    pub bytes: u64,
}

impl Collector {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            now: Instant::ZERO,
            down: false,
            loses_each: 0,
            received: 0,
            lost: 0,
            missing: 0,
            longest_wait: Duration::ZERO,
            uptime_wraps: 0,
            encodings: Vec::new(),
            max_bytes,
            sequence: 0,
            uptime: 0,
            tallies: BTreeMap::new(),
        }
    }

    /// The account of a data source.
    ///
    /// # Panics
    /// If no sample of it has arrived.
    #[must_use]
    pub fn tally(&self, source: DataSource) -> &Tally {
        self.tallies.get(&source).expect("a source with samples")
    }

    fn receive(&mut self, payload: &[u8]) {
        assert!(payload.len() <= self.max_bytes, "{} bytes", payload.len());
        let datagram = Datagram::parse(payload).expect("an sFlow datagram");
        self.take_head(&datagram);
        let mut samples = datagram.samples();
        let mut taken = 0;
        for sample in samples.by_ref() {
            self.take(sample.expect("a whole sample"));
            taken += 1;
        }
        assert_eq!(taken, datagram.num_samples);
        assert!(taken > 0, "a datagram without samples");
        assert!(samples.remaining().is_empty(), "surplus bytes");
        self.received += 1;
    }

    fn take_head(&mut self, datagram: &Datagram<'_>) {
        let step = datagram.sequence_number.wrapping_sub(self.sequence);
        assert!((1..1 << 31).contains(&step), "datagram sequence steps by {step}");
        self.missing += u64::from(step - 1);
        self.sequence = datagram.sequence_number;
        assert_eq!(datagram.uptime, self.now.uptime(), "uptime at the time of sending");
        self.uptime_wraps += u64::from(datagram.uptime < self.uptime);
        self.uptime = datagram.uptime;
    }

    fn take(&mut self, sample: Sample<'_>) {
        match sample {
            Sample::Flow(sample) => self.take_flow(&sample),
            Sample::Counters(sample) => self.take_counters(&sample),
            other => panic!("the agent sends no such sample: {other:?}"),
        }
    }

    fn take_flow(&mut self, sample: &FlowSample<'_>) {
        self.take_encoding(sample.expanded);
        let mut records = sample.records();
        let record = records.next().expect("a record").expect("a whole record");
        assert_eq!(record.check(), Ok(0), "to the last byte");
        let header = record.read::<SampledHeader>().expect("a sampled header");
        assert!(records.next().is_none() && records.remaining().is_empty());
        let (flow, arrival) = Sampled::parse(header.header);
        assert!(arrival <= self.now);
        self.longest_wait = self.longest_wait.max(self.now.since(arrival));

        let tally = self.tallies.entry(source(sample.source_id)).or_default();
        tally.take_flow(sample);
        let estimate = tally.flows.entry(flow).or_default();
        estimate.samples += 1;
        estimate.packets += u64::from(sample.sampling_rate);
        estimate.bytes += u64::from(sample.sampling_rate) * u64::from(header.frame_length);
    }

    fn take_counters(&mut self, sample: &CountersSample<'_>) {
        self.take_encoding(sample.expanded);
        let tally = self.tallies.entry(source(sample.source_id)).or_default();
        let step = sample.sequence_number.wrapping_sub(tally.counter_sequence);
        assert!((1..1 << 31).contains(&step), "counter sequence steps by {step}");
        tally.counter_sequence = sample.sequence_number;
        tally.counter_samples += 1;
        let mut kinds = Vec::new();
        for record in sample.records() {
            let record = record.expect("a whole record");
            assert_eq!(record.check(), Ok(0), "to the last byte");
            if let Some(counters) = record.read::<IfCounters>() {
                assert!(counters.if_in_octets >= tally.octets, "ifInOctets decreases");
                tally.octets = counters.if_in_octets;
            }
            kinds.push(record.data_format().0);
        }
        assert_eq!(kinds, [1, 1005]);
    }

    /// Checks that the agent never returns to an encoding. A change starts a new session, in which
    /// all sequence numbers of samples start again.
    fn take_encoding(&mut self, expanded: bool) {
        let encoding = if expanded { Encoding::Expanded } else { Encoding::Compact };
        if self.encodings.last() == Some(&encoding) {
            return;
        }
        assert!(!self.encodings.contains(&encoding), "{encoding:?} again");
        self.encodings.push(encoding);
        for tally in self.tallies.values_mut() {
            (tally.flow_sequence, tally.counter_sequence) = (0, 0);
        }
    }
}

impl Tally {
    /// Estimates over all flows.
    #[must_use]
    pub fn total(&self) -> Estimate {
        self.flows.values().fold(Estimate::default(), |sum, flow| Estimate {
            samples: sum.samples + flow.samples,
            packets: sum.packets + flow.packets,
            bytes: sum.bytes + flow.bytes,
        })
    }

    fn take_flow(&mut self, sample: &FlowSample<'_>) {
        let step = sample.sequence_number.wrapping_sub(self.flow_sequence);
        assert!((1..1 << 31).contains(&step), "flow sequence steps by {step}");
        self.flow_samples_missing += u64::from(step - 1);
        self.flow_sequence = sample.sequence_number;
        self.flow_samples += 1;
        let grown = sample.sample_pool.wrapping_sub(self.sample_pool as u32);
        assert!(grown > 0, "sample_pool does not grow");
        self.sample_pool += u64::from(grown);
        assert!(sample.drops >= self.drops, "drops decrease");
        self.drops = sample.drops;
        if self.sampling_rates.last() != Some(&sample.sampling_rate) {
            self.sampling_rates.push(sample.sampling_rate);
        }
    }
}

impl Estimate {
    /// The relative error not exceeded by 95 % of estimates from this many samples:
    /// 196 * sqrt(1/c) per cent for c samples.
    #[must_use]
    pub fn bound(&self) -> f64 {
        1.96 / (self.samples as f64).sqrt()
    }

    /// Relative error of the packets; `packets` is the true number.
    #[must_use]
    pub fn error(&self, packets: u64) -> f64 {
        (self.packets as f64 / packets as f64 - 1.0).abs()
    }

    /// Relative error of the bytes; `bytes` is the true number.
    #[must_use]
    pub fn byte_error(&self, bytes: u64) -> f64 {
        (self.bytes as f64 / bytes as f64 - 1.0).abs()
    }
}

impl Transport for Collector {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let sent = self.received + self.lost + 1;
        let lose = self.loses_each > 0 && sent.is_multiple_of(self.loses_each);
        if self.down || lose {
            self.lost += 1;
            return if self.down { Err(SendError) } else { Ok(()) };
        }
        self.receive(datagram);
        Ok(())
    }
}

/// Converts a data source of the decoder to that of the core.
fn source(decoded: flowmote_decoder::DataSource) -> DataSource {
    assert_eq!(decoded.class, SourceClass::Interface as u32, "only ports were added");
    DataSource::interface(decoded.index)
}
