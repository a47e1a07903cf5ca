//! The database: the log, the chunks of all tiers, and the catalogue, as tables of redb.
//!
//! What a transaction writes is there whole or not at all. Rows come into the [log](super::log). Minutes
//! later, [`Store::merge`] moves those of a shard into chunks: it adds them to the chunks that there are
//! and removes them from the log in one transaction, so that none is lost or counted twice, whenever the
//! program ends. Nothing of it is kept in memory.

use core::ops::Range;
use std::collections::BTreeMap;
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::catalogue::Entry;
use super::chunk::Chunk;
use super::log::{self, Batch, Row};
use super::periods::{add_to_minutes, join, longer};
use super::tier::{HOUR, MINUTE, Tier};
use super::{Column, Group, meta};

pub(super) type Result<T> = core::result::Result<T, redb::Error>;
type Chunks<'t> = Table<'t, (u8, u32, u32), &'static [u8]>;

/// The open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) database: Database,
}

/// What became of the rows of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    /// Rows too old, too far ahead, or too many in a slot.
    pub(super) dropped: u64,
    /// Chunks that could not be read. Those of another version stay as they are.
    pub(super) damaged: u64,
}

impl Store {
    /// Opens the file, which is made if there is none. All of it is checked. Its pages take up to `cache`
    /// bytes of memory.
    ///
    /// # Errors
    /// redb's: `Corrupted`, `Io`, `DatabaseAlreadyOpen`; `Io` with [`meta::OtherFormat`].
    pub(super) fn open(path: &Path, cache: usize) -> Result<Self> {
        let mut builder = Database::builder();
        builder.set_cache_size(cache).set_check_integrity_on_open(true);
        let database = builder.create(path)?;
        let transaction = database.begin_write()?;
        meta::check(&transaction)?;
        transaction.open_table(LOG)?;
        transaction.open_table(CHUNKS)?;
        transaction.open_table(SIZES)?;
        transaction.open_table(LAST)?;
        transaction.open_table(ROLLED)?;
        super::catalogue::create(&transaction)?;
        transaction.commit()?;
        Ok(Self { database })
    }

