//! The engine: tables of the recent past, filled as a sink of the walk.

use core::time::Duration;

use flowmote_decoder::counter::{HostCpu, HostDescr, HostMemory, IfCounters, PortName};
use flowmote_decoder::{
    Address, CounterRecord, DataSource, Datagram, FlowSample, Malformed, Sample, Text,
};

use crate::arrival::Arrival;
use crate::direction::{AgentPackets, Direction};
use crate::flows::{Conversation, FlowRate, Origin, Pair, PairRate};
use crate::hosts::Host;
use crate::instant::Instant;
use crate::interfaces::{Interface, SampleTime, interface};
use crate::printable::is_printable;
use crate::table::Table;
use crate::tally::Tally;
use crate::walk::{Sink, walk};
use crate::window::{Clock, Moment, Rate, Sum, Window};

/// Tables of flows, interfaces and hosts, and totals of all datagrams.
///
/// Times passed to its methods should not decrease. A datagram with an earlier time than the one
/// before is counted in the current slot of the window.
#[derive(Debug)]
pub struct Engine {
    tally: Tally,
    clock: Clock,
    tables: Tables,
}

/// Rates over the window, all agents together.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Datagrams: [`Rate::samples`] counts datagrams, packets and bits are 0.
    pub datagrams: Rate,
    /// All flow samples, and the packets and bits estimated from them. A packet that was sampled where
    /// it entered a device and where it left is counted twice.
    pub flow_samples: Rate,
    /// The packets, each counted once by each agent. An agent that samples both directions of its
    /// ports contributes the packets that enter it and those that it sends itself.
    pub packets: Rate,
}

impl Engine {
    /// An engine without data whose rates are averages over `window`. Times before `start` count as
    /// `start`.
    pub fn new(start: Instant, window: Duration) -> Self {
        let tables = Tables {
            datagrams: Window::default(),
            samples: Window::default(),
            agents: Table::new(1024),
            flows: Table::new(8192),
            pairs: Table::new(4096),
            interfaces: Table::new(4096),
            hosts: Table::new(1024),
        };
        Self { tally: Tally::default(), clock: Clock::new(start, window), tables }
    }

    /// Processes a UDP payload.
    pub fn ingest(&mut self, arrival: &Arrival, payload: &[u8]) {
        let moment = self.clock.moment(arrival.time);
        self.tables.datagrams.add(moment, Sum { samples: 1, ..Sum::default() });
        let mut sink = Ingest::new(&mut self.tables, arrival, moment);
        walk(arrival, payload, &mut self.tally, &mut sink);
    }

    /// Removes flows and address pairs without samples in the window, so that tables do not fill with
    /// ended flows. Call it before showing flows, or every few seconds.
    pub fn tick(&mut self, now: Instant) {
        let now = self.clock.moment(now);
        self.tables.flows.retain(|window| window.rate(now).samples != 0);
        self.tables.pairs.retain(|window| window.rate(now).samples != 0);
    }

    /// Counts since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Rates over the window, all agents together.
    pub fn totals(&self, now: Instant) -> Totals {
        let now = self.clock.moment(now);
        let Tables { datagrams, samples, agents, .. } = &self.tables;
        let packets = agents.iter().map(|(_, agent)| agent.rate(now));
        Totals {
            datagrams: datagrams.rate(now),
            flow_samples: samples.rate(now),
            packets: packets.fold(Rate::default(), Rate::plus),
        }
    }

    /// The flows with samples in the window, in arbitrary order.
    pub fn flows(&self, now: Instant) -> impl Iterator<Item = FlowRate> {
        let now = self.clock.moment(now);
        let flows = self.tables.flows.iter();
        let rates = flows.map(move |(&(origin, flow), window)| FlowRate {
            origin,
            flow,
            rate: window.rate(now),
        });
        rates.filter(|flow| flow.rate.samples != 0)
    }

    /// The pairs of addresses with samples in the window, in arbitrary order.
    pub fn pairs(&self, now: Instant) -> impl Iterator<Item = PairRate> {
        let now = self.clock.moment(now);
        let pairs = self.tables.pairs.iter();
        let rates = pairs.map(move |(&(origin, pair), window)| PairRate {
            origin,
            pair,
            rate: window.rate(now),
        });
        rates.filter(|pair| pair.rate.samples != 0)
    }

    /// The interfaces with counters or a name, in arbitrary order.
    pub fn interfaces(&self) -> impl ExactSizeIterator<Item = (&Origin, &Interface)> {
        self.tables.interfaces.iter()
    }

