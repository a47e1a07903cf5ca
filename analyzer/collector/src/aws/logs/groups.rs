//! `DescribeLogGroups`, `CreateLogGroup`, `DeleteLogGroup`, `PutRetentionPolicy`, `DeleteRetentionPolicy`.

use super::name::{arn, fault, group_name, limit};
use super::store::Group;
use crate::aws::cloudwatch::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::tags::Tags;
use crate::hub::Hub;

pub(super) fn describe(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let prefix = members.text("logGroupNamePrefix")?;
    let pattern = members.text("logGroupNamePattern")?;
    if prefix.is_some() && pattern.is_some() {
        let text = "logGroupNamePrefix and logGroupNamePattern exclude each other.";
        return Err(Fault::new(Kind::InvalidCombination, text));
    }
    let limit = limit(&members, MAX_PAGE)?;
    let request = ("groups", prefix, pattern);
    let after = members.text("nextToken")?;
    let after = after.map(|text| token::read(&request, text)).transpose()?;
    let class = members.text("logGroupClass")?;
    // Of patterns the case does not matter.
    let pattern = pattern.map(str::to_ascii_lowercase);
    let is_wanted = |name: &str| {
        let of_pattern = |it: &String| name.to_ascii_lowercase().contains(it.as_str());
        class.is_none_or(|class| class == STANDARD)
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.as_ref().is_none_or(of_pattern)
            && after.is_none_or(|after| name > after)
    };
    let store = hub.aws.logs.store();
    let mut found = store.groups().filter(|group| is_wanted(&group.name));
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let last = page.last().filter(|_| found.next().is_some());
    let next = last.map(|group| token::write(&request, &group.name));
    let groups: Vec<_> = page.into_iter().map(|group| describe_group(hub, group)).collect();
    Ok(Document::new().with("logGroups", groups).with_some("nextToken", next))
}

fn describe_group(hub: &Hub, group: &Group) -> Document {
    let arn = arn(hub, &group.name);
    Document::new()
        .with("logGroupName", &*group.name)
        .with("creationTime", group.created)
        .with_some("retentionInDays", group.retention.map(i64::from))
        .with("metricFilterCount", 0)
        .with("arn", format!("{arn}:*"))
        .with("storedBytes", group.bytes() as i64)
        .with("logGroupClass", STANDARD)
        .with("logGroupArn", arn)
}

pub(super) fn create(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (name, now) = (group_name(&members)?, hub.unix_ms(hub.now()).cast_signed());
    if members.has("kmsKeyId") {
        return Err(Fault::value("kmsKeyId", "has no use: log groups are not encrypted here"));
    }
    if members.text("logGroupClass")?.is_some_and(|class| class != STANDARD) {
        return Err(Fault::value(
            "logGroupClass",
            "must be STANDARD: all groups are of this class",
        ));
    }
    let tags = Tags::of("tags", members.map("tags")?)?;
    let mut store = hub.aws.logs.store();
    store.create(name, now).map_err(fault)?;
    store.set_tags(name, tags).map_err(|refusal| {
        // All or nothing. It is there.
        let _ = store.delete(name);
        fault(refusal)
    })?;
    Ok(Document::new())
}

pub(super) fn delete(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    hub.aws.logs.store().delete(group_name(&members)?).map_err(fault)?;
    Ok(Document::new())
}

pub(super) fn put_retention(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let name = group_name(&members)?;
    let days = members.integer("retentionInDays")?;
    let days = days.ok_or_else(|| Fault::missing("retentionInDays"))?;
    if !DAYS.contains(&days) {
        return Err(Fault::value("retentionInDays", &format!("must be one of {DAYS:?}")));
    }
    hub.aws.logs.store().set_retention(name, Some(days)).map_err(fault)?;
    Ok(Document::new())
}

pub(super) fn delete_retention(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    hub.aws.logs.store().set_retention(group_name(&members)?, None).map_err(fault)?;
    Ok(Document::new())
}

const STANDARD: &str = "STANDARD";
const MAX_PAGE: u32 = 50;
/// Those of the service.
const DAYS: [u32; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, 3654,
];
