//! The tags of log groups: `TagResource`, `UntagResource` and `ListTagsForResource`, and the older
//! `TagLogGroup`, `UntagLogGroup` and `ListTagsLogGroup`, which have the name of a group instead of an ARN.

use super::name::{fault, group_name, of_identifier};
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::aws::tags::Tags;
use crate::hub::Hub;

pub(super) fn add(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let name = group(&members)?;
    if !members.has("tags") {
        return Err(Fault::missing("tags"));
    }
    let further = Tags::of("tags", members.map("tags")?)?;
    change(hub, name, |tags| tags.with("tags", further))
}

pub(super) fn remove(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    // That of a group by its name.
    let keys = if members.has("tags") { "tags" } else { "tagKeys" };
    if !members.has(keys) {
        return Err(Fault::missing("tagKeys"));
    }
    let keys = members.texts(keys)?;
    change(hub, group(&members)?, |tags| Ok(tags.without(&keys)))
}

pub(super) fn list(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let name = group(&Members::of(document)?)?.to_owned();
    let store = hub.aws.logs.store();
    let tags = store.group(&name).map_err(fault)?.tags.map();
    Ok(Document::new().with("tags", tags))
}

/// The name of the group that a request is about.
fn group<'a>(members: &Members<'a>) -> Result<&'a str, Fault> {
    match members.text("resourceArn")? {
        None if members.has("logGroupName") => group_name(members),
        None => Err(Fault::missing("resourceArn")),
        Some(arn) if arn.starts_with("arn:") => of_identifier("resourceArn", arn),
        Some(_) => Err(Fault::value("resourceArn", "is no ARN")),
    }
}

fn change(
    hub: &Hub,
    name: &str,
    change: impl FnOnce(&Tags) -> Result<Tags, Fault>,
) -> Result<Document, Fault> {
    let mut store = hub.aws.logs.store();
    let tags = change(&store.group(name).map_err(fault)?.tags)?;
    store.set_tags(name, tags).map_err(fault)?;
    Ok(Document::new())
}
