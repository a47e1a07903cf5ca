//! Tables: a row for each data source or agent, a column for each metric.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use flowmote_decoder::{Address, DataSource};

use super::statistic::pinned;
use super::{Found, HOST};
use crate::source::SourceNames;

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
    pub fn parse(text: &str, names: &SourceNames) -> Self {
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
        let (pin, name) = pinned(rest, names);
        Self { name: name.to_owned(), pin, optional, sort }
    }
}

/// The rows of a table. `found` has the values of each column.
///
/// A row is a data source: an interface, a virtual machine. Columns that it lacks show the value of its
/// host, and a row that lacks one that is not optional is left out. If all values are those of hosts, a
/// row is an agent, or a data source if a column has several.
pub fn rows(columns: &[Column], found: &[Vec<Found>]) -> Vec<Vec<Option<Found>>> {
    let mut agents: BTreeMap<Address, Agent<'_>> = BTreeMap::new();
    for (at, value) in
        found.iter().enumerate().flat_map(|(at, it)| it.iter().map(move |it| (at, it)))
    {
        let agent = agents.entry(value.source.agent).or_default();
        agent.columns.resize(columns.len(), BTreeMap::new());
        if let Some(column) = agent.columns.get_mut(at) {
            column.insert(value.source.data_source, value);
        }
    }
    let mut rows: Vec<_> = agents.values().flat_map(Agent::rows).collect();
    rows.retain(|row| {
        row.iter().zip(columns).all(|(cell, column)| cell.is_some() || column.optional)
    });
    sort(columns, &mut rows);
    rows
}

/// The values of an agent, by column.
#[derive(Default)]
struct Agent<'a> {
    columns: Vec<BTreeMap<DataSource, &'a Found>>,
}

impl Agent<'_> {
    fn rows(&self) -> Vec<Vec<Option<Found>>> {
        let row = |key: &DataSource| self.columns.iter().map(|it| cell_of(it, key)).collect();
        self.keys().iter().map(row).collect()
    }

    /// The data sources that are rows.
    fn keys(&self) -> BTreeSet<DataSource> {
        let all = || self.columns.iter().flat_map(|column| column.keys().copied());
        let keys: BTreeSet<_> = all().filter(|key| key.class != HOST).collect();
        match keys.is_empty() {
            false => keys,
            true if self.columns.iter().all(|column| column.len() <= 1) => all().take(1).collect(),
            true => all().collect(),
        }
    }
}

/// The value of a data source, else the only one of its host.
fn cell_of(column: &BTreeMap<DataSource, &Found>, key: &DataSource) -> Option<Found> {
    let at = |index| DataSource { class: HOST, index };
    let mut hosts = column.range(at(0)..=at(u32::MAX)).map(|(_, found)| *found);
    let host = || hosts.next().filter(|_| hosts.next().is_none());
    column.get(key).copied().or_else(host).cloned()
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
