//! The tables as a sink of one datagram.

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::{
    Address, CounterRecord, DataSource, Datagram, Malformed, RtValue, Sample, Text,
};

use super::seen::SeenKeys;
use crate::agents::Agents;
use crate::arrival::Arrival;
use crate::flowcache::{Batch, Observed};
use crate::interfaces::SampleTime;
use crate::keys::{Context, Packet};
use crate::lookup::Lookup;
use crate::metrics::Metrics;
use crate::samples::History;
use crate::selfcheck::SelfCheck;
use crate::source::{Source, SourceNames};
use crate::walk::{Irregular, Sink};

/// The tables that samples are added to.
pub(super) struct Tables<'e> {
    pub(super) agents: &'e mut Agents,
    pub(super) metrics: &'e mut Metrics,
    pub(super) flows: Batch<'e>,
    pub(super) checks: &'e mut SelfCheck,
    pub(super) names: &'e SourceNames,
    pub(super) seen: &'e mut SeenKeys,
    pub(super) history: &'e mut History,
}

/// Adds the content of one datagram to the tables.
pub(super) struct Ingest<'e> {
    arrival: &'e Arrival,
    /// Bytes of the payload.
    bytes: usize,
    tables: Tables<'e>,
    lookup: &'e Lookup,
    agent: Address,
    sub_agent_id: u32,
    /// The data source that the next record belongs to.
    data_source: DataSource,
    /// The time of the current counter sample.
    time: SampleTime,
    /// True if the next flow sample has values that no device can mean.
    implausible: bool,
    /// False for samples of a datagram that is a copy.
    used: bool,
    /// Samples that the datagram declares and that have not been read.
    unread: u32,
    /// True if the next values are metrics, not attributes of a flow.
    metrics_follow: bool,
}

impl<'e> Ingest<'e> {
    pub(super) fn new(
        arrival: &'e Arrival,
        bytes: usize,
        tables: Tables<'e>,
        lookup: &'e Lookup,
    ) -> Self {
        Self {
            arrival,
            bytes,
            tables,
            lookup,
            // Overwritten by `datagram` and `sample` before a record is read.
            agent: Address::Unknown,
            sub_agent_id: 0,
            data_source: HOST,
            time: SampleTime {
                arrival: arrival.time,
                uptime: 0,
                sequence_number: 0,
                sender: arrival.sender,
            },
            implausible: false,
            used: true,
            unread: 0,
            metrics_follow: false,
        }
    }

    fn source(&self) -> Source {
        Source { agent: self.agent, data_source: self.data_source }
    }

    /// The data source of an application, by the name that it sends; the host if it cannot have one.
    fn application(&self, name: Text<'_>) -> DataSource {
        let name = name.to_str().ok();
        name.and_then(|name| self.tables.names.add(name)).unwrap_or(HOST)
    }

    fn observe(&mut self, observed: &Observed, packet: &Packet<'_>) {
        let (now, tables) = (self.arrival.time, &mut self.tables);
        let context = Context { lookup: self.lookup, names: &*tables.metrics };
        tables.seen.note(now, packet, &context);
        if let Some(noted) = tables.flows.add(observed, packet, &context) {
            tables.history.add(now, &noted, packet);
        }
    }
}

impl Sink for Ingest<'_> {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        (self.agent, self.sub_agent_id) = (datagram.agent_address, datagram.sub_agent_id);
        self.time.uptime = datagram.uptime;
        self.unread = datagram.num_samples;
        self.tables.agents.datagram(self.arrival, datagram, self.bytes);
    }

    fn irregular(&mut self, irregular: &Irregular) {
        self.tables.agents.irregular(self.agent, self.sub_agent_id, irregular);
    }

    fn implausible(&mut self, _: &'static str) {
        self.implausible = true;
    }

    fn end(&mut self, _: &[u8]) {
        if self.unread != 0 {
            // More samples than fit any datagram: the number itself is wrong.
            let samples = if self.unread > MAX_SAMPLES { 1 } else { self.unread };
            self.tables.agents.malformed(self.agent, samples.into());
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        let (agent, implausible) = (self.agent, core::mem::take(&mut self.implausible));
        self.unread = self.unread.saturating_sub(1);
        self.used = self.tables.agents.sample(agent, self.sub_agent_id, sample, implausible);
        if !self.used {
            return;
        }
        self.metrics_follow = matches!(sample, Sample::RtMetric(_));
        match sample {
            Sample::Flow(flow) if !implausible => {
                let packet = Packet::flow(agent, flow);
                self.tables.checks.sample(agent, flow, packet.frame_bytes(), packet.stripped());
                let observed = Observed::flow(agent, flow).from(self.arrival.sender);
                self.observe(&observed, &packet);
            }
            Sample::Discarded(packet) => {
                let observed = Observed::discarded(agent, packet);
                self.observe(&observed, &Packet::discarded(agent, packet));
            }
            Sample::RtFlow(flow) => {
                self.data_source = self.application(flow.datasource);
                self.tables.seen.note_attributes(self.arrival.time, flow);
                self.tables.metrics.connection(flow);
                let observed = Observed::other(self.source(), flow.sampling_rate);
                self.observe(&observed, &Packet::rtflow(agent, flow));
            }
            Sample::RtMetric(metrics) => self.data_source = self.application(metrics.datasource),
            Sample::Counters(counters) => {
                self.data_source = counters.source_id;
                self.time.sequence_number = counters.sequence_number;
            }
            _ => {}
        }
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        if !self.used {
            return record.check();
        }
        if let Some(counters) = record.read::<IfCounters>() {
            self.tables.checks.counters(self.agent, self.time, &counters);
        }
        let (next, visited) = self.tables.metrics.counters(self.source(), self.time, record);
        self.data_source = next;
        visited
    }

    fn value(&mut self, value: &RtValue<'_>) {
        if self.used && self.metrics_follow {
            self.tables.metrics.custom(self.source(), self.arrival.time, value);
        }
    }
}

/// The data source of samples that have none: the host.
const HOST: DataSource = DataSource { class: 2, index: 1 };
/// Samples of the longest datagram: each takes at least eight bytes.
const MAX_SAMPLES: u32 = 65_535 / 8;
