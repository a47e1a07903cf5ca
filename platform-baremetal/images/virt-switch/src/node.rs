//! The switch and its agent as one: frames, time and console lines go in, frames come out.

mod report;

use core::fmt;

use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{ExtendedSwitch, HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSource, DataSource, DatagramHead, DiscardedPacket,
    DropReason, Duration, Encoding, FlowSample, HandleError, Instant, Interface, Sampler, Source,
};

use crate::bridge::{Bridge, InBand, Outgoing, Wire, WireError, tag};
use crate::config::{ADDRESS, MANAGEMENT, PREFIX, VLANS};
use crate::console::{BadCommand, Command, Console};
use crate::counters::{FCS, PortCounters};
use crate::frame::Frame;
use crate::host::Host;
use crate::port::{PORTS, Port, PortSet};
use crate::switch::{Forwarding, Switch};

/// A switch with an agent whose data sources are its ports.
///
/// A packet is a candidate once, at the port that it came in by, and only if at least one copy
/// was sent or the switch itself got it (rules A1 and A2). What the switch itself sends is none.
#[derive(Debug)]
pub struct Node<'a> {
    bridge: Bridge,
    taps: [Tap; PORTS],
    agent: Agent<'a>,
    polling: Duration,
    /// Notices of discarded packets that came while the datagram was full and nobody to send it
    /// to was known.
    notices_lost: u64,
    /// What forwarding cost, for [`Console`] to show.
    pub load: Load,
}

/// How much time of the processor went into how many frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Frames received.
    pub frames: u64,
    /// Ticks of the clock spent in rounds of the main loop that had a frame.
    pub ticks: u64,
}

/// The sampler of a port and what came of it.
#[derive(Debug)]
struct Tap {
    sampler: Sampler,
    /// Samples that the agent took.
    sampled: u64,
}

/// Header bytes in a sample, bytes in a datagram, and notices a second and port: the defaults of
/// the text (rules A13, A12, A25).
const HEADER_BYTES: usize = 128;
/// The largest payload of a datagram: fits the MTU of the management VLAN.
pub const DATAGRAM_BYTES: usize = 1400;
const DISCARD_LIMIT: u32 = 10;
/// A datagram waits this long for another sample.
const MAX_DELAY: Duration = Duration::from_millis(100);

impl<'a> Node<'a> {
    /// A switch whose address is `mac`; sampling and polling are off and there is no collector.
    /// `seed` should differ from one switch and one start to the next.
    #[must_use]
    pub fn new(
        mac: [u8; 6],
        seed: u64,
        sources: &'a mut [Source; PORTS],
        buffer: &'a mut [u8; DATAGRAM_BYTES],
    ) -> Self {
        let head = DatagramHead {
            address: ADDRESS.into(),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: DATAGRAM_BYTES,
        };
        let config = AgentConfig {
            head,
            header_bytes: HEADER_BYTES,
            max_delay: MAX_DELAY,
            discard_limit: DISCARD_LIMIT,
            seed,
        };
        let mut agent = Agent::new(config, sources, buffer);
        for port in Port::all() {
            // Cannot fail: a place for each, no index twice, all of them small.
            let _ = agent.add_source(Instant::ZERO, source(port), Duration::ZERO);
        }
        let mut seeds = (1..).map(|number: u64| seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bridge = Bridge {
            switch: Switch::new(VLANS, mac, MANAGEMENT),
            host: Host::new(mac, ADDRESS, PREFIX),
            counters: [PortCounters::default(); PORTS],
        };
        let taps = [(); PORTS]
            .map(|()| Tap { sampler: Sampler::new(0, seeds.next().unwrap_or(seed)), sampled: 0 });
        let load = Load::default();
        Self { bridge, taps, agent, polling: Duration::ZERO, notices_lost: 0, load }
    }

    /// Takes a frame that came in by a front port.
    #[inline]
    pub fn receive(&mut self, now: Instant, input: Port, bytes: &[u8], wire: &mut impl Wire) {
        if let Some(counters) = self.bridge.counters.get_mut(input.index()) {
            counters.arrived(bytes.len());
        }
        let verdict = Frame::parse(bytes)
            .and_then(|frame| Ok((frame, self.bridge.switch.forward(now, input, &frame)?)));
        match verdict {
            Ok((frame, forwarding)) => self.forward(now, input, (&frame, forwarding), wire),
            Err(reason) => {
                if let Some(counters) = self.bridge.counters.get_mut(input.index()) {
                    counters.refused(reason);
                }
                self.notify(now, (input, None), reason, bytes, wire);
            }
        }
    }

    /// Does what is due: ARP, counters, datagrams. Says when to call again at the latest.
    pub fn poll(&mut self, now: Instant, wire: &mut impl Wire) -> Option<Instant> {
        if let Some(request) = self.bridge.host.poll(now) {
            // Lost like any frame, and counted as such, it is sent again in a second.
            let _ = self.bridge.send_arp(now, &request, wire);
        }
        let arp = self.bridge.host.poll_timeout();
        if !self.bridge.host.is_ready() {
            return arp;
        }
        if self.agent.poll_timeout().is_some_and(|due| due <= now) {
            let mut counters = Snapshot(self.bridge.counters);
            let mut way = InBand { bridge: &mut self.bridge, wire, now };
            self.agent.poll(now, &mut counters, &mut way);
        }
        [arp, self.agent.poll_timeout()].into_iter().flatten().min()
    }

    /// Obeys the line that was typed, and answers: the last line of an answer is `ok` or begins
    /// with `error`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn obey(
        &mut self,
        now: Instant,
        console: &Console,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        let done = match console.command() {
            Ok(command) => self.execute(now, command, out)?,
            Err(bad) => Err(Refusal::Line(bad)),
        };
        match done {
            Ok(()) => writeln!(out, "ok"),
            Err(Refusal::Line(bad)) => writeln!(out, "error: {bad}"),
            Err(Refusal::Collector(why)) => writeln!(out, "error: {why}"),
        }
    }