    /// Adds rows to the log, and entries to the catalogue. They are on the disk when it returns.
    pub(super) fn append(&self, batch: &Batch, entries: &[Entry]) -> Result<()> {
        let transaction = self.database.begin_write()?;
        super::catalogue::write(&transaction, entries)?;
        {
            let mut log = transaction.open_table(LOG)?;
            for (shard, rows) in &batch.shards {
                let last = log.range(parts(*shard))?.next_back().transpose()?;
                let next = last.map_or(parts(*shard).start, |(key, _)| key.value() + 1);
                log.insert(next, rows.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The shards that have rows in the log, from one on.
    pub(super) fn shards(&self, from: u32) -> Result<Vec<u32>> {
        let log = self.database.begin_read()?.open_table(LOG)?;
        let (mut shards, mut next) = (Vec::new(), parts(from).start);
        while let Some((key, _)) = log.range(next..)?.next().transpose()? {
            let shard = (key.value() >> PART) as u32;
            shards.push(shard);
            next = parts(shard).end;
        }
        Ok(shards)
    }

    /// Moves the rows of a shard from the log into chunks.
    pub(super) fn merge(&self, shard: u32, now: i64) -> Result<Merged> {
        let transaction = self.database.begin_write()?;
        let merged = Merging::new(&transaction, shard, now)?.run()?;
        transaction.commit()?;
        Ok(merged)
    }

    /// Removes the chunks that are as old as their tier is kept.
    pub(super) fn expire(&self, now: i64) -> Result<()> {
        for tier in Tier::ALL {
            let limit = tier.slot_of(now - tier.keep());
            for (_, slot, _) in self.sizes()?.into_iter().filter(|(of, ..)| *of == tier) {
                if slot < limit {
                    self.remove(tier, slot)?;
                }
            }
        }
        Ok(())
    }

    /// Removes the chunks of a slot.
    pub(super) fn remove(&self, tier: Tier, slot: u32) -> Result<()> {
        let transaction = self.database.begin_write()?;
        let all = (tier.number(), slot, 0)..=(tier.number(), slot, u32::MAX);
        transaction.open_table(CHUNKS)?.retain_in(all, |_, _| false)?;
        transaction.open_table(SIZES)?.remove((tier.number(), slot))?;
        Ok(transaction.commit()?)
    }

    /// The bytes of each slot.
    pub(super) fn sizes(&self) -> Result<Vec<(Tier, u32, u64)>> {
        let sizes = self.database.begin_read()?.open_table(SIZES)?;
        let mut found = Vec::new();
        for entry in sizes.range::<(u8, u32)>(..)? {
            let (key, size) = entry?;
            let (number, slot) = key.value();
            if let Some(tier) = Tier::ALL.get(usize::from(number)) {
                found.push((*tier, slot, size.value()));
            }
        }
        Ok(found)
    }

    /// The samples of a metric from one time to another, without it, by periods of a tier.
    pub(super) fn read(
        &self,
        (group, column): (Group, Column),
        tier: Tier,
        span: Range<i64>,
    ) -> Result<Chunk> {
        let transaction = self.database.begin_read()?;
        let chunks = transaction.open_table(CHUNKS)?;
        let mut found = Chunk::default();
        let load = |tier: Tier, span: Range<i64>| -> Result<Chunk> {
            let mut found = Chunk::default();
            for slot in tier.slots(span.start, span.end) {
                if let Some(bytes) = chunks.get((tier.number(), slot, group.0))? {
                    let chunk = decode(tier, slot, bytes.value(), Some(column));
                    join(&mut found, &chunk.unwrap_or_default());
                }
            }
            Ok(found)
        };
        // What is in no period of this tier yet is made of minutes.
        let whole = if Tier::ROLLED.contains(&tier) {
            let rolled = transaction.open_table(ROLLED)?.get(group.shard())?;
            let rolled = rolled.map_or(i64::MIN, |slot| Tier::Minutes.begin(slot.value()));
            let last = span.end - span.end.rem_euclid(tier.length());
            rolled.min(last).max(span.start)
        } else {
            span.end
        };
        if whole > span.start {
            found = load(tier, span.start..whole)?;
        }
        let mut rest =
            if whole < span.end { load(Tier::Minutes, whole..span.end)? } else { Chunk::default() };
        let log = transaction.open_table(LOG)?;
        for part in log.range(parts(group.shard()))? {
            for (_, mut row) in log::rows(part?.1.value(), Some(group)) {
                row.columns.retain(|(own, _)| *own == column);
                match tier {
                    Tier::Rows => join(&mut found, &as_chunk(&row)),
                    Tier::Minutes => add_to_minutes(&mut found, &row),
                    _ => add_to_minutes(&mut rest, &row),
                }
            }
        }
        if tier == Tier::Minutes {
            rest = Chunk::default();
        }
        rest.retain(|time| (whole..span.end).contains(&time));
        join(&mut found, &longer(&rest, tier));
        found.retain(|time| span.contains(&time));
        Ok(found)
    }

    /// The time of the last row of a group that is in a chunk.
    pub(super) fn last(&self, group: Group) -> Result<Option<i64>> {
        let last = self.database.begin_read()?.open_table(LAST)?.get(group.0)?;
        Ok(last.map(|last| last.value()))
    }

    /// The beginning of the first slot of a tier.
    pub(super) fn begin(&self, tier: Tier) -> Result<Option<i64>> {
        let sizes = self.database.begin_read()?.open_table(SIZES)?;
        let first = sizes.range((tier.number(), 0)..=(tier.number(), u32::MAX))?.next();
        let first = first.transpose()?;
        Ok(first.map(|(key, _)| tier.begin(key.value().1)))
    }
}

/// The move of the rows of a shard.
struct Merging<'t> {
    transaction: &'t WriteTransaction,
    shard: u32,
    now: i64,
    chunks: Chunks<'t>,
    /// What the bytes of slots change by.
    sizes: BTreeMap<(u8, u32), i64>,
    merged: Merged,
}

impl<'t> Merging<'t> {
    fn new(transaction: &'t WriteTransaction, shard: u32, now: i64) -> Result<Self> {
        let chunks = transaction.open_table(CHUNKS)?;
        let (sizes, merged) = (BTreeMap::new(), Merged::default());
        Ok(Self { transaction, shard, now, chunks, sizes, merged })
    }

    fn run(mut self) -> Result<Merged> {
        let mut groups: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
        {
            let mut log = self.transaction.open_table(LOG)?;
            for part in log.range(parts(self.shard))? {
                for (group, row) in log::rows(part?.1.value(), None) {
                    groups.entry(group.0).or_default().push(row);
                }
            }
            log.retain_in(parts(self.shard), |_, _| false)?;
        }
        let mut table = self.transaction.open_table(ROLLED)?;
        let rolled = table.get(self.shard)?.map(|slot| slot.value());
        let mut first = rolled.unwrap_or(u32::MAX);
        for (group, rows) in groups {
            let kept = self.add(group, &rows, rolled)?;
            first = first.min(kept.unwrap_or(u32::MAX));
        }
        let mut next = rolled.unwrap_or(first);
        while next < Tier::Minutes.slot_of(self.now - LATE) {
            self.roll_all(next)?;
            next += 1;
        }
        if next != u32::MAX {
            table.insert(self.shard, next)?;
        }
        self.write_sizes()?;
        Ok(self.merged)
    }

    /// Adds the rows of a group. Returns the first slot of minutes that they are in.
    fn add(&mut self, group: u32, rows: &[Row], rolled: Option<u32>) -> Result<Option<u32>> {
        let (mut raw, mut minutes) = (Chunk::default(), Chunk::default());
        let possible = self.now - Tier::Minutes.keep()..self.now + AHEAD;
        let mut last = i64::MIN;
        for row in rows {
            if !possible.contains(&row.end) {
                self.merged.dropped += row.columns.len() as u64;
                continue;
            }
            if row.end > self.now - Tier::Rows.keep() {
                join(&mut raw, &as_chunk(row));
            }
            add_to_minutes(&mut minutes, row);
            last = last.max(row.end);
        }
        for (tier, new) in [(Tier::Rows, raw), (Tier::Minutes, minutes.clone())] {
            for (slot, part) in by_slots(tier, new) {
                let chunk = self.load(tier, slot, group)?;
                let has_room = |it: &Chunk| it.times.len() + part.times.len() <= MAX_ROWS;
                let Some(mut chunk) = chunk.filter(has_room) else {
                    self.merged.dropped += (part.times.len() * part.columns.len()) as u64;
                    continue;
                };
                join(&mut chunk, &part);
                self.store(tier, slot, group, &chunk)?;
                if tier == Tier::Minutes && rolled.is_some_and(|rolled| slot < rolled) {
                    self.roll(slot, group, &chunk)?;
                }
            }
        }
        if last > i64::MIN {
            let mut table = self.transaction.open_table(LAST)?;
            let before = table.get(group)?.map_or(i64::MIN, |last| last.value());
            table.insert(group, last.max(before))?;
        }
        Ok(minutes.times.first().map(|time| Tier::Minutes.slot_of(*time)))
    }

    /// Makes longer periods of all minutes of a slot.
    fn roll_all(&mut self, slot: u32) -> Result<()> {
        let groups = Group::of_shard(self.shard);
        let tier = Tier::Minutes.number();
        let keys = (tier, slot, *groups.start())..=(tier, slot, *groups.end());
        let mut all = Vec::new();
        for entry in self.chunks.range(keys)? {
            let (key, bytes) = entry?;
            all.push((key.value().2, bytes.value().to_vec()));
        }
        for (group, bytes) in all {
            if let Some(chunk) = decode(Tier::Minutes, slot, &bytes, None) {
                self.roll(slot, group, &chunk)?;
            }
        }
        Ok(())
    }

    fn roll(&mut self, slot: u32, group: u32, minutes: &Chunk) -> Result<()> {
        let begin = Tier::Minutes.begin(slot);
        let replaced = begin..begin + Tier::Minutes.slot();
        for tier in Tier::ROLLED {
            for (slot, part) in by_slots(tier, longer(minutes, tier)) {
                let Some(mut chunk) = self.load(tier, slot, group)? else { continue };
                chunk.retain(|time| !replaced.contains(&time));
                join(&mut chunk, &part);
                self.store(tier, slot, group, &chunk)?;
            }
        }
        Ok(())
    }

    /// The chunk, an empty one if it is damaged, or `None` if it is of another version.
    fn load(&mut self, tier: Tier, slot: u32, group: u32) -> Result<Option<Chunk>> {
        let Some(bytes) = self.chunks.get((tier.number(), slot, group))? else {
            return Ok(Some(Chunk::default()));
        };
        let chunk = decode(tier, slot, bytes.value(), None);
        self.merged.damaged += u64::from(chunk.is_none());
        if chunk.is_none() && Chunk::is_of_other_version(bytes.value()) {
            return Ok(None);
        }
        Ok(Some(chunk.unwrap_or_default()))
    }

    fn store(&mut self, tier: Tier, slot: u32, group: u32, chunk: &Chunk) -> Result<()> {
        let bytes = chunk.encode(tier.begin(slot), tier.length());
        let before = self.chunks.insert((tier.number(), slot, group), bytes.as_slice())?;
        let before = before.map_or(-ENTRY, |before| before.value().len() as i64);
        *self.sizes.entry((tier.number(), slot)).or_default() += bytes.len() as i64 - before;
        Ok(())
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

fn decode(tier: Tier, slot: u32, bytes: &[u8], only: Option<Column>) -> Option<Chunk> {
    Chunk::decode(bytes, tier.begin(slot), tier.length(), only)
}

fn as_chunk(row: &Row) -> Chunk {
    let mut columns: Vec<_> = row.columns.iter().map(|(it, sample)| (*it, vec![*sample])).collect();
    columns.sort_by_key(|(column, _)| *column);
    Chunk { times: vec![row.end], overs: vec![row.over], columns }
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

/// The keys of the parts of the log that a shard has.
fn parts(shard: u32) -> Range<u64> {
    let shard = u64::from(shard);
    shard << PART..(shard + 1) << PART
}

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// By tier, slot and group, so that what is removed together is kept together.
pub(super) const CHUNKS: TableDefinition<'_, (u8, u32, u32), &[u8]> =
    TableDefinition::new("chunks");
const SIZES: TableDefinition<'_, (u8, u32), u64> = TableDefinition::new("sizes");
const LAST: TableDefinition<'_, u32, i64> = TableDefinition::new("last");
/// The first slot of minutes, of each shard, of which no longer periods are made.
const ROLLED: TableDefinition<'_, u32, u32> = TableDefinition::new("rolled");
/// Bits of the number of a part within its shard.
const PART: u32 = 40;
/// A row that comes later than this after its slot makes the periods of the slot again.
const LATE: i64 = 15 * MINUTE;
/// Rows further ahead are dropped; programs may report points two hours ahead.
const AHEAD: i64 = 3 * HOUR;
/// Rows of a chunk: one each second for a slot of rows, and more.
const MAX_ROWS: usize = 10_000;
/// Bytes of an entry beside its value.
const ENTRY: i64 = 20;
