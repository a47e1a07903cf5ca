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
use crate::walk::{Irregular, Sink};

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
            used: true,
            unread: 0,
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
        self.unread = datagram.num_samples;
        self.agents.datagram(self.arrival, datagram, self.bytes);
    }

    fn irregular(&mut self, irregular: &Irregular) {
        self.agents.irregular(self.agent, self.sub_agent_id, irregular);
    }

    fn implausible(&mut self, _: &'static str) {
        self.implausible = true;
    }

    fn end(&mut self, _: &[u8]) {
        if self.unread != 0 {
            // More samples than fit any datagram: the number itself is wrong.
            let samples = if self.unread > MAX_SAMPLES { 1 } else { self.unread };
            self.agents.malformed(self.agent, samples.into());
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        let (agent, implausible) = (self.agent, core::mem::take(&mut self.implausible));
        self.unread = self.unread.saturating_sub(1);
        self.used = self.agents.sample(agent, self.sub_agent_id, sample, implausible);
        if !self.used {
            return;
        }
        self.metrics_follow = matches!(sample, Sample::RtMetric(_));
        match sample {
            Sample::Flow(flow) if !implausible => {
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
        if !self.used {
            return record.check();
        }
        let (next, visited) = self.metrics.counters(self.source(), self.time, record);
        self.data_source = next;
        visited
    }

    fn value(&mut self, value: &RtValue<'_>) {
        if self.used && self.metrics_follow {
            self.metrics.custom(self.source(), self.arrival.time, value);
        }
    }
}

/// The data source of samples that name none: the host.
const HOST: DataSource = DataSource { class: 2, index: 1 };
/// Samples of the longest datagram: each takes at least eight bytes.
const MAX_SAMPLES: u32 = 65_535 / 8;
