//! The move of the rows of a shard from the log into chunks.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};

use super::Group;
use super::chunk::Chunk;
use super::log::{self, Row};
use super::periods::{add_to_minutes, as_chunk, join, longer};
use super::store::{CHUNKS, LAST, LOG, ROLLED, Result, SIZES, decode, parts};
use super::tier::{HOUR, MINUTE, Tier};

/// What became of the rows of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    /// Rows too old, too far ahead, or too many in a slot.
    pub(super) dropped: u64,
    /// Chunks that could not be read. Those of another version stay as they are.
    pub(super) damaged: u64,
}

/// The move of the rows of a shard.
pub(super) struct Merging<'t> {
    transaction: &'t WriteTransaction,
    shard: u32,
    now: i64,
    chunks: Table<'t, (u8, u32, u32), &'static [u8]>,
    /// What the bytes of slots change by.
    sizes: BTreeMap<(u8, u32), i64>,
    merged: Merged,
}

impl<'t> Merging<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, shard: u32, now: i64) -> Result<Self> {
        let chunks = transaction.open_table(CHUNKS)?;
        let (sizes, merged) = (BTreeMap::new(), Merged::default());
        Ok(Self { transaction, shard, now, chunks, sizes, merged })
    }

    pub(super) fn run(mut self) -> Result<Merged> {
        let mut groups: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
        {
            let mut log = self.transaction.open_table(LOG)?;
            for part in log.range(parts(self.shard))? {
                let (_, bytes) = part?;
                for (group, at) in log::places(bytes.value()) {
                    let row = bytes.value().get(at).and_then(log::row);
                    groups.entry(group.0).or_default().extend(row);
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
pub(super) const LATE: i64 = 15 * MINUTE;
/// Rows further ahead are dropped; programs may report points two hours ahead.
pub(super) const AHEAD: i64 = 3 * HOUR;
/// Rows of a chunk: one each second for a slot of rows, and more.
pub(super) const MAX_ROWS: usize = 10_000;
/// Bytes of an entry beside its value.
pub(super) const ENTRY: i64 = 20;
