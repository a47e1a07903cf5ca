//! The values that an alarm is about: of a metric or of expressions, and the rule about them.

use super::alarm::MAX_NAME;
use super::limited::{choice, missing, text};
use super::rule::{MAX_SECONDS, Rule};
use crate::aws::cloudwatch::datum::unit;
use crate::aws::cloudwatch::get_metric_data::{Query, Stat, What};
use crate::aws::cloudwatch::math::Expression;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::Periods;
use crate::aws::cloudwatch::statistic::Statistic;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// Values with the rule about them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub(super) rule: Rule,
    /// Kept for who reads it: percentiles of few samples are evaluated as others.
    pub(super) low_samples: Option<&'static str>,
    watched: Watched,
}

/// Where they come from.
#[derive(Clone, Debug, PartialEq)]
enum Watched {
    /// A statistic of a metric.
    Metric(Box<Query>),
    /// Queries of which one returns data.
    Queries(Vec<Query>),
}

impl Values {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        refuse(members)?;
        let low_samples = choice(members, "EvaluateLowSampleCountPercentile", &LOW_SAMPLES)?;
        let (rule, watched) = (Rule::read(members)?, Watched::read(members)?);
        let values = Self { rule, low_samples, watched };
        values.check_time()?;
        Ok(values)
    }

    fn check_time(&self) -> Result<(), Fault> {
        let period = self.period();
        let limit = if period < 3600 { MAX_SECONDS / 7 } else { MAX_SECONDS };
        if u64::from(self.rule.periods) * u64::from(period) > u64::from(limit) {
            return Err(Fault::validation(format!(
                "EvaluationPeriods times Period must be at most {limit} seconds."
            )));
        }
        Ok(())
    }

    /// Adds the members.
    pub(super) fn write(&self, document: Document) -> Document {
        let document = self.rule.write(self.watched.write(document));
        document.with_some("EvaluateLowSampleCountPercentile", self.low_samples)
    }

    /// Seconds of a period.
    pub(super) fn period(&self) -> u32 {
        self.watched.period()
    }

    /// The metric that it is about; `None` if it is about expressions.
    pub(super) fn metric(&self) -> Option<&Stat> {
        match &self.watched {
            Watched::Metric(query) => query.stat(),
            Watched::Queries(_) => None,
        }
    }

    /// The statistic of its metric, with the member that has it.
    pub(super) fn statistic(&self) -> Option<(&'static str, &str)> {
        let statistic = self.metric()?.statistic.as_str();
        let is_plain = STATISTICS.iter().any(|(name, ())| *name == statistic);
        Some((if is_plain { "Statistic" } else { "ExtendedStatistic" }, statistic))
    }

    /// The queries of its values between two times, in milliseconds since 1970.
    pub(super) fn queries(&self, from: i64, to: i64) -> Vec<Query> {
        let queries = match &self.watched {
            Watched::Metric(query) => core::slice::from_ref(&**query),
            Watched::Queries(queries) => queries,
        };
        queries.iter().map(|query| query.of_time(from, to)).collect()
    }

    /// The queries of an alarm about expressions.
    pub(super) fn expressions(&self) -> Option<&[Query]> {
        match &self.watched {
            Watched::Metric(_) => None,
            Watched::Queries(queries) => Some(queries),
        }
    }
}

impl Watched {
    fn read(members: &Members<'_>) -> Result<Self, Fault> {
        let list = members.structures("Metrics")?;
        if list.is_empty() {
            return Ok(Self::Metric(Box::new(read_metric(members)?)));
        }
        const OF_ONE: [&str; 7] = [
            "MetricName",
            "Namespace",
            "Statistic",
            "ExtendedStatistic",
            "Dimensions",
            "Period",
            "Unit",
        ];
        if let Some(name) = OF_ONE.into_iter().find(|name| members.has(name)) {
            return Err(Fault::validation(format!("{name} and Metrics exclude each other.")));
        }
        if list.len() > MAX_QUERIES {
            return Err(Fault::validation(format!("Metrics has more than {MAX_QUERIES} items.")));
        }
        let queries =
            list.iter().map(|query| Query::read(query, 0, 1)).collect::<Result<Vec<_>, _>>();
        let queries = queries.map_err(|fault| Fault::validation(fault.message))?;
        check(&queries)?;
        Ok(Self::Queries(queries))
    }

