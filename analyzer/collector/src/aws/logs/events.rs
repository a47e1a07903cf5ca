//! The events of thresholds as log events.

use core::sync::atomic::Ordering;

use flowmote_engine::events::Event;

use crate::http::EventEntry;
use crate::hub::Hub;

/// Adds the events of thresholds that came after those that this has added, in the form that
/// `/events/json` has.
pub(crate) fn add_events(hub: &Hub) {
    let logs = &hub.aws.logs;
    let next = logs.next_event.load(Ordering::Relaxed);
    let news = hub.events(next.checked_sub(1), usize::MAX, None).events;
    let Some(last) = news.first().map(|event| event.id) else { return };
    let entry = |event: Event| {
        let time = hub.unix_ms(event.time).cast_signed();
        // Texts and numbers can always be written.
        (time, serde_json::to_string(&EventEntry::of(hub, event)).unwrap_or_default())
    };
    let entries: Vec<_> = news.into_iter().rev().map(entry).collect();
    let entries = entries.iter().map(|(time, text)| (*time, text.as_str()));
    logs.append(EVENTS, "thresholds", hub.unix_ms(hub.now()).cast_signed(), entries);
    logs.next_event.store(last + 1, Ordering::Relaxed);
}

/// The group of events.
pub(crate) const EVENTS: &str = "/flowmote/events";
