//! The series of the queries of `GetMetricData`.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::directory::Directory;
use super::get_metric_data::{Query, Stat, What};
use super::list_metrics::LISTED;
use super::math::{self, Expression, Line, Scope, Value};
use super::metric::Metric;
use super::names::{Wanted, of_agent, of_several};
use super::period::{Period, Periods};
use super::search::Search;
use super::series::{self, Series, past};
use super::statistic::Statistic;
use crate::aws::fault::Fault;
use crate::hub::Hub;

/// The queries of a request, and the values of all of them if it has expressions.
pub(super) struct Evaluation<'a> {
    hub: &'a Hub,
    directory: &'a Directory,
    span: (i64, i64),
    values: BTreeMap<&'a str, Value>,
    /// True if a search found more metrics than it returns.
    pub(super) too_many: Cell<bool>,
    whether_partial: Partial,
    /// The beginnings of the periods in which the last difference of a series ends.
    pub(super) partial: RefCell<BTreeSet<i64>>,
}

/// Whether a period counts whose end no poll has reached yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partial {
    Kept,
    LeftOut,
}

/// An expression that waits for those that it refers to.
struct Waiting<'a> {
    query: &'a Query,
    expression: Expression,
    needs: BTreeSet<&'a str>,
}

impl<'a> Evaluation<'a> {
    /// Evaluates the expressions, in an order in which each has what it refers to.
    pub(super) fn new(
        hub: &'a Hub,
        directory: &'a Directory,
        queries: &'a [Query],
        span: (i64, i64),
        whether_partial: Partial,
    ) -> Result<Self, Fault> {
        let (values, too_many, partial) = (BTreeMap::new(), Cell::new(false), RefCell::default());
        let mut evaluation =
            Self { hub, directory, span, values, too_many, whether_partial, partial };
        let left = waiting(queries)?;
        if left.is_empty() {
            return Ok(evaluation);
        }
        let mut budget = hub.query_memory / size_of::<(i64, f64)>();
        let stats = queries.iter().filter_map(|query| Some((query.id.as_str(), query.stat()?)));
        let stats: Vec<(&str, &Stat)> = stats.collect();
        for group in groups(&stats, |(_, stat)| stat.periods.count()) {
            let lines = evaluation.lines_of_stats(group.iter().map(|(_, stat)| *stat));
            for ((id, _), line) in group.iter().zip(lines) {
                math::spend(&mut budget, line.len())?;
                evaluation.values.insert(id, Value::Line(line));
            }
        }
        let metrics: Vec<&str> = stats.into_iter().map(|(id, _)| id).collect();
        let shortest = queries.iter().filter_map(Query::period).min().unwrap_or(60);
        in_order(left, |query, expression| {
            let seconds = query.period.unwrap_or(shortest);
            let value = evaluation.evaluate(expression, seconds, &metrics, &mut budget)?;
            evaluation.values.insert(&query.id, value);
            Ok(())
        })?;
        Ok(evaluation)
    }

    fn evaluate(
        &self,
        expression: &Expression,
        seconds: u32,
        metrics: &[&str],
        budget: &mut usize,
    ) -> Result<Value, Fault> {
        let periods = Periods::new(self.span.0, self.span.1, seconds, "Period")?;
        let search = |wanted: &str, statistic: &str, period: Option<u32>, budget: &mut usize| {
            self.search(wanted, statistic, period.unwrap_or(seconds), budget)
        };
        let known = &self.values;
        let mut scope = Scope { known, metrics, periods, search: &search, budget: *budget };
        let value = scope.evaluate(expression);
        *budget = scope.budget;
        value
    }

    /// The series of queries that return data, in their order.
    pub(super) fn lines(&self, queries: &[&Query]) -> Result<Vec<Vec<Line>>, Fault> {
        let is_known = |query: &Query| self.values.contains_key(query.id.as_str());
        let stats = queries.iter().filter(|query| !is_known(query));
        let mut read = self.lines_of_stats(stats.filter_map(|query| query.stat())).into_iter();
        let lines = queries.iter().map(|query| match query.what {
            What::Metric(_) if !is_known(query) => Ok(self.kept(read.next().into_iter().collect())),
            _ => self.known_lines(query).map(|lines| self.kept(lines)),
        });
        lines.collect()
    }

    /// The values that count. Some are none, such as those of `TIME_SERIES(1/0)`.
    fn kept(&self, mut lines: Vec<Line>) -> Vec<Line> {
        let (partial, all) = (self.partial.borrow(), self.whether_partial == Partial::Kept);
        for line in &mut lines {
            line.values
                .retain(|(begin, value)| value.is_finite() && (all || !partial.contains(begin)));
        }
        lines
    }

