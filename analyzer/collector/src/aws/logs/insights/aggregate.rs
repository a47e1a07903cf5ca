//! Statistics over the rows of each group: `stats sum(bytes) by srcAddr`.

use core::cmp::Ordering;
use core::hash::BuildHasher;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::Overrun;
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
    groups: Vec<(Vec<Value<'static>>, Vec<State>)>,
    /// Made for each row anew.
    key: Vec<u8>,
    hasher: RandomState,
    /// Bytes that a row may take.
    room: usize,
}

impl<'q> Groups<'q> {
    pub(super) fn new(by: &'q [Expression], aggregates: &'q [Aggregate], room: usize) -> Self {
        let (places, hasher) = (HashMap::default(), RandomState::default());
        let (groups, key) = (Vec::new(), Vec::new());
        let mut all = Self { by, aggregates, places, groups, key, hasher, room };
        if by.is_empty() {
            // There is a result without rows too.
            all.groups.push((Vec::new(), all.states()));
        }
        all
    }

    fn states(&self) -> Vec<State> {
        self.aggregates.iter().map(|aggregate| aggregate.kind.state()).collect()
    }

    /// Adds a row; the bytes that it takes beside those before.
    pub(super) fn add<'a>(&mut self, scope: Scope<'_, 'a>, place: Key) -> Result<usize, Overrun>
    where
        'q: 'a,
    {
        let (number, mut bytes) = self.group(scope)?;
        let Some((_, states)) = self.groups.get_mut(number) else { return Ok(bytes) };
        for (state, aggregate) in states.iter_mut().zip(self.aggregates) {
            let value = aggregate.of.as_ref().map(|it| it.value(scope));
            match value {
                Some(Value::Null) => {}
                Some(value) => bytes += state.add(aggregate.kind, value, place, &self.hasher),
                None => bytes += state.add(aggregate.kind, Value::Bool(true), place, &self.hasher),
            }
            // Each may be a copy of a long message.
            if bytes > self.room {
                return Err(Overrun::Memory);
            }
        }
        Ok(bytes)
    }

    /// The group of a row, and the bytes that it takes if it is new.
    fn group<'a>(&mut self, scope: Scope<'_, 'a>) -> Result<(usize, usize), Overrun>
    where
        'q: 'a,
    {
        if self.by.is_empty() {
            return Ok((0, 0));
        }
        self.key.clear();
        for expression in self.by {
            let value = expression.value(scope);
            match value.to_text() {
                None => self.key.push(0),
                Some(text) => {
                    self.key.push(1);
                    self.key.extend((text.len() as u64).to_ne_bytes());
                    self.key.extend(text.as_bytes());
                }
            }
            if self.key.len() > self.room {
                return Err(Overrun::Memory);
            }
        }
        if let Some(number) = self.places.get(self.key.as_slice()) {
            return Ok((*number, 0));
        }
        let values: Vec<_> = self.by.iter().map(|it| it.value(scope).owned()).collect();
        let texts: usize = values.iter().map(Value::bytes).sum();
        let states = self.states();
        let bytes = GROUP + self.key.len() + texts + states.len() * size_of::<State>();
        let number = self.groups.len();
        self.places.insert(self.key.as_slice().into(), number);
        self.groups.push((values, states));
        Ok((number, bytes))
    }

    /// The values of `by` of each group, and its statistics.
    pub(super) fn results(
        self,
    ) -> impl Iterator<Item = (Vec<Value<'static>>, Vec<Value<'static>>)> + use<'q> {
        let aggregates = self.aggregates;
        self.groups.into_iter().map(move |(by, states)| {
            let states = states.into_iter().zip(aggregates);
            (by, states.map(|(state, aggregate)| state.result(aggregate.kind)).collect())
        })
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
                    Kind::SortsFirst => value.to_text() < known.to_text(),
                    _ => value.to_text() > known.to_text(),
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
