//! The data plane, in the role of the switch chip. It forwards, counts and samples, and punts to
//! the processor samples with their metadata, discards, and frames for the switch itself.

use flowmote_baremetal::{PacketSample, Port as SampledPort, SampleQueue};
use flowmote_core::{DropReason, Instant, Interface, SendError};
use heapless::Deque;

use crate::counters::{CpuCounters, PortCounters, increment};
use crate::frame::Frame;
use crate::port::{PORTS, Port, PortSet};
use crate::switch::{Forwarding, Switch};

/// Maximum frames taken from a port in one turn, and capacity of the sample queue. They are equal,
/// so that no sample of a burst is lost before the processor's turn.
pub const BURST: usize = 32;

/// The transmit side of the ports.
pub trait Wire {
    /// Sends one frame by `port`, made of the parts in order. MUST NOT block.
    ///
    /// # Errors
    /// The reason why the frame was lost.
    fn send(&mut self, port: Port, parts: &[&[u8]]) -> Result<(), WireError>;
}

/// Reason why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The transmit ring of the port is full.
    Full,
    /// The device refused the frame.
    Refused,
}

/// The bridge between the ports and the processor.
///
/// A packet is eligible for sampling once, at its ingress port, and only if at least one copy was
/// sent or the switch itself received it (docs/sflow-wire.md, rules A1 and A2). Frames that the
/// switch itself sends are not eligible.
#[derive(Debug)]
pub struct Bridge<'a, W> {
    switch: Switch<'a>,
    wire: W,
    ports: &'a [SampledPort<'a>; PORTS],
    samples: &'a SampleQueue<BURST>,
    counters: [PortCounters; PORTS],
    cpu: CpuQueue,
    now: Instant,
    /// True if something was punted since the last turn of the processor.
    punted: bool,
}

/// The discards of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discards {
    /// Reason why the whole frame was discarded before a forwarding decision.
    whole: Option<DropReason>,
    /// Reason per egress port; the last entry is that of [`Port::CPU`].
    copies: [Option<WireError>; PORTS + 1],
}

/// Queue of untagged frames for the switch itself.
#[derive(Debug)]
struct CpuQueue {
    frames: Deque<CpuFrame, CPU_FRAMES>,
    counters: CpuCounters,
}

/// The first bytes of a frame, enough for ARP, the only protocol that the agent receives.
#[derive(Debug)]
pub(crate) struct CpuFrame {
    bytes: [u8; CPU_BYTES],
    length: usize,
}

/// A frame to send; the egress port decides whether it is tagged.
struct Outgoing<'a> {
    addresses: &'a [u8; 12],
    /// 802.1Q tag: TPID and TCI.
    tag: [u8; 4],
    body: &'a [u8],
    /// Second part of a frame of the switch itself.
    payload: &'a [u8],
}

const CPU_FRAMES: usize = 16;
const CPU_BYTES: usize = 64;

