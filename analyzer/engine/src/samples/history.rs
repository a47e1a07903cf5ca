//! The blocks of the last minutes.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use super::block::{Block, Origin, Row};
use super::fresh::Fresh;
use crate::flowcache::{Noted, Observer};
use crate::instant::Instant;
use crate::keys::Packet;

/// The samples of the last minutes, as many as fit the memory, and at most of an hour or a shorter time.
#[derive(Debug)]
pub struct History {
    open: Block,
    /// The oldest first.
    closed: VecDeque<Arc<Block>>,
    /// For each number of a data source in the flow cache its place in the open block.
    places: Vec<Place>,
    /// The number of the open block.
    number: u32,
    /// Samples that there were.
    total: u64,
    /// Nothing is missing from here on.
    complete_from: Instant,
    size: Size,
    /// Bytes of the closed blocks.
    bytes: usize,
    limit: usize,
    /// Samples are kept for this time at most.
    age: Duration,
}

/// A place in the origins of a block.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    block: u32,
    origin: u32,
}

/// Room in a block.
#[derive(Clone, Copy, Debug)]
struct Size {
    rows: usize,
    raw: usize,
}

/// The blocks of a span of time. They are shared with the history, which goes on without them.
#[derive(Clone, Debug)]
pub struct Held {
    pub(crate) blocks: Vec<Arc<Block>>,
    begin: Instant,
}

impl History {
    /// A history of at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        let rows = (bytes / BLOCKS / SAMPLE).clamp(MIN_ROWS, MAX_ROWS);
        let size = Size::new(rows, SAMPLE - size_of::<Row>());
        Self {
            open: Block::new(size.rows, size.raw),
            closed: VecDeque::new(),
            places: Vec::new(),
            number: 1,
            total: 0,
            complete_from: Instant::default(),
            size,
            bytes: 0,
            limit: bytes,
            age: MAX_AGE,
        }
    }

    /// Keeps samples for at most `age`, instead of an hour.
    pub fn keep(&mut self, age: Duration) {
        self.age = age.min(MAX_AGE);
    }

    /// Stores a sample as the flow cache noted it.
    #[inline]
    pub(crate) fn add(&mut self, now: Instant, noted: &Noted, packet: &Packet<'_>) {
        if !self.open.has_room(packet.stored_bytes()) {
            self.close();
        }
        let observer = Observer::new(self.origin(noted), noted.observer.passage());
        self.open.push(now, observer, noted.weight.packets, packet);
        self.total += 1;
    }

    /// The place of the data source in the open block.
    #[inline]
    fn origin(&mut self, noted: &Noted) -> u32 {
        let number = noted.observer.source() as usize;
        if let Some(Place { block, origin }) = self.places.get(number).copied()
            && block == self.number
            && let Some(known) = self.open.origins.get_mut(origin as usize)
            // The flow cache gives numbers that are free to other data sources.
            && known.source == noted.source
        {
            known.error = noted.error;
            return origin;
        }
        self.add_origin(number, noted)
    }

    #[cold]
    fn add_origin(&mut self, number: usize, noted: &Noted) -> u32 {
        let origin = self.open.origins.len() as u32;
        self.open.origins.push(Origin { source: noted.source, error: noted.error });
        if self.places.len() <= number {
            self.places.resize(number + 1, Place::default());
        }
        if let Some(place) = self.places.get_mut(number) {
            *place = Place { block: self.number, origin };
        }
        origin
    }

    /// Closes the open block and begins another, in the memory of the oldest if there is no other.
    #[cold]
    fn close(&mut self) {
        self.number = self.number.wrapping_add(1);
        self.size = self.size.after(&self.open);
        let spare = self.drop_until(self.size.bytes() + self.open.bytes());
        let fresh = spare.unwrap_or_else(|| Block::new(self.size.rows, self.size.raw));
        let mut full = core::mem::replace(&mut self.open, fresh);
        if full.len() < self.size.rows / 2 {
            full.shrink();
        }
        self.bytes += full.bytes();
        self.closed.push_back(Arc::new(full));
    }

    /// Drops blocks until this number of bytes is free. Returns a dropped block that can be used again.
    fn drop_until(&mut self, needed: usize) -> Option<Block> {
        let mut spare = None;
        while self.bytes + needed > self.limit
            && let Some(dropped) = self.drop_oldest()
        {
            let unused = Arc::into_inner(dropped);
            let Size { rows, raw } = self.size;
            spare = unused.filter(|block| block.is_for(rows, raw - raw / 8));
        }
        spare.map(|mut block| {
            block.clear();
            block
        })
    }

    fn drop_oldest(&mut self) -> Option<Arc<Block>> {
        let dropped = self.closed.pop_front()?;
        self.complete_from = dropped.end() + Duration::from_millis(1);
        self.bytes -= dropped.bytes();
        Some(dropped)
    }

    /// Drops what is too old. To be called regularly.
    pub fn tick(&mut self, now: Instant) {
        let age = self.age;
        while self.closed.front().is_some_and(|block| now.since(block.end()) >= age) {
            self.drop_oldest();
        }
        if !self.open.is_empty() && now.since(self.open.start) >= self.age / BLOCKS as u32 {
            self.close();
        }
    }

    /// References to the samples from a time to another, and a copy of the newest.
    pub fn held(&self, from: Instant, to: Instant) -> Held {
        let within = |block: &Block| block.end() >= from && block.start <= to;
        let closed = self.closed.iter().filter(|block| within(block)).cloned();
        let open =
            (!self.open.is_empty() && within(&self.open)).then(|| Arc::new(self.open.clone()));
        Held { blocks: closed.chain(open).collect(), begin: self.complete_from }
    }

    /// The samples after the first `read` of all that there were. Only what is in the open block is copied.
    pub fn after(&self, read: u64) -> Fresh {
        let mut begin = self.total - self.open.len() as u64;
        let first = read.saturating_sub(begin) as usize;
        let open = (first < self.open.len()).then(|| (Arc::new(self.open.tail(first)), 0));
        let mut blocks = Vec::from_iter(open);
        for block in self.closed.iter().rev() {
            if begin <= read {
                break;
            }
            begin -= block.len() as u64;
            blocks.push((block.clone(), read.saturating_sub(begin) as usize));
        }
        blocks.reverse();
        Fresh { blocks, end: self.total, missed: begin.saturating_sub(read) }
    }

    /// The time from which on all samples are held.
    pub fn begin(&self) -> Instant {
        self.complete_from
    }

    /// Samples that are held.
    pub fn samples(&self) -> usize {
        self.closed.iter().map(|block| block.len()).sum::<usize>() + self.open.len()
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes + self.open.bytes() + self.places.capacity() * size_of::<Place>()
    }
}

