//! The file of alarms: each as `DescribeAlarms` describes it.

use serde_json::{Value, json};

use super::alarm::Alarm;
use super::status::Status;
use super::table::Alarms;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;
use crate::state::State;
use crate::stderr::eprintln_lossy;

/// Stores the alarms, unless the file has them.
pub(in crate::aws) fn save(hub: &Hub) {
    if !hub.state.is_kept() {
        return;
    }
    let alarms = &hub.aws.alarms;
    let mut written = alarms.written.lock();
    let changes = alarms.changes();
    if *written == changes {
        return;
    }
    let mut all = Vec::new();
    alarms.from("", |entry| {
        all.push(entry.document());
        true
    });
    hub.state.store(FILE, &json!({ "alarms": all }));
    *written = changes;
}

/// Puts the alarms of the last run back. Those that this version refuses are reported.
pub(in crate::aws) fn restore(alarms: &Alarms, state: &State, now: i64) {
    let stored: Value = state.load(FILE);
    let list = match Document::from(stored) {
        Document::Members(members) => members.into_iter().find(|(name, _)| name == "alarms"),
        _ => None,
    };
    let Some((_, Document::List(list))) = list else { return };
    for document in list {
        if let Err(fault) = restore_one(alarms, &document, now) {
            let members = Members::of(&document).ok();
            let name = members.and_then(|it| it.text("AlarmName").ok().flatten());
            let (name, reason) = (name.unwrap_or_default(), fault.message);
            eprintln_lossy(format_args!(
                "flowmote-analyzer: alarm {name} is not restored: {reason}"
            ));
        }
    }
    *alarms.written.lock() = alarms.changes();
}

fn restore_one(alarms: &Alarms, document: &Document, now: i64) -> Result<(), Fault> {
    let members = Members::of(document)?;
    let configured = members.required_time("AlarmConfigurationUpdatedTimestamp")?;
    alarms.restore(Alarm::read(&members)?, Status::read(&members)?, configured, now)
}

const FILE: &str = "alarms.json";
