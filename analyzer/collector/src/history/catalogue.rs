//! The catalogue: which metrics there are, and in which groups and columns their samples are.
//!
//! Texts are kept once and have numbers. A group is found by a text that the recorder chooses, which
//! includes all names that its metrics have: what is renamed begins a new group.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::{ReadTransaction, TableDefinition, WriteTransaction};

use super::prune::Changes;
use super::store::{LAST, Result, Store};
use super::{Column, Group, Stored};

/// What is added to the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Text(Kind, u32, Arc<str>),
    Metric(u32, u32, Stored),
    /// The group is about to have rows.
    Used(u32),
}

impl Entry {
    /// Bytes that it takes, in memory and on disk.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(_, _, text) => text_bytes(text),
            Self::Metric(.., stored) => metric_bytes(&stored.unit),
            Self::Used(_) => 32,
        }
    }
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Group,
    Column,
    /// The namespace and the name of a metric.
    Name,
    /// The dimensions of a metric.
    Dimensions,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Group, Self::Column, Self::Name, Self::Dimensions];
}

/// The texts that this run has used, and the entries that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    numbers: HashMap<(Kind, Arc<str>), u32>,
    /// When the numbers were looked up first.
    since: Option<Instant>,
    /// The next number of each kind, and how many texts there are.
    next: [u32; 4],
    counts: [u64; 4],
    /// Bytes on disk, also of entries that are not written yet.
    used: u64,
    entries: Vec<Entry>,
    bytes: usize,
    /// The metrics among the entries.
    metrics: HashSet<(u32, u32, Group, Column)>,
    /// True after a message that it is full.
    is_full: bool,
}

impl Catalogue {
    pub(super) fn open(store: &Store) -> Result<Self> {
        let mut new = Self::default();
        new.refresh(store)?;
        Ok(new)
    }

    /// Takes what the store has: texts may have been removed.
    pub(super) fn refresh(&mut self, store: &Store) -> Result<()> {
        let state = store.catalogue()?;
        (self.next, self.counts, self.used) = (state.next, state.counts, state.bytes);
        self.numbers.clear();
        self.is_full = false;
        Ok(())
    }

    /// Bytes of the entries that are not written.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if it takes much of so many bytes on disk, or has many texts.
    pub(super) fn is_large(&self, limit: u64) -> bool {
        self.used > limit / 8 || self.counts.iter().any(|count| *count > MAX_TEXTS / 2)
    }

    /// The entries that are not written.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        self.bytes = 0;
        self.metrics.clear();
        core::mem::take(&mut self.entries)
    }

    /// Puts entries back that could not be written.
    pub(super) fn put_back(&mut self, entries: Vec<Entry>) {
        let new = core::mem::replace(&mut self.entries, entries);
        self.entries.extend(new);
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
        let keys = self.entries.iter().filter_map(|entry| match entry {
            Entry::Metric(dimensions, name, it) => Some((*dimensions, *name, it.group, it.column)),
            _ => None,
        });
        self.metrics = keys.collect();
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push(entry);
    }

    /// The number of a text, which is added if it has none; `None` if the catalogue takes a quarter of the
    /// bytes that the file may have, or has too many texts.
    pub(super) fn number(
        &mut self,
        store: &Store,
        kind: Kind,
        text: &str,
        limit: u64,
    ) -> Result<Option<u32>> {
        use redb::ReadableDatabase;
        if self.numbers.len() >= MAX_KNOWN || self.since.is_none_or(|it| it.elapsed() > FORGET) {
            self.forget();
        }
        if let Some(number) = self.numbers.get(&(kind, Arc::from(text))) {
            return Ok(Some(*number));
        }
        let transaction = store.database.begin_read()?;
        let number = match number(&transaction, kind, text)? {
            Some(number) => number,
            None if self.used > limit / 4 => return Ok(None),
            None => match self.new_number(kind) {
                None => return Ok(None),
                Some(number) => {
                    self.used += text_bytes(text) as u64;
                    self.push(Entry::Text(kind, number, text.into()));
                    number
                }
            },
        };
        if kind == Kind::Group {
            self.push(Entry::Used(number));
        }
        self.numbers.insert((kind, text.into()), number);
        Ok(Some(number))
    }

    /// A number that no text had before: what is recorded under it may be there for longer than the text.
    fn new_number(&mut self, kind: Kind) -> Option<u32> {
        let next = self.next.get_mut(kind as usize)?;
        let count = self.counts.get_mut(kind as usize)?;
        if *count >= MAX_TEXTS || *next >= MAX_NUMBER {
            return None;
        }
        *count += 1;
        *next += 1;
        Some(*next - 1)
    }

    /// True once after it became full.
    pub(super) fn fills(&mut self) -> bool {
        !core::mem::replace(&mut self.is_full, true)
    }

    /// Forgets the texts that the store has.
    fn forget(&mut self) {
        let new = self.entries.iter().filter_map(|entry| match entry {
            Entry::Text(kind, number, text) => Some(((*kind, text.clone()), *number)),
            Entry::Metric(..) | Entry::Used(_) => None,
        });
        self.numbers = new.collect();
        self.since = Some(Instant::now());
    }

    /// Adds a place that samples of a metric are in, if it is new.
    pub(super) fn add(
        &mut self,
        store: &Store,
        metric: (&str, &str),
        stored: &Stored,
        limit: u64,
    ) -> Result<bool> {
        use redb::ReadableDatabase;
        let name = self.number(store, Kind::Name, metric.0, limit)?;
        let dimensions = self.number(store, Kind::Dimensions, metric.1, limit)?;
        let (Some(name), Some(dimensions)) = (name, dimensions) else { return Ok(false) };
        let metrics = store.database.begin_read()?.open_table(METRICS)?;
        let key = (dimensions, name, stored.group, stored.column);
        if metrics.get((dimensions, name, stored.group.0, stored.column.0))?.is_none()
            && self.metrics.insert(key)
        {
            self.used += metric_bytes(&stored.unit) as u64;
            self.push(Entry::Metric(dimensions, name, stored.clone()));
        }
        Ok(true)
    }
}

