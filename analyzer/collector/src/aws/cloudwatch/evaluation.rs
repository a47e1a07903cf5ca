//! The series of the queries of `GetMetricData`.

use core::cell::Cell;
use std::collections::BTreeMap;

use super::directory::Directory;
use super::get_metric_data::{Query, Stat, What};
use super::math::{self, Expression, Found, Line, Scope, Value};
use super::metric::Metric;
use super::names::{Wanted, of_agent, of_several};
use super::period::Periods;
use super::search::Search;
use super::series::Series;
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
}

impl<'a> Evaluation<'a> {
    /// Evaluates the expressions, in an order in which each has what it refers to.
    pub(super) fn new(
        hub: &'a Hub,
        directory: &'a Directory,
        queries: &'a [Query],
        span: (i64, i64),
    ) -> Result<Self, Fault> {
        let (values, too_many) = (BTreeMap::new(), Cell::new(false));
        let mut evaluation = Self { hub, directory, span, values, too_many };
        let mut left = Vec::new();
        for query in queries {
            if let What::Expression(text) = &query.what {
                left.push((query, Expression::parse(text)?));
            }
        }
        if left.is_empty() {
            return Ok(evaluation);
        }
        let mut budget = hub.query_memory / size_of::<(i64, f64)>();
        let mut metrics = Vec::new();
        for query in queries {
            if let What::Metric(stat) = &query.what {
                let line = evaluation.line(stat);
                math::spend(&mut budget, line.values.len())?;
                evaluation.values.insert(&query.id, Value::Line(line));
                metrics.push(query.id.as_str());
            }
        }
        let shortest = queries.iter().filter_map(Query::period).min().unwrap_or(60);
        while !left.is_empty() {
            let waiting: Vec<&str> = left.iter().map(|(query, _)| query.id.as_str()).collect();
            let ready = |(_, expression): &(&Query, Expression)| {
                let mut names = Vec::new();
                expression.names(&mut names);
                !names.iter().any(|name| waiting.contains(name))
            };
            let Some(at) = left.iter().position(ready) else {
                let ids = waiting.join(", ");
                let text = format!("The expressions {ids} refer to one another in a circle.");
                return Err(Fault::validation(text));
            };
            let (query, expression) = left.swap_remove(at);
            let seconds = query.period.unwrap_or(shortest);
            let value = evaluation.evaluate(&expression, seconds, &metrics, &mut budget)?;
            evaluation.values.insert(&query.id, value);
        }
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
        let search = |wanted: &str, statistic: &str, period: Option<u32>| {
            self.search(wanted, statistic, period.unwrap_or(seconds))
        };
        let known = &self.values;
        let mut scope = Scope { known, metrics, periods, search: &search, budget: *budget };
        let value = scope.evaluate(expression);
        *budget = scope.budget;
        value
    }

    /// The series of a query that returns data.
    pub(super) fn lines(&self, query: &Query) -> Result<Vec<Line>, Fault> {
        let lines = match (&query.what, self.values.get(query.id.as_str())) {
            (What::Metric(stat), None) => vec![self.line(stat)],
            (_, Some(Value::Number(_) | Value::Text(_))) => {
                return Err(Fault::validation(format!(
                    "The expression {} is no time series. Only one can be returned.",
                    query.id
                )));
            }
            (What::Metric(_), Some(value)) => value.clone().into_lines()?,
            // What is computed has the name of its query, unless there are several.
            (What::Expression(_), Some(Value::Line(line))) => {
                vec![Line { name: query.id.clone(), ..line.clone() }]
            }
            (What::Expression(_), Some(value)) => {
                let mut lines = value.clone().into_lines()?;
                let unnamed = lines.iter_mut().filter(|line| line.name.is_empty());
                unnamed.for_each(|line| line.name.clone_from(&query.id));
                lines
            }
            (What::Expression(_), None) => Vec::new(),
        };
        Ok(lines)
    }

    fn line(&self, stat: &Stat) -> Line {
        let name = stat.metric.name.clone();
        self.read(&stat.metric, &stat.statistic, stat.unit.as_deref(), stat.periods, name)
    }

    fn read(
        &self,
        metric: &Metric,
        statistic: &str,
        unit: Option<&str>,
        periods: Periods,
        name: String,
    ) -> Line {
        let mut values = Vec::new();
        if let Some(parsed) = Statistic::parse(statistic) {
            let series = Series::find(self.hub, self.directory, metric, unit);
            let points = series.iter().flat_map(|series| series.points(self.hub, &periods));
            let filled = periods.fill(points, parsed.needs_values());
            values.extend(
                filled.into_iter().filter_map(|(begin, it)| Some((begin, parsed.of(&it)?))),
            );
        }
        let (metric, statistic) = (Some(metric.clone()), Some(statistic.to_owned()));
        Line { name, metric, statistic, periods, values }
    }

    /// The series of `SEARCH`, in the order of their metrics.
    fn search(&self, wanted: &str, statistic: &str, seconds: u32) -> Result<Found, Fault> {
        let search = Search::parse(wanted)?;
        if Statistic::parse(statistic).is_none() {
            return Err(Fault::validation(format!("SEARCH has no statistic {statistic:?}.")));
        }
        let periods = Periods::new(self.span.0, self.span.1, seconds, "Period")
            .map_err(|fault| Fault::validation(fault.message))?;
        let (metrics, compared) = self.metrics(&search);
        let line = |metric: &Metric| {
            let values = metric.dimensions().iter().map(|(_, value)| value.as_str());
            let name = values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ");
            self.read(metric, statistic, None, periods, name)
        };
        Ok(Found { lines: metrics.iter().map(line).collect(), compared })
    }

    /// The metrics that are found, and how many were compared.
    fn metrics(&self, search: &Search) -> (Vec<Metric>, usize) {
        let wanted = Wanted { namespace: search.namespace(), name: search.name(), ..Wanted::default() };
        let mut found: Vec<Metric> = of_several(self.directory, wanted);
        let mut compared = found.len();
        found.retain(|metric| search.finds(metric));
        for agent in self.directory.from(None) {
            if found.len() > MAX_FOUND {
                break;
            }
            let own = of_agent(self.hub, agent, wanted, None).flat_map(|(_, own)| own);
            let own = own.map(|(metric, _)| metric).inspect(|_| compared += 1);
            found.extend(own.filter(|metric| search.finds(metric)));
            compared += 1;
        }
        let reported = self.hub.aws.reported.lock();
        let own = reported.metrics_after(None, i64::MIN).inspect(|_| compared += 1);
        let own = own.filter(|metric| search.finds(metric));
        found.extend(own.take(MAX_FOUND + 1).cloned());
        drop(reported);
        found.sort();
        found.dedup();
        if found.len() > MAX_FOUND {
            self.too_many.set(true);
            found.truncate(MAX_FOUND);
        }
        (found, compared)
    }
}

/// Series that a search returns.
const MAX_FOUND: usize = 500;
