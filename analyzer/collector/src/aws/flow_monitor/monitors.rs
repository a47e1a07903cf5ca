//! The one monitor.

use crate::aws::cloudwatch::MONITOR;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::protocol::iso;
use crate::hub::Hub;

pub(super) fn list(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    limit(&members, "maxResults", 25)?;
    if members.text("nextToken")?.is_some() {
        // There never is a second page.
        return Err(Fault::next_token());
    }
    let status = members.text("monitorStatus")?;
    if let Some(status) = status.filter(|status| !STATES.contains(status)) {
        let text = format!("monitorStatus has {status:?}, which is none.");
        return Err(Fault::validation(text));
    }
    let shown = status.is_none_or(|status| status == ACTIVE);
    let monitors = if shown { vec![summary(hub)] } else { Vec::new() };
    Ok(Document::new().with("monitors", monitors))
}

pub(super) fn get(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    check(&Members::of(document)?)?;
    let begin = iso(hub.unix_ms(flowmote_engine::Instant::default()) as f64 / 1000.0);
    Ok(summary(hub)
        .with("localResources", Vec::<Document>::new())
        .with("remoteResources", Vec::<Document>::new())
        .with("createdAt", begin.as_str())
        .with("modifiedAt", begin.as_str())
        .with("tags", Document::Map(Vec::new())))
}

fn summary(hub: &Hub) -> Document {
    let (region, account) = (&hub.flow_logs.options.region, &hub.flow_logs.options.account);
    let arn = format!("arn:aws:networkflowmonitor:{region}:{account}:monitor/{MONITOR}");
    Document::new()
        .with("monitorArn", arn)
        .with("monitorName", MONITOR)
        .with("monitorStatus", ACTIVE)
}

/// Checks that a request is about the monitor.
pub(super) fn check(members: &Members<'_>) -> Result<(), Fault> {
    let name = members.required("monitorName")?;
    if name == MONITOR {
        return Ok(());
    }
    let name: String = name.chars().take(255).collect();
    let text = format!("The monitor {name} does not exist. There is one, {MONITOR}.");
    Err(Fault::new(Kind::ResourceNotFound, text))
}

/// A number of results from 1 to `most`, which is also the default.
pub(super) fn limit(members: &Members<'_>, name: &str, most: u32) -> Result<usize, Fault> {
    match members.integer(name)? {
        None => Ok(most as usize),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit as usize),
        Some(_) => Err(Fault::validation(format!("{name} must be from 1 to {most}."))),
    }
}

const ACTIVE: &str = "ACTIVE";
const STATES: [&str; 5] = ["PENDING", ACTIVE, "INACTIVE", "ERROR", "DELETING"];
