//! Functions of expressions.

use std::collections::BTreeMap;

use super::Scope;
use super::syntax::Expression;
use super::value::{Line, Value};
use crate::aws::fault::Fault;

/// The value of a call.
pub(super) fn call(
    scope: &mut Scope<'_>,
    name: &str,
    arguments: &[Expression],
) -> Result<Value, Fault> {
    let call = Call { name, arguments };
    match name {
        "ABS" => call.only(scope)?.map(f64::abs),
        "CEIL" => call.only(scope)?.map(f64::ceil),
        "FLOOR" => call.only(scope)?.map(f64::floor),
        "LOG" => call.only(scope)?.map(f64::ln),
        "LOG10" => call.only(scope)?.map(f64::log10),
        "RATE" => call.only(scope)?.map_lines(|it| it.steps(|change, seconds| change / seconds)),
        "DIFF" => call.only(scope)?.map_lines(|it| it.steps(|change, _| change)),
        "DIFF_TIME" => call.only(scope)?.map_lines(|it| it.steps(|_, seconds| seconds)),
        "RUNNING_SUM" => call.only(scope)?.map_lines(running_sum),
        "SUM" | "AVG" | "MIN" | "MAX" | "STDDEV" => Ok(summary(name, call.only(scope)?)?),
        "METRICS" => call.metrics(scope),
        "METRIC_COUNT" => Ok(Value::Number(call.only(scope)?.into_lines()?.len() as f64)),
        "PERIOD" => {
            let lines = call.only(scope)?.into_lines()?;
            let line = lines.first().ok_or_else(|| call.fault("a time series"))?;
            Ok(Value::Number(line.periods.seconds().into()))
        }
        "IF" => call.choose(scope),
        "FILL" => call.fill(scope),
        "TIME_SERIES" => {
            let number = call.only(scope)?.into_number()?;
            constant(scope, number).map(Value::Line)
        }
        "FIRST" | "LAST" => {
            let lines = call.only(scope)?.into_lines()?;
            let line = if name == "FIRST" { lines.first() } else { lines.last() };
            line.cloned().map(Value::Line).ok_or_else(|| call.fault("a list that is not empty"))
        }
        "SLICE" => call.slice(scope),
        "SORT" => call.sort(scope),
        "REMOVE_EMPTY" => match call.only(scope)? {
            Value::List(mut lines) => {
                lines.retain(|line| !line.values.is_empty());
                Ok(Value::List(lines))
            }
            other => Ok(other),
        },
        "SEARCH" => call.search(scope),
        _ => Err(Fault::validation(format!("The function {name} is not supported."))),
    }
}

/// A function with its arguments.
struct Call<'a> {
    name: &'a str,
    arguments: &'a [Expression],
}

