//! `TagResource`, `UntagResource`, `ListTagsForResource`: the tags of alarms.

use super::limited::{missing, required, texts};
use super::stored;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::tags::Tags;
use crate::hub::Hub;

/// The tags of a request.
pub(super) fn read(members: &Members<'_>) -> Result<Tags, Fault> {
    let list = members.structures("Tags")?;
    let pair = |tag: &Members<'_>| {
        Ok((required(tag, "Key", 1, 128)?.to_owned(), required(tag, "Value", 0, 256)?.to_owned()))
    };
    let pairs = list.iter().map(pair).collect::<Result<Vec<_>, Fault>>()?;
    Tags::of("Tags", pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

pub(in crate::aws::cloudwatch) fn tag(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let name = alarm(hub, &members)?;
    if !members.has("Tags") {
        return Err(missing("Tags"));
    }
    let further = read(&members)?;
    hub.aws.alarms.set_tags(name, |tags| tags.with("Tags", further))?;
    done(hub)
}

pub(in crate::aws::cloudwatch) fn untag(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let name = alarm(hub, &members)?;
    if !members.has("TagKeys") {
        return Err(missing("TagKeys"));
    }
    let keys = texts(&members, "TagKeys", MAX_KEYS, 128)?;
    hub.aws.alarms.set_tags(name, |tags| Ok(tags.without(&keys)))?;
    done(hub)
}

pub(in crate::aws::cloudwatch) fn list(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let name = alarm(hub, &Members::of(document)?)?.to_owned();
    let entry = hub.aws.alarms.get(&name).ok_or_else(|| none(&name))?;
    Ok(Document::new().with("Tags", entry.tags.list()))
}

/// Unlike other changes these have a result, which is empty.
fn done(hub: &Hub) -> Result<Document, Fault> {
    stored::done(hub).map(|_| Document::Map(Vec::new()))
}

/// The name of the alarm with the ARN of a request.
fn alarm<'a>(hub: &Hub, members: &Members<'a>) -> Result<&'a str, Fault> {
    let arn = required(members, "ResourceARN", 1, 1024)?;
    if !arn.starts_with("arn:") {
        return Err(Fault::value("ResourceARN", "is no ARN"));
    }
    hub.aws.alarms.name(arn).ok_or_else(|| none(arn))
}

/// The error for a resource that does not exist.
pub(super) fn none(resource: &str) -> Fault {
    let resource: String = resource.chars().take(300).collect();
    Fault::new(Kind::NoResource, format!("There is no alarm {resource}."))
}

/// Keys of a request.
const MAX_KEYS: usize = 50;
