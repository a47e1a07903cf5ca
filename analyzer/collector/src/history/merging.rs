//! The moves of rows: from the log into chunks of rows, and when a slot of minutes is over, into one chunk of
//! minutes, and chunks of longer periods.
//!
//! Nothing that is in a chunk is read or written again before its slot is over, but for late rows. Until
//! then, minutes are made of rows when they are read.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};

use super::Group;
use super::chunk::Chunk;
use super::log::{self, Places, Row};
use super::periods::{add_to_minutes, longer};
use super::rows;
use super::store::{CHUNKS, LAST, LOG, ROLLED, ROWS, Result, SIZES, decode, parts};
use super::tier::{HOUR, MINUTE, Tier};

/// What became of the rows of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    /// Rows too old, too far ahead, or too many in a slot.
    pub(super) dropped: u64,
    /// Chunks that could not be read. Those of another version stay as they are.
    pub(super) damaged: u64,
}

/// The moves of the rows of a shard.
pub(super) struct Merging<'t> {
    transaction: &'t WriteTransaction,
    shard: u32,
    now: i64,
    /// The slots of minutes before this one are over.
    due: u32,
    rows: Table<'t, (u32, u32), &'static [u8]>,
    chunks: Table<'t, (u8, u32, u32), &'static [u8]>,
    /// What the bytes of slots change by.
    sizes: BTreeMap<(u8, u32), i64>,
    merged: Merged,
}

impl<'t> Merging<'t> {
    /// If it is `early`, minutes are made of all rows now, so that these can be removed.
    pub(super) fn new(
        transaction: &'t WriteTransaction,
        shard: u32,
        now: i64,
        early: bool,
    ) -> Result<Self> {
        let due = if early { Tier::Minutes.slot_of(now) + 1 } else { due(now) };
        let (rows, chunks) = (transaction.open_table(ROWS)?, transaction.open_table(CHUNKS)?);
        let (sizes, merged) = (BTreeMap::new(), Merged::default());
        Ok(Self { transaction, shard, now, due, rows, chunks, sizes, merged })
    }

    pub(super) fn run(mut self) -> Result<Merged> {
        let mut table = self.transaction.open_table(ROLLED)?;
        let state = table.get(self.shard)?.map(|state| state.value());
        let (rolled, part) = state.unwrap_or_default();
        // A clock that was ahead has made it too late.
        let rolled = rolled.min(Tier::Minutes.slot_of(self.now) + 1);
        self.take(rolled, part)?;
        let next = rolled.max(self.due);
        if next > rolled {
            self.roll_all(rolled..next)?;
        }
        table.insert(self.shard, (next, part.wrapping_add(1)))?;
        self.write_sizes()?;
        Ok(self.merged)
    }

