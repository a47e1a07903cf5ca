//! `GetMetricData`: values of many metrics, in pages.

use std::collections::BTreeSet;

use super::evaluation::{Evaluation, Partial, groups};
use super::label::{Subject, expand};
use super::math::{Expression, Line};
use super::metric::Metric;
use super::period::{Periods, rounded};
use super::statistic::Statistic;
use super::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::history::History;
use crate::hub::Hub;

/// A request.
#[derive(Debug, Hash)]
struct Request {
    queries: Vec<Query>,
    start: i64,
    end: i64,
    ascending: bool,
}

/// One of its queries.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Query {
    pub(super) id: String,
    pub(super) what: What,
    /// Seconds, of series that an expression makes or searches.
    pub(super) period: Option<u32>,
    label: Option<String>,
    /// Kept for who reads it: there is one account.
    account: Option<String>,
    pub(super) returned: bool,
}

/// What a query is about.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum What {
    Metric(Stat),
    Expression(String),
}

/// A statistic of a metric.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Stat {
    pub(super) metric: Metric,
    pub(super) periods: Periods,
    pub(super) statistic: String,
    pub(super) unit: Option<String>,
}

/// Where a page begins: at a query and one of its series, after the values that the pages before have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    query: usize,
    line: usize,
    after: Option<i64>,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let now = hub.unix_ms(hub.now()).cast_signed();
    let request = Request::read(&members, now)?;
    let place = match token::place(&members, &request)? {
        None => Place::default(),
        Some(place) => Place::parse(place).ok_or_else(Fault::next_token)?,
    };
    let limit = match members.integer("MaxDatapoints")? {
        None => MAX_POINTS,
        Some(limit) if (1..=MAX_POINTS).contains(&(limit as usize)) => limit as usize,
        Some(_) => return Err(Fault::value("MaxDatapoints", "must be from 1 to 100800")),
    };
    let directory = hub.aws.directory.get(hub);
    let span = (rounded(request.start, now), request.end);
    let evaluation = Evaluation::new(hub, &directory, &request.queries, span, Partial::Kept)?;
    let (results, next) = request.page(&evaluation, place, limit)?;
    if place == Place::default() {
        hub.aws.usage.read(request.metrics(&results));
    }
    let token = next.map(|place| token::write(&request, &place.text()));
    let too_many = Document::new()
        .with("Code", "MaxMetricsExceeded")
        .with("Value", "A search found more metrics than it returns.");
    let messages = evaluation.too_many.get().then_some(too_many);
    let messages: Vec<_> = messages.into_iter().chain(without_history(hub)).collect();
    Ok(Document::new()
        .with("MetricDataResults", results)
        .with_some("NextToken", token)
        .with("Messages", messages))
}

/// A message while the history is not open.
fn without_history(hub: &Hub) -> Option<Document> {
    let is_opening = hub.aws.history().is_some_and(History::is_opening);
    is_opening.then(|| {
        Document::new()
            .with("Code", "HistoryIsOpening")
            .with("Value", "The history is being read after the start. Older values are missing.")
    })
}

impl Request {
    fn read(members: &Members<'_>, now: i64) -> Result<Self, Fault> {
        let (start, end) = (members.required_time("StartTime")?, members.required_time("EndTime")?);
        if start >= end {
            let text = "The parameter StartTime must be before the parameter EndTime.";
            return Err(Fault::validation(text));
        }
        let ascending = match members.text("ScanBy")? {
            None | Some("TimestampDescending") => false,
            Some("TimestampAscending") => true,
            Some(_) => {
                let reason = "must be TimestampDescending or TimestampAscending";
                return Err(Fault::value("ScanBy", reason));
            }
        };
        let list = members.structures("MetricDataQueries")?;
        if list.is_empty() {
            return Err(Fault::missing("MetricDataQueries"));
        }
        if list.len() > MAX_QUERIES {
            let text =
                format!("The parameter MetricDataQueries has more than {MAX_QUERIES} items.");
            return Err(Fault::validation(text));
        }
        let queries = list.iter().map(|query| Query::read(query, rounded(start, now), end));
        let queries = queries.collect::<Result<Vec<_>, _>>()?;
        let mut ids = BTreeSet::new();
        if let Some(twice) = queries.iter().find(|query| !ids.insert(&query.id)) {
            return Err(Fault::validation(format!("The id {} is used twice.", twice.id)));
        }
        Ok(Self { queries, start, end, ascending })
    }

