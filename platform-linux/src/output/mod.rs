//! The way out of the host: the agent that encodes samples and the collectors that get them.

pub mod collectors;
pub mod destination;
mod outage;
pub mod resolver;
pub(crate) mod socket;

use flowmote_core::{
    Agent, CounterRecord, CounterSource, DataSource, DiscardedPacket, FlowSample, HandleError,
    Instant, RtFlow, RtMetric,
};

use crate::entities::Entities;
use crate::output::collectors::Collectors;

/// The agent together with its collectors: whatever enters the agent may make a datagram ready,
/// which must leave before the next sample.
#[derive(Debug)]
pub struct Output<'a> {
    /// Encodes samples into datagrams.
    pub agent: Agent<'a>,
    /// Gets every datagram.
    pub collectors: Collectors,
    /// The services and containers whose traffic samples may be marked with.
    pub entities: Entities,
}

impl Output<'_> {
    /// Encodes a flow sample and sends the datagram if that filled it. A sample that the agent
    /// cannot take is counted in its statistics.
    #[inline]
    pub fn flow_sample(&mut self, now: Instant, sample: &FlowSample<'_>) {
        // A second refusal is final, and the agent counts it.
        let _ = self.submit(now, |agent| agent.handle_flow_sample(now, sample));
    }

    /// Encodes a packet that the host discarded, like [`flow_sample`](Self::flow_sample). One above
    /// the limit per second is counted only.
    pub fn discard(&mut self, now: Instant, packet: &DiscardedPacket<'_>) {
        let refused = self.submit(now, |agent| agent.handle_discard(now, packet));
        if refused.is_err() {
            self.agent.discards_lost(packet.source, 1);
        }
    }

    /// Encodes metrics that a user defines.
    ///
    /// # Errors
    /// A metric that the agent cannot take; its statistics count it.
    pub fn rt_metric(&mut self, now: Instant, metric: &RtMetric<'_>) -> Result<(), HandleError> {
        self.submit(now, |agent| agent.handle_rt_metric(now, metric))
    }

    /// Encodes a flow that a user defines.
    ///
    /// # Errors
    /// A flow that the agent cannot take; its statistics count it.
    pub fn rt_flow(&mut self, now: Instant, flow: &RtFlow<'_>) -> Result<(), HandleError> {
        self.submit(now, |agent| agent.handle_rt_flow(now, flow))
    }

    /// Encodes counters of a data source that were not polled but arrived from elsewhere.
    pub fn counter_records(
        &mut self,
        now: Instant,
        source: DataSource,
        records: &[&dyn CounterRecord],
    ) {
        self.counters(now, source, &mut Arrived(records));
    }

    /// Sends what is due and polls the counters that are due. Returns when to call again.
    pub fn poll(&mut self, now: Instant, counters: &mut impl CounterSource) -> Option<Instant> {
        self.agent.poll(now, counters, &mut self.collectors)
    }

    /// Sends the counters of a source apart from its polls.
    pub fn counters(
        &mut self,
        now: Instant,
        source: DataSource,
        counters: &mut impl CounterSource,
    ) {
        self.agent.poll_source(now, source, counters, &mut self.collectors);
    }

    /// Sends the samples that wait for a full datagram, before the end of the program.
    pub fn flush(&mut self, now: Instant) {
        self.agent.flush();
        self.transmit(now);
    }

    /// Hands a sample in, a second time after the datagram without room for it was sent.
    #[inline]
    fn submit(
        &mut self,
        now: Instant,
        mut hand_in: impl FnMut(&mut Agent<'_>) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let mut outcome = hand_in(&mut self.agent);
        if outcome == Err(HandleError::Full) {
            self.transmit(now);
            outcome = hand_in(&mut self.agent);
        }
        self.transmit(now);
        outcome
    }

    fn transmit(&mut self, now: Instant) {
        self.agent.transmit(now, &mut self.collectors);
    }
}

/// Counters that are there already.
struct Arrived<'a>(&'a [&'a dyn CounterRecord]);

impl CounterSource for Arrived<'_> {
    fn counters(&mut self, _source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        emit(self.0);
    }
}
