//! `DescribeAlarms` and `DescribeAlarmsForMetric`.

use super::alarm::{MAX_NAME, MAX_TEXT, STATISTICS};
use super::limited::{choice, integer, text, texts};
use super::status::{STATES, State};
use super::table::Entry;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

/// A request.
#[derive(Debug, Hash)]
struct Request<'a> {
    names: Vec<String>,
    prefix: &'a str,
    state: Option<State>,
    action: Option<&'a str>,
    /// False if alarms of other alarms are wanted, of which there are none.
    metric_alarms: bool,
}

pub(in crate::aws::cloudwatch) fn describe(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let request = Request::read(&members)?;
    let limit = integer(&members, "MaxRecords", 1, MAX_RECORDS)?.unwrap_or(50) as usize;
    let first = token::place(&members, &request)?;
    let (mut found, mut next) = (Vec::new(), None);
    let mut add = |entry: &Entry| {
        if !request.wants(entry) {
            return;
        }
        if found.len() < limit {
            found.push(entry.document());
        } else if next.is_none() {
            next = Some(token::write(&request, &entry.alarm.name));
        }
    };
    if !request.metric_alarms {
    } else if request.names.is_empty() {
        hub.aws.alarms.from(first.unwrap_or(request.prefix), |entry| {
            add(entry);
            entry.alarm.name.starts_with(request.prefix)
        });
    } else {
        let named =
            request.names.iter().filter(|name| first.is_none_or(|first| name.as_str() >= first));
        named.filter_map(|name| hub.aws.alarms.get(name)).for_each(|entry| add(&entry));
    }
    Ok(Document::new()
        .with("MetricAlarms", found)
        .with("CompositeAlarms", Document::List(Vec::new()))
        .with_some("NextToken", next))
}

impl<'a> Request<'a> {
    fn read(members: &Members<'a>) -> Result<Self, Fault> {
        let mut names = texts(members, "AlarmNames", MAX_NAMES, MAX_NAME)?;
        names.sort_unstable();
        names.dedup();
        let prefix = text(members, "AlarmNamePrefix", 1, MAX_NAME)?;
        if prefix.is_some() && !names.is_empty() {
            let text = "AlarmNamePrefix and AlarmNames exclude each other.";
            return Err(Fault::new(Kind::InvalidCombination, text));
        }
        // Relations that exist among alarms about alarms only.
        let of_others = members.has("ChildrenOfAlarmName") || members.has("ParentsOfAlarmName");
        Ok(Self {
            names,
            prefix: prefix.unwrap_or_default(),
            state: choice(members, "StateValue", &STATES)?,
            action: text(members, "ActionPrefix", 1, MAX_TEXT)?,
            metric_alarms: metric_alarms(members)? && !of_others,
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.alarm.name.starts_with(self.prefix)
            && self.state.is_none_or(|state| state == entry.status.state)
            && self.action.is_none_or(|prefix| entry.alarm.has_action(prefix))
    }
}

/// True unless other types of alarms are wanted only.
pub(super) fn metric_alarms(members: &Members<'_>) -> Result<bool, Fault> {
    let types = texts(members, "AlarmTypes", 2, MAX_NAME)?;
    if let Some(other) = types.iter().find(|it| !TYPES.contains(&it.as_str())) {
        let types = TYPES.join(", ");
        return Err(Fault::validation(format!(
            "AlarmTypes has {other:?}, which is none of {types}."
        )));
    }
    Ok(types.is_empty() || types.iter().any(|it| it == METRIC_ALARM))
}

pub(in crate::aws::cloudwatch) fn describe_for_metric(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let metric = Metric::read(&members)?;
    choice(&members, "Statistic", &STATISTICS)?;
    let statistic = members.text("Statistic")?.or(members.text("ExtendedStatistic")?);
    let (period, unit) = (members.integer("Period")?, members.text("Unit")?);
    let mut found = Vec::new();
    hub.aws.alarms.from("", |entry| {
        let is_wanted = entry.alarm.metric().is_some_and(|stat| {
            stat.metric == metric
                && statistic.is_none_or(|statistic| statistic == stat.statistic)
                && period.is_none_or(|period| period == stat.periods.seconds())
                && unit.is_none_or(|unit| Some(unit) == stat.unit.as_deref())
        });
        if is_wanted {
            found.push(entry.document());
        }
        true
    });
    Ok(Document::new().with("MetricAlarms", found))
}

/// Names of a request.
pub(super) const MAX_NAMES: usize = 100;
const MAX_RECORDS: u32 = 100;
const METRIC_ALARM: &str = "MetricAlarm";
const TYPES: [&str; 2] = ["CompositeAlarm", METRIC_ALARM];
