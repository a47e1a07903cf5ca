//! What an alarm is about, as a program puts it.

use super::limited::{self, choice, missing, required};
use super::rule::{MAX_SECONDS, Rule};
use super::status::State;
use crate::aws::cloudwatch::datum::unit;
use crate::aws::cloudwatch::get_metric_data::{Query, Stat, What};
use crate::aws::cloudwatch::math::Expression;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::Periods;
use crate::aws::cloudwatch::statistic::Statistic;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// An alarm.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarm {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) actions_enabled: bool,
    ok: Vec<String>,
    alarm: Vec<String>,
    insufficient: Vec<String>,
    pub(super) rule: Rule,
    /// Kept for who reads it: percentiles of few samples are evaluated as others.
    pub(super) low_samples: Option<&'static str>,
    watched: Watched,
}

/// The values that an alarm is about.
#[derive(Clone, Debug, PartialEq)]
enum Watched {
    /// A statistic of a metric.
    Metric(Query),
    /// Queries of which one returns data.
    Queries(Vec<Query>),
}

impl Alarm {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        let name = required(members, "AlarmName", 1, MAX_NAME)?.to_owned();
        refuse(members)?;
        let low = choice(members, "EvaluateLowSampleCountPercentile", &LOW_SAMPLES)?;
        let actions = |name| limited::texts(members, name, MAX_ACTIONS, MAX_TEXT);
        let alarm = Self {
            name,
            description: limited::text(members, "AlarmDescription", 0, MAX_TEXT)?
                .map(str::to_owned),
            actions_enabled: members.boolean("ActionsEnabled")?.unwrap_or(true),
            ok: actions("OKActions")?,
            alarm: actions("AlarmActions")?,
            insufficient: actions("InsufficientDataActions")?,
            rule: Rule::read(members)?,
            low_samples: low,
            watched: Watched::read(members)?,
        };
        alarm.check_time()?;
        Ok(alarm)
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

    /// Its members, as they can be [read](Self::read).
    pub(super) fn write(&self, document: Document) -> Document {
        let list = |list: &[String]| list.iter().map(|it| it.as_str().into()).collect::<Vec<_>>();
        let document = document
            .with_some("AlarmDescription", self.description.as_deref())
            .with("ActionsEnabled", self.actions_enabled)
            .with("OKActions", list(&self.ok))
            .with("AlarmActions", list(&self.alarm))
            .with("InsufficientDataActions", list(&self.insufficient));
        let document = self.rule.write(self.watched.write(document));
        document.with_some("EvaluateLowSampleCountPercentile", self.low_samples)
    }

    /// The same with the actions switched.
    pub(super) fn with_actions(&self, enabled: bool) -> Self {
        Self { actions_enabled: enabled, ..self.clone() }
    }

    /// The actions of a change to a state, whether they are enabled or not.
    pub(super) fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok,
            State::Alarm => &self.alarm,
            State::InsufficientData => &self.insufficient,
        }
    }

    pub(super) fn has_action(&self, prefix: &str) -> bool {
        let all = [&self.ok, &self.alarm, &self.insufficient];
        all.into_iter().flatten().any(|action| action.starts_with(prefix))
    }

    /// Seconds of a period.
    pub(super) fn period(&self) -> u32 {
        self.watched.period()
    }

    /// The metric that it is about; `None` if it is about expressions.
    pub(super) fn metric(&self) -> Option<&Stat> {
        match &self.watched {
            Watched::Metric(Query { what: What::Metric(stat), .. }) => Some(stat),
            _ => None,
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
            Watched::Metric(query) => core::slice::from_ref(query),
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
            return read_metric(members).map(Self::Metric);
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
            Self::Metric(Query { what: What::Metric(stat), .. }) => {
                let is_plain = STATISTICS.iter().any(|(name, ())| *name == stat.statistic);
                let name = if is_plain { "Statistic" } else { "ExtendedStatistic" };
                stat.metric
                    .write(document)
                    .with(name, stat.statistic.as_str())
                    .with("Period", i64::from(stat.periods.seconds()))
                    .with_some("Unit", stat.unit.as_deref())
            }
            Self::Metric(_) => document,
        }
    }
}

