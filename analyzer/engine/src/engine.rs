//! The engine: tables of the recent past, filled by the walk.

use core::time::Duration;

use flowmote_decoder::counter::{HostCpu, HostDescr, HostMemory, IfCounters, PortName};
use flowmote_decoder::{CounterRecord, DataSource, Datagram, FlowSample, Malformed, Sample, Text};

use crate::flows::{Conversation, FlowRate, Origin, Pair, PairRate, packet};
use crate::hosts::Host;
use crate::instant::Instant;
use crate::interfaces::{Interface, SampleTime};
use crate::table::Table;
use crate::tally::Tally;
use crate::walk::{Sink, walk};
use crate::window::{Clock, Moment, Rate, Sum, Window};

/// Tables and totals of the datagrams that were handed in.
#[derive(Debug)]
pub struct Engine {
    tally: Tally,
    clock: Clock,
    tables: Tables,
}

/// Means over all agents.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Datagrams; only the rate of samples has a meaning.
    pub datagrams: Rate,
    /// Flow samples, and the packets and bits that they represent.
    pub flow_samples: Rate,
}

impl Engine {
    /// An engine without data. Rates are means over `window`.
    pub fn new(start: Instant, window: Duration) -> Self {
        let tables = Tables {
            datagrams: Window::default(),
            samples: Window::default(),
            flows: Table::new(8192),
            pairs: Table::new(4096),
            interfaces: Table::new(4096),
            hosts: Table::new(1024),
        };
        Self { tally: Tally::default(), clock: Clock::new(start, window), tables }
    }

    /// Takes one UDP payload that arrived at `now`.
    pub fn ingest(&mut self, now: Instant, payload: &[u8]) {
        let moment = self.clock.moment(now);
        self.tables.datagrams.add(moment, Sum { samples: 1, ..Sum::default() });
        walk(payload, &mut self.tally, &mut Ingest::new(&mut self.tables, now, moment));
    }

    /// Forgets the flows that have left the window. Call it before showing flows, or every few
    /// seconds.
    pub fn tick(&mut self, now: Instant) {
        let now = self.clock.moment(now);
        self.tables.flows.retain(|window| window.rate(now).samples != 0);
        self.tables.pairs.retain(|window| window.rate(now).samples != 0);
    }

    /// Totals since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Means over the window, all agents together.
    pub fn totals(&self, now: Instant) -> Totals {
        let now = self.clock.moment(now);
        let Tables { datagrams, samples, .. } = &self.tables;
        Totals { datagrams: datagrams.rate(now), flow_samples: samples.rate(now) }
    }

    /// The flows in the window, in no order.
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

    /// The pairs of addresses in the window, in no order.
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

    /// The interfaces with counters or a name, in no order.
    pub fn interfaces(&self) -> impl ExactSizeIterator<Item = (&Origin, &Interface)> {
        self.tables.interfaces.iter()
    }

    /// The hosts with counters or a name, in no order.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = (&Origin, &Host)> {
        self.tables.hosts.iter()
    }

    /// The name of the interface that is the data source of `origin`, under any sub-agent: some
    /// agents send samples and counters of one data source under different ones.
    pub fn interface_name(&self, origin: &Origin) -> Option<&str> {
        let same = |at: &Origin| at.agent == origin.agent && at.source == origin.source;
        let mut names = self.tables.interfaces.iter().filter(|(at, _)| same(at));
        names.find_map(|(_, interface)| interface.name.as_deref())
    }

    /// Entries evicted from full tables, of all tables together.
    pub fn evicted(&self) -> u64 {
        let Tables { flows, pairs, interfaces, hosts, .. } = &self.tables;
        flows.evicted + pairs.evicted + interfaces.evicted + hosts.evicted
    }
}

/// Everything that the walk fills.
#[derive(Debug)]
struct Tables {
    datagrams: Window,
    /// All flow samples; as packets and bytes what they represent.
    samples: Window,
    flows: Table<(Origin, Conversation), Window>,
    pairs: Table<(Origin, Pair), Window>,
    interfaces: Table<Origin, Interface>,
    hosts: Table<Origin, Host>,
}

/// The tables as a sink of one datagram.
struct Ingest<'e> {
    tables: &'e mut Tables,
    moment: Moment,
    /// The data source of the current sample.
    origin: Origin,
    /// The time of the current counter sample.
    time: SampleTime,
}

impl<'e> Ingest<'e> {
    fn new(tables: &'e mut Tables, now: Instant, moment: Moment) -> Self {
        let source = DataSource { class: 0, index: 0 };
        let origin = Origin { agent: flowmote_decoder::Address::Unknown, sub_agent_id: 0, source };
        let time = SampleTime { arrival: now, uptime: 0, sequence_number: 0 };
        Self { tables, moment, origin, time }
    }

    fn flow(&mut self, sample: &FlowSample<'_>) {
        let found = packet(sample);
        let length = found.map_or(0, |(_, length)| length);
        let packets = u64::from(sample.sampling_rate);
        let sum = Sum { samples: 1, packets, bytes: packets * u64::from(length) };
        self.tables.samples.add(self.moment, sum);
        if let Some((conversation, _)) = found {
            self.tables.flows.touch((self.origin, conversation)).add(self.moment, sum);
            self.tables.pairs.touch((self.origin, conversation.pair())).add(self.moment, sum);
        }
    }
}

impl Sink for Ingest<'_> {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.origin.agent = datagram.agent_address;
        self.origin.sub_agent_id = datagram.sub_agent_id;
        self.time.uptime = datagram.uptime;
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
            // The index of the record itself: one data source may stand for all ports.
            let source = DataSource { class: 0, index: counters.if_index };
            tables.interfaces.touch(Origin { source, ..*origin }).update(*time, counters);
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

/// Text from the network without control characters, which could control a terminal; at most 64
/// characters, `None` if empty.
fn printable(text: Text<'_>) -> Option<String> {
    let shown: String = text.to_string().chars().filter(|c| !c.is_control()).take(64).collect();
    (!shown.is_empty()).then_some(shown)
}