    /// The metrics that it reads: those of its queries, and the results of its expressions.
    fn metrics(&self, results: &[Document]) -> usize {
        let is_metric = |query: &&Query| matches!(query.what, What::Metric(_));
        let metrics = self.queries.iter().filter(is_metric).count();
        let returned = self.queries.iter().filter(is_metric).filter(|query| query.returned).count();
        metrics + results.len().saturating_sub(returned)
    }

    /// A page of results with at most so many values, and the place where the next one begins.
    fn page(
        &self,
        evaluation: &Evaluation<'_>,
        from: Place,
        limit: usize,
    ) -> Result<(Vec<Document>, Option<Place>), Fault> {
        let (mut results, mut free) = (Vec::new(), limit);
        let returned = self.queries.iter().enumerate().filter(|(_, query)| query.returned);
        let rest: Vec<_> = returned.skip_while(|(query, _)| *query < from.query).collect();
        for group in groups(&rest, |(_, query)| query.periods()) {
            let queries: Vec<&Query> = group.iter().map(|(_, query)| *query).collect();
            let lines = group.iter().zip(evaluation.lines(&queries)?);
            let lines = lines.flat_map(|((query, own), lines)| {
                let first = if *query == from.query { from.line } else { 0 };
                let lines = lines.into_iter().enumerate().skip(first);
                lines.map(move |(line, series)| (*query, *own, line, series))
            });
            for (query, own, line, series) in lines {
                let place = Place { query, line, after: None };
                if free == 0 || results.len() >= MAX_RESULTS {
                    return Ok((results, Some(place)));
                }
                let is_first = (query, line) == (from.query, from.line);
                let label = own.label(&series);
                let after = from.after.filter(|_| is_first);
                let mut values = self.after(series.values, after);
                let is_whole = values.len() <= free;
                values.truncate(free);
                free -= values.len();
                results.push(result(&own.id, label, &values, is_whole));
                if !is_whole {
                    let after = values.last().map(|(time, _)| *time);
                    return Ok((results, Some(Place { after, ..place })));
                }
            }
        }
        Ok((results, None))
    }

    /// The values after a time, in the order of the request.
    fn after(&self, mut values: Vec<(i64, f64)>, after: Option<i64>) -> Vec<(i64, f64)> {
        if !self.ascending {
            values.reverse();
        }
        if let Some(after) = after {
            values.retain(|(time, _)| if self.ascending { *time > after } else { *time < after });
        }
        values
    }
}

impl Query {
    /// The query of one metric.
    pub(super) fn of_metric(stat: Stat) -> Self {
        let (id, what) = ("m1".to_owned(), What::Metric(stat));
        Self { id, what, period: None, label: None, account: None, returned: true }
    }

    pub(super) fn read(members: &Members<'_>, start: i64, end: i64) -> Result<Self, Fault> {
        let id = members.required("Id")?;
        if !is_id(id) {
            let text = format!(
                "{} must begin with a small letter and have letters, digits and underscores only.",
                members.name("Id")
            );
            return Err(Fault::validation(text));
        }
        let what = match (members.text("Expression")?, members.structure("MetricStat")?) {
            (Some(text), None) => What::Expression(expression(members, text)?),
            (None, Some(stat)) => What::Metric(Stat::read(&stat, start, end)?),
            _ => {
                let text = format!(
                    "{} must have either MetricStat or Expression.",
                    members.name("").trim_end_matches('.')
                );
                return Err(Fault::validation(text));
            }
        };
        let period = members.integer("Period")?;
        if let Some(seconds) = period {
            Periods::new(start, end, seconds, &members.name("Period"))?;
        }
        Ok(Self {
            id: id.to_owned(),
            what,
            period,
            label: label(members)?.map(str::to_owned),
            account: account(members)?.map(str::to_owned),
            returned: members.boolean("ReturnData")?.unwrap_or(true),
        })
    }

    /// The same about another time.
    pub(super) fn of_time(&self, start: i64, end: i64) -> Self {
        let mut query = self.clone();
        if let What::Metric(stat) = &mut query.what {
            stat.periods = stat.periods.of_time(start, end);
        }
        query
    }

    /// Its members.
    pub(super) fn document(&self) -> Document {
        let query = Document::new().with("Id", self.id.as_str());
        let query = match &self.what {
            What::Metric(stat) => query.with("MetricStat", stat.document()),
            What::Expression(text) => query.with("Expression", text.as_str()),
        };
        query
            .with_some("Label", self.label.as_deref())
            .with_some("Period", self.period.map(i64::from))
            .with_some("AccountId", self.account.as_deref())
            .with("ReturnData", self.returned)
    }

    /// The statistic that it is about, if it is no expression.
    pub(super) fn stat(&self) -> Option<&Stat> {
        match &self.what {
            What::Metric(stat) => Some(stat),
            What::Expression(_) => None,
        }
    }

