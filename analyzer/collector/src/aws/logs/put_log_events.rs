//! `PutLogEvents`: events of other programs. One in the embedded metric format has metrics too.

use super::name::fault;
use super::store::Refusal;
use super::streams::names;
use crate::aws::cloudwatch::{embedded, report};
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (group, stream) = names(&members)?;
    let events = read(&members)?;
    let now = hub.unix_ms(hub.now()).cast_signed();
    let retention = {
        let store = hub.aws.logs.store();
        let group = store.group(group).map_err(fault)?;
        group.stream(stream).map_err(fault)?;
        group.retention
    };
    let rejected = Rejected::find(&events, retention, now);
    let accepted = events.get(rejected.accepted()).unwrap_or_default();
    if !hub.aws.logs.append(group, stream, now, accepted.iter().copied()) {
        return Err(fault(Refusal::TooMany));
    }
    for (time, message) in accepted {
        match embedded(message, *time, now) {
            Ok(data) => report(hub, &data),
            // The event itself is stored, as the service does it.
            Err(_) => hub.aws.logs.count_wrong_metrics(),
        }
    }
    let info = rejected.document();
    Ok(Document::new().with("nextSequenceToken", TOKEN).with_some("rejectedLogEventsInfo", info))
}

/// The times and messages.
fn read<'a>(members: &Members<'a>) -> Result<Vec<(i64, &'a str)>, Fault> {
    let list = members.structures("logEvents")?;
    if list.is_empty() || list.len() > MAX_EVENTS {
        return Err(Fault::value("logEvents", &format!("must have 1 to {MAX_EVENTS} items")));
    }
    let event = |event: &Members<'a>| {
        let time = event.number("timestamp")?;
        let time = time.ok_or_else(|| Fault::missing(&event.name("timestamp")))?;
        let message = event.required("message")?;
        if time < 0.0 || message.is_empty() {
            let name = if time < 0.0 { "timestamp" } else { "message" };
            let reason = if time < 0.0 { "must not be negative" } else { "must not be empty" };
            return Err(Fault::value(&event.name(name), reason));
        }
        Ok((time as i64, message))
    };
    let events = list.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = events.iter().map(|(_, message)| message.len() + OVERHEAD).sum();
    if bytes > MAX_BYTES {
        let reason = format!(
            "has {bytes} bytes, with {OVERHEAD} for each event; at most {MAX_BYTES} may be sent"
        );
        return Err(Fault::value("logEvents", &reason));
    }
    if !events.is_sorted_by_key(|(time, _)| *time) {
        return Err(Fault::value("logEvents", "must be in the order of time"));
    }
    let span = events.first().zip(events.last()).map(|(first, last)| last.0 - first.0);
    if span.is_some_and(|span| span > DAY) {
        return Err(Fault::value("logEvents", "must not span more than 24 hours"));
    }
    Ok(events)
}

/// Places in the list of events, which are in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rejected {
    /// After the last one that is too old.
    old: usize,
    /// After the last one that is older than the retention of the group.
    expired: usize,
    /// The first one that is too new.
    new: usize,
    total: usize,
}

impl Rejected {
    fn find(events: &[(i64, &str)], retention: Option<u32>, now: i64) -> Self {
        let before = |limit: i64| events.partition_point(|(time, _)| *time < limit);
        let expired = retention.map_or(0, |days| before(now - i64::from(days) * DAY));
        let (old, new) = (before(now - MAX_PAST), before(now + MAX_FUTURE + 1));
        Self { old, expired, new, total: events.len() }
    }

    fn accepted(self) -> core::ops::Range<usize> {
        let first = self.old.max(self.expired);
        first..self.new.max(first)
    }

    fn document(self) -> Option<Document> {
        let place = |place: usize, is_some: bool| is_some.then_some(place as i64);
        let info = Document::new()
            .with_some("tooNewLogEventStartIndex", place(self.new, self.new < self.total))
            .with_some("tooOldLogEventEndIndex", place(self.old, self.old > 0))
            .with_some("expiredLogEventEndIndex", place(self.expired, self.expired > 0));
        (self.accepted().len() < self.total).then_some(info)
    }
}

const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 1 << 20;
/// Bytes that an event counts beside its message.
const OVERHEAD: usize = 26;
/// Milliseconds, as all of these.
const DAY: i64 = 86_400_000;
const MAX_PAST: i64 = 14 * DAY;
const MAX_FUTURE: i64 = 2 * 3_600_000;
/// Old clients send it back; it has no other use.
const TOKEN: &str = "49039859567021501860000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn events(events: &[(f64, &str)]) -> Result<usize, Fault> {
        let event = |(time, text): &(f64, &str)| {
            Document::new().with("timestamp", *time).with("message", *text)
        };
        let list: Vec<_> = events.iter().map(event).collect();
        let document = Document::new().with("logEvents", list);
        read(&Members::of(&document)?).map(|events| events.len())
    }

    #[test]
    fn batches_have_the_limits_of_the_service() {
        assert_eq!(events(&[(1.0, "a"), (1.0, "b"), (86_400_001.0, "c")]), Ok(3));
        assert_eq!(events(&vec![(0.0, "x"); 10_000]), Ok(10_000));
        let long = "x".repeat((1 << 20) - 26);
        assert_eq!(events(&[(0.0, &long)]), Ok(1));
        for wrong in [
            &[][..],
            &[(2.0, "a"), (1.0, "b")],
            &[(0.0, "a"), (86_400_001.0, "c")],
            &[(0.0, "")],
            &[(-1.0, "a")],
            &[(0.0, &format!("{long}x"))],
            &vec![(0.0, "x"); 10_001],
        ] {
            assert!(events(wrong).is_err(), "{}", wrong.len());
        }
    }

    #[test]
    fn events_too_far_away_are_rejected() {
        let at = |times: &[i64], days| {
            let events: Vec<_> = times.iter().map(|time| (NOW + time, "m")).collect();
            let rejected = Rejected::find(&events, days, NOW);
            (rejected.accepted(), rejected.document().is_some())
        };
        assert_eq!(at(&[-MAX_PAST, 0, MAX_FUTURE], None), (0..3, false));
        assert_eq!(at(&[-MAX_PAST - 1, 0, MAX_FUTURE + 1], None), (1..2, true));
        assert_eq!(at(&[-DAY - 1, -DAY, 0], Some(1)), (1..3, true));
        assert_eq!(at(&[-MAX_PAST - 1], None), (1..1, true));
        assert_eq!(at(&[MAX_FUTURE + 1], None), (0..0, true));
    }
}