impl Call<'_> {
    fn fault(&self, wanted: &str) -> Fault {
        Fault::validation(format!("The function {} needs {wanted}.", self.name))
    }

    /// Checks the number of arguments.
    fn has(&self, counts: core::ops::RangeInclusive<usize>) -> Result<(), Fault> {
        if counts.contains(&self.arguments.len()) {
            return Ok(());
        }
        let (least, most) = counts.into_inner();
        Err(self.fault(&match least == most {
            true => format!("{least} arguments"),
            false => format!("{least} to {most} arguments"),
        }))
    }

    /// The value of an argument.
    fn value(&self, scope: &mut Scope<'_>, number: usize) -> Result<Value, Fault> {
        let argument = self.arguments.get(number);
        scope.evaluate(argument.ok_or_else(|| self.fault("more arguments"))?)
    }

    /// The value of the only argument.
    fn only(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(1..=1)?;
        self.value(scope, 0)
    }

    /// A whole number from 0.
    fn index(&self, scope: &mut Scope<'_>, number: usize) -> Result<usize, Fault> {
        let value = self.value(scope, number)?.into_number()?;
        if value < 0.0 || value.fract() != 0.0 {
            return Err(self.fault("whole numbers from 0"));
        }
        Ok(value as usize)
    }

    /// A word such as `ASC`.
    fn word(&self, number: usize) -> Option<&str> {
        match self.arguments.get(number) {
            Some(Expression::Name(word)) => Some(word),
            _ => None,
        }
    }

    /// The metrics of the request, or those whose ids contain a text.
    fn metrics(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(0..=1)?;
        let part = match self.arguments {
            [] => String::new(),
            _ => self.value(scope, 0)?.into_text()?,
        };
        let ids = scope.metrics.iter().filter(|id| id.contains(&part));
        let lines = ids.filter_map(|id| scope.known.get(id)?.clone().into_lines().ok()).flatten();
        Ok(Value::List(lines.collect()))
    }

    /// `IF(condition, then)`, `IF(condition, then, else)`.
    fn choose(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(2..=3)?;
        let condition = self.value(scope, 0)?;
        let then = self.value(scope, 1)?;
        let other = (self.arguments.len() == 3).then(|| self.value(scope, 2)).transpose()?;
        match condition {
            Value::Number(condition) if condition != 0.0 => Ok(then),
            Value::Number(_) => other.ok_or_else(|| self.fault("a value for 0")),
            Value::Line(line) => {
                let (then, other) = (self.at(then)?, other.map(|it| self.at(it)).transpose()?);
                Ok(Value::Line(line.map(|time, condition| match condition {
                    0.0 => other.as_ref()?.get(time),
                    _ => then.get(time),
                })))
            }
            _ => Err(self.fault("a number or one time series as its condition")),
        }
    }

    /// A value that can be read at times.
    fn at(&self, value: Value) -> Result<At, Fault> {
        match value {
            Value::Number(number) => Ok(At::Always(number)),
            Value::Line(line) => Ok(At::Times(line.values.into_iter().collect())),
            _ => Err(self.fault("numbers or single time series to choose from")),
        }
    }

    /// `FILL(series, 0)`, `FILL(series, REPEAT)`, `FILL(series, LINEAR)`.
    fn fill(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(2..=2)?;
        let series = self.value(scope, 0)?;
        let by = match self.word(1) {
            Some("REPEAT") => Filling::Repeat,
            Some("LINEAR") => Filling::Linear,
            _ => Filling::Constant(self.value(scope, 1)?.into_number()?),
        };
        let lines = match &series {
            Value::Line(line) => core::slice::from_ref(line),
            Value::List(lines) => lines,
            _ => return Err(self.fault("a time series")),
        };
        let values: i64 = lines.iter().map(|line| line.periods.count()).sum();
        scope.spend(usize::try_from(values).unwrap_or(usize::MAX))?;
        series.map_lines(|line| by.fill(line))
    }

    /// `SLICE(list, start)`, `SLICE(list, start, end)`.
    fn slice(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(2..=3)?;
        let mut lines = self.value(scope, 0)?.into_lines()?;
        if self.arguments.len() == 3 {
            lines.truncate(self.index(scope, 2)?);
        }
        let start = self.index(scope, 1)?.min(lines.len());
        Ok(Value::List(lines.split_off(start)))
    }

    /// `SORT(list, AVG, DESC)`, `SORT(list, MAX, ASC, 10)`.
    fn sort(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(3..=4)?;
        let mut lines = self.value(scope, 0)?.into_lines()?;
        let (Some(by @ ("AVG" | "MIN" | "MAX" | "SUM")), Some(order @ ("ASC" | "DESC"))) =
            (self.word(1), self.word(2))
        else {
            return Err(self.fault("AVG, MIN, MAX or SUM, then ASC or DESC"));
        };
        // A series without values comes last.
        let key = |line: &Line| Stats::of(line.numbers()).get(by, None);
        lines.sort_by(|a, b| match (key(a), key(b)) {
            (Some(a), Some(b)) if order == "ASC" => a.total_cmp(&b),
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        if self.arguments.len() == 4 {
            lines.truncate(self.index(scope, 3)?);
        }
        Ok(Value::List(lines))
    }

    /// `SEARCH('{AWS/EC2,InstanceId} CPUUtilization', 'Average', 60)`.
    fn search(&self, scope: &mut Scope<'_>) -> Result<Value, Fault> {
        self.has(2..=3)?;
        let wanted = self.value(scope, 0)?.into_text()?;
        let statistic = self.value(scope, 1)?.into_text()?;
        let period = match self.arguments.len() {
            3 => Some(self.index(scope, 2)?),
            _ => None,
        };
        let period = period.map(|period| u32::try_from(period).unwrap_or(u32::MAX));
        (scope.search)(&wanted, &statistic, period, &mut scope.budget).map(Value::List)
    }
}

/// A number at each time.
enum At {
    Always(f64),
    Times(BTreeMap<i64, f64>),
}

impl At {
    fn get(&self, time: i64) -> Option<f64> {
        match self {
            Self::Always(number) => Some(*number),
            Self::Times(values) => values.get(&time).copied(),
        }
    }
}

/// What stands where there is no value.
#[derive(Clone, Copy)]
enum Filling {
    Constant(f64),
    /// The value before.
    Repeat,
    /// Between the values before and after.
    Linear,
}

impl Filling {
    fn fill(self, line: Line) -> Line {
        let mut filled: BTreeMap<i64, f64> = line.values.iter().copied().collect();
        let mut known = line.values.iter().peekable();
        let mut before: Option<(i64, f64)> = None;
        for time in line.periods.times() {
            while let Some(value) = known.next_if(|value| value.0 <= time) {
                before = Some(*value);
            }
            let after = known.peek().copied();
            let value = match self {
                Self::Constant(number) => Some(number),
                Self::Repeat => before.map(|(_, value)| value),
                Self::Linear => before.zip(after).map(|((from, a), (to, b))| {
                    a + (b - a) * (time - from) as f64 / (to - from) as f64
                }),
            };
            if let Some(value) = value {
                filled.entry(time).or_insert(value);
            }
        }
        Line { values: filled.into_iter().collect(), ..line }
    }
}

fn running_sum(mut line: Line) -> Line {
    let mut sum = 0.0;
    for (_, value) in &mut line.values {
        sum += *value;
        *value = sum;
    }
    line
}

/// A number at all times of the request.
fn constant(scope: &mut Scope<'_>, number: f64) -> Result<Line, Fault> {
    let periods = scope.periods;
    scope.spend(usize::try_from(periods.count()).unwrap_or(usize::MAX))?;
    let values = periods.times().map(|time| (time, number)).collect();
    Ok(Line { name: "".into(), metric: None, statistic: None, periods, values })
}

/// A number for one series; a series for several, of the values at each time.
fn summary(name: &str, of: Value) -> Result<Value, Fault> {
    let lines = match of {
        Value::Line(line) => {
            let number = Stats::of(line.numbers()).get(name, None);
            return Ok(Value::Number(number.unwrap_or(f64::NAN)));
        }
        Value::List(lines) => lines,
        _ => return Err(Fault::validation(format!("The function {name} needs a time series."))),
    };
    let Some(first) = lines.first() else { return Ok(Value::List(lines)) };
    if lines.iter().any(|line| line.periods.seconds() != first.periods.seconds()) {
        return Err(Fault::validation("The time series of an expression have different periods."));
    }
    let mut times: BTreeMap<i64, Stats> = BTreeMap::new();
    for (time, value) in lines.iter().flat_map(|line| &line.values) {
        times.entry(*time).or_default().add(*value);
    }
    // A series that has no value at a time counts as 0 in the average.
    let count = lines.len() as f64;
    let values = times.iter().filter_map(|(time, it)| Some((*time, it.get(name, Some(count))?)));
    let (name, periods) = ("".into(), first.periods);
    let values = values.collect();
    Ok(Value::Line(Line { name, metric: None, statistic: None, periods, values }))
}

/// Sums of numbers.
#[derive(Default)]
struct Stats {
    count: f64,
    sum: f64,
    mean: f64,
    /// Sum of squares of the differences to the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Stats {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut stats = Self::default();
        numbers.for_each(|number| stats.add(number));
        stats
    }

    fn add(&mut self, number: f64) {
        self.min = if self.count == 0.0 { number } else { self.min.min(number) };
        self.max = if self.count == 0.0 { number } else { self.max.max(number) };
        self.count += 1.0;
        self.sum += number;
        // Welford: no difference of large squares.
        let before = number - self.mean;
        self.mean += before / self.count;
        self.squares += before * (number - self.mean);
    }

    /// A summary; the average is that of `count` numbers, if it is given.
    fn get(&self, name: &str, count: Option<f64>) -> Option<f64> {
        let number = match name {
            "SUM" => self.sum,
            "AVG" => self.sum / count.unwrap_or(self.count),
            "MIN" => self.min,
            "MAX" => self.max,
            _ => (self.squares / self.count).sqrt(),
        };
        (self.count > 0.0).then_some(number)
    }
}