impl Size {
    fn new(rows: usize, raw_each: usize) -> Self {
        Self { rows, raw: (rows * raw_each).clamp(MIN_RAW, MAX_RAW) }
    }

    /// Room for a block like the last one: neither samples nor bytes shall be in short supply.
    fn after(self, last: &Block) -> Self {
        match last.raw_bytes().checked_div(last.len()) {
            Some(each) => Self::new(self.rows, each + each / 8),
            None => self,
        }
    }

    fn bytes(self) -> usize {
        self.rows * size_of::<Row>() + self.raw
    }
}

impl Held {
    /// The time from which on all samples of the span are held.
    pub fn begin(&self) -> Instant {
        self.begin
    }

    /// Adds the samples of another history, whose agents are others.
    pub fn join(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
        self.begin = self.begin.max(other.begin);
    }

    /// Samples in the blocks.
    pub fn samples(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }

    /// Two parts with about as many samples.
    pub fn split(self) -> [Self; 2] {
        let half = self.samples() / 2;
        let mut before = 0;
        let (first, second) = self.blocks.into_iter().partition(|block| {
            let first = before < half;
            before += block.len();
            first
        });
        [first, second].map(|blocks| Self { blocks, begin: self.begin })
    }
}

/// Blocks in a full history: this part of it is dropped at a time.
const BLOCKS: usize = 32;
/// Bytes of a usual sample.
const SAMPLE: usize = 120;
/// Samples of a block: with more, to copy the open one would hold up others.
const MAX_ROWS: usize = 32_768;
const MIN_ROWS: usize = 256;
/// The largest datagram fits.
const MIN_RAW: usize = 128 << 10;
const MAX_RAW: usize = 64 << 20;
const MAX_AGE: Duration = Duration::from_secs(3600);
