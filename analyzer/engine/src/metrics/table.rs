//! Tables: a row for each data source or agent, a column for each metric.

use core::cmp::Ordering;
use std::collections::BTreeMap;

use flowmote_decoder::{Address, DataSource};

use super::Found;
use crate::source::Label;

/// A column: `load_one`, `2.1.load_one`, `null:ifname`, `sort:load_one:-10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name of the metric.
    pub name: String,
    /// The data source, if only this one is meant.
    pub pin: Option<DataSource>,
    /// A row may lack it.
    optional: bool,
    /// The rows are sorted by it, and so many are kept; negative: largest first.
    sort: Option<i64>,
}

impl Column {
    /// Parses a column.
    pub fn parse(text: &str) -> Self {
        let (mut rest, mut optional, mut sort) = (text, false, None);
        loop {
            if let Some(after) = rest.strip_prefix("null:") {
                (rest, optional) = (after, true);
            } else if let Some(after) = rest.strip_prefix("sort:") {
                let (name, rows) = after.rsplit_once(':').unwrap_or((after, ""));
                (rest, sort) = (name, Some(rows.parse().unwrap_or(i64::MAX)));
            } else {
                break;
            }
        }
        let pinned = rest.rsplit_once('.').and_then(|(pin, name)| Some((Label::parse(pin)?, name)));
        let (pin, name) = pinned.map_or((None, rest), |(pin, name)| (Some(pin), name));
        Self { name: name.to_owned(), pin, optional, sort }
    }
}

/// The rows of a table. `found` has the values of each column.
///
/// A row is an agent if each column has one value at most for each agent, as those of hosts have. If
/// one has several, as those of interfaces have, a row is a data source, and columns that have no value
/// there show that of the agent.
pub fn rows(columns: &[Column], found: &[Vec<Found>]) -> Vec<Vec<Option<Found>>> {
    let mut keys: Vec<(Address, DataSource)> = Vec::new();
    let finest = found.iter().max_by_key(|column| column.len());
    keys.extend(finest.into_iter().flatten().map(|it| (it.source.agent, it.source.data_source)));
    let per_source: Vec<BTreeMap<_, &Found>> = found
        .iter()
        .map(|column| {
            column.iter().map(|it| ((it.source.agent, it.source.data_source), it)).collect()
        })
        .collect();
    let mut rows = Vec::new();
    for key in keys {
        let cell = |column: &BTreeMap<(Address, DataSource), &Found>| {
            let own = column.get(&key).copied();
            own.or_else(|| single(column, key.0)).cloned()
        };
        let row: Vec<Option<Found>> = per_source.iter().map(cell).collect();
        let whole = row.iter().zip(columns).all(|(cell, column)| cell.is_some() || column.optional);
        if whole {
            rows.push(row);
        }
    }
    sort(columns, &mut rows);
    rows
}

/// The value of an agent that has one only.
fn single<'a>(
    column: &BTreeMap<(Address, DataSource), &'a Found>,
    agent: Address,
) -> Option<&'a Found> {
    let first = DataSource { class: 0, index: 0 };
    let last = DataSource { class: u32::MAX, index: u32::MAX };
    let mut values = column.range((agent, first)..=(agent, last)).map(|(_, found)| *found);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn sort(columns: &[Column], rows: &mut Vec<Vec<Option<Found>>>) {
    for (at, column) in columns.iter().enumerate() {
        let Some(keep) = column.sort else { continue };
        rows.sort_by(|a, b| {
            let ascending = compare(cell(a, at), cell(b, at));
            if keep < 0 { ascending.reverse() } else { ascending }
        });
        rows.truncate(usize::try_from(keep.unsigned_abs()).unwrap_or(usize::MAX));
    }
}

fn cell(row: &[Option<Found>], at: usize) -> Option<&Found> {
    row.get(at)?.as_ref()
}

fn compare(a: Option<&Found>, b: Option<&Found>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (a.value.number(), b.value.number()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.value.to_string().cmp(&b.value.to_string()),
    }
}