/// Bytes of a text, which is in two tables.
pub(super) fn text_bytes(text: &str) -> usize {
    2 * text.len() + 48
}

/// Bytes of a metric, which is in two tables.
pub(super) fn metric_bytes(unit: &str) -> usize {
    unit.len() + 64
}

/// Makes the tables.
pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(NUMBERS)?;
    transaction.open_table(TEXTS)?;
    transaction.open_table(METRICS)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(USES)?;
    Ok(())
}

/// Adds entries.
pub(super) fn write(transaction: &WriteTransaction, entries: &[Entry], now: i64) -> Result<()> {
    let mut changes = Changes::default();
    let mut numbers = transaction.open_table(NUMBERS)?;
    let mut texts = transaction.open_table(TEXTS)?;
    let mut metrics = transaction.open_table(METRICS)?;
    let mut places = transaction.open_table(PLACES)?;
    let mut uses = transaction.open_table(USES)?;
    let mut last = transaction.open_table(LAST)?;
    for entry in entries {
        match entry {
            Entry::Text(kind, number, text) => {
                numbers.insert((*kind as u8, &**text), number)?;
                texts.insert((*kind as u8, *number), &**text)?;
                changes.add_text(*kind, *number, text);
            }
            Entry::Metric(dimensions, name, Stored { group, column, unit }) => {
                let key = (*dimensions, *name, group.0, column.0);
                if metrics.insert(key, &**unit)?.is_none() {
                    places.insert((group.0, *dimensions, *name, column.0), ())?;
                    let used = redb::ReadableTable::get(&uses, name)?.map_or(0, |it| it.value());
                    uses.insert(name, used + 1)?;
                    changes.add_metric(unit);
                }
            }
            Entry::Used(group) => {
                let before = redb::ReadableTable::get(&last, group)?.map(|it| it.value());
                last.insert(group, before.map_or(now, |before| before.max(now)))?;
            }
        }
    }
    changes.write(transaction)
}

fn number(transaction: &ReadTransaction, kind: Kind, text: &str) -> Result<Option<u32>> {
    let numbers = transaction.open_table(NUMBERS)?;
    Ok(numbers.get((kind as u8, text))?.map(|number| number.value()))
}

impl Store {
    /// The places that samples of a metric are in.
    pub(super) fn find(&self, (name, dimensions): (&str, &str)) -> Result<Vec<Stored>> {
        use redb::ReadableDatabase;
        let transaction = self.database.begin_read()?;
        let name = number(&transaction, Kind::Name, name)?;
        let dimensions = number(&transaction, Kind::Dimensions, dimensions)?;
        let (Some(name), Some(dimensions)) = (name, dimensions) else { return Ok(Vec::new()) };
        let metrics = transaction.open_table(METRICS)?;
        let range = (dimensions, name, 0, 0)..=(dimensions, name, u32::MAX, u32::MAX);
        let mut found = Vec::new();
        for entry in metrics.range(range)? {
            let (key, unit) = entry?;
            let (_, _, group, column) = key.value();
            let unit = unit.value().into();
            found.push(Stored { group: Group(group), column: Column(column), unit });
        }
        Ok(found)
    }

    /// The number of metrics.
    pub(super) fn count(&self) -> Result<u64> {
        use redb::{ReadableDatabase, ReadableTableMetadata};
        Ok(self.database.begin_read()?.open_table(METRICS)?.len()?)
    }
}

pub(super) const NUMBERS: TableDefinition<'_, (u8, &str), u32> = TableDefinition::new("numbers");
pub(super) const TEXTS: TableDefinition<'_, (u8, u32), &str> = TableDefinition::new("texts");
/// The unit, by dimensions, name, group and column.
pub(super) const METRICS: TableDefinition<'_, (u32, u32, u32, u32), &str> =
    TableDefinition::new("metrics");
/// Group, dimensions, name and column.
pub(super) const PLACES: TableDefinition<'_, (u32, u32, u32, u32), ()> =
    TableDefinition::new("places");
/// How many metrics have a name.
pub(super) const USES: TableDefinition<'_, u32, u64> = TableDefinition::new("uses");
/// Texts of each kind.
const MAX_TEXTS: u64 = 1 << 22;
/// Numbers of texts. That of a column has one bit more.
const MAX_NUMBER: u32 = 1 << 31;
/// Time after which numbers are looked up again, so that the time at which a group was used last is right.
const FORGET: Duration = Duration::from_secs(86_400);
/// Texts whose numbers are in memory.
const MAX_KNOWN: usize = 1 << 16;