    /// The series of a query that has its values.
    fn known_lines(&self, query: &Query) -> Result<Vec<Line>, Fault> {
        let lines = match (&query.what, self.values.get(query.id.as_str())) {
            (_, Some(Value::Number(_) | Value::Text(_))) => {
                return Err(Fault::validation(format!(
                    "The expression {} is no time series. Only one can be returned.",
                    query.id
                )));
            }
            (What::Metric(_), Some(value)) => value.clone().into_lines()?,
            // What is computed has the name of its query, unless there are several.
            (What::Expression(_), Some(Value::Line(line))) => {
                vec![Line { name: query.id.as_str().into(), ..line.clone() }]
            }
            (What::Expression(_), Some(value)) => {
                let mut lines = value.clone().into_lines()?;
                let unnamed = lines.iter_mut().filter(|line| line.name.is_empty());
                unnamed.for_each(|line| line.name = query.id.as_str().into());
                lines
            }
            (_, None) => Vec::new(),
        };
        Ok(lines)
    }

    fn lines_of_stats<'q>(&self, stats: impl Iterator<Item = &'q Stat>) -> Vec<Line> {
        let stats: Vec<&Stat> = stats.collect();
        let metrics: Vec<_> = stats
            .iter()
            .map(|stat| (&stat.metric, stat.unit.as_deref(), stat.periods.span().0))
            .collect();
        let series = Series::find_all(self.hub, self.directory, &metrics).into_iter();
        let wanted = stats.into_iter().zip(series).map(|(stat, series)| Reading {
            name: stat.metric.name.as_str().into(),
            metric: &stat.metric,
            series,
            statistic: &stat.statistic,
            periods: stat.periods,
        });
        self.read(wanted.collect())
    }

    /// Reads several series at the same time: the analyzers are locked for many of them.
    fn read(&self, wanted: Vec<Reading<'_>>) -> Vec<Line> {
        let parsed: Vec<_> = wanted.iter().map(|it| Statistic::parse(it.statistic)).collect();
        let (mut owners, mut series) = (Vec::new(), Vec::new());
        for (number, reading) in wanted.iter().enumerate() {
            owners.extend(reading.series.iter().map(|_| number));
            series.extend(reading.series.iter().map(|series| (series, reading.periods)));
        }
        let mut filled: Vec<BTreeMap<i64, Period>> = vec![BTreeMap::new(); wanted.len()];
        let now = self.now();
        series::read(self.hub, &series, |number, points| {
            let owner = owners.get(number).copied().unwrap_or_default();
            if let (Some(reading), Some(filled), Some(Some(statistic))) =
                (wanted.get(owner), filled.get_mut(owner), parsed.get(owner))
            {
                self.partial.borrow_mut().extend(reading.periods.partial(&points, now));
                reading.periods.add_series(filled, &points, statistic.needs_values());
            }
        });
        let lines = wanted.iter().zip(filled).zip(parsed).map(|((reading, filled), statistic)| {
            let value = |(begin, period)| Some((begin, statistic?.of(&period)?));
            reading.line(filled.into_iter().filter_map(value).collect())
        });
        lines.collect()
    }

    /// The series of `SEARCH`, in the order of their metrics.
    fn search(
        &self,
        wanted: &str,
        statistic: &str,
        seconds: u32,
        budget: &mut usize,
    ) -> Result<Vec<Line>, Fault> {
        let search = Search::parse(wanted)?;
        if Statistic::parse(statistic).is_none() {
            return Err(Fault::validation(format!("SEARCH has no statistic {statistic:?}.")));
        }
        let periods = Periods::new(self.span.0, self.span.1, seconds, "Period")
            .map_err(|fault| Fault::validation(fault.message))?;
        let metrics = self.metrics(&search, budget)?;
        // Values count when they are the value of the call, but must not be more before. Texts count here.
        let mut left = *budget;
        let mut lines = Vec::new();
        for group in groups(&metrics, |_| periods.count()) {
            let mut wanted = Vec::new();
            for (metric, of_agent) in group {
                let values = metric.dimensions().iter().map(|(_, value)| value.as_str());
                let name = values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ");
                math::spend(budget, texts(&name))?;
                let series = self.series(metric, of_agent.as_ref(), periods.span().0);
                wanted.push(Reading { name: name.into(), metric, series, statistic, periods });
            }
            for line in self.read(wanted) {
                math::spend(&mut left, texts(&line.name) + line.len())?;
                lines.push(line);
            }
        }
        Ok(lines)
    }

    /// The series of a metric that was found, perhaps with that of its agent.
    fn series(&self, metric: &Metric, of_agent: Option<&Series>, from: i64) -> Vec<Series> {
        match of_agent {
            Some(own) => Series::with_others(self.hub, metric, Some(own.clone()), from),
            None => Series::find(self.hub, self.directory, metric, None, from),
        }
    }

    fn now(&self) -> i64 {
        self.hub.unix_ms(self.hub.now()).cast_signed()
    }

    /// The metrics that are found, those of an agent with their series: agents with many ports are read
    /// once. Each that is compared takes from the budget.
    fn metrics(
        &self,
        search: &Search,
        budget: &mut usize,
    ) -> Result<Vec<(Metric, Option<Series>)>, Fault> {
        let wanted =
            Wanted { namespace: search.namespace(), name: search.name(), ..Wanted::default() };
        let mut found: Vec<(Metric, Option<Series>)> = Vec::new();
        let compare = |metric: &Metric, budget: &mut usize| {
            math::spend(budget, search.work(metric)).map(|()| search.finds(metric))
        };
        for metric in of_several(self.directory, wanted) {
            if compare(&metric, budget)? {
                found.push((metric, None));
            }
        }
        let agents = self.directory.from(None);
        for (_, own) in agents.flat_map(|agent| of_agent(self.hub, agent, wanted, None)) {
            // A data source without such metrics is work too.
            math::spend(budget, 1)?;
            for (metric, series) in own {
                if compare(&metric, budget)? {
                    found.push((metric, Some(series)));
                }
            }
            if found.len() > MAX_FOUND {
                break;
            }
        }
        let of_agents = found.len();
        for metric in self.hub.aws.reported.lock().metrics_after(None, i64::MIN) {
            if compare(metric, budget)? {
                found.push((metric.clone(), None));
            }
            if found.len() - of_agents > MAX_FOUND {
                break;
            }
        }
        let (since, before, mut next) = (self.now() - LISTED, found.len(), Some(0));
        while found.len() - before <= MAX_FOUND
            && let Some(from) = next
            && let Some(part) = past::silent(self.hub, from, since, &wanted, &[])
        {
            next = part.next;
            math::spend(budget, part.work)?;
            for (_, metric) in part.metrics {
                if compare(&metric, budget)? {
                    found.push((metric, None));
                }
            }
        }
        // Of one that a program has too, that of the agent stays.
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.dedup_by(|(again, _), (first, _)| again == first);
        if found.len() > MAX_FOUND {
            self.too_many.set(true);
            found.truncate(MAX_FOUND);
        }
        Ok(found)
    }
}