    /// Moves the rows out of the log.
    fn take(&mut self, rolled: u32, number: u32) -> Result<()> {
        let mut table = self.transaction.open_table(LOG)?;
        let mut log: Vec<Vec<u8>> = Vec::new();
        for part in table.range(parts(self.shard))? {
            log.push(part?.1.value().to_vec());
        }
        table.retain_in(parts(self.shard), |_, _| false)?;
        let places = log.iter().enumerate().flat_map(|(part, bytes)| {
            Places::of(bytes).iter().map(move |(group, place)| (group, part, place))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_by_key(|(group, ..)| *group);
        let mut row = Row::default();
        for places in places.chunk_by(|a, b| a.0 == b.0) {
            let mut chunk = Chunk::default();
            for (_, part, place) in places {
                if log.get(*part).and_then(|it| log::read(it, *place, &mut row)).is_none() {
                    self.merged.damaged += 1;
                } else if !self.possible().contains(&row.end) || chunk.times.len() >= MAX_ROWS {
                    self.merged.dropped += row.columns.len() as u64;
                } else {
                    chunk.push(&row);
                }
            }
            if let Some((group, ..)) = places.first().filter(|_| !chunk.times.is_empty()) {
                self.add(*group, chunk, rolled, number)?;
            }
        }
        Ok(())
    }

    fn possible(&self) -> core::ops::Range<i64> {
        self.now - Tier::Minutes.keep()..self.now + AHEAD
    }

    /// Adds the rows of a group as a chunk, and to chunks of slots that are over.
    fn add(&mut self, group: Group, mut rows: Chunk, rolled: u32, number: u32) -> Result<()> {
        let Some(last) = rows.times.last().copied() else { return Ok(()) };
        let mut table = self.transaction.open_table(LAST)?;
        let before = table.get(group.0)?.map_or(i64::MIN, |last| last.value());
        table.insert(group.0, last.max(before))?;
        let end = Tier::Minutes.begin(rolled);
        if rows::begin(&rows) < end {
            let mut minutes = Chunk::default();
            add_to_minutes(&mut minutes, &rows);
            minutes.retain(|time| time < end);
            self.add_minutes(group, minutes)?;
        }
        let needed = end.min(self.keep_from());
        rows.retain(|time| time >= needed);
        if !rows.times.is_empty() {
            let bytes = rows::encode(&rows);
            self.rows.insert((group.0, number), bytes.as_slice())?;
            self.resize(Tier::Rows, 0, bytes.len() as i64 + ENTRY);
        }
        Ok(())
    }

    /// Adds minutes to their chunks, and makes longer periods of them.
    fn add_minutes(&mut self, group: Group, minutes: Chunk) -> Result<()> {
        for (slot, part) in by_slots(Tier::Minutes, minutes) {
            let Some(mut chunk) = self.load(Tier::Minutes, slot, group)? else {
                self.merged.dropped += (part.times.len() * part.columns.len()) as u64;
                continue;
            };
            chunk.join(&part);
            self.store(Tier::Minutes, slot, group, &mut chunk)?;
            self.roll(slot, group, &chunk)?;
        }
        Ok(())
    }

    /// Makes minutes of all rows in slots, and removes the rows that nothing needs any more.
    fn roll_all(&mut self, slots: core::ops::Range<u32>) -> Result<()> {
        let span = Tier::Minutes.begin(slots.start)..Tier::Minutes.begin(slots.end);
        let mut next = *Group::of_shard(self.shard).start();
        while let Some(group) = self.group_from(next)? {
            next = group.0 + 1;
            let (mut minutes, mut old) = (Chunk::default(), Vec::new());
            for part in self.rows.range((group.0, 0)..=(group.0, u32::MAX))? {
                let (key, bytes) = part?;
                let bytes = bytes.value();
                let Some(times) = rows::times(bytes) else { continue };
                if times.start < span.end && times.end >= span.start {
                    match rows::decode(bytes, None) {
                        Some(rows) => add_to_minutes(&mut minutes, &rows),
                        None => self.merged.damaged += 1,
                    }
                }
                if times.end < span.end.min(self.keep_from()) {
                    old.push((key.value(), bytes.len()));
                }
            }
            minutes.retain(|time| span.contains(&time));
            self.add_minutes(group, minutes)?;
            for (key, length) in old {
                self.rows.remove(key)?;
                self.resize(Tier::Rows, 0, -(length as i64 + ENTRY));
            }
        }
        Ok(())
    }

    /// The time from which rows are kept, if nothing is to be made of them.
    fn keep_from(&self) -> i64 {
        match self.due > due(self.now) {
            true => i64::MAX,
            false => self.now - Tier::Rows.keep(),
        }
    }

    /// The next group of the shard that has rows.
    fn group_from(&self, next: u32) -> Result<Option<Group>> {
        let last = *Group::of_shard(self.shard).end();
        let first = self.rows.range((next, 0)..=(last, u32::MAX))?.next().transpose()?;
        Ok(first.map(|(key, _)| Group(key.value().0)))
    }

    fn roll(&mut self, slot: u32, group: Group, minutes: &Chunk) -> Result<()> {
        let begin = Tier::Minutes.begin(slot);
        let replaced = begin..begin + Tier::Minutes.slot();
        for tier in Tier::ROLLED {
            for (slot, part) in by_slots(tier, longer(minutes, tier)) {
                let Some(mut chunk) = self.load(tier, slot, group)? else { continue };
                chunk.retain(|time| !replaced.contains(&time));
                chunk.join(&part);
                self.store(tier, slot, group, &mut chunk)?;
            }
        }
        Ok(())
    }

    /// The chunk, an empty one if it is damaged, or `None` if it is of another version.
    fn load(&mut self, tier: Tier, slot: u32, group: Group) -> Result<Option<Chunk>> {
        let Some(bytes) = self.chunks.get((tier.number(), slot, group.0))? else {
            return Ok(Some(Chunk::default()));
        };
        let chunk = decode(tier, slot, bytes.value(), None);
        self.merged.damaged += u64::from(chunk.is_none());
        if chunk.is_none() && Chunk::is_of_other_version(bytes.value()) {
            return Ok(None);
        }
        Ok(Some(chunk.unwrap_or_default()))
    }

    fn store(&mut self, tier: Tier, slot: u32, group: Group, chunk: &mut Chunk) -> Result<()> {
        chunk.round();
        let bytes = chunk.encode(tier.begin(slot), tier.length());
        let before = self.chunks.insert((tier.number(), slot, group.0), bytes.as_slice())?;
        let before = before.map_or(-ENTRY, |before| before.value().len() as i64);
        self.resize(tier, slot, bytes.len() as i64 - before);
        Ok(())
    }

    fn resize(&mut self, tier: Tier, slot: u32, change: i64) {
        *self.sizes.entry((tier.number(), slot)).or_default() += change;
    }

    fn write_sizes(&mut self) -> Result<()> {
        let mut table = self.transaction.open_table(SIZES)?;
        for (key, change) in &self.sizes {
            let before = table.get(*key)?.map_or(0, |size| size.value());
            table.insert(*key, before.saturating_add_signed(*change))?;
        }
        Ok(())
    }
}

/// The first slot of minutes that is not over.
pub(super) fn due(now: i64) -> u32 {
    Tier::Minutes.slot_of(now - LATE)
}

/// The rows of each slot.
fn by_slots(tier: Tier, chunk: Chunk) -> Vec<(u32, Chunk)> {
    let (Some(first), Some(last)) = (chunk.times.first(), chunk.times.last()) else {
        return Vec::new();
    };
    let (first, last) = (tier.slot_of(*first), tier.slot_of(*last));
    if first == last {
        return vec![(first, chunk)];
    }
    let slots = first..=last;
    let parts = slots.map(|slot| {
        let mut part = chunk.clone();
        part.retain(|time| tier.slot_of(time) == slot);
        (slot, part)
    });
    parts.filter(|(_, part)| !part.times.is_empty()).collect()
}

/// A row that comes later than this after its slot makes the periods of the slot again.
const LATE: i64 = 15 * MINUTE;
/// Rows further ahead are dropped; programs may report points two hours ahead.
pub(super) const AHEAD: i64 = 3 * HOUR;
/// Rows of a chunk: one each second for a slot of rows, and more.
const MAX_ROWS: usize = 10_000;
/// Bytes of an entry beside its value.
const ENTRY: i64 = 20;
