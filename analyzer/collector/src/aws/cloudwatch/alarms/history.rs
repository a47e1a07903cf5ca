//! What happened to alarms, also to those that are deleted.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::alarm::{MAX_NAME, Type};
use super::limited::{choice, integer, text};
use super::status::Status;
use super::table::Entry;
use crate::aws::cloudwatch::token;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

/// The last events, in the order in which they happened.
#[derive(Debug)]
pub(super) struct History {
    events: VecDeque<(i64, Event)>,
    /// Events that were dropped before.
    first: u64,
    bytes: usize,
    capacity: usize,
}

/// What the file has.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Stored {
    first: u64,
    events: Vec<(i64, Event)>,
}

/// Something that happened to an alarm.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Event {
    alarm: String,
    #[serde(default)]
    is_composite: bool,
    kind: Kind,
    summary: String,
    /// JSON.
    data: String,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
enum Kind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl History {
    /// No events. They take at most about `capacity` bytes; the oldest go first.
    pub(super) fn new(capacity: usize) -> Self {
        Self { events: VecDeque::new(), first: 0, bytes: 0, capacity }
    }

    /// Adds an event at a time in milliseconds since 1970.
    pub(super) fn add(&mut self, time: i64, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back((time, event));
        while self.bytes > self.capacity
            && let Some((_, old)) = self.events.pop_front()
        {
            self.bytes -= old.bytes();
            self.first += 1;
        }
    }

    /// The number of events that there were.
    pub(super) fn count(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest events, as many as a file has.
    pub(super) fn stored(&self) -> Stored {
        let mut bytes = 0;
        let has_room = |(_, event): &&(i64, Event)| {
            bytes += event.bytes();
            bytes <= MAX_STORED
        };
        let older = self.events.len() - self.events.iter().rev().take_while(has_room).count();
        let first = self.first + older as u64;
        Stored { first, events: self.events.iter().skip(older).cloned().collect() }
    }

    /// Takes the events of the last run, before there are others.
    pub(super) fn restore(&mut self, stored: Stored) {
        self.first = stored.first;
        stored.events.into_iter().for_each(|(time, event)| self.add(time, event));
    }

    /// The events with their numbers.
    fn all(&self) -> impl DoubleEndedIterator<Item = (u64, i64, &Event)> {
        let at = |number: usize| {
            let (time, event) = self.events.get(number)?;
            Some((self.first + number as u64, *time, event))
        };
        (0..self.events.len()).filter_map(at)
    }
}

impl Event {
    fn new((alarm, of): (&str, Type), kind: Kind, summary: &str, data: &Value) -> Self {
        let summary = summary.chars().take(MAX_SUMMARY).collect();
        let (alarm, is_composite) = (alarm.to_owned(), of == Type::Composite);
        Self { alarm, is_composite, kind, summary, data: data.to_string() }
    }

    /// An alarm was put, in the place of another one or not.
    pub(super) fn configured(before: Option<&Entry>, now: &Entry) -> Self {
        let (kind, verb, member) = match before {
            None => ("Create", "created", "createdAlarm"),
            Some(_) => ("Update", "updated", "updatedAlarm"),
        };
        Self::of_configuration(now, kind, verb, member)
    }

    /// An alarm was deleted.
    pub(super) fn deleted(entry: &Entry) -> Self {
        Self::of_configuration(entry, "Delete", "deleted", "deletedAlarm")
    }

    fn of_configuration(entry: &Entry, kind: &str, verb: &str, member: &str) -> Self {
        let name = &entry.alarm.name;
        let alarm = serde_json::to_value(entry.document()).unwrap_or_default();
        let mut data = json!({"version": "1.0", "type": kind, member: alarm});
        // A long one cannot be cut and still be JSON.
        if data.to_string().len() > MAX_DATA {
            data = json!({"version": "1.0", "type": kind});
        }
        let summary = format!("Alarm \"{name}\" {verb}");
        Self::new((name, entry.alarm.kind()), Kind::ConfigurationUpdate, &summary, &data)
    }

    /// The state changed.
    pub(super) fn transition(before: &Status, now: &Entry) -> Self {
        let (from, to) = (before.state.name(), now.status.state.name());
        let summary = format!("Alarm updated from {from} to {to}");
        let state = |status: &Status, with_data: bool| {
            let data = status.data.as_deref().filter(|_| with_data);
            let data = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
            let mut state =
                json!({"stateValue": status.state.name(), "stateReason": status.reason});
            if let Some(data) = data {
                state["stateReasonData"] = data;
            }
            state
        };
        let data = |old, new| {
            json!({"version": "1.0", "oldState": state(before, old),
                "newState": state(&now.status, new)})
        };
        let all = [(true, true), (false, true), (false, false)].map(|(old, new)| data(old, new));
        let short = all.iter().find(|data| data.to_string().len() <= MAX_DATA);
        let alarm = (now.alarm.name.as_str(), now.alarm.kind());
        Self::new(alarm, Kind::StateUpdate, &summary, short.unwrap_or(&Value::Null))
    }

