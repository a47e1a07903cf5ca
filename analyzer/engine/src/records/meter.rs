//! The making of records from samples.

use core::time::Duration;

use flowmote_decoder::Address;
use foldhash::HashSet;

use super::key::Key;
use super::known::{Known, MAX};
use super::record::{Frames, Record, Sample};
use super::sources::Sources;
use super::table::{SECOND, Table};
use crate::agents::{Losses, Lost};
use crate::instant::Instant;
use crate::keys::{Passed, Traffic};
use crate::samples::{Fresh, Taken};
use crate::source::Source;

/// Makes the records of windows of several lengths.
#[derive(Debug)]
pub struct Meter {
    tables: Vec<Table>,
    sources: Sources,
    known: Known,
    /// The start of the engine's time, microseconds since 1970, as all times here. Windows begin at multiples
    /// of their length.
    start: u64,
    /// When windows were closed last.
    last: u64,
    /// Bytes that may be in use.
    capacity: usize,
    /// Interfaces that have room.
    interfaces: usize,
    /// Samples for whose record there was no room.
    pub refused: u64,
    /// Samples that were gone before they were read.
    pub missed: u64,
}

/// A length of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Seconds.
    pub seconds: u32,
    /// True if records have MAC addresses, VLAN and [`Frames`].
    pub link: bool,
    /// True if records that have no room are passed on before their window has ended, so that a key may
    /// have several.
    pub early: bool,
}

/// What a window that has ended has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Closed<'a> {
    /// A record, with its frames if they are [wanted](Windows::link).
    Record(&'a Key, &'a Record, Option<&'a Frames>),
    /// An interface without a record, or of which something is missing.
    Interface(Source, Status),
}

/// Why an interface has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its agent sent datagrams, but no sample of it.
    NoData,
    /// Samples were lost, or there was no room for a record.
    Skipped,
}

/// A window by its time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first second.
    pub start: u64,
    /// Seconds.
    pub seconds: u32,
}

impl Window {
    fn number(number: u64, seconds: u32) -> Self {
        Self { start: number.saturating_mul(seconds.into()), seconds }
    }
}

impl Meter {
    /// No records; at most about `capacity` bytes will be used for them, and about as many for the interfaces
    /// that they are of. The time of the engine begins at `start` since 1970.
    pub fn new(capacity: usize, start: Duration) -> Self {
        let start = u64::try_from(start.as_micros()).unwrap_or(u64::MAX);
        let interfaces = (capacity / INTERFACE).clamp(MIN, MAX);
        Self {
            tables: Vec::new(),
            sources: Sources::new(interfaces),
            known: Known::new(interfaces),
            start,
            last: start,
            capacity,
            interfaces,
            refused: 0,
            missed: 0,
        }
    }

    /// Sets which windows there are, one of each length. The open records of others are removed.
    pub fn set_windows(&mut self, now: Instant, windows: &[Windows]) {
        let now = self.unix(now);
        self.tables.retain(|table| windows.iter().any(|it| it.seconds == table.seconds));
        for Windows { seconds, link, early } in windows.iter().copied() {
            if !self.tables.iter().any(|table| table.seconds == seconds) {
                self.tables.push(Table::new(seconds, self.interfaces, now));
            }
            let own = self.tables.iter_mut().find(|table| table.seconds == seconds);
            own.into_iter().for_each(|table| (table.link, table.early) = (link, early));
        }
    }

    #[inline]
    fn unix(&self, time: Instant) -> u64 {
        self.start.saturating_add(time.micros())
    }