/// The query of an alarm about one metric.
fn read_metric(members: &Members<'_>) -> Result<Query, Fault> {
    let metric = Metric::read(members)?;
    let plain = choice(members, "Statistic", &STATISTICS)?.and(members.text("Statistic")?);
    let statistic = match (plain, limited::text(members, "ExtendedStatistic", 1, MAX_NAME)?) {
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

/// Characters of a name.
pub(super) const MAX_NAME: usize = 255;
/// Characters of a description, and of an action.
pub(super) const MAX_TEXT: usize = 1024;
const MAX_ACTIONS: usize = 5;
/// Queries of an alarm.
const MAX_QUERIES: usize = 20;
/// Those of them that are about a metric.
const MAX_METRICS: usize = 10;
pub(super) const STATISTICS: [(&str, ()); 5] =
    [("SampleCount", ()), ("Average", ()), ("Sum", ()), ("Minimum", ()), ("Maximum", ())];
const LOW_SAMPLES: [(&str, &str); 2] = [("evaluate", "evaluate"), ("ignore", "ignore")];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::aws::fault::Kind;

    /// An alarm about `Average` of a metric with 90 as its threshold, with other members.
    fn document(further: &[(&str, Document)]) -> Document {
        let metric = [
            ("MetricName", "m".into()),
            ("Namespace", "N".into()),
            ("Statistic", "Average".into()),
            ("Period", 60.into()),
        ];
        let common = [
            ("AlarmName", "a".into()),
            ("EvaluationPeriods", 1.into()),
            ("Threshold", 90.0.into()),
            ("ComparisonOperator", "GreaterThanOrEqualToThreshold".into()),
        ];
        let is_other = |name: &str| further.iter().any(|(other, _)| *other == name);
        let is_metric = !is_other("Metrics");
        let own = common.into_iter().chain(metric.into_iter().filter(|_| is_metric));
        let own = own.filter(|(name, _)| !is_other(name)).chain(further.iter().cloned());
        Document::Members(own.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn read(further: &[(&str, Document)]) -> Result<Alarm, Fault> {
        Alarm::read(&Members::of(&document(further))?)
    }

    pub(in crate::aws::cloudwatch::alarms) fn alarm(further: &[(&str, Document)]) -> Alarm {
        read(further).unwrap()
    }

    fn query(id: &str, further: &[(&str, Document)]) -> Document {
        let metric = Document::new().with("Namespace", "N").with("MetricName", "m");
        let stat = Document::new().with("Metric", metric).with("Period", 60).with("Stat", "Sum");
        let is_expression = further.iter().any(|(name, _)| *name == "Expression");
        let query = Document::new().with("Id", id);
        let query = if is_expression { query } else { query.with("MetricStat", stat) };
        further.iter().fold(query, |query, (name, value)| query.with(name, value.clone()))
    }

    #[test]
    fn written_alarm_is_read_as_the_same() {
        let hidden = ("ReturnData", false.into());
        let expression = query("e1", &[("Expression", "m1 * 2".into()), ("Label", "twice".into())]);
        let dimension = Document::new().with("Name", "host").with("Value", "a");
        for further in [
            &[][..],
            &[
                ("AlarmDescription", "text\nof lines".into()),
                ("ActionsEnabled", false.into()),
                ("OKActions", vec!["http://a/".into()].into()),
                ("AlarmActions", vec!["arn:aws:sns:b".into(), "https://c/".into()].into()),
                ("DatapointsToAlarm", 1.into()),
                ("TreatMissingData", "ignore".into()),
                ("EvaluateLowSampleCountPercentile", "ignore".into()),
                ("Unit", "Bytes".into()),
                ("Dimensions", vec![dimension].into()),
                ("Period", 10.into()),
                ("Statistic", Document::Null),
                ("ExtendedStatistic", "p99.9".into()),
            ],
            &[("Metrics", vec![query("m1", &[hidden]), expression].into())],
        ] {
            let alarm = alarm(further);
            let written = alarm.write(Document::new().with("AlarmName", alarm.name.as_str()));
            let again = Alarm::read(&Members::of(&written).unwrap());
            assert_eq!(again.as_ref(), Ok(&alarm), "{written:?}");
        }
    }

    #[test]
    fn requests_that_make_no_alarm_are_errors() {
        let hidden = || ("ReturnData", false.into());
        let metrics = |list: Vec<Document>| ("Metrics", list.into());
        let sum = || query("e1", &[("Expression", "m1 + 1".into())]);
        let long = |name, length: usize| (name, "x".repeat(length).into());
        let other_period = {
            let metric = Document::new().with("Namespace", "N").with("MetricName", "m");
            let stat =
                Document::new().with("Metric", metric).with("Period", 30).with("Stat", "Sum");
            Document::new().with("Id", "m2").with("MetricStat", stat).with("ReturnData", false)
        };
        for further in [
            vec![("AlarmName", "".into())],
            vec![("AlarmName", "a\u{0}".into())],
            vec![long("AlarmName", 256)],
            vec![long("AlarmDescription", 1025)],
            vec![("EvaluationPeriods", 0.into())],
            vec![("EvaluationPeriods", 1441.into())],
            vec![("EvaluationPeriods", Document::Null)],
            vec![("DatapointsToAlarm", 2.into())],
            vec![("DatapointsToAlarm", 0.into())],
            vec![("Threshold", Document::Null)],
            vec![("ComparisonOperator", "Equal".into())],
            vec![("ComparisonOperator", "LessThanLowerThreshold".into())],
            vec![("ThresholdMetricId", "m1".into())],
            vec![("TreatMissingData", "zero".into())],
            vec![("EvaluateLowSampleCountPercentile", "zero".into())],
            vec![("Period", 61.into())],
            vec![("Period", Document::Null)],
            vec![("Statistic", "p99".into())],
            vec![("Statistic", Document::Null)],
            vec![("ExtendedStatistic", "p99".into())],
            vec![("Statistic", Document::Null), ("ExtendedStatistic", "Average".into())],
            vec![("AlarmActions", vec!["x".into(); 6].into())],
            vec![("AlarmActions", vec!["".into()].into())],
            vec![("OKActions", vec!["x".repeat(1025).into()].into())],
            vec![metrics(vec![sum(), query("m1", &[])])],
            vec![metrics(vec![query("m1", &[hidden()])])],
            vec![metrics(vec![sum(), query("e1", &[hidden()])])],
            vec![metrics(vec![sum(), query("m1", &[hidden()]), other_period])],
            vec![metrics(vec![query("e1", &[("Expression", "SEARCH('{N} m','Sum',60)".into())])])],
            vec![metrics(vec![sum(), query("m1", &[hidden()])]), ("Period", 60.into())],
            vec![metrics((0..11).map(|at| query(&format!("m{at}"), &[])).collect())],
        ] {
            let fault = read(&further).unwrap_err();
            assert_eq!(fault.kind, Kind::Validation, "{further:?}: {fault:?}");
        }
        for last in [
            vec![long("AlarmName", 255), long("AlarmDescription", 1024)],
            vec![("EvaluationPeriods", 1440.into())],
            vec![("Period", 3600.into()), ("EvaluationPeriods", 168.into())],
            vec![("AlarmActions", vec!["x".repeat(1024).into(); 5].into())],
            vec![("Period", 1.into()), ("EvaluationPeriods", 86_400.into())],
        ] {
            assert!(read(&last).is_ok(), "{last:?}");
        }
    }
}
