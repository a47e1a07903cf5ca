//! The body of the main loop: agent, sample queue, counters and uplink.

use core::net::SocketAddr;

use flowmote_core::{
    AddError, Agent, AgentStats, CounterSource, DataSource, DiscardedPacket, Duration, FlowSample,
    HandleError, Instant, MAX_DELAY, SendError, Transport,
};

use crate::packet::port_sampler::PortSampler;
use crate::packet::queue::SampleQueue;
use crate::uplink::{CollectorError, Uplink};

/// An agent with its sample queue, counters and uplink.
///
/// While the uplink resolves its neighbour (ARP, neighbour discovery), samples wait in the queue
/// and in the datagram for at most one second, and those that do not fit count as `drops`. After
/// that second datagrams are encoded and lost, and count as `send_errors`.
pub struct Node<'a, C, U, const SLOTS: usize, const HEADER: usize = 128> {
    agent: Agent<'a>,
    ports: &'a [Port<'a>],
    samples: &'a SampleQueue<SLOTS, HEADER>,
    counters: C,
    uplink: U,
    /// The end of the wait for an uplink that cannot send; `None` while it can.
    held: Option<Instant>,
    /// Buffer for the header bytes of the sample being encoded.
    header: [u8; HEADER],
}

/// The parts of a [`Node`].
pub struct NodeParts<'a, C, U, const SLOTS: usize, const HEADER: usize = 128> {
    /// An agent without data sources, with slots for all ports.
    pub agent: Agent<'a>,
    /// The ports.
    pub ports: &'a [Port<'a>],
    /// The queue that the packet path fills.
    pub samples: &'a SampleQueue<SLOTS, HEADER>,
    /// The reader of the ports' counters.
    pub counters: C,
    /// The connection to the collector.
    pub uplink: U,
}

/// A port: a data source and its sampler.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Its ifIndex.
    pub if_index: u32,
    /// Its sampler, shared with the packet path. For a chip with a hardware sampler, one that is
    /// never advanced.
    pub sampler: &'a PortSampler,
}

