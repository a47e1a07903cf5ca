//! `GetLogGroupFields`, `GetLogRecord`.

use std::collections::BTreeMap;

use super::insights::{discovered, formats};
use super::name::{fault, group};
use super::store::{limits, parse_pointer};
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

/// The fields of the newest events, and in how many percent of them each is.
pub(super) fn of_group(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let span = 0..=i64::MAX;
    let name = group(&members)?;
    let view = hub.aws.logs.view(hub, name, &span, 0).map_err(fault)?;
    let formats = formats(hub, name);
    let (first, last) = limits(&view.since(span));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0;
    for event in view.backward(first, last).take(SAMPLE) {
        total += 1;
        for name in discovered(&formats, event.message).into_iter().chain(OWN.map(str::to_owned)) {
            if counts.len() >= MAX_COUNTED && !counts.contains_key(&name) {
                continue;
            }
            *counts.entry(name).or_default() += 1;
        }
    }
    let field = |(name, count): (String, usize)| {
        Document::new().with("name", name).with("percent", (count * 100 / total.max(1)) as i64)
    };
    let mut fields: Vec<_> = counts.into_iter().collect();
    // The most frequent first.
    fields.sort_by(|(one, more), (other, less)| less.cmp(more).then_with(|| one.cmp(other)));
    fields.truncate(MAX_FIELDS);
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    Ok(Document::new().with("logGroupFields", fields))
}

/// The event of a `@ptr`.
pub(super) fn record(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let pointer = members.required("logRecordPointer")?;
    let (id, time, sequence) = parse_pointer(pointer)
        .ok_or_else(|| Fault::value("logRecordPointer", "is no @ptr of a query"))?;
    let view = hub.aws.logs.store().view_by_id(id, &(time..=time));
    let missing = || Fault::new(Kind::ResourceNotFound, "The log event is no longer there.");
    let view = view.ok_or_else(missing)?;
    let found = view.scan(&(time..=time)).find(|event| event.sequence == sequence);
    let event = found.ok_or_else(missing)?;
    let stream = view.stream(event.stream).ok_or_else(missing)?;
    let map = [
        ("@timestamp", event.timestamp.to_string()),
        ("@ingestionTime", event.ingestion.to_string()),
        ("@log", format!("{}:{}", hub.flow_logs.options.account, view.group)),
        ("@logStream", stream.to_string()),
        ("@message", event.message.to_owned()),
        ("@ptr", pointer.to_owned()),
    ];
    let map = map.map(|(name, value)| (name.to_owned(), Document::Text(value))).to_vec();
    Ok(Document::new().with("logRecord", Document::Map(map)))
}

const OWN: [&str; 5] = ["@timestamp", "@ingestionTime", "@message", "@log", "@logStream"];
/// Events that are looked at.
const SAMPLE: usize = 1000;
const MAX_FIELDS: usize = 1000;
/// Fields that are counted.
const MAX_COUNTED: usize = 10 * MAX_FIELDS;
