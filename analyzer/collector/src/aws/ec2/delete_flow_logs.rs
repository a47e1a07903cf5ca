//! `DeleteFlowLogs`.

use super::unsuccessful;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;
use crate::state::Settings;

pub(super) fn run(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let ids = members.texts("FlowLogId")?;
    if ids.is_empty() {
        return Err(Fault::missing("FlowLogId"));
    }
    if ids.len() > MAX_IDS {
        return Err(Fault::value("FlowLogId", &format!("has more than {MAX_IDS} ids")));
    }
    let failed = hub.change(|hub, settings| delete(hub, settings, &ids))?;
    Ok(Document::new().with("unsuccessful", failed))
}

fn delete(hub: &Hub, settings: &mut Settings, ids: &[&str]) -> Result<Vec<Document>, Fault> {
    let mut failed = Vec::new();
    for id in ids {
        if settings.flow_logs.remove(*id).is_none() {
            let all = hub.flow_logs.all();
            let (code, message) = match all.iter().any(|log| log.id == *id) {
                true => ("OperationNotPermitted", "This flow log is always there."),
                false => ("InvalidFlowLogId.NotFound", "There is no flow log with this id."),
            };
            failed.push(unsuccessful(id, code, message));
        }
    }
    let fault = |(_, error): (String, String)| Fault::new(Kind::InvalidValue, error);
    hub.flow_logs.set(&settings.flow_logs).map_err(fault)?;
    Ok(failed)
}

const MAX_IDS: usize = 1000;
