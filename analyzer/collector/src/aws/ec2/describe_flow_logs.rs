//! `DescribeFlowLogs`.

use core::sync::atomic::Ordering;

use super::filter::Filter;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::flow_logs::{Active, Destination};
use crate::hub::Hub;

pub(super) fn run(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let filters = Filter::read(&members)?;
    let ids = members.texts("FlowLogId")?;
    let limit = match members.integer("MaxResults")? {
        Some(0) => return Err(Fault::value("MaxResults", "is no number from 1 to 1000")),
        limit => limit.map_or(MAX_RESULTS, |limit| MAX_RESULTS.min(limit as usize)),
    };
    let mut logs = hub.flow_logs.all();
    logs.sort_by(|one, other| one.id.cmp(&other.id));
    if let Some(missing) = ids.iter().find(|id| !logs.iter().any(|log| log.id == **id)) {
        let text = format!("The flow log {missing:.64} does not exist.");
        return Err(Fault::new(Kind::NoFlowLog, text));
    }
    let mut found = Vec::new();
    for log in logs.iter().filter(|log| ids.is_empty() || ids.contains(&log.id.as_str())) {
        if passes(hub, log, &filters)? {
            found.push(log);
        }
    }
    // The token is the id after which the next page begins.
    if let Some(after) = members.text("NextToken")?.filter(|token| !token.is_empty()) {
        if !after.starts_with("fl-") {
            return Err(Fault::next_token());
        }
        found.retain(|log| log.id.as_str() > after);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let token = found.last().filter(|_| more).map(|log| log.id.clone());
    let items: Vec<_> = found.into_iter().map(|log| item(hub, log)).collect();
    Ok(Document::new().with("flowLogSet", items).with_some("nextToken", token))
}

fn passes(hub: &Hub, log: &Active, filters: &[Filter<'_>]) -> Result<bool, Fault> {
    let kind = destination_type(&log.setting.destination);
    for filter in filters {
        let matches = match (filter.name, &log.setting.destination) {
            ("log-group-name", Destination::Group(group)) => filter.matches(group),
            ("log-group-name", Destination::Files(_)) => false,
            ("resource-id", _) => filter.matches(&log.setting.resource),
            ("flow-log-id", _) => filter.matches(&log.id),
            ("traffic-type", _) => filter.matches(log.setting.traffic.name()),
            ("log-destination-type", _) => filter.matches(kind),
            ("deliver-log-status", _) => filter.matches(status(hub, log)),
            ("tag-key", _) => log.setting.tags.iter().any(|(key, _)| filter.matches(key)),
            (name, _) => match name.strip_prefix("tag:") {
                Some(wanted) => {
                    let mut tags = log.setting.tags.iter().filter(|(key, _)| key == wanted);
                    tags.any(|(_, value)| filter.matches(value))
                }
                None => {
                    let text = format!("has the unknown name {name:.64}");
                    return Err(Fault::value("Filter", &text));
                }
            },
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Files can fail, log groups cannot.
fn status(hub: &Hub, log: &Active) -> &'static str {
    let fails = hub.flow_logs.file_counts.fails.load(Ordering::Relaxed);
    match log.setting.destination {
        Destination::Files(_) if fails => "FAILED",
        _ => "SUCCESS",
    }
}

fn destination_type(destination: &Destination) -> &'static str {
    match destination {
        Destination::Group(_) => "cloud-watch-logs",
        Destination::Files(_) => "s3",
    }
}

fn item(hub: &Hub, log: &Active) -> Document {
    let setting = &log.setting;
    let tag = |(key, value): &(String, String)| {
        Document::new().with("key", key.as_str()).with("value", value.as_str())
    };
    let tags: Vec<_> = setting.tags.iter().map(tag).collect();
    // Standing flow logs deliver sooner than the shortest interval that clients know.
    let interval = if log.is_standing() { setting.window.max(60) } else { setting.window };
    let item = Document::new()
        .with("creationTime", Document::Time(setting.created as f64 / 1000.0))
        .with("deliverLogsStatus", status(hub, log))
        .with("flowLogId", log.id.as_str())
        .with("flowLogStatus", "ACTIVE")
        .with("resourceId", setting.resource.as_str())
        .with("trafficType", setting.traffic.name())
        .with("logDestinationType", destination_type(&setting.destination))
        .with("logFormat", log.format.to_string())
        .with("maxAggregationInterval", Document::Integer(interval.into()))
        .with("tagSet", tags);
    let item = match &setting.destination {
        Destination::Group(group) => {
            let options = &hub.flow_logs.options;
            let (region, account) = (&options.region, &options.account);
            let arn = format!("arn:aws:logs:{region}:{account}:log-group:{group}");
            item.with("logGroupName", group.as_str()).with("logDestination", arn)
        }
        Destination::Files(files) => {
            let options = Document::new()
                .with("fileFormat", if files.parquet { "parquet" } else { "plain-text" })
                .with("hiveCompatiblePartitions", Document::Bool(files.hive))
                .with("perHourPartition", Document::Bool(files.per_hour));
            let arn = format!("arn:aws:s3:::{}", files.path);
            item.with("logDestination", arn).with("destinationOptions", options)
        }
    };
    if setting.tag_keys.is_empty() {
        return item;
    }
    let keys: Vec<Document> = setting.tag_keys.iter().map(|key| key.as_str().into()).collect();
    let keys = Document::new().with("resourceType", "instance").with("tagKeySet", keys);
    item.with("tagFieldSpecificationSet", vec![keys])
}

const MAX_RESULTS: usize = 1000;
