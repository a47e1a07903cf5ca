//! The state of an alarm, and its reason in the words of the service.

use serde_json::json;
use time::OffsetDateTime;

use super::rule::{Rule, Treatment, Verdict};
use super::values::Values;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Ok,
    Alarm,
    InsufficientData,
}

/// A state with its reason and times, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) reason: String,
    /// The values behind it, as JSON.
    pub(super) data: Option<String>,
    pub(super) updated: i64,
    pub(super) transitioned: i64,
    /// True if the alarm could not be evaluated.
    pub(super) has_failed: bool,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        STATES.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }
}

impl Status {
    /// That of a new alarm.
    pub(super) fn new(now: i64) -> Self {
        Self {
            state: State::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            data: None,
            updated: now,
            transitioned: now,
            has_failed: false,
        }
    }

    /// The status that follows from a verdict for another state.
    pub(super) fn of(values: &Values, state: State, verdict: &Verdict, now: i64) -> Self {
        let reason = reason(&values.rule, state, verdict);
        let data = Some(data(values, verdict, now));
        Self { state, reason, data, updated: now, transitioned: now, has_failed: false }
    }

    /// The status that follows from the states of other alarms: that of an alarm with this ARN changed last.
    pub(super) fn of_others(state: State, last: Option<(&str, &Self)>, now: i64) -> Self {
        let status = Self { state, ..Self::new(now) };
        let Some((arn, last)) = last else {
            return Self { reason: "The rule is about no alarm that exists.".to_owned(), ..status };
        };
        let (name, time) = (last.state.name(), last.transitioned);
        let alarm = json!({"arn": arn, "state": {"value": name, "timestamp": iso(time)}});
        Self {
            reason: format!("{arn} transitioned to {name} at {}", long(time)),
            data: Some(json!({ "triggeringAlarms": [alarm] }).to_string()),
            ..status
        }
    }

    /// The status of an alarm whose expressions cannot be evaluated.
    pub(super) fn failed(fault: &Fault, now: i64) -> Self {
        let mut reason = format!("Insufficient Data: {}", fault.message);
        reason.truncate(reason.floor_char_boundary(1023));
        let state = State::InsufficientData;
        Self { state, reason, data: None, updated: now, transitioned: now, has_failed: true }
    }

    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        let state = super::limited::choice(members, "StateValue", &STATES)?;
        let updated = members.required_time("StateUpdatedTimestamp")?;
        Ok(Self {
            state: state.ok_or_else(|| super::limited::missing("StateValue"))?,
            reason: members.text("StateReason")?.unwrap_or_default().to_owned(),
            data: members.text("StateReasonData")?.map(str::to_owned),
            updated,
            transitioned: members.time("StateTransitionedTimestamp")?.unwrap_or(updated),
            has_failed: members.text("EvaluationState")? == Some(FAILED),
        })
    }

    /// Adds its members.
    pub(super) fn write(&self, document: Document) -> Document {
        document
            .with("StateValue", self.state.name())
            .with("StateReason", self.reason.as_str())
            .with_some("StateReasonData", self.data.as_deref())
            .with("StateUpdatedTimestamp", Document::Time(self.updated as f64 / 1000.0))
            .with("StateTransitionedTimestamp", Document::Time(self.transitioned as f64 / 1000.0))
            .with_some("EvaluationState", self.has_failed.then_some(FAILED))
    }
}

