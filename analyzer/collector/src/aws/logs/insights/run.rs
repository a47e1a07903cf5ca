//! A query over the events of groups.
//!
//! The commands before the first that needs all rows (`stats`, `sort`, `limit`, `dedup`) work on one event
//! after the other, the newest first, and the others on the rows that are left.

use core::cmp::Ordering;
use core::hash::{BuildHasher, Hash, Hasher};
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicBool, Ordering as Atomic};
use core::time::Duration;
use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use foldhash::fast::RandomState;

use super::Overrun;
use super::aggregate::Groups;
use super::command::{Command, Query, Stats};
use super::expression::{Expression, Scope};
use super::record::{Fields, Format};
use super::syntax::MAX_LIMIT;
use super::value::Value;
use crate::aws::logs::store::{Key, View};

/// What a query found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Values by the columns of the query.
    pub(super) rows: Vec<Vec<Option<String>>>,
    pub(super) counts: Scanned,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) matched: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// What bounds a query.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    /// Bytes of rows and groups.
    pub(super) memory: usize,
    pub(super) time: Duration,
    pub(super) is_cancelled: &'a AtomicBool,
    /// Rows of the result.
    pub(super) limit: usize,
    pub(super) account: &'a str,
}

/// A row: its place in time and the values of all fields.
#[derive(Clone, Debug)]
struct Row<'a> {
    place: Key,
    values: Vec<Value<'a>>,
}

/// Runs a query over events of a span of time.
pub(super) fn run<'q>(
    query: &'q Query,
    views: &'q [(View, Vec<Format>)],
    span: &'q RangeInclusive<i64>,
    bounds: &'q Bounds<'q>,
) -> Result<Outcome, Overrun> {
    let is_early = |command: &Command| {
        matches!(command, Command::Assign(_) | Command::Filter(_) | Command::Parse(..))
    };
    let split = query.commands.iter().take_while(|command| is_early(command)).count();
    let (early, late) = query.commands.split_at(split);
    let mut outcome = Outcome::default();
    let scan = Scan { query, early, views, span, bounds, begin: Instant::now() };
    let (mut rows, late) = match late {
        [Command::Stats(stats), late @ ..] => (scan.groups(stats, &mut outcome.counts)?, late),
        late => (scan.rows(late, &mut outcome.counts)?, late),
    };
    for command in late {
        rows = apply(command, rows, bounds)?;
    }
    rows.truncate(bounds.limit.min(MAX_LIMIT));
    outcome.rows = cells(query, &rows, bounds.memory)?;
    Ok(outcome)
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
    /// Groups, and the formats of their flow records.
    views: &'q [(View, Vec<Format>)],
    span: &'q RangeInclusive<i64>,
    bounds: &'q Bounds<'q>,
    begin: Instant,
}