    fn execute(
        &mut self,
        now: Instant,
        command: Command,
        out: &mut impl fmt::Write,
    ) -> Result<Result<(), Refusal>, fmt::Error> {
        match command {
            Command::Show => self.show(now, out)?,
            Command::Sampling(port, rate) => {
                if let Some(tap) = self.taps.get_mut(port.index()) {
                    tap.sampler.set_sampling_rate(rate);
                }
            }
            Command::Polling(seconds) => {
                self.polling = Duration::from_secs(seconds);
                for port in Port::all() {
                    self.agent.set_polling(now, source(port), self.polling);
                }
            }
            Command::Collector(address) => {
                let set = self.bridge.host.set_collector(now, address);
                return Ok(set.map_err(Refusal::Collector));
            }
        }
        Ok(Ok(()))
    }

    /// Sends a frame by the ports that it is for, then counts and perhaps samples it.
    #[inline]
    fn forward(
        &mut self,
        now: Instant,
        input: Port,
        (frame, forwarding): (&Frame<'_>, Forwarding),
        wire: &mut impl Wire,
    ) {
        let tci = frame.tci.unwrap_or(0) & PRIORITY_AND_DEI | forwarding.vlan;
        let outgoing =
            Outgoing { addresses: frame.addresses, tag: tag(tci), body: frame.body, payload: &[] };
        let mut reached = PortSet::EMPTY;
        for port in forwarding.ports.iter() {
            match self.bridge.emit(port, forwarding.tagged, &outgoing, wire) {
                Ok(()) => reached = reached.with(port),
                Err(error) => {
                    let reason = reason(error);
                    self.notify(now, (input, Some(port)), reason, frame.bytes, wire);
                }
            }
        }
        if forwarding.ports.contains(Port::CPU) {
            reached = reached.with(Port::CPU);
            if let Some(answer) = self.bridge.host.receive(now, frame) {
                // Lost like any frame, and counted as such: they will ask again.
                let _ = self.bridge.send_arp(now, &answer, wire);
            }
        }
        if let Some(counters) = self.bridge.counters.get_mut(input.index()) {
            counters.received.count(frame.destination());
        }
        let chosen = |tap: &mut Tap| tap.sampler.advance(1).is_some();
        if !reached.is_empty() && self.taps.get_mut(input.index()).is_some_and(chosen) {
            self.sample(now, input, (frame, tci), reached, wire);
        }
    }

    /// Hands a packet that was chosen to the agent.
    #[cold]
    fn sample(
        &mut self,
        now: Instant,
        input: Port,
        (frame, tci): (&Frame<'_>, u16),
        reached: PortSet,
        wire: &mut impl Wire,
    ) {
        let Some(tap) = self.taps.get(input.index()) else { return };
        let vlan = Some(u32::from(tci & VLAN_ID));
        let priority = Some(u32::from(tci >> 13));
        let switch = ExtendedSwitch {
            src_vlan: vlan,
            src_priority: priority,
            dst_vlan: vlan,
            dst_priority: priority,
        };
        let sample = FlowSample {
            source: source(input),
            meta: tap.sampler.meta(),
            input: Interface::Index(input.if_index()),
            output: output(reached),
            header: Some(header(frame.bytes)),
            records: &[&switch],
        };
        let taken = self.bridge.host.collector().is_some()
            && self.hand_in(now, wire, |agent| agent.handle_flow_sample(now, &sample));
        let Some(tap) = self.taps.get_mut(input.index()) else { return };
        if taken {
            tap.sampled = tap.sampled.wrapping_add(1);
        } else {
            tap.sampler.dropped();
        }
    }

    /// Tells of a packet that was discarded.
    #[cold]
    fn notify(
        &mut self,
        now: Instant,
        (input, output): (Port, Option<Port>),
        reason: DropReason,
        bytes: &[u8],
        wire: &mut impl Wire,
    ) {
        if self.bridge.host.collector().is_none() {
            return;
        }
        let packet = DiscardedPacket {
            source: source(input),
            input: input.if_index(),
            output: output.map_or(0, Port::if_index),
            reason,
            header: header(bytes),
            records: &[],
        };
        if !self.hand_in(now, wire, |agent| agent.handle_discard(now, &packet)) {
            self.notices_lost = self.notices_lost.wrapping_add(1);
        }
    }

    /// Gives the agent something, and sends what that completes. While the collector's MAC address
    /// is not known one datagram waits; what does not fit it any more is not taken.
    fn hand_in(
        &mut self,
        now: Instant,
        wire: &mut impl Wire,
        mut give: impl FnMut(&mut Agent<'a>) -> Result<(), HandleError>,
    ) -> bool {
        let mut given = give(&mut self.agent);
        if self.bridge.host.is_ready() {
            let mut way = InBand { bridge: &mut self.bridge, wire, now };
            self.agent.transmit(now, &mut way);
            if given == Err(HandleError::Full) {
                given = give(&mut self.agent);
                self.agent.transmit(now, &mut way);
            }
        }
        given.is_ok()
    }
}

/// Why a command was not obeyed.
enum Refusal {
    Line(BadCommand),
    Collector(&'static str),
}

/// The counters as they were when the round of polls began.
struct Snapshot([PortCounters; PORTS]);

impl CounterSource for Snapshot {
    fn counters(&mut self, source: DataSource, take: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let Some(port) = Port::numbered(source.index()) else { return };
        let Some(counters) = self.0.get(port.index()) else { return };
        let records: (IfCounters, EthernetCounters) = counters.records(port);
        take(&[&records.0, &records.1]);
    }
}

fn source(port: Port) -> DataSource {
    DataSource::interface(port.if_index())
}

/// Where a packet went: section 3.6. The copy for the switch itself is told only if there is no
/// other.
fn output(reached: PortSet) -> Interface {
    let mut ports = reached.iter();
    match (ports.next(), ports.next()) {
        (None, _) => Interface::Internal,
        (Some(port), None) => Interface::Index(port.if_index()),
        _ => Interface::Multiple(reached.front()),
    }
}

fn header(bytes: &[u8]) -> SampledHeader<'_> {
    SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: (bytes.len() as u32).wrapping_add(FCS),
        stripped: FCS,
        header: bytes,
    }
}

fn reason(error: WireError) -> DropReason {
    match error {
        WireError::Full => DropReason::NO_BUFFER_SPACE,
        WireError::Refused => DropReason::UNKNOWN,
    }
}

const PRIORITY_AND_DEI: u16 = 0xf000;
const VLAN_ID: u16 = 0x0fff;

#[cfg(test)]
mod tests;
