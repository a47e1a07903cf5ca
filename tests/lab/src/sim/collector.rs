//! A collector that believes nothing: it decodes every datagram to the last byte and holds it
//! against the rules for agents (section 7 of docs/sflow-wire.md).

use std::collections::BTreeMap;

use flowmote_analyzer::counter::IfCounters;
use flowmote_analyzer::flow::SampledHeader;
use flowmote_analyzer::{CountersSample, Datagram, FlowSample, Sample};
use flowmote_core::{DataSource, Duration, Encoding, Instant, SendError, SourceClass, Transport};

use super::port::Sampled;

/// The collector and the link to it.
#[derive(Debug)]
pub struct Collector {
    /// The time, for its own clock.
    pub now: Instant,
    /// The link is down: the sender is told.
    pub down: bool,
    /// Every so many-th datagram is lost on the way, and nobody is told; 0: none.
    pub loses_each: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Datagrams that were sent and did not arrive: what really happened.
    pub lost: u64,
    /// Datagrams missing by their sequence numbers: what a collector can know.
    pub missing: u64,
    /// The longest time that a sample waited on the device.
    pub longest_wait: Duration,
    /// Times that a step back in uptime was a wrap.
    pub uptime_wraps: u64,
    /// The encodings seen, in order of their first datagram.
    pub encodings: Vec<Encoding>,
    max_bytes: usize,
    sequence: u32,
    uptime: u32,
    tallies: BTreeMap<DataSource, Tally>,
}

/// What the collector knows about one data source.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Flow samples that arrived.
    pub flow_samples: u64,
    /// Flow samples missing by their sequence numbers.
    pub flow_samples_missing: u64,
    /// `sample_pool` of the last one, extended beyond 32 bits.
    pub sample_pool: u64,
    /// `drops` of the last one.
    pub drops: u32,
    /// The rates seen, in order.
    pub sampling_rates: Vec<u32>,
    /// Samples and estimated packets and bytes by flow.
    pub flows: BTreeMap<u32, Estimate>,
    /// Counter samples that arrived, and octets of the last one.
    pub counter_samples: u64,
    /// `ifInOctets` of the last one.
    pub octets: u64,
    flow_sequence: u32,
    counter_sequence: u32,
}

/// Samples of a flow and what they stand for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate {
    /// Samples.
    pub samples: u64,
    /// Packets: the sum of rates.
    pub packets: u64,
    /// Bytes: the sum of rate times length.
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

    /// What is known about a source; fails the test if it was never heard of.
    #[must_use]
    pub fn tally(&self, source: DataSource) -> &Tally {
        self.tallies.get(&source).expect("a source that was heard of")
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
        assert_eq!(datagram.uptime, self.now.uptime(), "uptime is that of sending");
        self.uptime_wraps += u64::from(datagram.uptime < self.uptime);
        self.uptime = datagram.uptime;
    }

    fn take(&mut self, sample: Sample<'_>) {
        match sample {
            Sample::Flow(sample) => self.take_flow(&sample),
            Sample::Counters(sample) => self.take_counters(&sample),
            other => panic!("nobody sent {other:?}"),
        }
    }

    fn take_flow(&mut self, sample: &FlowSample<'_>) {
        self.take_encoding(sample.expanded);
        let mut records = sample.records();
        let record = records.next().expect("a record").expect("a whole record");
        assert_eq!(record.check(), Ok(0), "to the last byte");
        let header = record.read::<SampledHeader>().expect("a sampled header");
        assert!(records.next().is_none() && records.remaining().is_empty());
        let (flow, arrival) = Sampled::told(header.header);
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
                assert!(counters.if_in_octets >= tally.octets, "a total that falls");
                tally.octets = counters.if_in_octets;
            }
            kinds.push(record.data_format().0);
        }
        assert_eq!(kinds, [1, 1005]);
    }

    /// Never both encodings: once the agent has changed, the old one does not come back. The
    /// change is a new session, in which all sequences of samples start over.
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
        assert!(grown > 0, "a pool that stands still");
        self.sample_pool += u64::from(grown);
        assert!(sample.drops >= self.drops, "drops that fall");
        self.drops = sample.drops;
        if self.sampling_rates.last() != Some(&sample.sampling_rate) {
            self.sampling_rates.push(sample.sampling_rate);
        }
    }
}

impl Estimate {
    /// How far an estimate from so many samples may be off in 95 of 100 cases: the bound of
    /// 196 * sqrt(1/c) per cent.
    #[must_use]
    pub fn bound(&self) -> f64 {
        1.96 / (self.samples as f64).sqrt()
    }

    /// How far the packets are off, relative to the truth.
    #[must_use]
    pub fn error(&self, packets: u64) -> f64 {
        (self.packets as f64 / packets as f64 - 1.0).abs()
    }

    /// How far the bytes are off, relative to the truth.
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

/// The data source in the words of the core.
fn source(told: flowmote_analyzer::DataSource) -> DataSource {
    assert_eq!(told.class, SourceClass::Interface as u32, "only ports were added");
    DataSource::interface(told.index)
}
