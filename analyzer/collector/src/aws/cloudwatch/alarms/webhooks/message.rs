//! The message of an alarm, with the members that CloudWatch sends by SNS.

use serde_json::{Map, Value, json};

use super::super::alarm::Subject;
use super::super::status::iso;
use super::super::table::Change;
use super::super::values::Values;
use crate::aws::cloudwatch::get_metric_data::{Query, Stat, What};
use crate::aws::cloudwatch::metric::Metric;

/// The message about a change.
pub(super) fn of(change: &Change) -> Value {
    let (alarm, status) = (&change.entry.alarm, &change.entry.status);
    let mut parts = change.entry.arn.split(':').skip(3);
    let (region, account) = (parts.next(), parts.next());
    let mut message = json!({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": iso(change.entry.configured),
        "NewStateValue": status.state.name(),
        "NewStateReason": status.reason,
        "StateChangeTime": iso(status.transitioned),
        "Region": region,
        "AlarmArn": change.entry.arn,
        "OldStateValue": change.before.state.name(),
    });
    match &alarm.subject {
        Subject::Values(values) => message["Trigger"] = trigger(values),
        Subject::States(condition) => {
            message["AlarmRule"] = condition.text.as_str().into();
            message["TriggeringChildren"] = children(status.data.as_deref().unwrap_or_default());
        }
    }
    for (name, state) in super::super::status::ACTIONS {
        message[name] = alarm.actions(state).into();
    }
    message
}

/// The alarms that changed, of the data of a reason.
fn children(data: &str) -> Value {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let child = |alarm: &Value| {
        let (arn, state) = (&alarm["arn"], &alarm["state"]);
        json!({"Arn": arn, "State": {"Value": state["value"], "Timestamp": state["timestamp"]}})
    };
    data["triggeringAlarms"].as_array().into_iter().flatten().map(child).collect()
}

/// What the alarm is about.
fn trigger(values: &Values) -> Value {
    let mut trigger = Map::new();
    match (values.metric(), values.statistic()) {
        (Some(stat), Some((kind, statistic))) => {
            trigger.extend(metric(&stat.metric));
            trigger.insert("StatisticType".to_owned(), kind.into());
            trigger.insert(kind.to_owned(), capitals(statistic, kind).into());
            trigger.insert("Unit".to_owned(), stat.unit.as_deref().into());
        }
        _ => {
            let queries: Vec<_> =
                values.expressions().unwrap_or_default().iter().map(query).collect();
            trigger.insert("Metrics".to_owned(), queries.into());
        }
    }
    let rule = &values.rule;
    for (name, value) in [
        ("Period", json!(values.period())),
        ("EvaluationPeriods", json!(rule.periods)),
        ("DatapointsToAlarm", json!(rule.datapoints())),
        ("ComparisonOperator", json!(rule.comparison.name())),
        ("Threshold", json!(rule.threshold)),
        ("TreatMissingData", json!(rule.missing().name())),
        ("EvaluateLowSampleCountPercentile", json!(values.low_samples.unwrap_or_default())),
    ] {
        trigger.insert(name.to_owned(), value);
    }
    Value::Object(trigger)
}

fn metric(metric: &Metric) -> [(String, Value); 3] {
    let dimensions = metric.dimensions().iter();
    let dimensions: Vec<_> =
        dimensions.map(|(name, value)| json!({"name": name, "value": value})).collect();
    let members = [
        ("MetricName", metric.name.as_str().into()),
        ("Namespace", metric.namespace.as_str().into()),
        ("Dimensions", dimensions.into()),
    ];
    members.map(|(name, value)| (name.to_owned(), value))
}

fn query(query: &Query) -> Value {
    let mut value = json!({"Id": query.id, "ReturnData": query.returned});
    match &query.what {
        What::Expression(text) => value["Expression"] = text.as_str().into(),
        What::Metric(Stat { metric: own, periods, statistic, .. }) => {
            let own = Value::Object(metric(own).into_iter().collect());
            value["MetricStat"] =
                json!({"Metric": own, "Period": periods.seconds(), "Stat": statistic});
        }
    }
    value
}

/// A statistic as SNS has it: `SAMPLE_COUNT`, but `p99`.
fn capitals(statistic: &str, kind: &str) -> String {
    match (kind, statistic) {
        ("Statistic", "SampleCount") => "SAMPLE_COUNT".to_owned(),
        ("Statistic", other) => other.to_ascii_uppercase(),
        (_, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudwatch::alarms::Alarms;
    use crate::aws::cloudwatch::alarms::alarm::tests::alarm;
    use crate::aws::cloudwatch::alarms::status::{State, Status};
    use crate::aws::document::Document;
    use crate::aws::tags::Tags;

    fn message(further: &[(&str, Document)]) -> Value {
        let alarms = Alarms::new(1 << 20, "eu-west-1", "123456789012");
        alarms.put(alarm(further), Tags::default(), 1_795_867_800_000).unwrap();
        let time = 1_795_867_860_250;
        let (reason, data) = ("Threshold Crossed: x".to_owned(), None);
        let status = Status { has_failed: false, reason, data, ..Status::new(time) };
        let status = Status { state: State::Alarm, ..status };
        of(&alarms.set("a", status).unwrap().unwrap())
    }

    #[test]
    fn message_has_the_members_of_the_service() {
        let dimension = Document::new().with("Name", "host").with("Value", "web1");
        let message = message(&[
            ("AlarmDescription", "too busy".into()),
            ("AlarmActions", vec!["http://a/".into()].into()),
            ("Dimensions", vec![dimension].into()),
            ("TreatMissingData", "breaching".into()),
        ]);
        assert_eq!(
            message,
            json!({
                "AlarmName": "a", "AlarmDescription": "too busy", "AWSAccountId": "123456789012",
                "AlarmConfigurationUpdatedTimestamp": "2026-11-28T12:10:00.000+0000",
                "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed: x",
                "StateChangeTime": "2026-11-28T12:11:00.250+0000", "Region": "eu-west-1",
                "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a",
                "OldStateValue": "INSUFFICIENT_DATA", "OKActions": [], "AlarmActions": ["http://a/"],
                "InsufficientDataActions": [],
                "Trigger": {
                    "MetricName": "m", "Namespace": "N", "StatisticType": "Statistic",
                    "Statistic": "AVERAGE", "Unit": null,
                    "Dimensions": [{"name": "host", "value": "web1"}], "Period": 60,
                    "EvaluationPeriods": 1, "DatapointsToAlarm": 1,
                    "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 90.0,
                    "TreatMissingData": "breaching", "EvaluateLowSampleCountPercentile": ""
                }
            })
        );
    }

    #[test]
    fn trigger_of_expressions_has_them_all() {
        let metric = Document::new().with("Namespace", "N").with("MetricName", "m");
        let stat = Document::new().with("Metric", metric).with("Period", 30).with("Stat", "p99");
        let metric =
            Document::new().with("Id", "m1").with("MetricStat", stat).with("ReturnData", false);
        let twice = Document::new().with("Id", "e1").with("Expression", "m1 * 2");
        let message = message(&[("Metrics", vec![metric, twice].into())]);
        assert_eq!(message["Trigger"]["Period"], 30);
        let expected = json!([
            {"Id": "m1", "ReturnData": false, "MetricStat": {"Period": 30, "Stat": "p99",
                "Metric": {"Namespace": "N", "MetricName": "m", "Dimensions": []}}},
            {"Id": "e1", "ReturnData": true, "Expression": "m1 * 2"}
        ]);
        assert_eq!(message["Trigger"]["Metrics"], expected);
    }
}
