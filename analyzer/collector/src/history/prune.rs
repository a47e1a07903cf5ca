//! The size of the catalogue, and what is removed from it.

use redb::{ReadableDatabase, ReadableTable, WriteTransaction};

use super::catalogue::{Kind, METRICS, NUMBERS, PLACES, TEXTS, USES, metric_bytes, text_bytes};
use super::meta;
use super::store::{LAST, Result, Store};

/// The numbers of the catalogue, by kind of text.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) next: [u32; 4],
    pub(super) counts: [u64; 4],
    pub(super) bytes: u64,
}

/// What changes in a transaction.
#[derive(Debug, Default)]
pub(super) struct Changes {
    next: [u32; 4],
    counts: [i64; 4],
    bytes: i64,
}

impl Changes {
    pub(super) fn add_text(&mut self, kind: Kind, number: u32, text: &str) {
        if let Some(next) = self.next.get_mut(kind as usize) {
            *next = number.saturating_add(1).max(*next);
        }
        self.text(kind, text, 1);
    }

    fn text(&mut self, kind: Kind, text: &str, by: i64) {
        if let Some(count) = self.counts.get_mut(kind as usize) {
            *count += by;
        }
        self.bytes += by * text_bytes(text) as i64;
    }

    pub(super) fn add_metric(&mut self, unit: &str) {
        self.bytes += metric_bytes(unit) as i64;
    }

    pub(super) fn write(self, transaction: &WriteTransaction) -> Result<()> {
        let change = |name: &str, by: i64| {
            let before = meta::of(transaction, name)?;
            meta::set(transaction, name, before.saturating_add_signed(by))
        };
        for ((kind, next), count) in Kind::ALL.into_iter().zip(self.next).zip(self.counts) {
            let name = next_of(kind);
            let before = meta::of(transaction, &name)?;
            meta::set(transaction, &name, before.max(next.into()))?;
            change(&count_of(kind), count)?;
        }
        change(BYTES, self.bytes)
    }
}

impl Store {
    /// The numbers of the catalogue.
    pub(super) fn catalogue(&self) -> Result<Numbers> {
        let transaction = self.database.begin_read()?;
        let mut numbers = Numbers { bytes: meta::get(&transaction, BYTES)?, ..Numbers::default() };
        let places = numbers.next.iter_mut().zip(&mut numbers.counts);
        for (kind, (next, count)) in Kind::ALL.into_iter().zip(places) {
            *next = meta::get(&transaction, &next_of(kind))? as u32;
            *count = meta::get(&transaction, &count_of(kind))?;
        }
        Ok(numbers)
    }

    /// Removes groups that had no rows since a time, with their metrics, among the next ones from one on.
    /// Returns how many went, and the group to go on with; `None` after the last one.
    pub(super) fn prune(&self, before: i64, from: u32) -> Result<(usize, Option<u32>)> {
        let mut silent = Vec::new();
        let mut next = None;
        {
            let last = self.database.begin_read()?.open_table(LAST)?;
            for (count, entry) in last.range(from..)?.enumerate() {
                let (group, time) = entry?;
                if count >= GROUPS || silent.len() >= SILENT {
                    next = Some(group.value());
                    break;
                }
                if time.value() < before {
                    silent.push(group.value());
                }
            }
        }
        if !silent.is_empty() {
            let transaction = self.database.begin_write()?;
            let mut changes = Changes::default();
            silent.iter().try_for_each(|group| remove(&transaction, *group, &mut changes))?;
            changes.write(&transaction)?;
            transaction.commit()?;
        }
        Ok((silent.len(), next))
    }
}

/// Removes a group.
fn remove(transaction: &WriteTransaction, group: u32, changes: &mut Changes) -> Result<()> {
    let mut places = transaction.open_table(PLACES)?;
    let own = (group, 0, 0, 0)..=(group, u32::MAX, u32::MAX, u32::MAX);
    let mut keys = Vec::new();
    places.retain_in(own, |key, ()| {
        keys.push(key);
        false
    })?;
    for (_, dimensions, name, column) in keys {
        let mut metrics = transaction.open_table(METRICS)?;
        if let Some(unit) = metrics.remove((dimensions, name, group, column))? {
            changes.bytes -= metric_bytes(unit.value()) as i64;
        }
        let same = (dimensions, 0, 0, 0)..=(dimensions, u32::MAX, u32::MAX, u32::MAX);
        if metrics.range(same)?.next().is_none() {
            remove_text(transaction, Kind::Dimensions, dimensions, changes)?;
        }
        let mut uses = transaction.open_table(USES)?;
        let others = uses.get(name)?.map_or(0, |it| it.value()).saturating_sub(1);
        if others == 0 {
            uses.remove(name)?;
            remove_text(transaction, Kind::Name, name, changes)?;
        } else {
            uses.insert(name, others)?;
        }
    }
    transaction.open_table(LAST)?.remove(group)?;
    remove_text(transaction, Kind::Group, group, changes)
}

fn remove_text(
    transaction: &WriteTransaction,
    kind: Kind,
    number: u32,
    changes: &mut Changes,
) -> Result<()> {
    if let Some(text) = transaction.open_table(TEXTS)?.remove((kind as u8, number))? {
        changes.text(kind, text.value(), -1);
        transaction.open_table(NUMBERS)?.remove((kind as u8, text.value()))?;
    }
    Ok(())
}

fn next_of(kind: Kind) -> String {
    format!("next.{}", kind as u8)
}

fn count_of(kind: Kind) -> String {
    format!("texts.{}", kind as u8)
}

/// Where [`META`](meta::META) has the bytes of the catalogue.
const BYTES: &str = "catalogue";
/// Groups that are looked at at a time, and of which so many are removed.
const GROUPS: usize = 10_000;
const SILENT: usize = 200;