/// Why the values make the state.
fn reason(rule: &Rule, state: State, verdict: &Verdict) -> String {
    if state == State::InsufficientData {
        let missing = rule.periods as usize;
        return format!("Insufficient Data: {} {} unknown.", datapoints(missing), was(missing));
    }
    let treated = match (rule.missing(), verdict.filled) {
        (Treatment::Breaching, 1..) => Some("Breaching"),
        (Treatment::NotBreaching, 1..) => Some("NonBreaching"),
        _ => None,
    };
    let filled = verdict.filled;
    if verdict.used.is_empty() {
        return format!(
            "Threshold Crossed: no datapoints were received for {} and {} missing {} {} treated as [{}].",
            plural(filled, "period"),
            filled,
            if filled == 1 { "datapoint" } else { "datapoints" },
            was(filled),
            treated.unwrap_or_default()
        );
    }
    let is_alarm = state == State::Alarm;
    let those = |(_, value): &&(i64, f64)| rule.is_breached_by(*value) == is_alarm;
    let values: Vec<_> = verdict.used.iter().filter(those).collect();
    let listed: Vec<_> =
        values.iter().take(MAX_LISTED).map(|(time, value)| at(*time, *value)).collect();
    let (count, not) = (values.len(), if is_alarm { "" } else { "not " });
    let (needed, from, to) = match is_alarm {
        true => (rule.datapoints(), "OK", "ALARM"),
        false => (rule.periods as usize - rule.datapoints() + 1, "ALARM", "OK"),
    };
    let treated = treated.map(|as_what| {
        format!(" and {} missing {} treated as [{as_what}]", datapoints(filled), was(filled))
    });
    format!(
        "Threshold Crossed: {count} out of the last {} datapoints [{}] {} {not}{} the threshold ({:?}){} \
         (minimum {} for {from} -> {to} transition).",
        rule.periods,
        listed.join(", "),
        was(count),
        rule.comparison.words(),
        rule.threshold,
        treated.unwrap_or_default(),
        datapoints(needed)
    )
}

