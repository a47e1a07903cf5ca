//! A query over the events of groups.
//!
//! The commands before the first that needs all rows (`stats`, `sort`, `limit`, `dedup`) work on one event
//! after the other, the newest first, and the others on the rows that are left.

use core::ops::RangeInclusive;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::aggregate::Groups;
use super::bounds::{Bounds, Clock, Overrun};
use super::command::{Command, Query, Stats};
use super::expression::Scope;
use super::ranked::{Best, Row, hash, sorted};
use super::record::{Fields, Source};
use super::syntax::MAX_LIMIT;
use super::value::Value;
use crate::aws::logs::store::Event;

/// What a query found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Values by the columns of the query.
    pub(super) rows: Arc<Vec<Vec<Option<String>>>>,
    pub(super) counts: Scanned,
}

impl Outcome {
    /// Bytes of the rows.
    pub(super) fn bytes(&self) -> usize {
        let cells = self.rows.iter().flatten();
        cells.map(|cell| cell.as_ref().map_or(0, String::len) + size_of::<Option<String>>()).sum()
    }
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) matched: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// Runs a query over events of a span of time.
pub(super) fn run<'q>(
    query: &'q Query,
    sources: &'q [Source],
    span: &'q RangeInclusive<i64>,
    bounds: &'q Bounds<'q>,
) -> Result<Outcome, Overrun> {
    let is_early = |command: &Command| {
        matches!(command, Command::Assign(_) | Command::Filter(_) | Command::Parse(..))
    };
    let split = query.commands.iter().take_while(|command| is_early(command)).count();
    let (early, late) = query.commands.split_at(split);
    let mut counts = Scanned::default();
    let scan = Scan { query, early, sources, span, bounds, clock: Clock::start(bounds) };
    let (mut rows, late) = match late {
        [Command::Stats(stats), late @ ..] => (scan.groups(stats, &mut counts)?, late),
        late => (scan.rows(late, &mut counts)?, late),
    };
    for command in late {
        rows = scan.apply(command, rows)?;
    }
    rows.truncate(bounds.limit.min(MAX_LIMIT));
    Ok(Outcome { rows: Arc::new(cells(query, &rows, bounds.memory)?), counts })
}

/// The texts of all rows by columns, if they fit into so many bytes: each may be a copy of a long message.
fn cells(
    query: &Query,
    rows: &[Row<'_>],
    memory: usize,
) -> Result<Vec<Vec<Option<String>>>, Overrun> {
    let mut bytes = 0;
    let mut cell = |row: &Row<'_>, column: usize| {
        let text = row.values.get(column).and_then(Value::to_text);
        bytes += text.as_ref().map_or(0, |text| text.len()) + size_of::<Option<String>>();
        if bytes > memory { Err(Overrun::Memory) } else { Ok(text.map(Cow::into_owned)) }
    };
    let texts = |row: &Row<'_>| query.columns.iter().map(|column| cell(row, *column)).collect();
    rows.iter().map(texts).collect()
}

/// The part of a query that reads events.
struct Scan<'q> {
    query: &'q Query,
    early: &'q [Command],
    sources: &'q [Source],
    span: &'q RangeInclusive<i64>,
    bounds: &'q Bounds<'q>,
    clock: Clock<'q>,
}

