//! The database: the log, the chunks of all tiers, and the catalogue, as tables of redb.
//!
//! What a transaction writes is there whole or not at all. Rows come into the [log](super::log). Minutes
//! later, [`Store::merge`] moves those of a shard into chunks: it adds them to the chunks that there are
//! and removes them from the log in one transaction, so that none is lost or counted twice, whenever the
//! program ends. Nothing of it is kept in memory.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::catalogue::Entry;
use super::chunk::Chunk;
use super::log::Batch;
use super::merging::{self, AHEAD, Merged, Merging};
use super::tier::Tier;
use super::{Column, meta};

pub(super) type Result<T> = core::result::Result<T, redb::Error>;

/// The open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) database: Database,
}

impl Store {
    /// Opens the file, which is made if there is none. All of it is read if `check`, or if redb was not
    /// closed. Its pages take up to `cache` bytes of memory.
    ///
    /// # Errors
    /// redb's: `Corrupted`, `Io`, `DatabaseAlreadyOpen`; `Io` with [`meta::OtherFormat`].
    pub(super) fn open(path: &Path, cache: usize, check: bool) -> Result<Self> {
        let mut builder = Database::builder();
        builder.set_cache_size(cache).set_check_integrity_on_open(check);
        let database = builder.create(path)?;
        let transaction = database.begin_write()?;
        meta::check(&transaction)?;
        transaction.open_table(LOG)?;
        transaction.open_table(ROWS)?;
        transaction.open_table(CHUNKS)?;
        transaction.open_table(SIZES)?;
        transaction.open_table(LAST)?;
        transaction.open_table(ROLLED)?;
        super::catalogue::create(&transaction)?;
        transaction.commit()?;
        Ok(Self { database })
    }

    /// Adds rows to the log, and entries to the catalogue. They are on the disk when it returns.
    pub(super) fn append(&self, batch: &Batch, entries: &[Entry], now: i64) -> Result<()> {
        let transaction = self.database.begin_write()?;
        super::catalogue::write(&transaction, entries, now)?;
        meta::set(&transaction, WRITTEN, now.cast_unsigned())?;
        {
            let mut log = transaction.open_table(LOG)?;
            for (shard, rows) in &batch.shards {
                let last = log.range(parts(*shard))?.next_back().transpose()?;
                let next = last.map_or(parts(*shard).start, |(key, _)| key.value() + 1);
                log.insert(next, rows.encode().as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The shards that have rows in the log, or a slot of minutes that is over.
    pub(super) fn shards(&self, now: i64) -> Result<BTreeSet<u32>> {
        let transaction = self.database.begin_read()?;
        let log = transaction.open_table(LOG)?;
        let (mut shards, mut next) = (BTreeSet::new(), 0);
        while let Some((key, _)) = log.range(next..)?.next().transpose()? {
            let shard = (key.value() >> PART) as u32;
            shards.insert(shard);
            next = parts(shard).end;
        }
        for state in transaction.open_table(ROLLED)?.iter()? {
            let (shard, state) = state?;
            if state.value().0 < merging::due(now) {
                shards.insert(shard.value());
            }
        }
        Ok(shards)
    }

    /// Bytes of each shard in the log.
    pub(super) fn logged(&self) -> Result<BTreeMap<u32, usize>> {
        let log = self.database.begin_read()?.open_table(LOG)?;
        let mut logged = BTreeMap::new();
        for entry in log.iter()? {
            let (key, rows) = entry?;
            *logged.entry((key.value() >> PART) as u32).or_default() += rows.value().len();
        }
        Ok(logged)
    }

    /// The time of the last write; 0 before the first one.
    pub(super) fn written(&self) -> Result<i64> {
        Ok(meta::get(&self.database.begin_read()?, WRITTEN)?.cast_signed())
    }

    /// Forgets times later than now, which a wrong clock has left.
    pub(super) fn turn_back(&self, now: i64) -> Result<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut last = transaction.open_table(LAST)?;
            for group in keys(&last, |time| time > now + AHEAD)? {
                last.insert(group, now)?;
            }
            let mut rolled = transaction.open_table(ROLLED)?;
            // What is before this one is in chunks already.
            let slot = Tier::Minutes.slot_of(now) + 1;
            for shard in keys(&rolled, |(own, _)| own > slot)? {
                let (_, part) = rolled.get(shard)?.map(|state| state.value()).unwrap_or_default();
                rolled.insert(shard, (slot, part))?;
            }
        }
        meta::set(&transaction, WRITTEN, now.cast_unsigned())?;
        Ok(transaction.commit()?)
    }

    /// Moves the pages in use together, and makes the file shorter.
    pub(super) fn compact(&mut self) -> Result<()> {
        self.database.compact()?;
        Ok(())
    }

    /// Closes the file, so that the next opening need not read all of it.
    pub(super) fn close(self) -> Result<()> {
        Ok(self.database.close()?)
    }

    /// Moves the rows of a shard from the log into chunks. Makes minutes of them before their slot is over if
    /// it is `early`.
    pub(super) fn merge(&self, shard: u32, now: i64, early: bool) -> Result<Merged> {
        let transaction = self.database.begin_write()?;
        let merged = Merging::new(&transaction, shard, now, early)?.run()?;
        transaction.commit()?;
        Ok(merged)
    }

    /// Removes the chunks that are as old as their tier is kept.
    pub(super) fn expire(&self, now: i64) -> Result<()> {
        for tier in Tier::SLOTTED {
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

    /// Notes that a slot is removed before its time: what is kept of the tier begins after it.
    pub(super) fn removed(&self, tier: Tier, slot: u32) -> Result<()> {
        let transaction = self.database.begin_write()?;
        let name = begin_of(tier);
        let before = meta::of(&transaction, &name)?;
        meta::set(&transaction, &name, before.max(u64::from(slot) + 1))?;
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
}

pub(super) fn decode(tier: Tier, slot: u32, bytes: &[u8], only: Option<Column>) -> Option<Chunk> {
    Chunk::decode(bytes, tier.begin(slot), tier.length(), only)
}

/// The keys of some values.
fn keys<T: redb::Value + 'static>(
    table: &impl ReadableTable<u32, T>,
    is_one: impl Fn(T::SelfType<'_>) -> bool,
) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        if is_one(value.value()) {
            found.push(key.value());
        }
    }
    Ok(found)
}

/// Where [`META`](meta::META) has the first slot of a tier that was not removed before its time.
pub(super) fn begin_of(tier: Tier) -> String {
    format!("begin.{}", tier.number())
}

/// The keys of the parts of the log that a shard has.
pub(super) fn parts(shard: u32) -> Range<u64> {
    let shard = u64::from(shard);
    shard << PART..(shard + 1) << PART
}

/// Where [`META`](meta::META) has the time of the last write.
const WRITTEN: &str = "written";
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// By tier, slot and group, so that what is removed together is kept together.
pub(super) const CHUNKS: TableDefinition<'_, (u8, u32, u32), &[u8]> =
    TableDefinition::new("chunks");
/// Rows, by group and the number of the move out of the log, until minutes are made of them.
pub(super) const ROWS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("rows");
/// By tier and slot.
pub(super) const SIZES: TableDefinition<'_, (u8, u32), u64> = TableDefinition::new("sizes");
pub(super) const LAST: TableDefinition<'_, u32, i64> = TableDefinition::new("last");
/// The first slot of minutes, of each shard, of which there are no chunks; the number of the next move.
pub(super) const ROLLED: TableDefinition<'_, u32, (u32, u32)> = TableDefinition::new("rolled");
/// Bits of the number of a part within its shard.
pub(super) const PART: u32 = 40;
