//! The Ethernet port as a data source: every good frame in either direction is counted, and the
//! chosen ones wait in a queue for the main loop.

use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{DataSource, FlowSample, Interface, SampleMeta, Sampler};

use crate::counters;
use crate::lan9118::{Lan9118, MAX_FRAME, NotSent};

/// The only port of the board.
#[derive(Debug)]
pub struct Port {
    /// The controller.
    pub ethernet: Lan9118,
    /// Counts and chooses.
    pub sampler: Sampler,
    queue: Queue,
}

/// ifIndex of the port.
pub const IF_INDEX: u32 = 1;

/// The data source that it is.
pub const SOURCE: DataSource = DataSource::interface(IF_INDEX);

/// Bytes of a packet that a sample carries.
pub const HEADER_BYTES: usize = 128;

/// A chosen packet on its way to the agent.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    meta: SampleMeta,
    direction: Direction,
    frame_length: u16,
    header_length: u8,
    header: [u8; HEADER_BYTES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Received,
    Sent,
}

impl Port {
    /// A port that samples 1 in `sampling_rate` packets.
    #[must_use]
    pub const fn new(ethernet: Lan9118, sampler: Sampler) -> Self {
        Self { ethernet, sampler, queue: Queue::EMPTY }
    }

    /// Takes the next good frame out of the controller.
    pub fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let mut frames = (0..MAX_DISCARDS).map_while(|_| self.ethernet.receive(buffer));
        let length = frames.find_map(Result::ok)?;
        drop(frames);
        let frame = buffer.get_mut(..length)?;
        self.count(Direction::Received, &[frame]);
        Some(frame)
    }

    /// Sends a frame that is made of `parts`.
    ///
    /// # Errors
    /// [`NotSent`]; counted, and no packet for the sampler.
    pub fn send(&mut self, parts: &[&[u8]]) -> Result<(), NotSent> {
        self.ethernet.send(parts)?;
        self.count(Direction::Sent, parts);
        Ok(())
    }

    /// The oldest sample that waits.
    pub fn next_sample(&mut self) -> Option<Chosen> {
        self.queue.pop()
    }

    /// How many samples wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.length
    }

    /// `if_counters` and `ethernet_counters` of now.
    pub fn counters(&mut self) -> (IfCounters, EthernetCounters) {
        counters::read(&mut self.ethernet, IF_INDEX)
    }

    #[inline]
    fn count(&mut self, direction: Direction, parts: &[&[u8]]) {
        if self.sampler.advance(1).is_some() {
            self.choose(direction, parts);
        }
    }

    #[cold]
    fn choose(&mut self, direction: Direction, parts: &[&[u8]]) {
        let Some(slot) = self.queue.vacant() else { return self.sampler.dropped() };
        slot.meta = self.sampler.meta();
        slot.direction = direction;
        slot.header_length = copy(parts, &mut slot.header) as u8;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let padded = if direction == Direction::Sent { length.max(SHORTEST) } else { length };
        slot.frame_length = (padded + FCS) as u16;
        self.queue.length += 1;
    }
}

impl Chosen {
    const NONE: Self = Self {
        meta: SampleMeta { sampling_rate: 0, sample_pool: 0, drops: 0 },
        direction: Direction::Received,
        frame_length: 0,
        header_length: 0,
        header: [0; HEADER_BYTES],
    };

    /// What the agent is told.
    #[must_use]
    pub fn flow_sample(&self) -> FlowSample<'_> {
        let (input, output) = match self.direction {
            Direction::Received => (Interface::Index(IF_INDEX), Interface::Internal),
            Direction::Sent => (Interface::Internal, Interface::Index(IF_INDEX)),
        };
        let header = SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: u32::from(self.frame_length),
            stripped: FCS as u32,
            header: self.header.get(..usize::from(self.header_length)).unwrap_or(&self.header),
        };
        let meta = self.meta;
        FlowSample { source: SOURCE, meta, input, output, header: Some(header), records: &[] }
    }
}

/// A ring of samples.
#[derive(Debug)]
struct Queue {
    slots: [Chosen; SLOTS],
    first: usize,
    length: usize,
}

impl Queue {
    const EMPTY: Self = Self { slots: [Chosen::NONE; SLOTS], first: 0, length: 0 };

    fn vacant(&mut self) -> Option<&mut Chosen> {
        if self.length == SLOTS {
            return None;
        }
        self.slots.get_mut((self.first + self.length) % SLOTS)
    }

    fn pop(&mut self) -> Option<Chosen> {
        if self.length == 0 {
            return None;
        }
        let slot = self.slots.get(self.first).copied();
        self.first = (self.first + 1) % SLOTS;
        self.length -= 1;
        slot
    }
}

/// Copies the beginning of `parts` and returns how much.
fn copy(parts: &[&[u8]], header: &mut [u8]) -> usize {
    let mut rest = &mut *header;
    let mut copied = 0;
    for part in parts {
        let length = part.len().min(rest.len());
        let Some((now, later)) = core::mem::take(&mut rest).split_at_mut_checked(length) else { break };
        now.iter_mut().zip(*part).for_each(|(byte, from)| *byte = *from);
        (rest, copied) = (later, copied + length);
    }
    copied
}

/// A frame buffer of this size takes whatever the controller does.
pub const BUFFER: usize = MAX_FRAME + 2;

const SLOTS: usize = 8;
const FCS: usize = 4;
const SHORTEST: usize = 60;
/// Bad frames thrown away in one go.
const MAX_DISCARDS: usize = 16;