    /// An action was done, or why it was not.
    pub(super) fn action(
        alarm: (&str, Type),
        action: &str,
        changed: i64,
        error: Option<&str>,
    ) -> Self {
        let summary = match error {
            None => format!("Successfully executed action {action}"),
            Some(error) => {
                format!("Failed to execute action {action}. Received error: \"{error}\"")
            }
        };
        let mut data = json!({
            "actionState": if error.is_none() { "Succeeded" } else { "Failed" },
            "notificationResource": action,
            "stateUpdateTimestamp": changed,
        });
        if let Some(error) = error {
            data["error"] = error.into();
        }
        Self::new(alarm, Kind::Action, &summary, &data)
    }

    fn of(&self) -> Type {
        if self.is_composite { Type::Composite } else { Type::Metric }
    }

    fn bytes(&self) -> usize {
        size_of::<(i64, Self)>() + self.alarm.len() + self.summary.len() + self.data.len()
    }

    fn document(&self, time: i64) -> Document {
        Document::new()
            .with("AlarmName", self.alarm.as_str())
            .with("AlarmType", self.of().name())
            .with("Timestamp", Document::Time(time as f64 / 1000.0))
            .with("HistoryItemType", self.kind.name())
            .with("HistorySummary", self.summary.as_str())
            .with("HistoryData", self.data.as_str())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, own)| *own == Some(self)).map_or("", |(name, _)| name)
    }
}

/// A request.
#[derive(Debug, Hash)]
struct Request<'a> {
    name: Option<&'a str>,
    /// `Some(None)` for kinds that no event has here.
    kind: Option<Option<Kind>>,
    from: i64,
    to: i64,
    ascending: bool,
    types: Vec<Type>,
}

/// `DescribeAlarmHistory`.
pub(in crate::aws::cloudwatch) fn describe(
    hub: &Hub,
    document: &Document,
) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let request = Request::read(&members)?;
    let limit = integer(&members, "MaxRecords", 1, 100)?.unwrap_or(100) as usize;
    let after = token::place(&members, &request)?.map(str::parse::<u64>).transpose();
    let after = after.map_err(|_| Fault::next_token())?;
    let history = hub.aws.alarms.history.lock();
    let (items, next) = request.page(&history, after, limit);
    let token = next.map(|place| token::write(&request, &place.to_string()));
    Ok(Document::new().with("AlarmHistoryItems", items).with_some("NextToken", token))
}

impl<'a> Request<'a> {
    fn read(members: &Members<'a>) -> Result<Self, Fault> {
        let order = choice(members, "ScanBy", &ORDERS)?;
        Ok(Self {
            name: text(members, "AlarmName", 1, MAX_NAME)?,
            kind: choice(members, "HistoryItemType", &KINDS)?,
            from: members.time("StartDate")?.unwrap_or(i64::MIN),
            to: members.time("EndDate")?.unwrap_or(i64::MAX),
            ascending: order.unwrap_or(false),
            types: super::describe::types(members)?,
        })
    }

    /// The events after a number in the order of the request, and the number of the last one if more
    /// follow.
    fn page(
        &self,
        history: &History,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<Document>, Option<u64>) {
        let is_later = |number: u64| match after {
            None => true,
            Some(after) if self.ascending => number > after,
            Some(after) => number < after,
        };
        let wanted = history
            .all()
            .filter(|(number, time, event)| is_later(*number) && self.wants(*time, event));
        let mut found: Vec<_> = if self.ascending {
            wanted.take(limit + 1).collect()
        } else {
            wanted.rev().take(limit + 1).collect()
        };
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next = found.last().filter(|_| !is_last).map(|(number, ..)| *number);
        (found.into_iter().map(|(_, time, event)| event.document(time)).collect(), next)
    }

    /// True for a type that is wanted: without a word of it metric alarms, as of the service, or the named one.
    fn has_type(&self, of: Type) -> bool {
        match self.types.as_slice() {
            [] => of == Type::Metric || self.name.is_some(),
            types => types.contains(&of),
        }
    }

    fn wants(&self, time: i64, event: &Event) -> bool {
        self.has_type(event.of())
            && self.name.is_none_or(|name| name == event.alarm)
            && self.kind.is_none_or(|kind| kind == Some(event.kind))
            && (self.from..=self.to).contains(&time)
    }
}