impl<'q> Scan<'q> {
    /// Calls `add` with each event that passes the filters.
    fn each(
        &self,
        counts: &mut Scanned,
        mut add: impl FnMut(Key, &[Value<'q>]) -> Result<(), Overrun>,
    ) -> Result<(), Overrun> {
        for (view, formats) in self.views {
            let account = self.bounds.account;
            let fields = Fields::new(&self.query.names, view, account, formats);
            let mut values = Vec::new();
            for event in view.scan(&view.since(self.span.clone())) {
                if counts.records.is_multiple_of(CHECKED) {
                    self.check()?;
                }
                if view.stream(event.stream).is_none() {
                    continue;
                }
                counts.records += 1;
                counts.bytes += event.message.len() as u64;
                fields.read(view, &event, &mut values);
                if self.early.iter().all(|command| passes(command, &mut values)) {
                    counts.matched += 1;
                    add(event.key(), &values)?;
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Overrun> {
        if self.bounds.is_cancelled.load(Atomic::Relaxed) {
            return Err(Overrun::Cancelled);
        }
        if self.begin.elapsed() > self.bounds.time {
            return Err(Overrun::Time);
        }
        Ok(())
    }

    fn groups(&self, stats: &'q Stats, counts: &mut Scanned) -> Result<Vec<Row<'q>>, Overrun> {
        let mut groups = Groups::new(&stats.by, &stats.aggregates, self.bounds.memory);
        let mut bytes = 0;
        self.each(counts, |place, values| {
            bytes += groups.add(Scope { fields: values, aggregates: &[] }, place)?;
            if bytes > self.bounds.memory { Err(Overrun::Memory) } else { Ok(()) }
        })?;
        Ok(rows_of(stats, groups, self.query.names.len()))
    }

    /// The rows that the commands after need: with an order and a limit these only.
    fn rows(&self, late: &'q [Command], counts: &mut Scanned) -> Result<Vec<Row<'q>>, Overrun> {
        let (order, rest) = match late {
            [Command::Sort(order), rest @ ..] => (order.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let kept = match rest.iter().find(|command| !matches!(command, Command::Assign(_))) {
            Some(Command::Limit(limit)) => *limit,
            None => self.bounds.limit.min(MAX_LIMIT),
            Some(_) => MAX_ROWS,
        };
        let mut best: Vec<(Vec<Value<'q>>, Row<'q>)> = Vec::new();
        let (mut bytes, mut is_cut) = (0, false);
        self.each(counts, |place, values| {
            let scope = Scope { fields: values, aggregates: &[] };
            // The last of those that are kept, once there are more than are needed.
            if is_cut
                && let Some((keys, row)) = best.get(kept - 1)
                && compare_to(order, scope, place, keys, row.place).is_ge()
            {
                return Ok(());
            }
            let keys: Vec<_> = order.iter().map(|(it, _)| it.value(scope)).collect();
            let values = values.to_vec();
            bytes += values.iter().chain(&keys).map(Value::bytes).sum::<usize>() + ROW;
            best.push((keys, Row { place, values }));
            if best.len() >= 2 * kept || bytes > self.bounds.memory {
                sort_best(&mut best, order);
                is_cut = best.len() >= kept;
                best.truncate(kept);
                bytes = best.iter().map(|(keys, row)| bytes_of(keys, row)).sum();
                if bytes > self.bounds.memory {
                    return Err(Overrun::Memory);
                }
            }
            Ok(())
        })?;
        sort_best(&mut best, order);
        best.truncate(kept);
        Ok(best.into_iter().map(|(_, row)| row).collect())
    }
}

fn bytes_of(keys: &[Value<'_>], row: &Row<'_>) -> usize {
    row.values.iter().chain(keys).map(Value::bytes).sum::<usize>() + ROW
}

/// Does an early command; false if the row does not pass it.
fn passes<'a>(command: &'a Command, values: &mut [Value<'a>]) -> bool {
    match command {
        Command::Filter(condition) => {
            return condition.is_true(Scope { fields: values, aggregates: &[] });
        }
        Command::Assign(assigned) => {
            for (field, expression) in assigned {
                let value = expression.value(Scope { fields: values, aggregates: &[] });
                set(values, *field, value);
            }
        }
        Command::Parse(source, regex, fields) => {
            let text = source.value(Scope { fields: values, aggregates: &[] });
            let text = text.to_text().unwrap_or_default();
            let found = regex.captures(&text);
            // The unnamed groups are those of asterisks, in order.
            let names: Vec<_> = regex.capture_names().enumerate().skip(1).collect();
            let has_names = names.iter().any(|(_, name)| name.is_some());
            let places = names.iter().filter(|(_, name)| name.is_some() == has_names);
            for (field, (place, _)) in fields.iter().zip(places) {
                let group = found.as_ref().and_then(|found| found.get(*place));
                let value = group.map(|group| Value::text(group.as_str()).owned());
                set(values, *field, value.unwrap_or_default());
            }
        }
        _ => {}
    }
    true
}

fn set<'a>(values: &mut [Value<'a>], field: usize, value: Value<'a>) {
    if let Some(place) = values.get_mut(field) {
        *place = value;
    }
}

/// Does a command on all rows.
fn apply<'q>(
    command: &'q Command,
    mut rows: Vec<Row<'q>>,
    bounds: &Bounds<'_>,
) -> Result<Vec<Row<'q>>, Overrun> {
    match command {
        Command::Stats(stats) => {
            let fields = rows.first().map_or(0, |row| row.values.len());
            let mut groups = Groups::new(&stats.by, &stats.aggregates, bounds.memory);
            let mut bytes = 0;
            for row in &rows {
                bytes += groups.add(Scope { fields: &row.values, aggregates: &[] }, row.place)?;
                if bytes > bounds.memory {
                    return Err(Overrun::Memory);
                }
            }
            return Ok(rows_of(stats, groups, fields));
        }
        Command::Sort(order) => {
            let mut keyed: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    let scope = Scope { fields: &row.values, aggregates: &[] };
                    let keys: Vec<_> = order.iter().map(|(it, _)| it.value(scope)).collect();
                    (keys, row)
                })
                .collect();
            // Rows that are equal stay in their order.
            keyed.sort_by(|(one, _), (other, _)| compare(order, one, other));
            return Ok(keyed.into_iter().map(|(_, row)| row).collect());
        }
        Command::Limit(limit) => rows.truncate(*limit),
        Command::Dedup(fields) => {
            let mut known = HashSet::default();
            rows.retain(|row| is_first(&mut known, row, fields));
        }
        early => rows.retain_mut(|row| passes(early, &mut row.values)),
    }
    Ok(rows)
}

/// False if a row before has the same values. A row without one of the fields is no duplicate.
fn is_first(known: &mut HashSet<u64, RandomState>, row: &Row<'_>, fields: &[usize]) -> bool {
    let mut state = known.hasher().build_hasher();
    for field in fields {
        match row.values.get(*field).and_then(Value::to_text) {
            Some(text) => text.hash(&mut state),
            None => return true,
        }
    }
    known.insert(state.finish())
}

/// A row for each group. Other fields have no value.
fn rows_of<'q>(stats: &Stats, groups: Groups<'_>, fields: usize) -> Vec<Row<'q>> {
    let row = |(by, aggregates): (Vec<Value<'static>>, Vec<Value<'static>>)| {
        let outputs: Vec<_> = stats
            .outputs
            .iter()
            .map(|(field, it)| {
                let scope = Scope { fields: &[], aggregates: &aggregates };
                (*field, it.value(scope).owned())
            })
            .collect();
        let groups = stats.groups.iter().copied().zip(by);
        let all: Vec<_> = groups.chain(outputs).collect();
        let last = all.iter().map(|(field, _)| field + 1).max().unwrap_or(0);
        let mut values = vec![Value::Null; fields.max(last)];
        all.into_iter().for_each(|(field, value)| set(&mut values, field, value));
        Row { place: (0, 0), values }
    };
    groups.results().map(row).collect()
}

fn sort_best(best: &mut [(Vec<Value<'_>>, Row<'_>)], order: &[(Expression, bool)]) {
    best.sort_by(|(one, row), (other, next)| {
        // The newest first, if nothing else decides.
        compare(order, one, other).then_with(|| next.place.cmp(&row.place))
    });
}

/// The order of a row that is not in the list beside one that is.
fn compare_to<'a>(
    order: &'a [(Expression, bool)],
    scope: Scope<'_, 'a>,
    place: Key,
    keys: &[Value<'_>],
    other: Key,
) -> Ordering {
    let each = order.iter().zip(keys);
    let decided = each
        .map(|((it, descending), key)| compare_one(&it.value(scope), key, *descending))
        .find(|order| order.is_ne());
    decided.unwrap_or_else(|| other.cmp(&place))
}

fn compare(order: &[(Expression, bool)], one: &[Value<'_>], other: &[Value<'_>]) -> Ordering {
    let each = order.iter().zip(one.iter().zip(other));
    let decided = each.map(|((_, descending), (one, other))| compare_one(one, other, *descending));
    decided.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Numbers before other texts, and what is missing last. Values of one kind have the order of their kind,
/// so that the order of all is one.
fn compare_one(one: &Value<'_>, other: &Value<'_>, descending: bool) -> Ordering {
    let order = match (one.is_null(), other.is_null()) {
        (false, false) => match (one.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => one.to_text().cmp(&other.to_text()),
        },
        // Also in the opposite order.
        (one, other) => return one.cmp(&other),
    };
    if descending { order.reverse() } else { order }
}

/// Rows that commands after a scan may have.
const MAX_ROWS: usize = 100_000;
/// Bytes of a row beside its values.
const ROW: usize = 64;
/// Events after which a query looks whether it must end.
const CHECKED: u64 = 1024;
