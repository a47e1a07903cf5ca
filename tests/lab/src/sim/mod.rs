//! A device in virtual time: ports with traffic, samplers, queues and counters, one agent, and a
//! collector at the end of a link that can fail.
//!
//! Time jumps from one event to the next, so days take seconds. The fakes are stricter than any
//! platform: see [`Collector`] and [`Meters`].

mod collector;
mod port;

use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, AgentConfig, DataSource, DatagramHead, Duration, Encoding, FlowSample, HandleError,
    Instant, Interface, SourceSlot,
};

pub use collector::{Collector, Estimate, Tally};
pub use port::{Meters, Port, Sampled, Traffic};

/// The device, its traffic and its collector.
#[derive(Debug)]
pub struct Simulation {
    /// Current virtual time.
    pub now: Instant,
    /// The agent under test.
    pub agent: Agent<'static>,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Their counters.
    pub meters: Meters,
    /// Receiver of the datagrams.
    pub collector: Collector,
    /// Time from the first queued sample until the main loop empties the queues.
    pub service: Duration,
    config: AgentConfig,
    serve_at: Option<Instant>,
}

impl Simulation {
    /// A device whose uptime is `now`, with room for `sources` data sources.
    #[must_use]
    pub fn new(now: Instant, config: AgentConfig, sources: usize) -> Self {
        // The agent borrows its memory. Leaking it is harmless in a test.
        let sources = vec![SourceSlot::VACANT; sources].leak();
        let buffer = vec![0xa5; config.head.max_bytes].leak();
        Self {
            now,
            agent: Agent::new(config, sources, buffer),
            ports: Vec::new(),
            meters: Meters::default(),
            collector: Collector::new(config.head.max_bytes),
            service: Duration::ZERO,
            config,
            serve_at: None,
        }
    }

    /// Adds a port, its data source and its counters.
    pub fn add_port(&mut self, port: Port, polling: Duration) {
        let source = port.source();
        self.agent.add_source(self.now, source, polling).expect("room for one more");
        self.meters.expect(source, self.now, polling);
        self.ports.push(port);
    }

    /// Changes the configuration of the agent.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut AgentConfig)) {
        change(&mut self.config);
        self.agent.reconfigure(self.config).expect("an encoding that fits every source");
    }

    /// Advances the time by `duration`.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.next_event().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// Stops traffic and polling, and sends the remaining samples.
    pub fn finish(&mut self) {
        self.ports.iter_mut().for_each(|port| port.traffic.clear());
        self.drain();
        self.agent.flush();
        self.collector.now = self.now;
        self.agent.transmit(self.now, &mut self.collector);
    }

    /// The collector's account of a port.
    #[must_use]
    pub fn tally(&self, index: u32) -> &Tally {
        self.collector.tally(DataSource::interface(index))
    }

    /// Time of the earliest event.
    fn next_event(&self) -> Option<Instant> {
        let traffic = self.ports.iter().filter_map(Port::next_arrival).min();
        [traffic, self.serve_at, self.agent.poll_timeout()].into_iter().flatten().min()
    }

    /// Handles all events due now: packets arrive, then the main loop runs if there is work.
    fn step(&mut self) {
        self.meters.now = self.now;
        for port in &mut self.ports {
            if port.receive(self.now) {
                self.meters.note(port);
            }
        }
        let waiting = self.ports.iter().any(|port| !port.queue.is_empty());
        if waiting && self.serve_at.is_none() {
            self.serve_at = Some(self.now + self.service);
        }
        if self.serve_at.is_some_and(|at| at <= self.now) {
            self.drain();
        }
        self.collector.now = self.now;
        let next = self.agent.poll(self.now, &mut self.meters, &mut self.collector);
        assert!(
            next.is_none_or(|next| next > self.now),
            "a deadline in the past: the main loop would spin"
        );
    }

    /// Passes all queued samples to the agent, following the contract of `flowmote_core`.
    fn drain(&mut self) {
        self.serve_at = None;
        self.collector.now = self.now;
        for port in &mut self.ports {
            while let Some(sampled) = port.queue.pop_front() {
                let bytes = sampled.header();
                let sample = FlowSample {
                    source: port.source(),
                    meta: sampled.meta,
                    input: Interface::Index(port.index),
                    output: Interface::Internal,
                    header: Some(SampledHeader {
                        protocol: HeaderProtocol::ETHERNET,
                        frame_length: sampled.frame_length,
                        stripped: 4,
                        header: &bytes,
                    }),
                    records: &[],
                };
                while let Err(refused) = self.agent.handle_flow_sample(self.now, &sample) {
                    assert_eq!(refused, HandleError::Full);
                    self.agent.transmit(self.now, &mut self.collector);
                }
                self.agent.transmit(self.now, &mut self.collector);
            }
        }
    }
}

/// A configuration like that of a daemon.
#[must_use]
pub fn config() -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: core::net::Ipv4Addr::new(192, 0, 2, 1).into(),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: 1400,
        },
        header_bytes: 128,
        max_delay: Duration::from_millis(250),
        discard_limit: 10,
        seed: 0x5eed,
    }
}
