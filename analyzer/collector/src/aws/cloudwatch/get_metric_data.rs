//! `GetMetricData`: values of many metrics, in pages.

use std::collections::BTreeSet;

use super::directory::Directory;
use super::label::{Subject, expand};
use super::metric::Metric;
use super::period::Periods;
use super::series::Series;
use super::statistic::Statistic;
use super::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
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
#[derive(Debug, Hash)]
struct Query {
    id: String,
    subject: What,
    label: Option<String>,
    returned: bool,
}

/// What a query is about.
#[derive(Debug, Hash)]
enum What {
    Metric(Stat),
    Expression(String),
}

/// A statistic of a metric.
#[derive(Debug, Hash)]
struct Stat {
    metric: Metric,
    periods: Periods,
    statistic: String,
    unit: Option<String>,
}

/// Values at times in milliseconds since 1970, in the order of time.
type Values = Vec<(i64, f64)>;

/// Where a page begins: at a query, after the values that the pages before have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    query: usize,
    after: Option<i64>,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let request = Request::read(&members)?;
    let place = match members.text("NextToken")? {
        None => Place { query: 0, after: None },
        Some(token) => Place::parse(token::read(&request, token)?).ok_or_else(Fault::next_token)?,
    };
    request.check_expressions()?;
    let limit = match members.integer("MaxDatapoints")? {
        None => MAX_POINTS,
        Some(limit) if (1..=MAX_POINTS).contains(&(limit as usize)) => limit as usize,
        Some(_) => return Err(Fault::value("MaxDatapoints", "must be from 1 to 100800")),
    };
    let (results, next) = request.page(hub, &hub.aws.directory.get(hub), place, limit);
    let token = next.map(|place| token::write(&request, &place.text()));
    Ok(Document::new()
        .with("MetricDataResults", results)
        .with_some("NextToken", token)
        .with("Messages", Vec::new()))
}

impl Request {
    fn read(members: &Members<'_>) -> Result<Self, Fault> {
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
        let queries = list.iter().map(|query| Query::read(query, start, end));
        let queries = queries.collect::<Result<Vec<_>, _>>()?;
        let mut ids = BTreeSet::new();
        if let Some(twice) = queries.iter().find(|query| !ids.insert(&query.id)) {
            return Err(Fault::validation(format!("The id {} is used twice.", twice.id)));
        }
        Ok(Self { queries, start, end, ascending })
    }

    /// Expressions are refused by name, so that nobody takes their absence for an absence of data.
    fn check_expressions(&self) -> Result<(), Fault> {
        for query in &self.queries {
            if let What::Expression(text) = &query.subject {
                let text = format!("The expression {text:?} of {} is not supported yet.", query.id);
                return Err(Fault::validation(text));
            }
        }
        Ok(())
    }

    /// A page of results with at most so many values, and the place where the next one begins.
    fn page(
        &self,
        hub: &Hub,
        directory: &Directory,
        from: Place,
        limit: usize,
    ) -> (Vec<Document>, Option<Place>) {
        let (mut results, mut free) = (Vec::new(), limit);
        let returned = self.queries.iter().enumerate().filter(|(_, query)| query.returned);
        for (number, query) in returned.skip_while(|(number, _)| *number < from.query) {
            if free == 0 {
                return (results, Some(Place { query: number, after: None }));
            }
            let What::Metric(stat) = &query.subject else { continue };
            let all = stat.values(hub, directory);
            let label = stat.label(query.label.as_deref(), &all);
            let after = from.after.filter(|_| number == from.query);
            let mut values = self.after(all, after);
            let is_whole = values.len() <= free;
            values.truncate(free);
            free -= values.len();
            results.push(result(&query.id, label, &values, is_whole));
            if !is_whole {
                let after = values.last().map(|(time, _)| *time);
                return (results, Some(Place { query: number, after }));
            }
        }
        (results, None)
    }

    /// The values after a time, in the order of the request.
    fn after(&self, mut values: Values, after: Option<i64>) -> Values {
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
    fn read(members: &Members<'_>, start: i64, end: i64) -> Result<Self, Fault> {
        let id = members.required("Id")?;
        if !is_id(id) {
            let text = format!(
                "{} must begin with a small letter and have letters, digits and underscores only.",
                members.name("Id")
            );
            return Err(Fault::validation(text));
        }
        let subject = match (members.text("Expression")?, members.structure("MetricStat")?) {
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
        Ok(Self {
            id: id.to_owned(),
            subject,
            label: members.text("Label")?.map(str::to_owned),
            returned: members.boolean("ReturnData")?.unwrap_or(true),
        })
    }
}

/// An expression, not longer than the service accepts.
fn expression(members: &Members<'_>, text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > MAX_EXPRESSION {
        let text = format!("{} must have 1 to {MAX_EXPRESSION} bytes.", members.name("Expression"));
        return Err(Fault::validation(text));
    }
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

    fn values(&self, hub: &Hub, directory: &Directory) -> Values {
        let Some(statistic) = Statistic::parse(&self.statistic) else { return Vec::new() };
        let series = Series::find(hub, directory, &self.metric);
        let is_unit = |series: &Series| self.unit.as_ref().is_none_or(|unit| *unit == series.unit);
        let Some(series) = series.filter(is_unit) else { return Vec::new() };
        let points = series.points(hub, &self.periods);
        let periods = self.periods.fill(&points, statistic.needs_values());
        periods.into_iter().filter_map(|(begin, it)| Some((begin, statistic.of(&it)?))).collect()
    }

    fn label(&self, label: Option<&str>, values: &Values) -> String {
        let values: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        let subject = Subject {
            name: &self.metric.name,
            metric: Some(&self.metric),
            statistic: Some(&self.statistic),
            period: self.periods.seconds(),
            values: &values,
        };
        expand(label.unwrap_or(&self.metric.name), &subject)
    }
}

fn result(id: &str, label: String, values: &Values, is_whole: bool) -> Document {
    let times = values.iter().map(|(time, _)| Document::Time(*time as f64 / 1000.0));
    let numbers = values.iter().map(|(_, value)| Document::Number(*value));
    Document::new()
        .with("Id", id)
        .with("Label", label)
        .with("Timestamps", times.collect::<Vec<_>>())
        .with("Values", numbers.collect::<Vec<_>>())
        .with("StatusCode", if is_whole { "Complete" } else { "PartialData" })
}

fn is_id(text: &str) -> bool {
    let rest = text.strip_prefix(|first: char| first.is_ascii_lowercase());
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        && text.len() <= 255
}

impl Place {
    fn text(&self) -> String {
        let after = self.after.map(|time| time.to_string()).unwrap_or_default();
        format!("{}/{after}", self.query)
    }

    fn parse(text: &str) -> Option<Self> {
        let (query, after) = text.split_once('/')?;
        let after = if after.is_empty() { None } else { Some(after.parse().ok()?) };
        Some(Self { query: query.parse().ok()?, after })
    }
}

/// Values of a page.
const MAX_POINTS: usize = 100_800;
const MAX_QUERIES: usize = 500;
const MAX_EXPRESSION: usize = 2048;