const KINDS: [(&str, Option<Kind>); 5] = [
    ("ConfigurationUpdate", Some(Kind::ConfigurationUpdate)),
    ("StateUpdate", Some(Kind::StateUpdate)),
    ("Action", Some(Kind::Action)),
    ("AlarmContributorStateUpdate", None),
    ("AlarmContributorAction", None),
];
const ORDERS: [(&str, bool); 2] = [("TimestampDescending", false), ("TimestampAscending", true)];
/// Characters of a summary.
const MAX_SUMMARY: usize = 255;
/// Bytes of the events in the file.
pub(super) const MAX_STORED: usize = 1 << 20;
/// Bytes of the data of an event.
const MAX_DATA: usize = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(alarm: &str, action: &str) -> Event {
        Event::action((alarm, Type::Metric), action, 5, None)
    }

    fn request(ascending: bool) -> Request<'static> {
        let (from, to) = (i64::MIN, i64::MAX);
        Request { name: None, kind: None, from, to, ascending, types: vec![Type::Metric] }
    }

    fn summaries(items: &[Document]) -> Vec<String> {
        let text = |item: &Document| {
            Members::of(item).unwrap().text("HistorySummary").unwrap().unwrap().to_owned()
        };
        items.iter().map(text).map(|text| text.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn pages_have_each_event_once_in_both_orders() {
        let mut history = History::new(1 << 20);
        (0..7).for_each(|at| history.add(at, event("a", &at.to_string())));
        for ascending in [true, false] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let (items, next) = request(ascending).page(&history, after, 3);
                found.extend(summaries(&items));
                // What comes in the meantime is not in a page of what was before.
                if !ascending {
                    history.add(100, event("a", "new"));
                }
                after = next;
                if next.is_none() {
                    break;
                }
            }
            let mut expected: Vec<_> = (0..7).map(|at| at.to_string()).collect();
            if !ascending {
                expected.reverse();
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn events_are_found_by_alarm_kind_and_time() {
        let mut history = History::new(1 << 20);
        for (time, alarm) in [(1, "a"), (2, "b"), (3, "a"), (4, "a")] {
            history.add(time, event(alarm, &time.to_string()));
        }
        let found = |request: Request<'_>| summaries(&request.page(&history, None, 100).0);
        assert_eq!(found(Request { name: Some("a"), ..request(true) }), ["1", "3", "4"]);
        assert_eq!(found(Request { from: 2, to: 3, ..request(true) }), ["2", "3"]);
        let kind = |kind| found(Request { kind: Some(kind), ..request(true) });
        assert_eq!(kind(Some(Kind::StateUpdate)), [""; 0]);
        assert_eq!(kind(None), [""; 0]);
        assert_eq!(kind(Some(Kind::Action)).len(), 4);
        assert_eq!(found(Request { types: vec![Type::Composite], ..request(true) }), [""; 0]);
    }

    #[test]
    fn full_history_drops_the_oldest_events() {
        let mut history = History::new(10_000);
        for at in 0..1000 {
            history.add(at, event("a", &at.to_string()));
            assert!(history.bytes <= 10_000, "{}", history.bytes);
        }
        let (items, next) = request(false).page(&history, None, 2);
        assert_eq!(
            (summaries(&items), next),
            (vec!["999".to_owned(), "998".to_owned()], Some(998))
        );
        let kept = history.all().count();
        assert!((20..100).contains(&kept), "{kept}");
    }

    #[test]
    fn events_survive_a_restart_with_their_numbers() {
        let mut history = History::new(2000);
        (0..20).for_each(|at| history.add(at, event("a", &at.to_string())));
        let text = serde_json::to_string(&history.stored()).unwrap();
        let mut again = History::new(2000);
        again.restore(serde_json::from_str(&text).unwrap());
        assert_eq!(
            (again.events, again.first, again.bytes),
            (history.events, history.first, history.bytes)
        );
        // A file has the newest ones.
        let mut large = History::new(4 * MAX_STORED);
        while large.bytes < 2 * MAX_STORED {
            large.add(0, event("a", &"x".repeat(1000)));
        }
        let mut kept = History::new(4 * MAX_STORED);
        kept.restore(large.stored());
        assert_eq!(kept.count(), large.count());
        assert!((MAX_STORED - 2000..=MAX_STORED).contains(&kept.bytes), "{}", kept.bytes);
        // With less memory the oldest go.
        let mut smaller = History::new(1000);
        smaller.restore(serde_json::from_str(&text).unwrap());
        assert!(smaller.bytes <= 1000 && smaller.count() == 20, "{smaller:?}");
    }

    #[test]
    fn long_action_has_a_short_summary() {
        let event = Event::action(("a", Type::Metric), &"ü".repeat(1024), 5, Some("refused"));
        assert_eq!(event.summary.chars().count(), 255);
        assert!(event.data.contains("refused") && event.data.len() < 4095);
    }
}
