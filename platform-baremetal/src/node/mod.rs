//! The body of the superloop.

use core::net::SocketAddr;

use flowmote_core::{
    AddError, Agent, AgentStats, CounterSource, DataSource, DiscardedPacket, Duration, FlowSample,
    HandleError, Instant, MAX_DELAY, SendError, Transport,
};

use crate::packet::port_sampler::PortSampler;
use crate::packet::queue::SampleQueue;
use crate::uplink::{CollectorError, Uplink};

/// An agent with its queue of samples, its counters and its way out.
///
/// As long as the uplink looks for its neighbour (ARP, neighbour discovery), samples wait in the
/// queue and in the datagram, at most for a second; what does not fit counts as `drops`. After
/// that datagrams are made and lost, and count as `send_errors`.
pub struct Node<'a, C, U, const SLOTS: usize, const HEADER: usize = 128> {
    agent: Agent<'a>,
    ports: &'a [Port<'a>],
    samples: &'a SampleQueue<SLOTS, HEADER>,
    counters: C,
    uplink: U,
    /// Until when samples wait for the uplink, which cannot send.
    held: Option<Instant>,
    /// Where the bytes of a sample are while it is encoded.
    header: [u8; HEADER],
}

/// What a [`Node`] is made of.
pub struct NodeParts<'a, C, U, const SLOTS: usize, const HEADER: usize = 128> {
    /// An agent without data sources, with room for the ports.
    pub agent: Agent<'a>,
    /// The ports.
    pub ports: &'a [Port<'a>],
    /// Where the samples of packets come out.
    pub samples: &'a SampleQueue<SLOTS, HEADER>,
    /// Reads the counters of the ports.
    pub counters: C,
    /// The way out.
    pub uplink: U,
}

/// A port: a data source and its sampler.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Its ifIndex.
    pub if_index: u32,
    /// Its sampler, which the packet path has, too. Of a chip that samples itself, one that is
    /// never told a packet.
    pub sampler: &'a PortSampler,
}

impl<'a, C: CounterSource, U: Uplink, const SLOTS: usize, const HEADER: usize>
    Node<'a, C, U, SLOTS, HEADER>
{
    /// Adds every port to the agent, polled every `polling` (zero: never).
    ///
    /// # Errors
    /// [`AddError`] if the agent cannot take them all.
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

    /// All that is due: the network, the samples in the queue, counters, datagrams. Returns when
    /// to call again at the latest; call at once when an interrupt has put a sample into the
    /// queue or a frame has arrived. Takes as many samples as the queue holds, so the work is
    /// bounded.
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

    /// Takes a sample that a switch chip has made, with the `meta` that it gave, and sends what is
    /// in its way.
    ///
    /// # Errors
    /// [`HandleError`]; `Full`: the uplink cannot send yet, hand it in again after
    /// [`poll`](Self::poll), or count it as a drop.
    pub fn handle_flow_sample(
        &mut self,
        now: Instant,
        sample: &FlowSample<'_>,
    ) -> Result<(), HandleError> {
        self.handle(now, |agent| agent.handle_flow_sample(now, sample))
    }

    /// Takes a packet that the device discarded.
    ///
    /// # Errors
    /// As [`handle_flow_sample`](Self::handle_flow_sample); a notice that is not handed in again is
    /// told to [`Agent::discards_lost`].
    pub fn handle_discard(
        &mut self,
        now: Instant,
        packet: &DiscardedPacket<'_>,
    ) -> Result<(), HandleError> {
        self.handle(now, |agent| agent.handle_discard(now, packet))
    }

    /// Samples 1 in `sampling_rate` packets of a port from now on, 0: none; returns whether there
    /// is such a port.
    pub fn set_sampling_rate(&mut self, if_index: u32, sampling_rate: u32) -> bool {
        let port = self.ports.iter().find(|port| port.if_index == if_index);
        let Some(port) = port else { return false };
        log_info!("port {}: sampling 1 in {}", if_index, sampling_rate);
        port.sampler.set_sampling_rate(sampling_rate);
        true
    }

    /// Polls the counters of every port at another interval from now on; zero: never.
    pub fn set_polling(&mut self, now: Instant, polling: Duration) {
        log_info!("counters every {} ms", polling.as_millis());
        for port in self.ports {
            self.agent.set_polling(now, DataSource::interface(port.if_index), polling);
        }
    }

    /// Sends to another collector from now on.
    ///
    /// # Errors
    /// [`CollectorError`], and nothing has changed.
    pub fn set_collector(&mut self, collector: SocketAddr) -> Result<(), CollectorError> {
        let lost = self.uplink.set_collector(collector)?;
        self.agent.datagrams_lost(lost);
        // It may have to be found first, and what comes meanwhile may wait for that.
        self.held = None;
        log_info!("collector {} port {}", collector.ip(), collector.port());
        Ok(())
    }

    /// The ports, whose samplers know what was seen and dropped.
    #[must_use]
    pub fn ports(&self) -> &'a [Port<'a>] {
        self.ports
    }

    /// What the agent sent and could not send.
    #[must_use]
    pub fn stats(&self) -> &AgentStats {
        self.agent.stats()
    }

    /// The agent, for what the node has no call for.
    pub fn agent_mut(&mut self) -> &mut Agent<'a> {
        &mut self.agent
    }

    /// The reader of counters.
    pub fn counters_mut(&mut self) -> &mut C {
        &mut self.counters
    }

    /// The way out.
    pub fn uplink_mut(&mut self) -> &mut U {
        &mut self.uplink
    }

    /// Takes the next sample from the queue; false if there is none. One that the agent refuses
    /// is counted there.
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
        mut take: impl FnMut(&mut Agent<'a>) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let holding = self.must_hold(now);
        let mut outbox = Outbox { uplink: &mut self.uplink, now };
        if holding { take(&mut self.agent) } else { submit(&mut self.agent, &mut outbox, take) }
    }

    /// Whether datagrams have to wait: the uplink cannot send, and not for long.
    fn must_hold(&mut self, now: Instant) -> bool {
        if self.uplink.is_ready() {
            self.held = None;
            return false;
        }
        now < *self.held.get_or_insert(now.saturating_add(MAX_DELAY))
    }
}

/// The uplink within one turn: makes room in it before it says that it has none.
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

/// Hands something in, sending what is in its way and what it completes.
fn submit<'a, U: Uplink>(
    agent: &mut Agent<'a>,
    outbox: &mut Outbox<'_, U>,
    mut take: impl FnMut(&mut Agent<'a>) -> Result<(), HandleError>,
) -> Result<(), HandleError> {
    let mut fit = take(agent);
    if fit == Err(HandleError::Full) {
        agent.transmit(outbox.now, outbox);
        fit = take(agent);
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
