//! The catalogue: which metrics there are, and in which groups and columns their samples are.
//!
//! Texts are kept once and have numbers. A group is found by a text that the recorder chooses, which
//! includes all names that its metrics have: what is renamed begins a new group.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadTransaction, TableDefinition, WriteTransaction};

use super::store::{Result, Store};
use super::{Column, Group, Stored};

/// What is added to the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Text(Kind, u32, Arc<str>),
    Metric(u32, u32, Stored),
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

/// The texts that this run has used, and the entries that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    numbers: HashMap<(Kind, Arc<str>), u32>,
    /// The next number of each kind.
    next: [u32; 4],
    pub(super) entries: Vec<Entry>,
}

impl Catalogue {
    pub(super) fn open(store: &Store) -> Result<Self> {
        use redb::ReadableDatabase;
        let texts = store.database.begin_read()?.open_table(TEXTS)?;
        let mut next = [0; 4];
        for (number, next) in (0_u8..).zip(&mut next) {
            let last = texts.range((number, 0)..=(number, u32::MAX))?.next_back().transpose()?;
            *next = last.map_or(0, |(key, _)| key.value().1.saturating_add(1));
        }
        Ok(Self { next, ..Self::default() })
    }

    /// The number of a text, which is added if it has none; `None` if there are too many.
    pub(super) fn number(&mut self, store: &Store, kind: Kind, text: &str) -> Result<Option<u32>> {
        use redb::ReadableDatabase;
        if let Some(number) = self.numbers.get(&(kind, Arc::from(text))) {
            return Ok(Some(*number));
        }
        let transaction = store.database.begin_read()?;
        let number = match number(&transaction, kind, text)? {
            Some(number) => number,
            None => {
                let Some(next) = self.next.get_mut(kind as usize) else { return Ok(None) };
                if *next >= MAX_TEXTS {
                    return Ok(None);
                }
                *next += 1;
                let number = *next - 1;
                self.entries.push(Entry::Text(kind, number, text.into()));
                number
            }
        };
        if self.numbers.len() >= MAX_KNOWN {
            self.forget();
        }
        self.numbers.insert((kind, text.into()), number);
        Ok(Some(number))
    }

    /// Forgets the texts that the store has.
    fn forget(&mut self) {
        let new = self.entries.iter().filter_map(|entry| match entry {
            Entry::Text(kind, number, text) => Some(((*kind, text.clone()), *number)),
            Entry::Metric(..) => None,
        });
        self.numbers = new.collect();
    }

    /// Adds a place that samples of a metric are in, if it is new.
    pub(super) fn add(
        &mut self,
        store: &Store,
        metric: (&str, &str),
        stored: &Stored,
    ) -> Result<bool> {
        use redb::ReadableDatabase;
        let name = self.number(store, Kind::Name, metric.0)?;
        let dimensions = self.number(store, Kind::Dimensions, metric.1)?;
        let (Some(name), Some(dimensions)) = (name, dimensions) else { return Ok(false) };
        let metrics = store.database.begin_read()?.open_table(METRICS)?;
        if metrics.get((dimensions, name, stored.group.0, stored.column.0))?.is_none() {
            self.entries.push(Entry::Metric(dimensions, name, stored.clone()));
        }
        Ok(true)
    }
}

/// Makes the tables.
pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(NUMBERS)?;
    transaction.open_table(TEXTS)?;
    transaction.open_table(METRICS)?;
    Ok(())
}

/// Adds entries.
pub(super) fn write(transaction: &WriteTransaction, entries: &[Entry]) -> Result<()> {
    let mut numbers = transaction.open_table(NUMBERS)?;
    let mut texts = transaction.open_table(TEXTS)?;
    let mut metrics = transaction.open_table(METRICS)?;
    for entry in entries {
        match entry {
            Entry::Text(kind, number, text) => {
                numbers.insert((*kind as u8, &**text), number)?;
                texts.insert((*kind as u8, *number), &**text)?;
            }
            Entry::Metric(dimensions, name, Stored { group, column, unit }) => {
                metrics.insert((*dimensions, *name, group.0, column.0), &**unit)?;
            }
        }
    }
    Ok(())
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

const NUMBERS: TableDefinition<'_, (u8, &str), u32> = TableDefinition::new("numbers");
pub(super) const TEXTS: TableDefinition<'_, (u8, u32), &str> = TableDefinition::new("texts");
/// The unit, by dimensions, name, group and column.
pub(super) const METRICS: TableDefinition<'_, (u32, u32, u32, u32), &str> =
    TableDefinition::new("metrics");
/// Texts of each kind.
const MAX_TEXTS: u32 = 1 << 22;
/// Texts whose numbers are in memory.
const MAX_KNOWN: usize = 1 << 16;
