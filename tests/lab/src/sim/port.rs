//! Simulated ports: all packets are counted, chosen ones are queued.

use std::collections::{BTreeMap, VecDeque};

use flowmote_core::record::counter::{IfCounters, PortName};
use flowmote_core::{
    CounterRecord, CounterSource, DataSource, Duration, Instant, SampleMeta, Sampler,
};

/// A port of the device with its true counts.
#[derive(Debug)]
pub struct Port {
    /// ifIndex.
    pub index: u32,
    /// The sampler under test.
    pub sampler: Sampler,
    /// Samples waiting for the main loop.
    pub queue: VecDeque<Sampled>,
    /// Capacity of the queue in samples; further ones are dropped.
    pub room: usize,
    /// Traffic that arrives.
    pub traffic: Vec<Traffic>,
    /// Packets that arrived, by flow.
    pub packets: BTreeMap<u32, u64>,
    /// Their bytes, by flow.
    pub bytes: BTreeMap<u32, u64>,
    /// Packets that the sampler chose.
    pub chosen: u64,
    /// Chosen packets for which the queue had no room.
    pub dropped: u64,
}

/// Packets of one flow, in bursts at regular intervals.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Number of the flow.
    pub flow: u32,
    /// Arrival of the next burst.
    pub next: Instant,
    /// Time between two bursts.
    pub every: Duration,
    /// Packets of a burst.
    pub burst: u32,
    /// Bytes of a packet on the wire.
    pub frame_length: u32,
}

/// A chosen packet in the queue.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// Rate, pool and drops from the sampler.
    pub meta: SampleMeta,
    /// Number of the flow.
    pub flow: u32,
    /// Arrival of the packet.
    pub arrival: Instant,
    /// Bytes on the wire.
    pub frame_length: u32,
}

/// A strict counter source for the ports. It fails the test if the agent polls a source that has no
/// polling interval, or polls one too early or too late.
#[derive(Debug, Default)]
pub struct Meters {
    /// Times at which each source was polled.
    pub polled: BTreeMap<DataSource, Vec<Instant>>,
    intervals: BTreeMap<DataSource, (Instant, Duration)>,
    totals: BTreeMap<DataSource, (u64, u64)>,
    pub(super) now: Instant,
}

impl Port {
    /// A port without traffic that samples 1 in `rate`.
    #[must_use]
    pub fn new(index: u32, rate: u32) -> Self {
        Self {
            index,
            sampler: Sampler::new(rate, u64::from(index).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            queue: VecDeque::new(),
            room: 1024,
            traffic: Vec::new(),
            packets: BTreeMap::new(),
            bytes: BTreeMap::new(),
            chosen: 0,
            dropped: 0,
        }
    }

    /// Adds traffic to the port.
    #[must_use]
    pub fn with(mut self, traffic: Traffic) -> Self {
        self.traffic.push(traffic);
        self
    }

    /// Data source of the port.
    #[must_use]
    pub fn source(&self) -> DataSource {
        DataSource::interface(self.index)
    }

    /// Packets that arrived.
    #[must_use]
    pub fn total_packets(&self) -> u64 {
        self.packets.values().sum()
    }

    /// Bytes that arrived.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.values().sum()
    }

    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.traffic.iter().map(|traffic| traffic.next).min()
    }

    /// Receives all bursts that are due; returns true if there were any.
    pub(super) fn receive(&mut self, now: Instant) -> bool {
        let mut received = false;
        for at in 0..self.traffic.len() {
            while self.traffic[at].next <= now {
                received = true;
                let burst = self.traffic[at].clone();
                self.traffic[at].next = burst.next + burst.every;
                self.receive_burst(&burst);
            }
        }
        received
    }

    fn receive_burst(&mut self, burst: &Traffic) {
        *self.packets.entry(burst.flow).or_default() += u64::from(burst.burst);
        *self.bytes.entry(burst.flow).or_default() +=
            u64::from(burst.burst) * u64::from(burst.frame_length);
        let mut rest = burst.burst;
        while let Some(taken) = self.sampler.advance(rest) {
            rest -= taken;
            self.chosen += 1;
            if self.queue.len() == self.room {
                self.sampler.dropped();
                self.dropped += 1;
                continue;
            }
            self.queue.push_back(Sampled {
                meta: self.sampler.meta(),
                flow: burst.flow,
                arrival: burst.next,
                frame_length: burst.frame_length,
            });
        }
    }
}

impl Sampled {
    /// Header bytes that carry flow and arrival time to the collector.
    #[must_use]
    pub fn header(&self) -> [u8; 128] {
        let mut header = [0x5a; 128];
        header[..4].copy_from_slice(&self.flow.to_be_bytes());
        header[4..12].copy_from_slice(&self.arrival.as_millis().to_be_bytes());
        header
    }

    /// Flow and arrival from the bytes of [`header`](Self::header).
    #[must_use]
    pub fn parse(header: &[u8]) -> (u32, Instant) {
        let flow = header.first_chunk().expect("the flow");
        let arrival = header[4..].first_chunk().expect("the arrival");
        (u32::from_be_bytes(*flow), Instant::from_millis(u64::from_be_bytes(*arrival)))
    }
}

impl Meters {
    /// Expects a poll of `source` every `interval` from `now`; zero: never.
    pub fn expect(&mut self, source: DataSource, now: Instant, interval: Duration) {
        self.intervals.insert(source, (now, interval));
    }

    /// Fails the test if a source was not polled for longer than its interval.
    pub fn check_none_overdue(&self, now: Instant) {
        for (source, &(since, interval)) in &self.intervals {
            let polled = self.polled.get(source).and_then(|polled| polled.last());
            let waited = now.since(*polled.unwrap_or(&since));
            assert!(interval.is_zero() || waited <= interval, "{source:?} waits {waited:?}");
        }
    }

    pub(super) fn note(&mut self, port: &Port) {
        self.totals.insert(port.source(), (port.total_packets(), port.total_bytes()));
    }
}

impl CounterSource for Meters {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let &(since, interval) = self.intervals.get(&source).expect("a source that was added");
        assert!(!interval.is_zero(), "{source:?} is not polled");
        let polled = self.polled.entry(source).or_default();
        match polled.last() {
            Some(&last) => assert_eq!(self.now.since(last), interval, "{source:?} out of turn"),
            None => assert!(self.now.since(since) <= interval, "{source:?} first polled late"),
        }
        polled.push(self.now);
        let (packets, bytes) = self.totals.get(&source).copied().unwrap_or_default();
        let counters = IfCounters {
            if_index: source.index(),
            if_in_octets: bytes,
            if_in_ucast_pkts: packets as u32,
            ..IfCounters::UNKNOWN
        };
        emit(&[&counters, &PortName { name: "port" }]);
    }
}
