//! `CreateTags` and `DeleteTags`, of flow logs.

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::tags::Tags;
use crate::hub::Hub;

/// The tags of a flow log.
type Pairs = Vec<(String, String)>;

pub(super) fn create(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let list = members.structures("Tag")?;
    if list.is_empty() {
        return Err(Fault::missing("Tag"));
    }
    let pair = |tag: &Members<'_>| {
        Ok((tag.required("Key")?.to_owned(), tag.text("Value")?.unwrap_or_default().to_owned()))
    };
    let further = list.iter().map(pair).collect::<Result<Pairs, Fault>>()?;
    let further = Tags::of("Tag", texts(&further))?;
    change(hub, &members, |own| Tags::of("Tag", texts(own))?.with("Tag", further.clone()))
}

pub(super) fn delete(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let list = members.structures("Tag")?;
    let pair = |tag: &Members<'_>| {
        let value = tag.text("Value")?.map(str::to_owned);
        Ok((tag.text("Key")?.unwrap_or_default().to_owned(), value))
    };
    let unwanted = list.iter().map(pair).collect::<Result<Vec<_>, Fault>>()?;
    // All of them if the request names none.
    let goes = |key: &str, value: &str| {
        unwanted.is_empty()
            || unwanted
                .iter()
                .any(|(name, only)| name == key && only.as_ref().is_none_or(|only| only == value))
    };
    change(hub, &members, |own| {
        Tags::of("Tag", texts(own).filter(|(key, value)| !goes(key, value)))
    })
}

fn texts(pairs: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Changes the tags of all resources of a request, or of none if one does not exist.
fn change(
    hub: &Hub,
    members: &Members<'_>,
    change: impl Fn(&Pairs) -> Result<Tags, Fault>,
) -> Result<Document, Fault> {
    let ids = members.texts("ResourceId")?;
    if ids.is_empty() {
        return Err(Fault::missing("ResourceId"));
    }
    if ids.len() > MAX_IDS {
        return Err(Fault::value("ResourceId", &format!("has more than {MAX_IDS} ids")));
    }
    if members.boolean("DryRun")? == Some(true) {
        return Err(Fault::new(Kind::DryRun, "The request would have succeeded."));
    }
    hub.change(|hub, settings| {
        let mut logs = settings.flow_logs.clone();
        for id in ids {
            let log = logs.get_mut(id).ok_or_else(|| {
                let text = format!("The flow log {id:.64} does not exist, or has no tags.");
                Fault::new(Kind::NoFlowLog, text)
            })?;
            log.tags = change(&log.tags)?.pairs().collect();
        }
        let fault = |(_, error): (String, String)| Fault::new(Kind::InvalidValue, error);
        hub.flow_logs.set(&logs).map_err(fault)?;
        settings.flow_logs = logs;
        Ok(Document::new().with("return", true))
    })
}

/// As of `DeleteFlowLogs`.
const MAX_IDS: usize = 1000;
