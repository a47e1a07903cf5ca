//! `DescribeAlarms` and `DescribeAlarmsForMetric`.

use super::alarm::{MAX_NAME, MAX_TEXT, TYPES, Type};
use super::limited::{choice, integer, text, texts};
use super::status::{STATES, State};
use super::table::{Alarms, Entry};
use super::values::{STATISTICS, Values};
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
    types: Vec<Type>,
    /// True for the alarms with these names only.
    is_named: bool,
}

pub(in crate::aws::cloudwatch) fn describe(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let request = Request::read(&hub.aws.alarms, &members)?;
    let limit = integer(&members, "MaxRecords", 1, MAX_RECORDS)?.unwrap_or(50) as usize;
    let first = token::place(&members, &request)?;
    let (mut found, mut composite, mut next) = (Vec::new(), Vec::new(), None);
    let mut add = |entry: &Entry| {
        if !request.wants(entry) {
            return;
        }
        if found.len() + composite.len() < limit {
            match entry.alarm.kind() {
                Type::Metric => found.push(entry.document()),
                Type::Composite => composite.push(entry.document()),
            }
        } else if next.is_none() {
            next = Some(token::write(&request, &entry.alarm.name));
        }
    };
    if !request.is_named {
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
        .with("CompositeAlarms", composite)
        .with_some("NextToken", next))
}

impl<'a> Request<'a> {
    fn read(alarms: &Alarms, members: &Members<'a>) -> Result<Self, Fault> {
        let mut names = texts(members, "AlarmNames", MAX_NAMES, MAX_NAME)?;
        names.sort_unstable();
        names.dedup();
        let prefix = text(members, "AlarmNamePrefix", 1, MAX_NAME)?;
        if prefix.is_some() && !names.is_empty() {
            let text = "AlarmNamePrefix and AlarmNames exclude each other.";
            return Err(Fault::new(Kind::InvalidCombination, text));
        }
        let mut types = types(members)?;
        let children = text(members, "ChildrenOfAlarmName", 1, MAX_NAME)?;
        let parents = text(members, "ParentsOfAlarmName", 1, MAX_NAME)?;
        let relatives = match (children, parents) {
            (None, None) => None,
            (Some(name), None) => Some(alarms.get(name).map(|it| it.children.to_vec())),
            (None, Some(name)) => Some(Some(alarms.parents(name))),
            (Some(_), Some(_)) => {
                let text = "ChildrenOfAlarmName and ParentsOfAlarmName exclude each other.";
                return Err(Fault::new(Kind::InvalidCombination, text));
            }
        };
        let is_named = !names.is_empty() || relatives.is_some();
        if let Some(relatives) = relatives {
            names = relatives.unwrap_or_default();
            names.sort_unstable();
            types = TYPES.map(|(_, kind)| kind).to_vec();
        }
        // As of the service.
        if types.is_empty() {
            types.push(Type::Metric);
        }
        Ok(Self {
            names,
            is_named,
            prefix: prefix.unwrap_or_default(),
            state: choice(members, "StateValue", &STATES)?,
            action: text(members, "ActionPrefix", 1, MAX_TEXT)?,
            types,
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.types.contains(&entry.alarm.kind())
            && entry.alarm.name.starts_with(self.prefix)
            && self.state.is_none_or(|state| state == entry.status.state)
            && self.action.is_none_or(|prefix| entry.alarm.has_action(prefix))
    }
}

/// The types of alarms that are wanted; none if the request has no word of them.
pub(super) fn types(members: &Members<'_>) -> Result<Vec<Type>, Fault> {
    let list = texts(members, "AlarmTypes", 2, MAX_NAME)?;
    let of_word = |word: &String| {
        let found = TYPES.iter().find(|(name, _)| name == word).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            let types = TYPES.map(|(name, _)| name).join(", ");
            Fault::validation(format!("AlarmTypes has {word:?}, which is none of {types}."))
        })
    };
    list.iter().map(of_word).collect()
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
        let is_wanted = entry.alarm.values().and_then(Values::metric).is_some_and(|stat| {
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
