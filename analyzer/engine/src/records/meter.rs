//! The making of records from samples.

use core::time::Duration;

use flowmote_decoder::Address;
use foldhash::HashSet;

use super::key::Key;
use super::known::{Known, MAX};
use super::record::{Record, Sample};
use super::table::Table;
use crate::agents::Losses;
use crate::instant::Instant;
use crate::samples::Fresh;
use crate::source::Source;

/// Makes the records of windows of several lengths.
#[derive(Debug)]
pub struct Meter {
    tables: Vec<Table>,
    known: Known,
    /// The start of the engine's time, since 1970: windows begin at multiples of their length.
    start: Duration,
    /// Bytes that may be in use.
    capacity: usize,
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
    /// True if records have MAC addresses and VLAN.
    pub link: bool,
}

/// What a window that has ended has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Closed<'a> {
    /// A record.
    Record(&'a Key, &'a Record),
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

impl Meter {
    /// No records; at most about `capacity` bytes will be used for them. The time of the engine begins at
    /// `start` since 1970.
    pub fn new(capacity: usize, start: Duration) -> Self {
        let (tables, known) = (Vec::new(), Known::default());
        Self { tables, known, start, capacity, refused: 0, missed: 0 }
    }

    /// Sets which windows there are, one of each length. The open records of others are removed.
    pub fn set_windows(&mut self, now: Instant, windows: &[Windows]) {
        let now = self.unix(now);
        self.tables.retain(|table| windows.iter().any(|it| it.seconds == table.seconds));
        for Windows { seconds, link } in windows.iter().copied() {
            match self.tables.iter_mut().find(|table| table.seconds == seconds) {
                Some(table) => table.link = link,
                None => self.tables.push(Table::new(seconds, link, now)),
            }
        }
    }

    fn unix(&self, time: Instant) -> Duration {
        self.start + time.since(Instant::default())
    }

    /// Adds samples to the records of their windows.
    pub fn add(&mut self, fresh: &Fresh) {
        if fresh.missed > 0 {
            self.missed += fresh.missed;
            self.skip(self.known.iter().collect());
        }
        let link = self.tables.iter().any(|table| table.link);
        let mut batch = Vec::with_capacity(BATCH);
        for (time, packets, source, packet) in fresh.samples() {
            let Some(traffic) = packet.traffic() else { continue };
            let connection = if traffic.tuple.protocol == TCP { packet.connection() } else { None };
            let key = Key::of(&packet, source, traffic.tuple, link);
            batch.push(Sample { time: self.unix(time), packets, key, traffic, connection });
            if batch.len() == BATCH {
                self.add_batch(&batch);
                batch.clear();
            }
        }
        self.add_batch(&batch);
    }

    fn add_batch(&mut self, samples: &[Sample]) {
        // Long windows shall not take the room of short ones.
        let share = self.capacity / self.tables.len().max(1);
        for table in &mut self.tables {
            let free = share.saturating_sub(table.bytes());
            self.refused += table.add(samples, free);
        }
    }

    /// Notes what an analyzer has lost.
    pub fn lose(&mut self, losses: &Losses) {
        let agents = losses.agents().flat_map(|agent| self.known.of_agent(agent));
        self.skip(losses.sources().chain(agents).collect());
    }

    fn skip(&mut self, interfaces: Vec<Source>) {
        for table in &mut self.tables {
            let room = MAX.saturating_sub(table.skipped.len());
            table.skipped.extend(interfaces.iter().take(room));
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
        let last_seen = |agent| Some(start + last_seen(agent)?.since(Instant::default()));
        let Self { tables, known, .. } = self;
        known.expire(now);
        for table in tables {
            close(table, known, now, last_seen, &mut closed);
        }
    }

    /// Passes on what all windows have, also those that have not ended.
    pub fn finish(&mut self, now: Instant, mut closed: impl FnMut(Window, Closed<'_>)) {
        let now = self.unix(now);
        let Self { tables, known, .. } = self;
        for table in tables {
            let end = now + Duration::from_secs(table.seconds.into());
            close(table, known, end, |_| None, &mut closed);
        }
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Table::bytes).sum()
    }

    /// Open records.
    pub fn open(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }
}

/// Closes the windows of one length.
fn close(
    table: &mut Table,
    known: &mut Known,
    now: Duration,
    last_seen: impl Fn(Address) -> Option<Duration>,
    closed: &mut impl FnMut(Window, Closed<'_>),
) {
    let current = table.window(now);
    let Some(last) = current.checked_sub(1).filter(|last| *last >= table.closed) else { return };
    let seconds = table.seconds;
    let window = Window { start: last * u64::from(seconds), seconds };
    let mut seen = HashSet::default();
    table.close(current, |key, record| {
        seen.insert(key.interface);
        let own = record.first.as_secs() / u64::from(seconds.max(1));
        let window = Window { start: own * u64::from(seconds), seconds };
        closed(window, Closed::Record(key, record));
    });
    seen.iter().for_each(|interface| known.touch(*interface, now));
    let skipped = core::mem::take(&mut table.skipped);
    for interface in &skipped {
        closed(window, Closed::Interface(*interface, Status::Skipped));
    }
    let begin = Duration::from_secs(window.start);
    let silent = known.iter().filter(|it| !seen.contains(it) && !skipped.contains(it));
    for interface in silent {
        if last_seen(interface.agent).is_some_and(|last| last >= begin) {
            closed(window, Closed::Interface(interface, Status::NoData));
        }
    }
}

const TCP: u8 = 6;
/// Samples whose records are loaded together.
const BATCH: usize = 32;
