//! What an alarm is about, as a program puts it.

use super::condition::Condition;
use super::limited::{self, required};
use super::status::State;
use super::values::Values;
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
    pub(super) subject: Subject,
}

/// What the state of an alarm follows from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    /// Values of metrics.
    Values(Box<Values>),
    /// The states of other alarms.
    States(Condition),
}

/// The types of alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Type {
    Metric,
    Composite,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        TYPES.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }
}

impl Alarm {
    /// The alarm of a request, of the type that its members are of.
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        if members.has("AlarmRule") {
            Self::read_composite(members)
        } else {
            Self::read_metric(members)
        }
    }

    /// An alarm about values.
    pub(super) fn read_metric(members: &Members<'_>) -> Result<Self, Fault> {
        // The name is checked first.
        let name = required(members, "AlarmName", 1, MAX_NAME)?;
        Self::with(name, members, Subject::Values(Box::new(Values::read(members)?)))
    }

    /// An alarm about the states of others.
    pub(super) fn read_composite(members: &Members<'_>) -> Result<Self, Fault> {
        let name = required(members, "AlarmName", 1, MAX_NAME)?;
        Self::with(name, members, Subject::States(Condition::read(members)?))
    }

    fn with(name: &str, members: &Members<'_>, subject: Subject) -> Result<Self, Fault> {
        let actions = |name| limited::texts(members, name, MAX_ACTIONS, MAX_TEXT);
        Ok(Self {
            name: name.to_owned(),
            description: limited::text(members, "AlarmDescription", 0, MAX_TEXT)?
                .map(str::to_owned),
            actions_enabled: members.boolean("ActionsEnabled")?.unwrap_or(true),
            ok: actions("OKActions")?,
            alarm: actions("AlarmActions")?,
            insufficient: actions("InsufficientDataActions")?,
            subject,
        })
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
        match &self.subject {
            Subject::Values(values) => values.write(document),
            Subject::States(condition) => document.with("AlarmRule", condition.text.as_str()),
        }
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

    pub(super) fn kind(&self) -> Type {
        match self.subject {
            Subject::Values(_) => Type::Metric,
            Subject::States(_) => Type::Composite,
        }
    }

    /// The values that it is about, if it is about any.
    pub(super) fn values(&self) -> Option<&Values> {
        match &self.subject {
            Subject::Values(values) => Some(values),
            Subject::States(_) => None,
        }
    }

    /// The condition on states of others, if it is about them.
    pub(super) fn condition(&self) -> Option<&Condition> {
        match &self.subject {
            Subject::Values(_) => None,
            Subject::States(condition) => Some(condition),
        }
    }
}

/// Characters of a name.
pub(super) const MAX_NAME: usize = 255;
/// Characters of a description, and of an action.
pub(super) const MAX_TEXT: usize = 1024;
const MAX_ACTIONS: usize = 5;
/// The words of types.
pub(super) const TYPES: [(&str, Type); 2] =
    [("CompositeAlarm", Type::Composite), ("MetricAlarm", Type::Metric)];

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
    fn written_composite_alarm_is_read_as_the_same() {
        let document = Document::new()
            .with("AlarmName", "c")
            .with("AlarmRule", "ALARM(\"a b\") AND NOT OK(d)")
            .with("AlarmActions", vec!["http://a/".into()]);
        let alarm = Alarm::read(&Members::of(&document).unwrap()).unwrap();
        let written = alarm.write(Document::new().with("AlarmName", "c"));
        assert_eq!(Alarm::read(&Members::of(&written).unwrap()).as_ref(), Ok(&alarm));
        assert_eq!((alarm.kind(), alarm.values()), (Type::Composite, None));
        let suppressed = document.with("ActionsSuppressor", "d");
        let fault = Alarm::read(&Members::of(&suppressed).unwrap()).unwrap_err();
        assert!(fault.message.starts_with("ActionsSuppressor: "), "{fault:?}");
        let fault =
            Alarm::read_composite(&Members::of(&Document::new().with("AlarmName", "c")).unwrap());
        assert!(fault.unwrap_err().message.contains("'alarmRule'"));
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
