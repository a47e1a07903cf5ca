//! A sub-agent with three ports: the real encoder and samplers, and what it made.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::counter::IfCounters;
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, AgentConfig, CounterSample, DataSource, DatagramHead, DiscardedPacket, DropReason,
    Duration, Encoding, FlowSample, HandleError, Instant, Interface, MetricValue, Random, RtMetric,
    Sampler, SourceSlot,
};

/// Address of the agent.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Its ports.
pub(crate) const PORTS: u32 = 3;

/// A sample, by what the analyzer should make of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Flow,
    /// A flow sample with a length that no frame has.
    Absurd,
    Counters,
    Notice,
    Metric,
    /// A sample with a number that nobody has assigned.
    Unknown,
}

/// A datagram, and its samples with the offset of their end.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) samples: Vec<(Kind, usize)>,
}

/// A session of a sub-agent, from its start to its restart.
pub(crate) struct SubAgent {
    agent: Agent<'static>,
    samplers: Vec<Sampler>,
    /// Time of its boot on the clock of the test, in ms.
    boot: u64,
    /// Added to all numbers, so that they wrap.
    offset: u32,
    /// The samples of the datagram that is being filled.
    pending: Vec<Kind>,
}

impl SubAgent {
    pub(crate) fn new(id: u32, boot: u64, offset: u32, seed: u64) -> Self {
        let config = AgentConfig {
            head: DatagramHead {
                address: IpAddr::V4(ADDRESS),
                sub_agent_id: id,
                encoding: Encoding::Compact,
                max_bytes: 1400,
            },
            header_bytes: 128,
            max_delay: Duration::from_millis(500),
            discard_limit: 5,
            seed,
        };
        let slots = vec![SourceSlot::VACANT; PORTS as usize].leak();
        let mut agent = Agent::new(config, slots, vec![0; 1400].leak());
        for port in 1..=PORTS {
            let source = DataSource::interface(port);
            agent.add_source(Instant::ZERO, source, Duration::ZERO).expect("a free slot");
        }
        let samplers = (1..=PORTS).map(|port| Sampler::new(4, seed + u64::from(port))).collect();
        Self { agent, samplers, boot, offset, pending: Vec::new() }
    }

    /// Packets pass the port until one is chosen, for which there is no room.
    pub(crate) fn drop_sample(&mut self, port: u32) {
        let sampler = self.sampler(port);
        while sampler.advance(1).is_none() {}
        sampler.dropped();
    }

    /// Makes a sample. Returns false if the agent suppressed it by its limit, and the datagrams that
    /// were full before.
    pub(crate) fn make(&mut self, now: u64, port: u32, kind: Kind) -> (bool, Vec<Datagram>) {
        if matches!(kind, Kind::Flow | Kind::Absurd) {
            while self.sampler(port).advance(1).is_none() {}
        }
        let suppressed = self.agent.stats().discards_suppressed;
        let mut full = Vec::new();
        loop {
            match self.hand_in(now, port, kind) {
                Ok(()) => break,
                Err(HandleError::Full) => full.extend(self.ready(now)),
                Err(error) => panic!("{error:?}"),
            }
        }
        let made = self.agent.stats().discards_suppressed == suppressed;
        if made {
            self.pending.push(kind);
        }
        full.extend(self.ready(now));
        (made, full)
    }

    /// The datagram with all samples that wait.
    pub(crate) fn flush(&mut self, now: u64) -> Vec<Datagram> {
        self.agent.flush();
        self.ready(now)
    }

    /// The datagrams that are full or old.
    pub(crate) fn ready(&mut self, now: u64) -> Vec<Datagram> {
        let mut datagrams = Vec::new();
        while let Some(bytes) = self.agent.poll_transmit(Instant::from_millis(now - self.boot)) {
            let pending = core::mem::take(&mut self.pending);
            datagrams.push(Datagram::new(bytes.to_vec(), &pending, self.offset));
        }
        datagrams
    }

    fn sampler(&mut self, port: u32) -> &mut Sampler {
        &mut self.samplers[port as usize - 1]
    }

    fn hand_in(&mut self, now: u64, port: u32, kind: Kind) -> Result<(), HandleError> {
        let now = Instant::from_millis(now - self.boot);
        let source = DataSource::interface(port);
        let frame = [0x88; 60];
        let frame_length = if kind == Kind::Absurd { 1 << 30 } else { 64 };
        let header = SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length,
            stripped: 4,
            header: &frame,
        };
        match kind {
            Kind::Flow | Kind::Absurd => {
                let meta = self.sampler(port).meta();
                let (input, output) = (Interface::Index(port), Interface::Internal);
                let header = Some(header);
                let sample = FlowSample { source, meta, input, output, header, records: &[] };
                self.agent.handle_flow_sample(now, &sample)
            }
            Kind::Counters => {
                let counters = IfCounters { if_index: port, ..IfCounters::UNKNOWN };
                let sample = CounterSample { records: &[&counters] };
                self.agent.handle_counters(now, source, &sample)
            }
            Kind::Notice => {
                let reason = DropReason::NET_UNREACHABLE;
                let (input, output) = (port, 0);
                let packet =
                    DiscardedPacket { source, input, output, reason, header, records: &[] };
                self.agent.handle_discard(now, &packet)
            }
            Kind::Metric | Kind::Unknown => {
                let metrics = [("load", MetricValue::Gauge32(1))];
                self.agent.handle_rt_metric(now, &RtMetric { datasource: "a", metrics: &metrics })
            }
        }
    }
}

impl Datagram {
    /// Finds the samples, adds `offset` to all numbers, and renumbers those that are to be unknown.
    fn new(mut bytes: Vec<u8>, kinds: &[Kind], offset: u32) -> Self {
        assert_eq!(word(&bytes, 24) as usize, kinds.len());
        add(&mut bytes, 16, offset);
        let (mut at, mut samples) = (28, Vec::new());
        for kind in kinds {
            match kind {
                Kind::Flow | Kind::Absurd => {
                    [8, 24].iter().for_each(|n| add(&mut bytes, at + n, offset))
                }
                Kind::Notice => [8, 20].iter().for_each(|n| add(&mut bytes, at + n, offset)),
                Kind::Counters => add(&mut bytes, at + 8, offset),
                Kind::Metric => {}
                Kind::Unknown => bytes[at + 3] ^= 0x10,
            }
            at += 8 + word(&bytes, at + 4) as usize;
            samples.push((*kind, at));
        }
        assert_eq!(at, bytes.len());
        Self { bytes, samples }
    }

    /// The first bytes, at least one and not all.
    pub(crate) fn cut(&self, random: &mut Random) -> Vec<u8> {
        let length = 1 + random.below(self.bytes.len() as u32 - 1) as usize;
        self.bytes[..length].to_vec()
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn add(bytes: &mut [u8], at: usize, offset: u32) {
    let sum = word(bytes, at).wrapping_add(offset);
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}