fn datapoints(count: usize) -> String {
    plural(count, "datapoint")
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn was(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// A value with the beginning of its period: `99.5 (28/11/26 12:10:00)`.
fn at(time: i64, value: f64) -> String {
    let time = date(time);
    format!(
        "{value:?} ({:02}/{:02}/{:02} {:02}:{:02}:{:02})",
        time.day(),
        u8::from(time.month()),
        time.year() % 100,
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// The values as JSON.
fn data(values: &Values, verdict: &Verdict, now: i64) -> String {
    let used = || verdict.used.iter().take(MAX_LISTED);
    let mut recent: Vec<f64> = used().map(|(_, value)| *value).collect();
    recent.reverse();
    let evaluated: Vec<_> =
        used().map(|(time, value)| json!({"timestamp": iso(*time), "value": value})).collect();
    let mut data = json!({
        "version": "1.0",
        "queryDate": iso(now),
        "period": values.period(),
        "recentDatapoints": recent,
        "threshold": values.rule.threshold,
        "evaluatedDatapoints": evaluated,
    });
    if let Some((first, _)) = used().next_back() {
        data["startDate"] = iso(*first).into();
    }
    if let Some((_, statistic)) = values.statistic() {
        data["statistic"] = statistic.into();
    }
    data.to_string()
}

/// A time as the service writes it in texts: `2026-11-28T12:10:00.000+0000`.
pub(super) fn iso(milliseconds: i64) -> String {
    let time = date(milliseconds);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// A time as the service writes it for people: `Saturday 28 November, 2026 12:10:00 UTC`.
fn long(milliseconds: i64) -> String {
    let time = date(milliseconds);
    format!(
        "{} {:02} {}, {} {:02}:{:02}:{:02} UTC",
        time.weekday(),
        time.day(),
        time.month(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

fn date(milliseconds: i64) -> OffsetDateTime {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The members with the actions of each state.
pub(super) const ACTIONS: [(&str, State); 3] = [
    ("OKActions", State::Ok),
    ("AlarmActions", State::Alarm),
    ("InsufficientDataActions", State::InsufficientData),
];
/// The words of states.
pub(super) const STATES: [(&str, State); 3] =
    [("OK", State::Ok), ("ALARM", State::Alarm), ("INSUFFICIENT_DATA", State::InsufficientData)];
/// The evaluation state of an alarm whose configuration is wrong.
const FAILED: &str = "EVALUATION_ERROR";
/// Values that a reason lists, so that it has less than a thousand characters.
const MAX_LISTED: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudwatch::alarms::alarm::tests::alarm;

    fn of(further: &[(&str, Document)], values: &[Option<f64>]) -> Status {
        let alarm = alarm(further);
        let alarm = alarm.values().unwrap();
        let range: Vec<_> =
            (0..).map(|at| 1_795_867_800_000 + at * 60_000).zip(values.to_vec()).collect();
        let verdict = alarm.rule.judge(&range);
        Status::of(alarm, verdict.state.unwrap(), &verdict, 1_795_868_100_250)
    }

    #[test]
    fn reasons_have_the_words_of_the_service() {
        let two = [("EvaluationPeriods", 2.into())];
        let breaching = [("EvaluationPeriods", 2.into()), ("TreatMissingData", "breaching".into())];
        let (high, low) = (Some(99.5), Some(10.0));
        for (further, values, state, reason) in [
            (
                &two[..],
                [low, low, high, Some(90.0)],
                State::Alarm,
                "Threshold Crossed: 2 out of the last 2 datapoints [90.0 (28/11/26 12:13:00), 99.5 \
                 (28/11/26 12:12:00)] were greater than or equal to the threshold (90.0) (minimum 2 \
                 datapoints for OK -> ALARM transition).",
            ),
            (
                &two,
                [high, high, high, low],
                State::Ok,
                "Threshold Crossed: 1 out of the last 2 datapoints [10.0 (28/11/26 12:13:00)] was not \
                 greater than or equal to the threshold (90.0) (minimum 1 datapoint for ALARM -> OK \
                 transition).",
            ),
            (
                &two,
                [None; 4],
                State::InsufficientData,
                "Insufficient Data: 2 datapoints were unknown.",
            ),
            (
                &breaching,
                [None; 4],
                State::Alarm,
                "Threshold Crossed: no datapoints were received for 2 periods and 2 missing \
                 datapoints were treated as [Breaching].",
            ),
        ] {
            let status = of(further, &values);
            assert_eq!((status.state, status.reason.as_str()), (state, reason));
        }
    }

    #[test]
    fn reason_of_a_composite_alarm_is_the_last_change() {
        let last = Status { state: State::Alarm, ..Status::new(1_795_867_800_000) };
        let status = Status::of_others(State::Ok, Some(("arn:aws:cloudwatch:x", &last)), 5);
        assert_eq!(
            status.reason,
            "arn:aws:cloudwatch:x transitioned to ALARM at Saturday 28 November, 2026 12:10:00 UTC"
        );
        let data: serde_json::Value = serde_json::from_str(&status.data.unwrap()).unwrap();
        assert_eq!(
            data,
            json!({"triggeringAlarms": [{"arn": "arn:aws:cloudwatch:x",
                "state": {"value": "ALARM", "timestamp": "2026-11-28T12:10:00.000+0000"}}]})
        );
        assert_eq!((status.state, status.transitioned), (State::Ok, 5));
        assert_eq!(Status::of_others(State::Alarm, None, 5).data, None);
    }

    #[test]
    fn alarm_that_cannot_be_evaluated_has_an_evaluation_state() {
        let fault = Fault::validation("The expression has 2 time series.");
        for status in [Status::failed(&fault, 1000), Status::new(1000)] {
            let written = status.write(Document::new());
            let members = Members::of(&written).unwrap();
            let expected = status.has_failed.then_some("EVALUATION_ERROR");
            assert_eq!(members.text("EvaluationState"), Ok(expected));
            assert_eq!(Status::read(&members), Ok(status));
        }
    }

    #[test]
    fn data_of_a_reason_is_json_of_bounded_length() {
        let many = [("EvaluationPeriods", 1400.into())];
        let status = of(&many, &[Some(-1.234_567_890_123_456_7e-300); 1402]);
        let data = status.data.unwrap();
        assert!(
            data.len() < 4000 && status.reason.len() < 1024,
            "{} {}",
            data.len(),
            status.reason
        );
        let status = of(&[], &[None, Some(10.0), Some(99.5)]);
        let data: serde_json::Value = serde_json::from_str(&status.data.unwrap()).unwrap();
        assert_eq!(
            data,
            json!({"version": "1.0", "queryDate": "2026-11-28T12:15:00.250+0000",
                "startDate": "2026-11-28T12:12:00.000+0000", "statistic": "Average", "period": 60,
                "recentDatapoints": [99.5], "threshold": 90.0, "evaluatedDatapoints":
                [{"timestamp": "2026-11-28T12:12:00.000+0000", "value": 99.5}]})
        );
    }
}
