//! What is done every few seconds: writing, moving rows into chunks, removing what is old or too much.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

use nix::sys::statvfs::statvfs;

use super::log::Batch;
use super::store::{Result, Store};
use super::tier::Tier;
use super::{Counters, History};
use crate::stderr::eprintln_lossy;

/// What is due.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The shards from this one on are next.
    next: u32,
    merged: Option<Instant>,
    expired: Option<Instant>,
    /// True after a message about a full disk, until there is room.
    is_full: bool,
    /// Bytes of each shard in the log since the start.
    logged: BTreeMap<u32, usize>,
    /// Bytes of chunks above which the oldest go, once the file has reached its limit.
    most: Option<u64>,
    /// The length of the file when it was last above its limit.
    longest: u64,
}

impl History {
    /// Writes rows and what the catalogue has got since. When it returns they are on the disk, or counted as
    /// dropped.
    pub(crate) fn write(&self, batch: &Batch, now: i64) {
        let entries = core::mem::take(&mut self.catalogue.lock().entries);
        if batch.points == 0 && entries.is_empty() {
            return;
        }
        let has_room = self.has_room(batch.bytes() as u64);
        let written = has_room.then(|| self.with(|store| store.append(batch, &entries))).flatten();
        match written {
            Some(()) => {
                Counters::add(&self.counters.points, batch.points);
                self.counters.written.store(now, Ordering::Relaxed);
                let mut upkeep = self.upkeep.lock();
                for (shard, rows) in &batch.shards {
                    *upkeep.logged.entry(*shard).or_default() += rows.len();
                }
            }
            None => {
                Counters::add(&self.counters.dropped, batch.points);
                // Rows that follow refer to them.
                let mut catalogue = self.catalogue.lock();
                let new = core::mem::replace(&mut catalogue.entries, entries);
                catalogue.entries.extend(new);
            }
        }
    }

    /// Shards with much in the log, of which the rows in memory would be many.
    fn large(&self, upkeep: &mut Upkeep) -> Vec<u32> {
        let most = self.memory / 4 / DECODED;
        let is_large = |(_, bytes): &(&u32, &usize)| **bytes > most;
        upkeep.logged.iter().filter(is_large).map(|(shard, _)| *shard).collect()
    }

    /// True if the disk has room for so many bytes, and some more. A full one is reported once.
    fn has_room(&self, bytes: u64) -> bool {
        let Some(directory) = self.path.parent() else { return true };
        let Ok(disk) = statvfs(directory) else { return true };
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        let is_full = free < RESERVE + 4 * bytes;
        let mut upkeep = self.upkeep.lock();
        if is_full && !upkeep.is_full {
            Counters::add(&self.counters.errors, 1);
            eprintln_lossy(format_args!(
                "flowmote-analyzer: {} has {free} free bytes: the history stops until there are more",
                directory.display()
            ));
        }
        upkeep.is_full = is_full;
        !is_full
    }

    /// Moves rows into chunks, removes old ones, and keeps the size. A part of it in each call; all that is
    /// due if `all`.
    pub(crate) fn maintain(&self, now: i64, all: bool) {
        if self.store().is_none() || !self.has_room(0) {
            return;
        }
        self.with(|store| self.merge(store, now, all));
        let mut upkeep = self.upkeep.lock();
        if all || upkeep.expired.is_none_or(|last| last.elapsed() >= EXPIRE) {
            upkeep.expired = Some(Instant::now());
            drop(upkeep);
            self.with(|store| {
                store.expire(now)?;
                self.keep_size(store, now)?;
                self.count(store);
                Ok(())
            });
        }
    }

    /// Each shard has its turn in the time of a round.
    fn merge(&self, store: &Store, now: i64, all: bool) -> Result<()> {
        let mut upkeep = self.upkeep.lock();
        let shards = store.shards(now)?;
        let turn = ROUND / u32::try_from(shards.len().max(1)).unwrap_or(u32::MAX);
        let since = upkeep.merged.get_or_insert_with(Instant::now).elapsed();
        let due = (since.as_nanos() / turn.as_nanos().max(1)) as usize;
        let due = if all { shards.len() } else { due.min(shards.len()) };
        if due > 0 {
            upkeep.merged = Some(Instant::now());
        }
        let (before, from) = shards.iter().partition::<Vec<u32>, _>(|shard| **shard < upkeep.next);
        let in_turn: Vec<u32> = from.into_iter().chain(before).take(due).collect();
        upkeep.next = in_turn.last().map_or(upkeep.next, |last| last + 1);
        let large = self.large(&mut upkeep);
        drop(upkeep);
        let rows: u64 = store.sizes()?.iter().filter(|it| it.0 == Tier::Rows).map(|it| it.2).sum();
        let early = rows > self.limit / ROWS;
        for shard in in_turn.into_iter().chain(large).collect::<BTreeSet<_>>() {
            let merged = store.merge(shard, now, early)?;
            Counters::add(&self.counters.dropped, merged.dropped);
            Counters::add(&self.counters.errors, merged.damaged);
            self.upkeep.lock().logged.remove(&shard);
        }
        Ok(())
    }

    /// Removes the oldest slots, relative to how long their tier is kept, while the file is too long. What
    /// is removed becomes room for others within it.
    fn keep_size(&self, store: &Store, now: i64) -> Result<()> {
        let length = fs::metadata(&self.path).map_or(0, |it| it.len());
        let mut sizes = store.sizes()?;
        let mut used: u64 = sizes.iter().map(|(.., bytes)| bytes).sum();
        let mut upkeep = self.upkeep.lock();
        // It does not become shorter, so that only a longer one means that less must be used.
        if length > self.limit && length > upkeep.longest {
            let less = used - used / 16;
            upkeep.most = Some(upkeep.most.map_or(less, |most| most.min(less)));
            upkeep.longest = length;
        }
        let Some(most) = upkeep.most else { return Ok(()) };
        // Rows go when minutes are made of them.
        sizes.retain(|(tier, ..)| *tier != Tier::Rows);
        let age = |tier: Tier, slot: u32| {
            let age = now - tier.begin(slot) - tier.slot();
            age as f64 / tier.keep() as f64
        };
        sizes.sort_by(|a, b| age(a.0, a.1).total_cmp(&age(b.0, b.1)));
        while used > most
            && let Some((tier, slot, bytes)) = sizes.pop()
        {
            store.remove(tier, slot)?;
            used = used.saturating_sub(bytes);
        }
        Ok(())
    }
}

/// Bytes in memory of a byte in the log.
const DECODED: usize = 3;
/// Rows take at most one part of the file in so many.
const ROWS: u64 = 4;
/// Time after an error until the file is opened again.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
/// Time in which each shard is moved into chunks once.
const ROUND: Duration = Duration::from_secs(600);
const EXPIRE: Duration = Duration::from_secs(30);
/// Free bytes of the disk below which nothing is written.
const RESERVE: u64 = 4 << 20;