    /// Adds samples to the records of their windows. Passes on those that have no room, if they may be
    /// [early](Windows::early).
    pub fn add(&mut self, fresh: &Fresh, mut early: impl FnMut(Window, Closed<'_>)) {
        let link = self.tables.iter().any(|table| table.link);
        let mut samples = fresh.samples().peekable();
        if fresh.missed > 0 {
            // They came after the last turn and before the first of these.
            let first = samples.peek().map_or(self.last, |sample| self.unix(sample.time));
            self.missed += fresh.missed;
            let (begin, end) = (self.last.min(first), first);
            self.tables.iter_mut().for_each(|table| table.miss(begin, end));
        }
        let mut batch = Vec::with_capacity(BATCH);
        for sample in samples {
            let Some(sample) = self.sample(&sample, link) else { continue };
            batch.push(sample);
            if batch.len() == BATCH {
                self.add_batch(&batch, &mut early);
                batch.clear();
            }
        }
        self.add_batch(&batch, &mut early);
    }

    /// A sample, as far as records need it; `None` if it is of no IP packet.
    #[inline]
    fn sample(&mut self, taken: &Taken<'_>, link: bool) -> Option<Sample> {
        let (key, passed, frame) = match taken.passed() {
            Some(passed) if !link => (Key::sampled(&passed, *taken.source), passed, taken.frame()),
            _ => {
                let packet = taken.packet();
                let passed = packet.passed()?;
                let key = Key::of(&packet, &passed, *taken.source, link);
                (key, passed, packet.frame_bytes())
            }
        };
        let interface = self.sources.number(&key.interface);
        let Taken { packets, rate_error, .. } = *taken;
        let time = self.unix(taken.time);
        let Passed { traffic: Traffic { bytes, tcp_flags, .. }, connection, .. } = passed;
        Some(Sample {
            time,
            packets,
            key,
            interface,
            bytes,
            tcp_flags,
            frame,
            rate_error,
            connection,
        })
    }

    fn add_batch(&mut self, samples: &[Sample], early: &mut impl FnMut(Window, Closed<'_>)) {
        // Long windows shall not take the room of short ones.
        let parts: usize = self.tables.iter().map(Table::parts).sum();
        let part = self.capacity / parts.max(1);
        for table in &mut self.tables {
            let free = (part * table.parts()).saturating_sub(table.bytes());
            if table.early && !table.has_room(samples.len(), free) {
                let seconds = table.seconds;
                table.pass_on(&self.sources, |number, key, record, frames| {
                    let window = Window::number(number, seconds);
                    early(window, Closed::Record(key, record, frames));
                });
            }
            self.refused += table.add(samples, free);
        }
    }

    /// Notes what an analyzer has lost.
    pub fn lose(&mut self, losses: &Losses) {
        for (lost, missing, time) in losses.iter() {
            let time = self.unix(time);
            self.tables.iter_mut().for_each(|table| table.lose(table.window(time), lost, missing));
        }
    }

    /// Passes on what the windows have that have ended at a time. `last_seen` is the time of the last
    /// datagram of an agent.
    pub fn close(
        &mut self,
        now: Instant,
        last_seen: impl Fn(Address) -> Option<Instant>,
        mut closed: impl FnMut(Window, Closed<'_>),
    ) {
        let (now, start) = (self.unix(now), self.start);
        let last_seen = |agent| Some(start.saturating_add(last_seen(agent)?.micros()));
        self.last = now;
        let Self { tables, sources, known, .. } = self;
        known.expire(now);
        for table in tables.iter_mut() {
            close(table, sources, known, now, last_seen, &mut closed);
        }
        if sources.are_many() {
            sources.retain(&tables.iter().flat_map(Table::interfaces).collect());
        }
    }

    /// Passes on what all windows have, also those that have not ended.
    pub fn finish(&mut self, now: Instant, mut closed: impl FnMut(Window, Closed<'_>)) {
        let now = self.unix(now);
        let Self { tables, sources, known, .. } = self;
        for table in tables {
            let end = now + u64::from(table.seconds) * SECOND;
            close(table, sources, known, end, |_| None, &mut closed);
        }
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Table::bytes).sum::<usize>() + self.sources.bytes()
    }

    /// Open records.
    pub fn open(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }
}

/// Closes the windows of one length that have ended.
fn close(
    table: &mut Table,
    sources: &Sources,
    known: &mut Known,
    now: u64,
    last_seen: impl Fn(Address) -> Option<u64>,
    closed: &mut impl FnMut(Window, Closed<'_>),
) {
    let (first, end) = (table.closed, table.window(now).max(table.closed));
    if end == first && !table.has_late {
        return;
    }
    let seconds = table.seconds;
    let window = |number| Window::number(number, seconds);
    let mut seen = table.take_passed(end);
    table.close(end, sources, |number, key, record, frames| {
        seen.insert((number, key.interface));
        closed(window(number), Closed::Record(key, record, frames));
    });
    seen.iter().for_each(|(_, interface)| known.touch(*interface, now));
    let skipped = skipped(table, known, end);
    for (number, interface) in &skipped {
        closed(window(*number), Closed::Interface(*interface, Status::Skipped));
    }
    for number in first.max(end.saturating_sub(MOST))..end {
        let begin = window(number).start * SECOND;
        let silent =
            |it: &Source| !seen.contains(&(number, *it)) && !skipped.contains(&(number, *it));
        for interface in known.iter().filter(silent) {
            if last_seen(interface.agent).is_some_and(|last| last >= begin) {
                closed(window(number), Closed::Interface(interface, Status::NoData));
            }
        }
    }
}

/// The interfaces of which something is missing in windows before `end`.
fn skipped(table: &mut Table, known: &Known, end: u64) -> HashSet<(u64, Source)> {
    let mut skipped = HashSet::default();
    for (number, lost) in table.take_losses(end) {
        match lost {
            Lost::Samples(source) => drop(skipped.insert((number, source))),
            Lost::Datagrams(agent) | Lost::Discards(agent) => {
                skipped.extend(known.of_agent(agent).map(|source| (number, source)));
            }
        }
    }
    for number in table.take_missed(end) {
        skipped.extend(known.iter().map(|source| (number, source)));
    }
    skipped
}

/// Bytes of an interface: its number, what is known of it, and of its losses.
const INTERFACE: usize = 256;
/// Interfaces that always have room.
const MIN: usize = 1024;
/// Samples whose records are loaded together.
pub(super) const BATCH: usize = 32;
/// Windows that have lines about silent interfaces when they are closed together.
pub(super) const MOST: u64 = 60;
