//! Statistics over the rows of each group: `stats sum(bytes) by srcAddr`.

use core::cmp::Ordering;
use core::hash::BuildHasher;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::bounds::Overrun;
use super::expression::{Expression, Scope};
use super::value::Value;
use crate::aws::logs::store::Key;

/// A statistic, and what it is of.
#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) kind: Kind,
    /// `None` for `count(*)`.
    pub(super) of: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    StdDev,
    Pct(f64),
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

impl Kind {
    /// The statistic with a name in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "stddev" => Self::StdDev,
            "pct" | "percentile" => Self::Pct(0.0),
            "median" => Self::Pct(50.0),
            "earliest" => Self::Earliest,
            "latest" => Self::Latest,
            "sortsfirst" => Self::SortsFirst,
            "sortslast" => Self::SortsLast,
            _ => return None,
        })
    }

    fn state(self) -> State {
        match self {
            Self::Count => State::Count(0),
            Self::CountDistinct => State::Distinct(HashSet::default()),
            Self::Sum => State::Sum(0.0),
            Self::Avg | Self::StdDev => State::Moments { count: 0.0, mean: 0.0, squares: 0.0 },
            Self::Pct(_) => State::Values(Vec::new()),
            _ => State::One(None),
        }
    }
}

/// What a statistic needs of the rows so far.
#[derive(Debug)]
enum State {
    Count(u64),
    /// Hashes of values.
    Distinct(HashSet<u64, RandomState>),
    Sum(f64),
    /// The algorithm of Welford.
    Moments {
        count: f64,
        mean: f64,
        squares: f64,
    },
    Values(Vec<f64>),
    One(Option<(Key, Value<'static>)>),
}

/// The groups of rows.
#[derive(Debug)]
pub(super) struct Groups<'q> {
    by: &'q [Expression],
    aggregates: &'q [Aggregate],
    places: HashMap<Box<[u8]>, usize, RandomState>,
    /// The values of `by` of each group.
    values: Vec<Vec<Value<'static>>>,
    /// The statistics of all groups, one after the other: a row finds those of its group with one step.
    states: Vec<State>,
    /// Made for each row anew.
    key: Vec<u8>,
    hasher: RandomState,
    /// Bytes of the row that a group becomes, without texts.
    row: usize,
    bytes: usize,
    /// Bytes that all groups may take.
    memory: usize,
}

impl<'q> Groups<'q> {
    /// No groups; they may take so many bytes, with rows of a size without texts.
    pub(super) fn new(
        by: &'q [Expression],
        aggregates: &'q [Aggregate],
        row: usize,
        memory: usize,
    ) -> Self {
        let (places, hasher) = (HashMap::default(), RandomState::default());
        let (values, states, key) = (Vec::new(), Vec::new(), Vec::new());
        let mut all =
            Self { by, aggregates, places, values, states, key, hasher, row, bytes: 0, memory };
        if by.is_empty() {
            // There is a result without rows too.
            all.push(Vec::new());
        }
        all
    }

    fn push(&mut self, values: Vec<Value<'static>>) {
        self.values.push(values);
        self.states.extend(self.aggregates.iter().map(|aggregate| aggregate.kind.state()));
    }

    /// Adds a row.
    pub(super) fn add<'a>(&mut self, scope: Scope<'_, 'a>, place: Key) -> Result<(), Overrun>
    where
        'q: 'a,
    {
        let first = self.group(scope)? * self.aggregates.len();
        let states = self.states.get_mut(first..).unwrap_or_default();
        for (state, aggregate) in states.iter_mut().zip(self.aggregates) {
            let value = aggregate.of.as_ref().map_or(Value::Bool(true), |it| it.value(scope));
            if !value.is_null() {
                self.bytes += state.add(aggregate.kind, value, place, &self.hasher);
            }
            // Each may be a copy of a long message.
            if self.bytes > self.memory {
                return Err(Overrun::Memory);
            }
        }
        Ok(())
    }

    /// The group of a row.
    fn group<'a>(&mut self, scope: Scope<'_, 'a>) -> Result<usize, Overrun>
    where
        'q: 'a,
    {
        if self.by.is_empty() {
            return Ok(0);
        }
        self.key.clear();
        for expression in self.by {
            write_key(&expression.value(scope), &mut self.key);
            if self.key.len() > self.memory {
                return Err(Overrun::Memory);
            }
        }
        if let Some(number) = self.places.get(self.key.as_slice()) {
            return Ok(*number);
        }
        let values: Vec<_> = self.by.iter().map(|it| it.value(scope).owned()).collect();
        let texts: usize = values.iter().map(Value::bytes).sum();
        self.bytes += GROUP + self.row + self.key.len() + texts;
        self.bytes += self.aggregates.len() * size_of::<State>();
        if self.bytes > self.memory {
            return Err(Overrun::Memory);
        }
        let number = self.values.len();
        self.places.insert(self.key.as_slice().into(), number);
        self.push(values);
        Ok(number)
    }

