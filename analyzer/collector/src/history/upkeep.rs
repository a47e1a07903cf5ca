//! What is done every few seconds: writing, moving rows into chunks, removing what is old.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use nix::sys::statvfs::statvfs;

use super::log::Batch;
use super::store::{Result, Store};
use super::tier::{DAY, Tier};
use super::{Counters, History};
use crate::stderr::eprintln_lossy;

/// What is due.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The shards from this one on are next.
    next: u32,
    merged: Option<Instant>,
    expired: Option<Instant>,
    /// The groups from this one on are next to be looked at for silent ones.
    prune: u32,
    /// True after a message about a full disk, until there is room.
    is_full: bool,
    /// Bytes of each shard in the log.
    pub(super) logged: BTreeMap<u32, usize>,
}

impl History {
    /// Goes on with what the last run has left in the log.
    pub(super) fn continued(&self, store: &Store) -> Result<()> {
        let mut upkeep = self.upkeep.lock();
        upkeep.logged = store.logged()?;
        Ok(())
    }

    /// Writes rows and what the catalogue has got since. True if they are on the disk when it returns.
    pub(crate) fn write(&self, batch: &Batch, now: i64) -> bool {
        let entries = self.catalogue.lock().take();
        if batch.points == 0 && entries.is_empty() {
            return true;
        }
        let has_room = self.has_room(batch.bytes() as u64);
        let append = |store: &Store| store.append(batch, &entries, now);
        if has_room.then(|| self.with(append)).flatten().is_none() {
            // Rows that follow refer to them.
            self.catalogue.lock().put_back(entries);
            return false;
        }
        Counters::add(&self.counters.points, batch.points);
        self.counters.written.store(now, Ordering::Relaxed);
        let mut upkeep = self.upkeep.lock();
        for (shard, rows) in &batch.shards {
            *upkeep.logged.entry(*shard).or_default() += rows.len();
        }
        true
    }

    /// Shards with much in the log, of which the rows in memory would be many.
    fn large(&self, upkeep: &mut Upkeep) -> Vec<u32> {
        let most = self.memory / 4 / DECODED;
        let is_large = |(_, bytes): &(&u32, &usize)| **bytes > most;
        upkeep.logged.iter().filter(is_large).map(|(shard, _)| *shard).collect()
    }

    /// True if the disk has room for so many bytes, and some more. A full one is reported once.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
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

    /// Removes what is old, keeps the size, and moves rows into chunks. A part of it in each call; all that
    /// is due if `all`.
    pub(crate) fn maintain(&self, now: i64, all: bool) {
        if self.store().is_none() || !self.is_certain_at(now) {
            return;
        }
        if self.is_time_to_remove() || all {
            // A full disk has room again by it.
            self.with(|store| self.remove(store, now, all));
        }
        if self.has_room(0) {
            self.with(|store| self.merge(store, now, all));
        }
    }

    fn is_time_to_remove(&self) -> bool {
        let mut upkeep = self.upkeep.lock();
        let is_time = upkeep.expired.is_none_or(|last| last.elapsed() >= EXPIRE);
        if is_time {
            upkeep.expired = Some(Instant::now());
        }
        is_time
    }

    fn remove(&self, store: &Store, now: i64, all: bool) -> Result<()> {
        store.expire(now)?;
        while self.prune(store, now)? && all {}
        self.keep_size(store, now)?;
        self.count(store);
        Ok(())
    }

    /// Removes some groups from the catalogue of which no chunk is left; if it is large those of which no
    /// minutes are left. True if there are more.
    fn prune(&self, store: &Store, now: i64) -> Result<bool> {
        let mut catalogue = self.catalogue.lock();
        if catalogue.bytes() > 0 {
            return Ok(false);
        }
        let tier = if catalogue.is_large(self.limit) { Tier::Minutes } else { Tier::Hours };
        let from = self.upkeep.lock().prune;
        let (removed, next) = store.prune(now - tier.keep() - DAY, from)?;
        if removed > 0 {
            catalogue.refresh(store)?;
        }
        self.upkeep.lock().prune = next.unwrap_or(0);
        Ok(next.is_some())
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
}

/// Bytes in memory of a byte in the log.
const DECODED: usize = 3;
/// Rows take at most one part of the file in so many.
const ROWS: u64 = 4;
/// Time in which each shard is moved into chunks once.
const ROUND: Duration = Duration::from_secs(600);
const EXPIRE: Duration = Duration::from_secs(30);
/// Free bytes of the disk below which nothing is written.
const RESERVE: u64 = 4 << 20;