impl<'a, C: CounterSource, U: Uplink, const SLOTS: usize, const HEADER: usize>
    Node<'a, C, U, SLOTS, HEADER>
{
    /// Adds every port to the agent, with counter samples every `polling` (zero: never).
    ///
    /// # Errors
    /// [`AddError`] if the agent cannot hold them all.
    pub fn new(
        now: Instant,
        parts: NodeParts<'a, C, U, SLOTS, HEADER>,
        polling: Duration,
    ) -> Result<Self, AddError> {
        let NodeParts { mut agent, ports, samples, counters, uplink } = parts;
        for port in ports {
            agent.add_source(now, DataSource::interface(port.if_index), polling)?;
        }
        Ok(Self { agent, ports, samples, counters, uplink, held: None, header: [0; HEADER] })
    }

    /// Does everything that is due: network, queued samples, counters, datagrams. Returns the time
    /// by which to call again; call immediately when an interrupt queued a sample or a frame
    /// arrived. The work is bounded: at most as many samples as the queue has slots.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        self.uplink.poll(now);
        if self.must_hold(now) {
            return earliest(self.uplink.poll_timeout(now), self.held);
        }
        for _ in 0..SLOTS {
            if self.must_hold(now) || !self.handle_next(now) {
                break;
            }
        }
        let mut outbox = Outbox { uplink: &mut self.uplink, now };
        let due = self.agent.poll(now, &mut self.counters, &mut outbox);
        self.uplink.poll(now);
        earliest(due, self.uplink.poll_timeout(now))
    }

    /// Encodes a sample made by a switch chip, with the chip's `meta`, and sends datagrams that are
    /// ready.
    ///
    /// # Errors
    /// [`HandleError`]. `Full`: the uplink cannot send yet; submit the sample again after
    /// [`poll`](Self::poll), or count it as a drop.
    pub fn handle_flow_sample(
        &mut self,
        now: Instant,
        sample: &FlowSample<'_>,
    ) -> Result<(), HandleError> {
        self.handle(now, |agent| agent.handle_flow_sample(now, sample))
    }

    /// Encodes a notification of a packet that the device discarded.
    ///
    /// # Errors
    /// As [`handle_flow_sample`](Self::handle_flow_sample). Report a notification that is not
    /// submitted again to [`Agent::discards_lost`].
    pub fn handle_discard(
        &mut self,
        now: Instant,
        packet: &DiscardedPacket<'_>,
    ) -> Result<(), HandleError> {
        self.handle(now, |agent| agent.handle_discard(now, packet))
    }

    /// Changes the sampling rate of a port to 1-in-`sampling_rate`, 0: off. Returns false if no
    /// port has this ifIndex.
    pub fn set_sampling_rate(&mut self, if_index: u32, sampling_rate: u32) -> bool {
        let port = self.ports.iter().find(|port| port.if_index == if_index);
        let Some(port) = port else { return false };
        log_info!("port {}: sampling 1 in {}", if_index, sampling_rate);
        port.sampler.set_sampling_rate(sampling_rate);
        true
    }

    /// Changes the interval of the counter samples of every port; zero: never.
    pub fn set_polling(&mut self, now: Instant, polling: Duration) {
        log_info!("counters every {} ms", polling.as_millis());
        for port in self.ports {
            self.agent.set_polling(now, DataSource::interface(port.if_index), polling);
        }
    }

    /// Changes the collector. Datagrams to the previous one that the uplink still buffered count as
    /// `send_errors`.
    ///
    /// # Errors
    /// [`CollectorError`]; the collector is unchanged.
    pub fn set_collector(&mut self, collector: SocketAddr) -> Result<(), CollectorError> {
        let lost = self.uplink.set_collector(collector)?;
        self.agent.datagrams_lost(lost);
        // The new neighbour may have to be resolved first: allow a full second for it.
        self.held = None;
        log_info!("collector {} port {}", collector.ip(), collector.port());
        Ok(())
    }

    /// Returns the ports; their samplers hold pool and drops.
    #[must_use]
    pub fn ports(&self) -> &'a [Port<'a>] {
        self.ports
    }

    /// Returns the totals of datagrams, samples and send errors.
    #[must_use]
    pub fn stats(&self) -> &AgentStats {
        self.agent.stats()
    }

    /// Returns the agent, for calls that the node does not wrap.
    pub fn agent_mut(&mut self) -> &mut Agent<'a> {
        &mut self.agent
    }

    /// Returns the counter source.
    pub fn counters_mut(&mut self) -> &mut C {
        &mut self.counters
    }

    /// Returns the uplink.
    pub fn uplink_mut(&mut self) -> &mut U {
        &mut self.uplink
    }

    /// Encodes the next sample from the queue; returns false if the queue is empty. The agent
    /// counts a sample that it refuses.
    fn handle_next(&mut self, now: Instant) -> bool {
        let Some(sample) = self.samples.pop(&mut self.header) else { return false };
        let mut outbox = Outbox { uplink: &mut self.uplink, now };
        let agent = &mut self.agent;
        let _ = sample.with_flow_sample(|flow| {
            submit(agent, &mut outbox, |agent| agent.handle_flow_sample(now, flow))
        });
        true
    }

    fn handle(
        &mut self,
        now: Instant,
        mut handle: impl FnMut(&mut Agent<'a>) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let holding = self.must_hold(now);
        let mut outbox = Outbox { uplink: &mut self.uplink, now };
        if holding { handle(&mut self.agent) } else { submit(&mut self.agent, &mut outbox, handle) }
    }

    /// Returns true if datagrams have to wait: the uplink has been unable to send for less than
    /// `MAX_DELAY`, the longest that the standard lets a sample wait.
    fn must_hold(&mut self, now: Instant) -> bool {
        if self.uplink.is_ready() {
            self.held = None;
            return false;
        }
        now < *self.held.get_or_insert(now.saturating_add(MAX_DELAY))
    }
}

/// The uplink during one poll. Polls it before reporting it full, because that may free a buffer.
struct Outbox<'u, U> {
    uplink: &'u mut U,
    now: Instant,
}

impl<U: Uplink> Transport for Outbox<'_, U> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        if !self.uplink.is_ready() {
            self.uplink.poll(self.now);
        }
        self.uplink.send(datagram)
    }
}

/// Submits a sample; sends the datagram that has no room for it, and any that it completes.
fn submit<'a, U: Uplink>(
    agent: &mut Agent<'a>,
    outbox: &mut Outbox<'_, U>,
    mut handle: impl FnMut(&mut Agent<'a>) -> Result<(), HandleError>,
) -> Result<(), HandleError> {
    let mut fit = handle(agent);
    if fit == Err(HandleError::Full) {
        agent.transmit(outbox.now, outbox);
        fit = handle(agent);
    }
    agent.transmit(outbox.now, outbox);
    fit
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