    /// The hosts with counters or a name, in arbitrary order.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = (&Origin, &Host)> {
        self.tables.hosts.iter()
    }

    /// The name of the interface that is the data source of `origin`; `None` if unknown.
    ///
    /// The sub-agent is ignored: some agents send flow samples and counters of the same data source
    /// with different sub-agent ids.
    pub fn interface_name(&self, origin: &Origin) -> Option<&str> {
        let same = |at: &Origin| {
            (at.agent, at.sender, at.source) == (origin.agent, origin.sender, origin.source)
        };
        let mut names = self.tables.interfaces.iter().filter(|(at, _)| same(at));
        names.find_map(|(_, interface)| interface.name.as_deref())
    }

    /// Entries evicted from full tables since the start, all tables together.
    pub fn evicted(&self) -> u64 {
        let Tables { agents, flows, pairs, interfaces, hosts, .. } = &self.tables;
        agents.evicted + flows.evicted + pairs.evicted + interfaces.evicted + hosts.evicted
    }
}

/// The tables, apart from the tally, so that the walk can borrow both.
#[derive(Debug)]
struct Tables {
    datagrams: Window,
    /// Flow samples of all agents, with the packets and bytes estimated from them.
    samples: Window,
    agents: Table<Address, AgentPackets>,
    flows: Table<(Origin, Conversation), Window>,
    pairs: Table<(Origin, Pair), Window>,
    interfaces: Table<Origin, Interface>,
    hosts: Table<Origin, Host>,
}

/// The tables as a sink of one datagram.
struct Ingest<'e> {
    tables: &'e mut Tables,
    moment: Moment,
    arrival: &'e Arrival,
    /// The data source of the current sample.
    origin: Origin,
    /// The time of the current counter sample.
    time: SampleTime,
    /// True if an estimate from the next flow sample would be wrong.
    implausible: bool,
}

impl<'e> Ingest<'e> {
    fn new(tables: &'e mut Tables, arrival: &'e Arrival, moment: Moment) -> Self {
        // Overwritten by `datagram` and `sample` before a record is read.
        let source = DataSource { class: 0, index: 0 };
        let agent = Address::Unknown;
        let origin = Origin { agent, sub_agent_id: 0, sender: None, source };
        let Arrival { time: at, sender } = *arrival;
        let time = SampleTime { arrival: at, uptime: 0, sequence_number: 0, sender };
        Self { tables, moment, arrival, origin, time, implausible: false }
    }

    /// Adds a flow sample to the totals and, if it has a packet, to flows and pairs.
    fn flow(&mut self, sample: &FlowSample<'_>) {
        let packet = sample.packet();
        let packets = u64::from(sample.sampling_rate);
        let bytes = packets * u64::from(packet.length().unwrap_or_default());
        let sum = match core::mem::take(&mut self.implausible) {
            true => Sum { samples: 1, ..Sum::default() },
            false => Sum { samples: 1, packets, bytes },
        };
        self.tables.samples.add(self.moment, sum);
        if sum.packets == 0 {
            return;
        }
        let agent = self.tables.agents.touch(self.origin.agent);
        agent.add(self.moment, Direction::of(sample), sum);
        if let Some(conversation) = Conversation::of(&packet) {
            self.tables.flows.touch((self.origin, conversation)).add(self.moment, sum);
            self.tables.pairs.touch((self.origin, conversation.pair())).add(self.moment, sum);
        }
    }
}

impl Sink for Ingest<'_> {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.origin = Origin::of(self.arrival, datagram);
        self.time.uptime = datagram.uptime;
    }

    fn implausible(&mut self, _: &'static str) {
        self.implausible = true;
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        match sample {
            Sample::Flow(flow) => {
                self.origin.source = flow.source_id;
                self.flow(flow);
            }
            Sample::Counters(counters) => {
                self.origin.source = counters.source_id;
                self.time.sequence_number = counters.sequence_number;
            }
            _ => {}
        }
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        let Self { tables, origin, time, .. } = self;
        if let Some(counters) = record.read::<IfCounters>() {
            tables.interfaces.touch(origin.at(interface(&counters))).update(*time, counters);
        } else if let Some(port) = record.read::<PortName<'_>>() {
            tables.interfaces.touch(*origin).name = printable(port.name);
        } else if let Some(descr) = record.read::<HostDescr<'_>>() {
            tables.hosts.touch(*origin).name = printable(descr.hostname);
        } else if let Some(cpu) = record.read::<HostCpu>() {
            tables.hosts.touch(*origin).update_cpu(*time, cpu);
        } else if let Some(memory) = record.read::<HostMemory>() {
            tables.hosts.touch(*origin).memory = Some(memory);
        }
        record.check()
    }
}

/// At most 64 characters of a text from the network, without those that a terminal interprets. `None`
/// if empty.
fn printable(text: Text<'_>) -> Option<String> {
    let shown: String = text.to_string().chars().filter(|c| is_printable(*c)).take(64).collect();
    (!shown.is_empty()).then_some(shown)
}
