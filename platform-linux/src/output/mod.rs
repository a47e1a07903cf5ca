//! The way out of the host: the agent that encodes samples and the collectors that get them.

pub mod collectors;
pub mod destination;
mod outage;
pub mod resolver;

use flowmote_core::{Agent, CounterSource, DataSource, FlowSample, HandleError, Instant};

use crate::output::collectors::Collectors;

/// The agent together with its collectors: whatever enters the agent may make a datagram ready,
/// which must leave before the next sample.
#[derive(Debug)]
pub struct Output<'a> {
    /// Encodes samples into datagrams.
    pub agent: Agent<'a>,
    /// Gets every datagram.
    pub collectors: Collectors,
}

impl Output<'_> {
    /// Encodes a flow sample and sends the datagram if that filled it. A sample that the agent
    /// cannot take is counted in its statistics.
    #[inline]
    pub fn flow_sample(&mut self, now: Instant, sample: &FlowSample<'_>) {
        if self.agent.handle_flow_sample(now, sample) == Err(HandleError::Full) {
            self.transmit(now);
            // A second refusal is final, and the agent counts it.
            let _ = self.agent.handle_flow_sample(now, sample);
        }
        self.transmit(now);
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

    fn transmit(&mut self, now: Instant) {
        self.agent.transmit(now, &mut self.collectors);
    }
}
