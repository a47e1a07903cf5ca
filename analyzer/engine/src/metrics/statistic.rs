//! Statistics over the values of a metric at several data sources.

use core::time::Duration;

use flowmote_decoder::DataSource;

use super::{Found, MetricValue, TopKey};
use crate::instant::Instant;
use crate::source::{Source, SourceNames};

/// A metric as a user names it: `load_one`, `sum:ifinoctets`, `4.ifinoctets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRequest {
    /// The text of the user.
    pub text: String,
    /// The statistic, by default the maximum.
    pub aggregate: Aggregate,
    /// The data source, if only this one is meant.
    pub pin: Option<DataSource>,
    /// The name of the metric.
    pub name: String,
}

/// A statistic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as in statistics")]
pub enum Aggregate {
    #[default]
    Max,
    Min,
    Sum,
    Average,
    Variance,
    StandardDeviation,
    Median,
    Quartile1,
    Quartile2,
    Quartile3,
    InterquartileRange,
    Any,
}

/// The reply to a [`MetricRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistic {
    /// The value; `None` without values.
    pub value: Option<MetricValue>,
    /// The number of values.
    pub count: usize,
    /// The data source of the value, for statistics that select one.
    pub source: Option<Source>,
    /// Age of the newest and of the oldest value that it is made of. Both are that of the selected value,
    /// for statistics that select one.
    pub age: Option<(Duration, Duration)>,
    /// For the median: what divides the values into four parts.
    pub quartiles: Option<Quartiles>,
    /// For a flow metric: the largest flows of the data source of the value.
    pub top_keys: Vec<TopKey>,
}

/// Minimum, three quartiles and maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "named as in statistics")]
pub struct Quartiles {
    pub min: f64,
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub max: f64,
}

impl MetricRequest {
    /// Parses a metric with an optional statistic and data source. A prefix that is no statistic is part
    /// of the name.
    pub fn parse(text: &str, names: &SourceNames) -> Self {
        let prefixed = text.split_once(':').and_then(|(prefix, rest)| {
            Aggregate::ALL.into_iter().find(|it| it.name() == prefix).map(|it| (it, rest))
        });
        let (aggregate, rest) = prefixed.unwrap_or((Aggregate::Max, text));
        let (pin, name) = pinned(rest, names);
        Self { text: text.to_owned(), aggregate, pin, name: name.to_owned() }
    }
}

/// The data source before the last dot, if it is one, and the name of the metric.
pub(super) fn pinned<'t>(text: &'t str, names: &SourceNames) -> (Option<DataSource>, &'t str) {
    let split = text.rsplit_once('.').and_then(|(pin, name)| Some((names.parse(pin)?, name)));
    split.map_or((None, text), |(pin, name)| (Some(pin), name))
}

impl Aggregate {
    const ALL: [Self; 12] = [
        Self::Max,
        Self::Min,
        Self::Sum,
        Self::Average,
        Self::Variance,
        Self::StandardDeviation,
        Self::Median,
        Self::Quartile1,
        Self::Quartile2,
        Self::Quartile3,
        Self::InterquartileRange,
        Self::Any,
    ];

    /// The prefix of the statistic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Sum => "sum",
            Self::Average => "avg",
            Self::Variance => "var",
            Self::StandardDeviation => "sdev",
            Self::Median => "med",
            Self::Quartile1 => "q1",
            Self::Quartile2 => "q2",
            Self::Quartile3 => "q3",
            Self::InterquartileRange => "iqr",
            Self::Any => "any",
        }
    }
}

/// The statistic over the values found. Texts have no order: the newest stands for them.
pub fn statistic(aggregate: Aggregate, now: Instant, found: &[Found]) -> Statistic {
    let mut numbers: Vec<f64> = found.iter().filter_map(|found| found.value.number()).collect();
    numbers.sort_by(f64::total_cmp);
    let by_value = |found: &&Found| found.value.number().unwrap_or(f64::NAN);
    let selected = match aggregate {
        Aggregate::Max if !numbers.is_empty() => {
            found.iter().max_by(|a, b| by_value(a).total_cmp(&by_value(b)))
        }
        Aggregate::Min if !numbers.is_empty() => {
            found.iter().min_by(|a, b| by_value(a).total_cmp(&by_value(b)))
        }
        Aggregate::Max | Aggregate::Min | Aggregate::Any => {
            found.iter().max_by_key(|found| found.updated)
        }
        _ => None,
    };
    let quartiles = Quartiles::of(&numbers);
    let of = selected.map_or(found, core::slice::from_ref);
    let ages = || of.iter().map(|found| now.since(found.updated));
    let value = match selected {
        Some(selected) => Some(selected.value.clone()),
        None => computed(aggregate, &numbers, quartiles).map(MetricValue::Number),
    };
    Statistic {
        value,
        count: found.len(),
        source: selected.map(|found| found.source),
        age: ages().min().zip(ages().max()),
        quartiles: quartiles.filter(|_| aggregate == Aggregate::Median),
        top_keys: selected.map(|found| found.top_keys.clone()).unwrap_or_default(),
    }
}

/// A statistic that is computed from all numbers, which are sorted.
fn computed(aggregate: Aggregate, numbers: &[f64], quartiles: Option<Quartiles>) -> Option<f64> {
    let (quartiles, count) = (quartiles?, numbers.len() as f64);
    let sum: f64 = numbers.iter().sum();
    let mean = sum / count;
    let variance = || numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
    match aggregate {
        Aggregate::Sum => Some(sum),
        Aggregate::Average => Some(mean),
        Aggregate::Variance => Some(variance()),
        Aggregate::StandardDeviation => Some(variance().sqrt()),
        Aggregate::Median | Aggregate::Quartile2 => Some(quartiles.median),
        Aggregate::Quartile1 => Some(quartiles.q1),
        Aggregate::Quartile3 => Some(quartiles.q3),
        Aggregate::InterquartileRange => Some(quartiles.q3 - quartiles.q1),
        Aggregate::Max | Aggregate::Min | Aggregate::Any => None,
    }
}

impl Quartiles {
    /// The quartiles of sorted numbers, by linear interpolation; `None` without numbers.
    fn of(numbers: &[f64]) -> Option<Self> {
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let at = |share: f64| {
            let place = share * (numbers.len() - 1) as f64;
            let below = numbers.get(place as usize).copied().unwrap_or(max);
            let above = numbers.get(place as usize + 1).copied().unwrap_or(below);
            below + (above - below) * place.fract()
        };
        Some(Self { min, q1: at(0.25), median: at(0.5), q3: at(0.75), max })
    }
}
