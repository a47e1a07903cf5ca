//! The operations that change alarms.

use super::alarm::{Alarm, MAX_NAME};
use super::describe::MAX_NAMES;
use super::limited::{choice, missing, required, text, texts};
use super::status::{STATES, Status};
use super::stored::done;
use super::{tags, watch};
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

/// `PutMetricAlarm`.
pub(in crate::aws::cloudwatch) fn put(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (alarm, tags) = (Alarm::read_metric(&members)?, tags::read(&members)?);
    let now = now(hub);
    // An expression can fail for what it refers to.
    if let Some(values) = alarm.values().filter(|values| values.expressions().is_some()) {
        watch::seen(hub, values, now)?;
    }
    hub.aws.alarms.put(alarm, tags, now)?;
    done(hub)
}

/// `PutCompositeAlarm`.
pub(in crate::aws::cloudwatch) fn put_composite(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (alarm, tags) = (Alarm::read_composite(&members)?, tags::read(&members)?);
    hub.aws.alarms.put(alarm, tags, now(hub))?;
    done(hub)
}

/// `DeleteAlarms`.
pub(in crate::aws::cloudwatch) fn delete(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    hub.aws.alarms.delete(&names(document)?, now(hub))?;
    done(hub)
}

/// `SetAlarmState`: until the next evaluation.
pub(in crate::aws::cloudwatch) fn set_state(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let name = required(&members, "AlarmName", 1, MAX_NAME)?;
    let state = choice(&members, "StateValue", &STATES)?;
    let reason = required(&members, "StateReason", 0, 1023)?.to_owned();
    let data = text(&members, "StateReasonData", 0, 4000)?.map(str::to_owned);
    if data.as_deref().is_some_and(|data| serde_json::from_str::<serde_json::Value>(data).is_err())
    {
        return Err(Fault::new(Kind::InvalidFormat, "StateReasonData is no JSON."));
    }
    let state = state.ok_or_else(|| missing("StateValue"))?;
    let now = now(hub);
    let status = Status { state, reason, data, updated: now, transitioned: now, has_failed: false };
    if let Some(change) = hub.aws.alarms.set(name, status)? {
        hub.aws.alarms.webhooks.act(&change);
    }
    done(hub)
}

/// `EnableAlarmActions`.
pub(in crate::aws::cloudwatch) fn enable(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    switch(hub, document, true)
}

/// `DisableAlarmActions`.
pub(in crate::aws::cloudwatch) fn disable(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    switch(hub, document, false)
}

fn switch(hub: &Hub, document: &Document, enabled: bool) -> Result<Document, Fault> {
    hub.aws.alarms.switch(&names(document)?, enabled, now(hub));
    done(hub)
}

fn names(document: &Document) -> Result<Vec<String>, Fault> {
    let members = Members::of(document)?;
    if !members.has("AlarmNames") {
        return Err(missing("AlarmNames"));
    }
    texts(&members, "AlarmNames", MAX_NAMES, MAX_NAME)
}

fn now(hub: &Hub) -> i64 {
    hub.unix_ms(hub.now()).cast_signed()
}