    fn period(&self) -> u32 {
        match self {
            Self::Metric(query) => query.period(),
            Self::Queries(queries) => queries.iter().find_map(Query::period),
        }
        .unwrap_or(60)
    }

    /// Adds the members.
    fn write(&self, document: Document) -> Document {
        match self {
            Self::Queries(queries) => {
                let queries: Vec<_> = queries.iter().map(Query::document).collect();
                document.with("Metrics", queries)
            }
            Self::Metric(query) => {
                let Some(stat) = query.stat() else { return document };
                let is_plain = STATISTICS.iter().any(|(name, ())| *name == stat.statistic);
                let name = if is_plain { "Statistic" } else { "ExtendedStatistic" };
                stat.metric
                    .write(document)
                    .with(name, stat.statistic.as_str())
                    .with("Period", i64::from(stat.periods.seconds()))
                    .with_some("Unit", stat.unit.as_deref())
            }
        }
    }
}

/// The query of an alarm about one metric.
fn read_metric(members: &Members<'_>) -> Result<Query, Fault> {
    let metric = Metric::read(members)?;
    let plain = choice(members, "Statistic", &STATISTICS)?.and(members.text("Statistic")?);
    let statistic = match (plain, text(members, "ExtendedStatistic", 1, MAX_NAME)?) {
        (Some(plain), None) => plain,
        (None, Some(text)) if Statistic::parse(text).is_some_and(|it| it.needs_values()) => text,
        (None, Some(text)) => {
            return Err(Fault::validation(format!("ExtendedStatistic is none: {text:?}.")));
        }
        _ => {
            let text = "Exactly one of Statistic and ExtendedStatistic must be given.";
            return Err(Fault::validation(text));
        }
    };
    let period = members.integer("Period")?.ok_or_else(|| missing("Period"))?;
    let periods = Periods::new(0, 1, period, "Period");
    let periods = periods.map_err(|fault| Fault::validation(fault.message))?;
    let unit = members.text("Unit")?.map(|text| unit("Unit", text)).transpose()?;
    let (statistic, unit) = (statistic.to_owned(), unit.map(|it| it.to_string()));
    Ok(Query::of_metric(Stat { metric, periods, statistic, unit }))
}

/// Checks that the queries are those of an alarm: one of them is watched, and all have the same period.
fn check(queries: &[Query]) -> Result<(), Fault> {
    let mut ids: Vec<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Fault::validation(format!("The id {} is used twice.", pair[0])));
    }
    if queries.iter().filter(|query| query.returned).count() != 1 {
        let text =
            "Metrics must have exactly one item with ReturnData true, which the alarm watches.";
        return Err(Fault::validation(text));
    }
    let metrics = queries.iter().filter(|query| matches!(query.what, What::Metric(_))).count();
    if metrics > MAX_METRICS {
        let text = format!("Metrics has more than {MAX_METRICS} items with MetricStat.");
        return Err(Fault::validation(text));
    }
    let mut periods = queries.iter().filter_map(Query::period);
    let first = periods.next();
    if periods.any(|period| Some(period) != first) {
        return Err(Fault::validation("All items of Metrics must have the same Period."));
    }
    for query in queries {
        if let What::Expression(text) = &query.what
            && Expression::parse(text)?.calls("SEARCH")
        {
            return Err(Fault::validation("An alarm cannot have SEARCH in its expressions."));
        }
    }
    Ok(())
}

/// Refuses what would make another alarm than the one that is meant.
fn refuse(members: &Members<'_>) -> Result<(), Fault> {
    for (name, what) in [
        ("ThresholdMetricId", "bands of anomaly detection models"),
        ("EvaluationCriteria", "alarms about PromQL"),
        ("EvaluationInterval", "alarms about PromQL"),
    ] {
        if members.has(name) {
            return Err(Fault::validation(format!("{name}: {what} are not supported.")));
        }
    }
    Ok(())
}

/// Queries of an alarm.
const MAX_QUERIES: usize = 20;
/// Those of them that are about a metric.
const MAX_METRICS: usize = 10;
pub(super) const STATISTICS: [(&str, ()); 5] =
    [("SampleCount", ()), ("Average", ()), ("Sum", ()), ("Minimum", ()), ("Maximum", ())];
const LOW_SAMPLES: [(&str, &str); 2] = [("evaluate", "evaluate"), ("ignore", "ignore")];