impl<'a, W: Wire> Bridge<'a, W> {
    /// Creates a bridge that forwards by the decisions of `switch` and sends through `wire`.
    /// `ports` has the samplers in order of the front ports, `samples` is the queue that they fill.
    #[must_use]
    pub fn new(
        switch: Switch<'a>,
        wire: W,
        ports: &'a [SampledPort<'a>; PORTS],
        samples: &'a SampleQueue<BURST>,
    ) -> Self {
        Self {
            switch,
            wire,
            ports,
            samples,
            counters: [PortCounters::default(); PORTS],
            cpu: CpuQueue { frames: Deque::new(), counters: CpuCounters::default() },
            now: Instant::ZERO,
            punted: false,
        }
    }

    /// Processes a frame received at a front port; `None`: nothing was discarded.
    #[inline]
    pub fn receive(&mut self, now: Instant, input: Port, bytes: &[u8]) -> Option<Discards> {
        self.now = now;
        if let Some(counters) = self.counters.get_mut(input.index()) {
            counters.arrived(bytes.len());
        }
        let verdict = Frame::parse(bytes)
            .and_then(|frame| Ok((frame, self.switch.forward(now, input, &frame)?)));
        match verdict {
            Ok((frame, forwarding)) => self.forward(input, &frame, forwarding),
            Err(reason) => {
                if let Some(counters) = self.counters.get_mut(input.index()) {
                    counters.refused(reason);
                }
                Some(Discards { whole: Some(reason), ..Discards::NONE })
            }
        }
    }

    /// Returns the wire.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// Returns the switch with its tables.
    #[must_use]
    pub fn switch(&self) -> &Switch<'a> {
        &self.switch
    }

    /// Returns the counters of the front ports, in order.
    #[must_use]
    pub fn counters(&self) -> &[PortCounters; PORTS] {
        &self.counters
    }

    /// Returns the counters of the CPU port.
    #[must_use]
    pub fn cpu_counters(&self) -> CpuCounters {
        self.cpu.counters
    }

    /// Sets the time; returns true if anything was punted since the last call.
    pub(crate) fn begin_turn(&mut self, now: Instant) -> bool {
        self.now = now;
        core::mem::take(&mut self.punted)
    }

    /// Returns the next frame for the switch itself.
    pub(crate) fn next_for_cpu(&mut self) -> Option<CpuFrame> {
        self.cpu.frames.pop_front()
    }

    /// Sends a frame of the switch itself, which starts with its addresses; an error if no port
    /// sent it.
    pub(crate) fn send_own(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        let (addresses, body) = head.split_first_chunk::<12>().ok_or(SendError)?;
        let [a, b, c, d, e, f, ..] = *addresses;
        let way = self.switch.forward_own(self.now, [a, b, c, d, e, f]).ok_or(SendError)?;
        let mut sent = Err(SendError);
        for port in way.ports.iter() {
            let frame = Outgoing { addresses, tag: tag(way.vlan), body, payload };
            if self.emit(port, way.tagged, &frame).is_ok() {
                sent = Ok(());
            }
        }
        sent
    }

    /// Sends a frame by its egress ports, then counts it, and samples it if chosen.
    #[inline]
    fn forward(
        &mut self,
        input: Port,
        frame: &Frame<'_>,
        forwarding: Forwarding,
    ) -> Option<Discards> {
        let tci = frame.tci.unwrap_or(0) & PRIORITY_AND_DEI | forwarding.vlan;
        let outgoing =
            Outgoing { addresses: frame.addresses, tag: tag(tci), body: frame.body, payload: &[] };
        let (mut reached, mut discards) = (PortSet::EMPTY, Discards::NONE);
        for port in forwarding.ports.iter() {
            match self.emit(port, forwarding.tagged, &outgoing) {
                Ok(()) => reached = reached.with(port),
                Err(error) => discards.add(port, error),
            }
        }
        if forwarding.ports.contains(Port::CPU) {
            match self.cpu.push(frame) {
                Ok(()) => reached = reached.with(Port::CPU),
                Err(error) => discards.add(Port::CPU, error),
            }
            self.punted = true;
        }
        if let Some(counters) = self.counters.get_mut(input.index()) {
            counters.received.count(frame.destination());
        }
        if !reached.is_empty() {
            self.sample(input, (frame, tci), reached);
        }
        (discards != Discards::NONE).then_some(discards)
    }

    /// Advances the sampler of the ingress port, and queues the packet if it is chosen.
    #[inline]
    fn sample(&mut self, input: Port, (frame, tci): (&Frame<'_>, u16), reached: PortSet) {
        let Some(port) = self.ports.get(input.index()) else { return };
        let Some(chosen) = port.sampler.advance(1) else { return };
        let sample = || {
            let (index, bytes) = (port.if_index, frame.bytes);
            let mut sample = PacketSample::switched(index, chosen.meta, bytes, output(reached));
            (sample.src_tag, sample.dst_tag) = (Some(tci), Some(tci));
            sample
        };
        self.punted = true;
        if !self.samples.push(sample) {
            return port.sampler.dropped();
        }
        if let Some(counters) = self.counters.get_mut(input.index()) {
            counters.sampled = counters.sampled.wrapping_add(1);
        }
    }

    /// Sends a frame by one port, tagged if the port is a tagged member, and counts it.
    #[inline]
    fn emit(&mut self, port: Port, tagged: PortSet, frame: &Outgoing<'_>) -> Result<(), WireError> {
        let tag = if tagged.contains(port) { &frame.tag[..] } else { &[] };
        let parts = [&frame.addresses[..], tag, frame.body, frame.payload];
        let sent = self.wire.send(port, &parts);
        let Some(counters) = self.counters.get_mut(port.index()) else { return sent };
        match sent {
            Ok(()) => {
                let [a, b, c, d, e, f, ..] = *frame.addresses;
                let length = parts.iter().fold(0, |sum: usize, part| sum.wrapping_add(part.len()));
                counters.sent([a, b, c, d, e, f], length);
            }
            Err(WireError::Full) => increment(&mut counters.out_discards),
            Err(WireError::Refused) => increment(&mut counters.out_errors),
        }
        sent
    }
}

impl Discards {
    const NONE: Self = Self { whole: None, copies: [None; PORTS + 1] };

    /// Returns the discards: the egress port, if there was one, and the reason.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Port>, DropReason)> {
        let whole = self.whole.map(|reason| (None, reason));
        let ports = Port::all().map(Some).chain([None]);
        let copies = ports.zip(self.copies);
        whole.into_iter().chain(copies.filter_map(|(port, error)| Some((port, reason(error?)))))
    }

    fn add(&mut self, port: Port, error: WireError) {
        if let Some(place) = self.copies.get_mut(port.index()) {
            *place = Some(error);
        }
    }
}

impl CpuQueue {
    fn push(&mut self, frame: &Frame<'_>) -> Result<(), WireError> {
        let pushed = self.frames.push_back(CpuFrame::new(frame)).map_err(|_| WireError::Full);
        increment(match pushed {
            Ok(()) => &mut self.counters.received,
            Err(_) => &mut self.counters.discarded,
        });
        pushed
    }
}

impl CpuFrame {
    fn new(frame: &Frame<'_>) -> Self {
        let mut bytes = [0; CPU_BYTES];
        let whole = frame.addresses.iter().chain(frame.body);
        let length = bytes.iter_mut().zip(whole).map(|(to, from)| *to = *from).count();
        Self { bytes, length }
    }

    /// Returns the bytes from the destination address on.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

/// The `output` of a sample (docs/sflow-wire.md, section 3.6). The copy for the switch itself
/// counts only if there is no other.
fn output(reached: PortSet) -> Interface {
    let mut ports = reached.iter();
    match (ports.next(), ports.next()) {
        (None, _) => Interface::Internal,
        (Some(port), None) => Interface::Index(port.if_index()),
        _ => Interface::Multiple(reached.front()),
    }
}

fn reason(error: WireError) -> DropReason {
    match error {
        WireError::Full => DropReason::NO_BUFFER_SPACE,
        WireError::Refused => DropReason::UNKNOWN,
    }
}

/// Returns an 802.1Q tag.
fn tag(tci: u16) -> [u8; 4] {
    let [high, low] = tci.to_be_bytes();
    [0x81, 0x00, high, low]
}

const PRIORITY_AND_DEI: u16 = 0xf000;
