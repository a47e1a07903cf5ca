//! `DescribeLogStreams`, `CreateLogStream`, `DeleteLogStream`.

use std::sync::Arc;

use super::name::{arn, check_stream, fault, group, group_name, limit};
use super::store::Stream;
use crate::aws::cloudwatch::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn describe(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let group = group(&members)?;
    let prefix = members.text("logStreamNamePrefix")?;
    let by_time = by_time(&members)?;
    if by_time && prefix.is_some() {
        let text = "logStreamNamePrefix cannot be used with the order LastEventTime.";
        return Err(Fault::new(Kind::InvalidCombination, text));
    }
    let descending = members.boolean("descending")?.unwrap_or(false);
    let limit = limit(&members, MAX_PAGE)?;
    let request = (group, prefix, by_time, descending);
    let after = members.text("nextToken")?.map(|text| token::read(&request, text)).transpose()?;
    let after =
        after.map(|place| place.split_once('/').ok_or_else(Fault::next_token)).transpose()?;
    let after = after.map(|(time, name)| (time.parse().unwrap_or_default(), name));

    let store = hub.aws.logs.store();
    let all = store.group(group).map_err(fault)?.streams();
    let place = |stream: &Stream| if by_time { stream.last.unwrap_or_default() } else { 0 };
    let mut found: Vec<(i64, &Arc<str>, &Stream)> = all
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .map(|(name, stream)| (place(stream), name, stream))
        .filter(|(time, name, _)| {
            let own = (*time, &***name);
            after.is_none_or(|after| if descending { own < after } else { own > after })
        })
        .collect();
    found.sort_by_key(|(time, name, _)| (*time, *name));
    if descending {
        found.reverse();
    }
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let last = found.last().filter(|_| !is_last);
    let next = last.map(|(time, name, _)| token::write(&request, &format!("{time}/{name}")));
    let streams: Vec<_> = found
        .into_iter()
        .map(|(_, name, stream)| describe_stream(hub, group, name, stream))
        .collect();
    Ok(Document::new().with("logStreams", streams).with_some("nextToken", next))
}

fn by_time(members: &Members<'_>) -> Result<bool, Fault> {
    match members.text("orderBy")? {
        None | Some("LogStreamName") => Ok(false),
        Some("LastEventTime") => Ok(true),
        Some(_) => Err(Fault::value("orderBy", "must be LogStreamName or LastEventTime")),
    }
}

fn describe_stream(hub: &Hub, group: &str, name: &str, stream: &Stream) -> Document {
    Document::new()
        .with("logStreamName", name)
        .with("creationTime", stream.created)
        .with_some("firstEventTimestamp", stream.first)
        .with_some("lastEventTimestamp", stream.last)
        .with_some("lastIngestionTime", stream.last_ingestion)
        .with("arn", format!("{}:log-stream:{name}", arn(hub, group)))
        .with("storedBytes", 0)
}

pub(super) fn create(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (group, stream) = names(&members)?;
    let now = hub.unix_ms(hub.now()).cast_signed();
    hub.aws.logs.store().create_stream(group, stream, now).map_err(fault)?;
    Ok(Document::new())
}

pub(super) fn delete(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (group, stream) = names(&members)?;
    hub.aws.logs.store().delete_stream(group, stream).map_err(fault)?;
    Ok(Document::new())
}

/// The group and the stream of a request.
pub(super) fn names<'a>(members: &Members<'a>) -> Result<(&'a str, &'a str), Fault> {
    let (group, stream) = (group_name(members)?, members.required("logStreamName")?);
    check_stream("logStreamName", stream)?;
    Ok((group, stream))
}

const MAX_PAGE: u32 = 50;
