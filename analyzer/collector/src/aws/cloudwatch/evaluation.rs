//! The series of the queries of `GetMetricData`.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::directory::Directory;
use super::get_metric_data::{Query, Stat, What};
use super::math::{self, Expression, Line, Scope, Value};
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
        let mut metrics = Vec::new();
        for query in queries {
            if let What::Metric(stat) = &query.what {
                let line = evaluation.line(stat);
                math::spend(&mut budget, line.len())?;
                evaluation.values.insert(&query.id, Value::Line(line));
                metrics.push(query.id.as_str());
            }
        }
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

    /// The series of a query that returns data.
    pub(super) fn lines(&self, query: &Query) -> Result<Vec<Line>, Fault> {
        let mut lines = match (&query.what, self.values.get(query.id.as_str())) {
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
                vec![Line { name: query.id.as_str().into(), ..line.clone() }]
            }
            (What::Expression(_), Some(value)) => {
                let mut lines = value.clone().into_lines()?;
                let unnamed = lines.iter_mut().filter(|line| line.name.is_empty());
                unnamed.for_each(|line| line.name = query.id.as_str().into());
                lines
            }
            (What::Expression(_), None) => Vec::new(),
        };
        // Such as `TIME_SERIES(1/0)`.
        lines.iter_mut().for_each(|line| line.values.retain(|(_, value)| value.is_finite()));
        if self.whether_partial == Partial::LeftOut {
            let partial = self.partial.borrow();
            let lines = lines.iter_mut();
            lines.for_each(|line| line.values.retain(|(begin, _)| !partial.contains(begin)));
        }
        Ok(lines)
    }

    fn line(&self, stat: &Stat) -> Line {
        let name = stat.metric.name.as_str().into();
        let series = Series::find(self.hub, self.directory, &stat.metric, stat.unit.as_deref());
        self.read(&stat.metric, &series, &stat.statistic, stat.periods, name)
    }

    fn read(
        &self,
        metric: &Metric,
        series: &[Series],
        statistic: &str,
        periods: Periods,
        name: Arc<str>,
    ) -> Line {
        let mut values = Vec::new();
        if let Some(parsed) = Statistic::parse(statistic) {
            let points = series.iter().flat_map(|series| series.points(self.hub, &periods));
            let mut partial = self.partial.borrow_mut();
            let points = points.inspect(|points| partial.extend(periods.partial(points)));
            let filled = periods.fill(points, parsed.needs_values());
            values.extend(
                filled.into_iter().filter_map(|(begin, it)| Some((begin, parsed.of(&it)?))),
            );
        }
        let (metric, statistic) = (Some(metric.clone().into()), Some(statistic.into()));
        Line { name, metric, statistic, periods, values }
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
        let lines = metrics.iter().map(|(metric, of_agent)| {
            let values = metric.dimensions().iter().map(|(_, value)| value.as_str());
            let name = values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ");
            let series = match of_agent {
                Some(own) => {
                    let mut all = Series::reported(self.hub, metric);
                    all.insert(0, own.clone());
                    all
                }
                None => Series::find(self.hub, self.directory, metric, None),
            };
            // The name and the metric itself.
            let texts = 2 * name.len() / size_of::<(i64, f64)>();
            math::spend(budget, texts)?;
            let line = self.read(metric, &series, statistic, periods, name.into());
            math::spend(&mut left, texts + line.len()).map(|()| line)
        });
        lines.collect()
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

/// Series that a search returns.
const MAX_FOUND: usize = 500;
