//! The tables as a sink of one datagram.

use flowmote_decoder::{Address, CounterRecord, DataSource, Datagram, Malformed, RtValue, Sample};

use super::seen::SeenKeys;
use crate::agents::Agents;
use crate::arrival::Arrival;
use crate::flowcache::{FlowCache, Observed};
use crate::interfaces::SampleTime;
use crate::keys::{Context, Packet};
use crate::lookup::Lookup;
use crate::metrics::Metrics;
use crate::source::Source;
use crate::walk::Sink;

/// Adds the content of one datagram to the tables.
pub(super) struct Ingest<'e> {
    arrival: &'e Arrival,
    /// Bytes of the payload.
    bytes: usize,
    agents: &'e mut Agents,
    metrics: &'e mut Metrics,
    flows: &'e mut FlowCache,
    context: Context<'e>,
    seen: &'e mut SeenKeys,
    agent: Address,
    sub_agent_id: u32,
    /// The data source that the next record belongs to.
    data_source: DataSource,
    /// The time of the current counter sample.
    time: SampleTime,
    /// True if the next flow sample has values that no device can mean.
    implausible: bool,
    /// True if the next values are metrics, not attributes of a flow.
    metrics_follow: bool,
}

impl<'e> Ingest<'e> {
    pub(super) fn new(
        arrival: &'e Arrival,
        bytes: usize,
        agents: &'e mut Agents,
        metrics: &'e mut Metrics,
        flows: &'e mut FlowCache,
        lookup: &'e Lookup,
        seen: &'e mut SeenKeys,
    ) -> Self {
        Self {
            arrival,
            bytes,
            agents,
            metrics,
            flows,
            context: Context::new(lookup),
            seen,
            // Overwritten by `datagram` and `sample` before a record is read.
            agent: Address::Unknown,
            sub_agent_id: 0,
            data_source: HOST,
            time: SampleTime { arrival: arrival.time, uptime: 0, sequence_number: 0 },
            implausible: false,
            metrics_follow: false,
        }
    }

    fn source(&self) -> Source {
        Source { agent: self.agent, data_source: self.data_source }
    }

    fn observe(&mut self, observed: &Observed, packet: &Packet<'_>) {
        self.seen.note(self.arrival.time, packet, &self.context);
        self.flows.ingest(self.arrival.time, observed, packet, &self.context);
    }
}

impl Sink for Ingest<'_> {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        (self.agent, self.sub_agent_id) = (datagram.agent_address, datagram.sub_agent_id);
        self.time.uptime = datagram.uptime;
        self.agents.datagram(self.arrival, datagram, self.bytes);
    }

    fn implausible(&mut self, _: &'static str) {
        self.implausible = true;
        if let Some(agent) = self.agents.get_mut(self.agent) {
            agent.ledger.implausible += 1;
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.agents.sample(self.agent, self.sub_agent_id, sample);
        let agent = self.agent;
        self.metrics_follow = matches!(sample, Sample::RtMetric(_));
        match sample {
            Sample::Flow(flow) if !core::mem::take(&mut self.implausible) => {
                self.observe(&Observed::flow(agent, flow), &Packet::flow(agent, flow));
            }
            Sample::Discarded(packet) => {
                let observed = Observed::discarded(agent, packet);
                self.observe(&observed, &Packet::discarded(agent, packet));
            }
            Sample::RtFlow(flow) => {
                self.data_source = HOST;
                let observed = Observed::other(self.source(), flow.sampling_rate);
                self.observe(&observed, &Packet::rtflow(agent, flow));
            }
            Sample::RtMetric(_) => self.data_source = HOST,
            Sample::Counters(counters) => {
                self.data_source = counters.source_id;
                self.time.sequence_number = counters.sequence_number;
            }
            _ => {}
        }
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        let (next, visited) = self.metrics.counters(self.source(), self.time, record);
        self.data_source = next;
        visited
    }

    fn value(&mut self, value: &RtValue<'_>) {
        if self.metrics_follow {
            self.metrics.custom(self.source(), self.arrival.time, value);
        }
    }
}

/// The data source of samples that name none: the host.
const HOST: DataSource = DataSource { class: 2, index: 1 };
