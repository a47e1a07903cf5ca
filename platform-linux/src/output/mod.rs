//! The way out of the host: the agent that encodes samples and the collectors that get them.

pub mod collectors;
pub(crate) mod custom;
pub mod destination;
mod outage;
pub mod resolver;
pub(crate) mod socket;
pub mod waiting;

use std::cell::RefCell;
use std::rc::Rc;

use flowmote_core::{
    Agent, CounterRecord, CounterSource, DataSource, DiscardedPacket, FlowSample, HandleError,
    Instant, RtFlow, RtMetric,
};

use crate::entities::Entities;
use crate::output::collectors::Collectors;
use crate::output::waiting::{Annotator, WaitingRoom};

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
    annotation: Option<Annotation>,
}

/// Samples of packets, and the module that adds records to them.
#[derive(Debug)]
struct Annotation {
    room: WaitingRoom,
    annotator: Rc<RefCell<dyn Annotator>>,
}

impl<'a> Output<'a> {
    /// The way out without annotation.
    #[must_use]
    pub fn new(agent: Agent<'a>, collectors: Collectors) -> Self {
        Self { agent, collectors, entities: Entities::new(), annotation: None }
    }

    /// Has the samples of packets annotated from now on, or no longer. Those that wait are sent
    /// first.
    ///
    /// The annotator belongs to a module, which has other things to do with it between its calls.
    pub fn annotate_by(&mut self, now: Instant, annotator: Option<Rc<RefCell<dyn Annotator>>>) {
        self.release(now);
        self.annotation =
            annotator.map(|annotator| Annotation { room: WaitingRoom::new(), annotator });
    }

    /// Encodes a flow sample and sends the datagram if that filled it. A sample that the agent
    /// cannot take is counted in its statistics.
    ///
    /// With an annotator, the sample waits until [`ROOM`](waiting::ROOM) are there, at most for the
    /// rest of the turn of the event loop.
    #[inline]
    pub fn flow_sample(&mut self, now: Instant, sample: &FlowSample<'_>) {
        if self.annotation.is_some() {
            self.wait_or_encode(now, sample);
        } else {
            self.encode(now, sample);
        }
    }

    /// Encodes the samples that wait.
    pub fn release(&mut self, now: Instant) {
        let waits = |annotation: &mut Annotation| !annotation.room.is_empty();
        // Taken out meanwhile, because what is encoded uses the rest of the output.
        let Some(mut annotation) = self.annotation.take_if(waits) else { return };
        let Annotation { room, annotator } = &mut annotation;
        // It is in use only while its module writes to the output, before which nothing waits.
        if let Ok(mut annotator) = annotator.try_borrow_mut() {
            annotator.annotate(now, &self.entities, room.samples());
        }
        room.release(|sample| self.encode(now, sample));
        self.annotation = Some(annotation);
    }

    /// Separate, because most agents have no annotator.
    #[inline(never)]
    fn wait_or_encode(&mut self, now: Instant, sample: &FlowSample<'_>) {
        let Some(Annotation { room, .. }) = &mut self.annotation else { return };
        let waits = room.enter(sample);
        if !waits || room.is_full() {
            self.release(now);
        }
        if !waits {
            self.encode(now, sample);
        }
    }

    #[inline]
    fn encode(&mut self, now: Instant, sample: &FlowSample<'_>) {
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

    /// Encodes the samples that wait, sends what is due and polls the counters that are due. To be
    /// called in each turn of the event loop. Returns when to call again.
    pub fn poll(&mut self, now: Instant, counters: &mut impl CounterSource) -> Option<Instant> {
        self.release(now);
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

    /// Sends the samples that wait for a full datagram.
    pub fn flush(&mut self, now: Instant) {
        self.release(now);
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
