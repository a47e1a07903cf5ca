//! Values of expressions.

use std::sync::Arc;

use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::Periods;
use crate::aws::fault::Fault;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::aws::cloudwatch) enum Value {
    Number(f64),
    Text(String),
    Line(Line),
    List(Vec<Line>),
}

/// A series with what a label can name. Its texts may be long, and copies share them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::aws::cloudwatch) struct Line {
    /// The label without one.
    pub(in crate::aws::cloudwatch) name: Arc<str>,
    pub(in crate::aws::cloudwatch) metric: Option<Arc<Metric>>,
    pub(in crate::aws::cloudwatch) statistic: Option<Arc<str>>,
    pub(in crate::aws::cloudwatch) periods: Periods,
    /// In the order of time, milliseconds since 1970.
    pub(in crate::aws::cloudwatch) values: Vec<(i64, f64)>,
}

impl Value {
    /// Values at times in it. A series without any takes memory too.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Number(_) | Self::Text(_) => 0,
            Self::Line(line) => line.len(),
            Self::List(lines) => lines.iter().map(Line::len).sum(),
        }
    }

    /// One series or several.
    pub(in crate::aws::cloudwatch) fn into_lines(self) -> Result<Vec<Line>, Fault> {
        match self {
            Self::Line(line) => Ok(vec![line]),
            Self::List(lines) => Ok(lines),
            Self::Number(_) | Self::Text(_) => {
                Err(Fault::validation("An expression must be a time series, or several."))
            }
        }
    }

    pub(super) fn into_number(self) -> Result<f64, Fault> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(Fault::validation("An argument of a function must be a number.")),
        }
    }

    pub(super) fn into_text(self) -> Result<String, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Fault::validation("An argument of a function must be a text.")),
        }
    }

    /// The same function of each series, or of the number.
    pub(super) fn map(self, change: impl Fn(f64) -> f64) -> Result<Self, Fault> {
        if let Self::Number(number) = self {
            return Ok(Self::Number(change(number)));
        }
        self.map_lines(|line| line.map(|_, value| Some(change(value))))
    }

    /// Changes each series.
    pub(super) fn map_lines(self, change: impl Fn(Line) -> Line) -> Result<Self, Fault> {
        match self {
            Self::Line(line) => Ok(Self::Line(change(line))),
            Self::List(lines) => Ok(Self::List(lines.into_iter().map(change).collect())),
            Self::Number(_) | Self::Text(_) => {
                Err(Fault::validation("An argument of a function must be a time series."))
            }
        }
    }
}

impl Line {
    /// The number of values that take as much memory.
    pub(in crate::aws::cloudwatch) fn len(&self) -> usize {
        self.values.len() + size_of::<Self>().div_ceil(size_of::<(i64, f64)>())
    }

    /// The same with other values; those that are no numbers are left out.
    pub(super) fn map(self, change: impl Fn(i64, f64) -> Option<f64>) -> Self {
        let values = self.values.iter().filter_map(|(time, value)| {
            let value = change(*time, *value).filter(|value| value.is_finite())?;
            Some((*time, value))
        });
        let values = values.collect();
        Self { values, ..self }
    }

    /// A value and the one before it become one.
    pub(super) fn steps(self, change: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.values.iter().zip(self.values.iter().skip(1));
        let steps = pairs.map(|((before, old), (time, new))| {
            (*time, change(new - old, (time - before) as f64 / 1000.0))
        });
        let values = steps.filter(|(_, value)| value.is_finite()).collect();
        Self { values, ..self }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|(_, value)| *value)
    }
}