    /// The values of `by` of each group, and its statistics.
    pub(super) fn results(
        self,
    ) -> impl Iterator<Item = (Vec<Value<'static>>, Vec<Value<'static>>)> + use<'q> {
        let (aggregates, mut states) = (self.aggregates, self.states.into_iter());
        self.values.into_iter().map(move |by| {
            // The aggregates first: they end before a state is taken.
            let each = aggregates.iter().zip(states.by_ref());
            (by, each.map(|(aggregate, state)| state.result(aggregate.kind)).collect())
        })
    }
}

/// Adds the bytes of a value that no other has.
fn write_key(value: &Value<'_>, key: &mut Vec<u8>) {
    // The texts of times, which `bin` makes, take longer than all else of a record.
    if let Value::Time(time) = value {
        key.push(2);
        key.extend(time.to_ne_bytes());
        return;
    }
    match value.to_text() {
        None => key.push(0),
        Some(text) => {
            key.push(1);
            key.extend((text.len() as u64).to_ne_bytes());
            key.extend(text.as_bytes());
        }
    }
}

impl State {
    /// Adds a value; the bytes that it takes beside those before.
    fn add(&mut self, kind: Kind, value: Value<'_>, place: Key, hasher: &RandomState) -> usize {
        match self {
            Self::Count(count) => *count += 1,
            Self::Distinct(hashes) => {
                let text = value.to_text().unwrap_or_default();
                return if hashes.insert(hasher.hash_one(&*text)) { HASH } else { 0 };
            }
            Self::Sum(sum) => *sum += value.number().unwrap_or(0.0),
            Self::Moments { count, mean, squares } => {
                let Some(number) = value.number() else { return 0 };
                *count += 1.0;
                let distance = number - *mean;
                *mean += distance / *count;
                *squares += distance * (number - *mean);
            }
            Self::Values(values) => {
                let before = values.capacity();
                values.extend(value.number());
                return (values.capacity() - before) * size_of::<f64>();
            }
            Self::One(one) => {
                let is_better = one.as_ref().is_none_or(|(key, known)| match kind {
                    Kind::Earliest => place < *key,
                    Kind::Latest => place > *key,
                    Kind::Min => value.order(known) == Some(Ordering::Less),
                    Kind::Max => value.order(known) == Some(Ordering::Greater),
                    Kind::SortsFirst => value.rank(known).is_lt(),
                    _ => value.rank(known).is_gt(),
                });
                if is_better {
                    let before = one.as_ref().map_or(0, |(_, known)| known.bytes());
                    let bytes = value.bytes();
                    *one = Some((place, value.owned()));
                    return bytes.saturating_sub(before);
                }
            }
        }
        0
    }

    fn result(self, kind: Kind) -> Value<'static> {
        match self {
            Self::Count(count) => Value::Number(count as f64),
            Self::Distinct(hashes) => Value::Number(hashes.len() as f64),
            Self::Sum(sum) => Value::of_number(sum),
            Self::Moments { count: 0.0, .. } => Value::Null,
            Self::Moments { mean, .. } if kind == Kind::Avg => Value::of_number(mean),
            Self::Moments { count, squares, .. } => {
                Value::of_number((squares / (count - 1.0).max(1.0)).sqrt())
            }
            Self::Values(values) => match kind {
                Kind::Pct(percent) => percentile(values, percent),
                _ => Value::Null,
            },
            Self::One(one) => one.map(|(_, value)| value).unwrap_or_default(),
        }
    }
}

/// The smallest value that so many percent of all are not above.
fn percentile(mut values: Vec<f64>, percent: f64) -> Value<'static> {
    let rank = (percent / 100.0 * values.len() as f64).ceil().max(1.0) as usize - 1;
    if rank >= values.len() {
        return Value::Null;
    }
    let (_, value, _) = values.select_nth_unstable_by(rank, f64::total_cmp);
    Value::Number(*value)
}

/// Bytes of a group beside its texts and statistics.
const GROUP: usize = 128;
/// Bytes of a hash in its set.
const HASH: usize = 18;