impl<'q> Scan<'q> {
    /// Calls `add` with each event that passes the filters.
    fn each(
        &self,
        counts: &mut Scanned,
        mut add: impl FnMut(&'q Source, &Event<'q>, &[Value<'q>]) -> Result<(), Overrun>,
    ) -> Result<(), Overrun> {
        for source in self.sources {
            let (fields, view) = (Fields::new(self.query, source), &source.view);
            let mut values = Vec::new();
            for event in view.scan(&view.since(self.span.clone())) {
                self.clock.step(event.message.len())?;
                if view.stream(event.stream).is_none() {
                    continue;
                }
                counts.records += 1;
                counts.bytes += event.message.len() as u64;
                fields.read(source, &event, &mut values);
                if self.passes_all(&mut values)? {
                    counts.matched += 1;
                    add(source, &event, &values)?;
                }
            }
        }
        Ok(())
    }

    fn passes_all(&self, values: &mut [Value<'q>]) -> Result<bool, Overrun> {
        for command in self.early {
            if !passes(command, values, self.bounds.memory)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn groups(&self, stats: &'q Stats, counts: &mut Scanned) -> Result<Vec<Row<'q>>, Overrun> {
        let mut groups = self.no_groups(stats);
        self.each(counts, |_, event, values| {
            groups.add(Scope { fields: values, aggregates: &[] }, event.key())
        })?;
        self.rows_of(stats, groups)
    }

    fn no_groups(&self, stats: &'q Stats) -> Groups<'q> {
        let row = self.query.names.len() * size_of::<Value<'_>>();
        Groups::new(&stats.by, &stats.aggregates, row, self.bounds.memory)
    }

    /// The rows that the commands after need: with an order and a limit these only.
    fn rows(&self, late: &'q [Command], counts: &mut Scanned) -> Result<Vec<Row<'q>>, Overrun> {
        let (order, rest) = match late {
            [Command::Sort(order), rest @ ..] => (order.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (unique, rest) = match rest {
            [Command::Dedup(fields), rest @ ..] => (fields.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let is_of_row = |it: &&Command| matches!(it, Command::Assign(_) | Command::Parse(..));
        let needed = match rest.iter().find(|command| !is_of_row(command)) {
            Some(Command::Limit(limit)) => *limit,
            None => self.bounds.limit.min(MAX_LIMIT),
            Some(_) => usize::MAX,
        };
        let mut best = Best::new(order, unique, needed, self.bounds.memory);
        self.each(counts, |source, event, values| {
            if !best.needs(values, event.key()) {
                return Ok(());
            }
            let mut values = values.to_vec();
            if let Some(pointer) = self.query.pointer {
                set(&mut values, pointer, Value::Text(Cow::Owned(source.view.pointer(event))));
            }
            best.add(Row { place: event.key(), values })
        })?;
        Ok(best.into_rows())
    }

    /// Does a command on all rows.
    fn apply(&self, command: &'q Command, mut rows: Vec<Row<'q>>) -> Result<Vec<Row<'q>>, Overrun> {
        match command {
            Command::Stats(stats) => {
                let mut groups = self.no_groups(stats);
                for row in &rows {
                    self.clock.step(length(row))?;
                    groups.add(Scope { fields: &row.values, aggregates: &[] }, row.place)?;
                }
                return self.rows_of(stats, groups);
            }
            Command::Sort(order) => return sorted(order, rows, self.bounds.memory),
            Command::Limit(limit) => rows.truncate(*limit),
            Command::Dedup(fields) => {
                let (hasher, mut known) = (RandomState::default(), HashSet::new());
                // A row without one of the fields is no duplicate.
                rows.retain(|row| {
                    hash(&hasher, &row.values, fields).is_none_or(|hash| known.insert(hash))
                });
            }
            early => {
                let (mut bytes, mut passed) = (0, Vec::new());
                for mut row in rows {
                    self.clock.step(length(&row))?;
                    if passes(early, &mut row.values, self.bounds.memory)? {
                        bytes += row.bytes();
                        passed.push(row);
                    }
                    if bytes > self.bounds.memory {
                        return Err(Overrun::Memory);
                    }
                }
                return Ok(passed);
            }
        }
        Ok(rows)
    }

    /// A row for each group. Fields that are no results have no value.
    fn rows_of(&self, stats: &'q Stats, groups: Groups<'q>) -> Result<Vec<Row<'q>>, Overrun> {
        let (mut bytes, mut rows) = (0, Vec::new());
        for (by, aggregates) in groups.results() {
            let mut values = vec![Value::Null; self.query.names.len()];
            stats.groups.iter().zip(by).for_each(|(field, value)| set(&mut values, *field, value));
            for (field, it) in &stats.outputs {
                let scope = Scope { fields: &values, aggregates: &aggregates };
                let value = it.value(scope).owned();
                bytes += value.bytes();
                set(&mut values, *field, value);
            }
            self.clock.step(0)?;
            if bytes > self.bounds.memory {
                return Err(Overrun::Memory);
            }
            rows.push(Row { place: (0, 0), values });
        }
        Ok(rows)
    }
}

/// Bytes of the texts of a row.
fn length(row: &Row<'_>) -> usize {
    row.values.iter().map(Value::length).sum()
}

/// Does an early command; false if the row does not pass it. The values may take so many bytes.
fn passes<'a>(
    command: &'a Command,
    values: &mut [Value<'a>],
    memory: usize,
) -> Result<bool, Overrun> {
    if let Command::Filter(condition) = command {
        return Ok(condition.is_true(Scope { fields: values, aggregates: &[] }));
    }
    let mut bytes: usize = values.iter().map(Value::bytes).sum();
    let mut put = |values: &mut [Value<'a>], field, value: Value<'a>| {
        bytes += value.bytes();
        set(values, field, value);
        if bytes > memory { Err(Overrun::Memory) } else { Ok(()) }
    };
    match command {
        Command::Assign(assigned) => {
            for (field, expression) in assigned {
                let value = expression.value(Scope { fields: values, aggregates: &[] });
                put(values, *field, value)?;
            }
        }
        Command::Parse(source, regex, fields) => {
            let text = source.value(Scope { fields: values, aggregates: &[] });
            let text = text.to_text().unwrap_or_default();
            let found = regex.captures(&text);
            for (field, group) in fields {
                let group = found.as_ref().and_then(|found| found.get(*group));
                let value = group.map(|group| Value::text(group.as_str()).owned());
                put(values, *field, value.unwrap_or_default())?;
            }
        }
        _ => {}
    }
    Ok(true)
}

fn set<'a>(values: &mut [Value<'a>], field: usize, value: Value<'a>) {
    if let Some(place) = values.get_mut(field) {
        *place = value;
    }
}
