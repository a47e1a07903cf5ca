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
    let is_known = |name: &str| NAMES.contains(&name) || name.starts_with("tag:");
    if let Some(filter) = filters.iter().find(|filter| !is_known(filter.name)) {
        return Err(Fault::value("Filter", &format!("has the unknown name {:.64}", filter.name)));
    }
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
        if filters.iter().all(|filter| passes(hub, log, filter)) {
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

fn passes(hub: &Hub, log: &Active, filter: &Filter<'_>) -> bool {
    match (filter.name, &log.setting.destination) {
        ("log-group-name", Destination::Group(group)) => filter.matches(group),
        ("log-group-name", Destination::Files(_)) => false,
        ("resource-id", _) => filter.matches(&log.setting.resource),
        ("flow-log-id", _) => filter.matches(&log.id),
        ("traffic-type", _) => filter.matches(log.setting.traffic.name()),
        ("log-destination-type", _) => filter.matches(destination_type(&log.setting.destination)),
        ("deliver-log-status", _) => filter.matches(status(hub, log)),
        ("tag-key", _) => log.setting.tags.iter().any(|(key, _)| filter.matches(key)),
        (name, _) => name.strip_prefix("tag:").is_some_and(|wanted| {
            let mut tags = log.setting.tags.iter().filter(|(key, _)| key == wanted);
            tags.any(|(_, value)| filter.matches(value))
        }),
    }
}

/// Files can fail, log groups cannot.
fn status(hub: &Hub, log: &Active) -> &'static str {
    let fails = hub.flow_logs.file_counts.fails.load(Ordering::Relaxed);
    match log.setting.destination {
        // Without a directory it was made by an earlier run that had one.
        Destination::Files(_) if fails || !hub.flow_logs.has_files() => "FAILED",
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
        .with_some("deliverLogsPermissionArn", setting.permission.as_deref())
        .with_some("deliverCrossAccountRole", setting.cross_account_role.as_deref())
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
/// Names of filters, beside `tag:KEY`.
const NAMES: [&str; 7] = [
    "log-group-name",
    "resource-id",
    "flow-log-id",
    "traffic-type",
    "log-destination-type",
    "deliver-log-status",
    "tag-key",
];