/// A series that is read.
struct Reading<'a> {
    name: Arc<str>,
    metric: &'a Metric,
    series: Vec<Series>,
    statistic: &'a str,
    periods: Periods,
}

impl Reading<'_> {
    fn line(&self, values: Vec<(i64, f64)>) -> Line {
        Line {
            name: self.name.clone(),
            metric: Some(self.metric.clone().into()),
            statistic: Some(self.statistic.into()),
            periods: self.periods,
            values,
        }
    }
}

/// Items in groups that are read at the same time, by the number of periods of each.
pub(super) fn groups<T>(items: &[T], periods: impl Fn(&T) -> i64) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    core::iter::from_fn(move || {
        let mut values = 0;
        let fits = |item: &&T| {
            let has_room = values < GROUP_VALUES;
            values += periods(item);
            has_room
        };
        let count = rest.iter().take(GROUP).take_while(fits).count();
        let (group, others) = rest.split_at_checked(count)?;
        rest = others;
        (!group.is_empty()).then_some(group)
    })
}

/// What the name of a series and its metric take of a budget of values.
fn texts(name: &str) -> usize {
    2 * name.len() / size_of::<(i64, f64)>()
}

/// The expressions, and which others each refers to.
fn waiting(queries: &[Query]) -> Result<Vec<Waiting<'_>>, Fault> {
    let texts = || {
        queries.iter().filter_map(|query| match &query.what {
            What::Expression(text) => Some((query, text)),
            What::Metric(_) => None,
        })
    };
    let ids: BTreeSet<&str> = texts().map(|(query, _)| query.id.as_str()).collect();
    let waiting = texts().map(|(query, text)| {
        let expression = Expression::parse(text)?;
        let mut names = Vec::new();
        expression.names(&mut names);
        let needs = names.iter().filter_map(|name| ids.get(*name).copied()).collect();
        Ok(Waiting { query, expression, needs })
    });
    waiting.collect()
}

/// Does something with each expression after those that it needs.
fn in_order<'a>(
    mut left: Vec<Waiting<'a>>,
    mut act: impl FnMut(&'a Query, &Expression) -> Result<(), Fault>,
) -> Result<(), Fault> {
    while !left.is_empty() {
        let Some(at) = left.iter().position(|waiting| waiting.needs.is_empty()) else {
            let ids: Vec<_> = left.iter().map(|waiting| waiting.query.id.as_str()).collect();
            let ids = ids.join(", ");
            let text = format!("The expressions {ids} refer to one another in a circle.");
            return Err(Fault::validation(text));
        };
        let Waiting { query, expression, .. } = left.swap_remove(at);
        act(query, &expression)?;
        for waiting in &mut left {
            waiting.needs.remove(query.id.as_str());
        }
    }
    Ok(())
}

/// Series that are read at the same time, and about as many values.
const GROUP: usize = 64;
const GROUP_VALUES: i64 = 20_000;
/// Series that a search returns.
const MAX_FOUND: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_few_series_and_few_values() {
        let lengths = |items: &[i64]| groups(items, |it| *it).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[60; 200]), [64, 64, 64, 8]);
        assert_eq!(lengths(&[10_000; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[100_800; 3]), [1, 1, 1]);
        assert_eq!(lengths(&[0; 65]), [64, 1]);
        assert_eq!(lengths(&[]), [0; 0]);
    }
}