    /// The number of its periods; 0 of an expression, which has its values.
    fn periods(&self) -> i64 {
        self.stat().map_or(0, |stat| stat.periods.count())
    }

    /// The seconds of its periods; `None` for an expression without any.
    pub(super) fn period(&self) -> Option<u32> {
        match &self.what {
            What::Metric(stat) => Some(stat.periods.seconds()),
            What::Expression(_) => self.period,
        }
    }

    /// The label of one of its series.
    fn label(&self, line: &Line) -> String {
        let values: Vec<f64> = line.values.iter().map(|(_, value)| *value).collect();
        let subject = Subject {
            name: &line.name,
            metric: line.metric.as_deref(),
            statistic: line.statistic.as_deref(),
            period: line.periods.seconds(),
            values: &values,
        };
        expand(self.label.as_deref().unwrap_or(&line.name), &subject)
    }
}

fn label<'a>(members: &Members<'a>) -> Result<Option<&'a str>, Fault> {
    match members.text("Label")? {
        Some(text) if text.len() > MAX_LABEL => {
            let text = format!("{} has more than {MAX_LABEL} bytes.", members.name("Label"));
            Err(Fault::validation(text))
        }
        text => Ok(text),
    }
}

/// An expression that can be read, not longer than the service accepts.
fn expression(members: &Members<'_>, text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > MAX_EXPRESSION {
        let text = format!("{} must have 1 to {MAX_EXPRESSION} bytes.", members.name("Expression"));
        return Err(Fault::validation(text));
    }
    Expression::parse(text)?;
    Ok(text.to_owned())
}

impl Stat {
    fn read(stat: &Members<'_>, start: i64, end: i64) -> Result<Self, Fault> {
        let metric =
            stat.structure("Metric")?.ok_or_else(|| Fault::missing(&stat.name("Metric")))?;
        let period = stat.integer("Period")?.ok_or_else(|| Fault::missing(&stat.name("Period")))?;
        let statistic = stat.required("Stat")?;
        if Statistic::parse(statistic).is_none() {
            let text = format!("{} is no statistic: {statistic:?}.", stat.name("Stat"));
            return Err(Fault::new(Kind::InvalidValue, text));
        }
        Ok(Self {
            metric: Metric::read(&metric)?,
            periods: Periods::new(start, end, period, &stat.name("Period"))?,
            statistic: statistic.to_owned(),
            unit: stat.text("Unit")?.map(str::to_owned),
        })
    }

    fn document(&self) -> Document {
        Document::new()
            .with("Metric", self.metric.document())
            .with("Period", i64::from(self.periods.seconds()))
            .with("Stat", self.statistic.as_str())
            .with_some("Unit", self.unit.as_deref())
    }
}

fn result(id: &str, label: String, values: &[(i64, f64)], is_whole: bool) -> Document {
    let times = values.iter().map(|(time, _)| Document::Time(*time as f64 / 1000.0));
    let numbers = values.iter().map(|(_, value)| Document::Number(*value));
    Document::new()
        .with("Id", id)
        .with("Label", label)
        .with("Timestamps", times.collect::<Vec<_>>())
        .with("Values", numbers.collect::<Vec<_>>())
        .with("StatusCode", if is_whole { "Complete" } else { "PartialData" })
}

fn account<'a>(members: &Members<'a>) -> Result<Option<&'a str>, Fault> {
    let account = members.text("AccountId")?;
    if account.is_some_and(|account| account.is_empty() || account.chars().count() > 255) {
        return Err(Fault::value(&members.name("AccountId"), "must have 1 to 255 characters"));
    }
    Ok(account)
}

fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix(|first: char| first.is_ascii_lowercase());
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        && text.len() <= 255
}

impl Place {
    fn text(&self) -> String {
        let after = self.after.map(|time| time.to_string()).unwrap_or_default();
        format!("{}/{}/{after}", self.query, self.line)
    }

    fn parse(text: &str) -> Option<Self> {
        let (query, rest) = text.split_once('/')?;
        let (line, after) = rest.split_once('/')?;
        let after = if after.is_empty() { None } else { Some(after.parse().ok()?) };
        Some(Self { query: query.parse().ok()?, line: line.parse().ok()?, after })
    }
}

/// Values of a page.
const MAX_POINTS: usize = 100_800;
/// Results of a page: those of searches may be empty.
const MAX_RESULTS: usize = 2000;
const MAX_QUERIES: usize = 500;
const MAX_EXPRESSION: usize = 2048;
const MAX_LABEL: usize = 2048;
