//! A block of samples in the order of their arrival.

use core::time::Duration;

use crate::flowcache::{Observer, Weight};
use crate::instant::Instant;
use crate::keys::{Context, Facts, Packet, Stored};
use crate::source::Source;

/// Samples of a short time. Complete in itself: it has the names of its data sources.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The arrival of the first sample.
    pub(crate) start: Instant,
    rows: Vec<Row>,
    /// The bytes of the packets, one after the other.
    raw: Vec<u8>,
    pub(crate) origins: Vec<Origin>,
}

/// A sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Milliseconds from the start of the block to the arrival.
    time: u32,
    /// Where the bytes of the packet begin.
    at: u32,
    /// Packets that the sample stands for.
    packets: f32,
    /// The number of its data source is that in the block.
    pub(crate) observer: Observer,
    pub(crate) facts: Facts,
}

/// A data source, as far as queries need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) source: Source,
    /// Variance of the sampling rate, relative to its square; see `Sampling::error`.
    pub(crate) error: f64,
}

impl Row {
    #[inline]
    pub(crate) fn weight(&self) -> Weight {
        Weight::one_in(self.packets.into())
    }

    /// Milliseconds after the start of the block.
    pub(crate) fn time(&self) -> u32 {
        self.time
    }
}

impl Block {
    /// A block for a number of samples and of bytes.
    pub(crate) fn new(rows: usize, raw: usize) -> Self {
        Self {
            start: Instant::default(),
            rows: Vec::with_capacity(rows),
            raw: Vec::with_capacity(raw),
            origins: Vec::new(),
        }
    }

    /// Removes all samples; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.raw.clear();
        self.origins.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of the packets.
    pub(crate) fn raw_bytes(&self) -> usize {
        self.raw.len()
    }

    /// True if a packet of at most this number of bytes fits without further memory.
    #[inline]
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.rows.len() < self.rows.capacity() && bytes <= self.raw.capacity() - self.raw.len()
    }

    /// True if there is room for so many samples and bytes when it is empty.
    pub(crate) fn is_for(&self, rows: usize, raw: usize) -> bool {
        self.rows.capacity() >= rows && self.raw.capacity() >= raw
    }

    /// Adds a sample. Its data source must be among the origins.
    #[inline]
    pub(crate) fn push(
        &mut self,
        now: Instant,
        observer: Observer,
        packets: f64,
        packet: &Packet<'_>,
    ) {
        if self.rows.is_empty() {
            self.start = now;
        }
        let elapsed = now.since(self.start).as_millis();
        // Never before the last one: the samples are in order.
        let last = self.rows.last().map_or(0, |row| row.time);
        let time = u32::try_from(elapsed).unwrap_or(u32::MAX).max(last);
        let at = self.raw.len() as u32;
        let facts = packet.store(&mut self.raw);
        self.rows.push(Row { time, at, packets: packets as f32, observer, facts });
    }

    /// Releases memory that is not used.
    pub(crate) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.raw.shrink_to_fit();
    }

    /// The arrival of the last sample, to the millisecond.
    pub(crate) fn end(&self) -> Instant {
        let last = self.rows.last().map_or(0, |row| row.time);
        self.start + Duration::from_millis(last.into())
    }

    /// The number of samples that arrived before a time.
    pub(crate) fn before(&self, time: Instant) -> usize {
        let micros = time.since(self.start).as_micros();
        let limit = u32::try_from(micros.div_ceil(1000)).unwrap_or(u32::MAX);
        self.rows.partition_point(|row| row.time < limit)
    }

    pub(crate) fn row(&self, at: usize) -> Option<&Row> {
        self.rows.get(at)
    }

    /// The packet of the sample at `at`, to be read.
    #[inline]
    pub(crate) fn packet<'a>(
        &'a self,
        at: usize,
        row: &'a Row,
        context: &'a Context<'a>,
    ) -> Option<Stored<'a>> {
        let (origin, raw) = self.raw(at, row)?;
        Some(Stored::new(&origin.source, &row.facts, raw, context))
    }

    /// The origin and the bytes of the sample at `at`.
    #[inline]
    pub(crate) fn raw(&self, at: usize, row: &Row) -> Option<(&Origin, &[u8])> {
        let end = self.rows.get(at + 1).map_or(self.raw.len(), |next| next.at as usize);
        let raw = self.raw.get(row.at as usize..end)?;
        let origin = self.origins.get(row.observer.source() as usize)?;
        Some((origin, raw))
    }

    /// A copy of the samples from one on.
    pub(crate) fn tail(&self, first: usize) -> Self {
        let at = self.rows.get(first).map_or(self.raw.len(), |row| row.at as usize);
        let rows = self.rows.iter().skip(first);
        Self {
            start: self.start,
            rows: rows.map(|row| Row { at: row.at - at as u32, ..*row }).collect(),
            raw: self.raw.get(at..).unwrap_or_default().to_vec(),
            origins: self.origins.clone(),
        }
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
            + self.raw.capacity()
            + self.origins.capacity() * size_of::<Origin>()
    }
}
