//! The rows that come first in an order, of all that a query has scanned.

use core::cmp::Ordering;
use core::hash::{BuildHasher, Hash, Hasher};
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bounds::Overrun;
use super::expression::{Expression, Scope};
use super::value::Value;
use crate::aws::logs::store::Key;

/// Expressions, each with true if the largest comes first.
pub(super) type Order = [(Expression, bool)];

/// A row: its place in time and the values of all fields.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) place: Key,
    pub(super) values: Vec<Value<'a>>,
}

impl Row<'_> {
    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        ROW + self.values.iter().map(Value::bytes).sum::<usize>()
    }
}

/// The first rows of those that were added.
#[derive(Debug)]
pub(super) struct Best<'q> {
    order: &'q Order,
    /// Fields that are not the same in two rows.
    unique: &'q [usize],
    /// Rows that are needed; others may be left out.
    needed: usize,
    memory: usize,
    rows: HashMap<u64, Ranked<'q>, RandomState>,
    added: u64,
    bytes: usize,
    /// The last of those that are needed, when there were more at some time.
    last: Option<(Vec<Value<'q>>, Key)>,
}

/// A row and its place in the order.
#[derive(Debug)]
struct Ranked<'q> {
    keys: Vec<Value<'q>>,
    row: Row<'q>,
}

impl<'q> Best<'q> {
    /// No rows; those that are needed may take so many bytes.
    pub(super) fn new(order: &'q Order, unique: &'q [usize], needed: usize, memory: usize) -> Self {
        let rows = HashMap::default();
        Self { order, unique, needed, memory, rows, added: 0, bytes: 0, last: None }
    }

    /// False for a row that is not among the first.
    pub(super) fn needs(&self, values: &[Value<'q>], place: Key) -> bool {
        let Some((keys, last)) = &self.last else { return true };
        let scope = Scope { fields: values, aggregates: &[] };
        let each = self.order.iter().zip(keys);
        let decided = each
            .map(|((it, descending), key)| compare_one(&it.value(scope), key, *descending))
            .find(|order| order.is_ne());
        decided.unwrap_or_else(|| last.cmp(&place)).is_lt()
    }

    pub(super) fn add(&mut self, row: Row<'q>) -> Result<(), Overrun> {
        let keys = keys_of(self.order, &row.values);
        let hasher = self.rows.hasher();
        self.added += 1;
        // A row without one of the fields is no duplicate.
        let id = match self.unique {
            [] => self.added,
            fields => {
                hash(hasher, &row.values, fields).unwrap_or_else(|| hasher.hash_one(self.added))
            }
        };
        let row = Ranked { keys, row };
        if let Some(known) = self.rows.get(&id) {
            if known.compare(&row, self.order).is_le() {
                return Ok(());
            }
            self.bytes -= known.bytes();
        }
        self.bytes += row.bytes();
        self.rows.insert(id, row);
        let is_full = self.rows.len() >= self.needed.saturating_mul(2);
        if is_full || self.bytes > self.memory { self.cut() } else { Ok(()) }
    }

    /// Leaves those out that are not needed.
    fn cut(&mut self) -> Result<(), Overrun> {
        let order = self.order;
        if self.rows.len() > self.needed {
            let mut all: Vec<_> = self.rows.drain().collect();
            let at = self.needed.saturating_sub(1);
            let (_, last, _) =
                all.select_nth_unstable_by(at, |(_, one), (_, other)| one.compare(other, order));
            self.last = Some((last.1.keys.clone(), last.1.row.place));
            all.truncate(self.needed);
            self.rows.extend(all);
            self.bytes = self.rows.values().map(Ranked::bytes).sum();
        }
        // With less room than this each row would be the cause of a cut.
        if self.bytes > self.memory / 16 * 15 { Err(Overrun::Memory) } else { Ok(()) }
    }

    /// The rows that are needed, in order.
    pub(super) fn into_rows(self) -> Vec<Row<'q>> {
        let mut all: Vec<_> = self.rows.into_values().collect();
        all.sort_by(|one, other| one.compare(other, self.order));
        all.truncate(self.needed);
        all.into_iter().map(|ranked| ranked.row).collect()
    }
}

impl Ranked<'_> {
    /// The newest first, if nothing else decides.
    fn compare(&self, other: &Self, order: &Order) -> Ordering {
        let own = compare(order, &self.keys, &other.keys);
        own.then_with(|| other.row.place.cmp(&self.row.place))
    }

    fn bytes(&self) -> usize {
        self.row.bytes() + self.keys.iter().map(Value::bytes).sum::<usize>()
    }
}

/// A hash of the values of fields; `None` if one is missing.
pub(super) fn hash(state: &RandomState, values: &[Value<'_>], fields: &[usize]) -> Option<u64> {
    let mut state = state.build_hasher();
    for field in fields {
        values.get(*field).and_then(Value::to_text)?.hash(&mut state);
    }
    Some(state.finish())
}

/// Sorts rows that take so many bytes with what they are sorted by. Those that are equal stay in their order.
pub(super) fn sorted<'q>(
    order: &'q Order,
    rows: Vec<Row<'q>>,
    memory: usize,
) -> Result<Vec<Row<'q>>, Overrun> {
    let mut bytes = 0;
    let mut ranked = Vec::with_capacity(rows.len());
    for row in rows {
        let row = Ranked { keys: keys_of(order, &row.values), row };
        bytes += row.bytes();
        if bytes > memory {
            return Err(Overrun::Memory);
        }
        ranked.push(row);
    }
    ranked.sort_by(|one, other| compare(order, &one.keys, &other.keys));
    Ok(ranked.into_iter().map(|ranked| ranked.row).collect())
}

fn keys_of<'q>(order: &'q Order, values: &[Value<'q>]) -> Vec<Value<'q>> {
    let scope = Scope { fields: values, aggregates: &[] };
    order.iter().map(|(it, _)| it.value(scope)).collect()
}

fn compare(order: &Order, one: &[Value<'_>], other: &[Value<'_>]) -> Ordering {
    let each = order.iter().zip(one.iter().zip(other));
    let decided = each.map(|((_, descending), (one, other))| compare_one(one, other, *descending));
    decided.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The order of two values, with what is missing last.
fn compare_one(one: &Value<'_>, other: &Value<'_>, descending: bool) -> Ordering {
    match (one.is_null(), other.is_null()) {
        (false, false) if descending => other.rank(one),
        (false, false) => one.rank(other),
        // Also in the opposite order.
        (one, other) => one.cmp(&other),
    }
}

/// Bytes of a row beside its values.
const ROW: usize = 128;
