//! `GetLogEvents`: the events of a stream, forward and backward.
//!
//! A forward token returns what came after it was made too, also if its time is before that of events that
//! were returned: a reader that polls misses nothing.

use super::name::{check_stream, fault, group, limit, milliseconds};
use super::store::{Event, Key, View, limits};
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// From a place on, of events with these sequence numbers, then those that came later.
    Forward { key: Key, since: u64, end: u64 },
    /// Before a place.
    Backward { key: Key, end: u64 },
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let (group, name) = (group(&members)?, members.required("logStreamName")?);
    check_stream("logStreamName", name)?;
    let from = milliseconds(&members, "startTime")?.unwrap_or(0);
    let end = milliseconds(&members, "endTime")?;
    let to = end.map_or(i64::MAX, |end| end - 1);
    let limit = limit(&members, MAX_EVENTS)?;
    let from_head = members.boolean("startFromHead")?.unwrap_or(false);
    let token = members.text("nextToken")?;
    let asked = token.map(|token| Place::parse(token).ok_or_else(next_token)).transpose()?;

    let stream = {
        let store = hub.aws.logs.store();
        let stream = store.group(group).and_then(|group| group.stream(name));
        stream.map_err(fault)?.id()
    };
    let view = hub.aws.logs.view(hub, group, &(from..=to), 0).map_err(fault)?;
    let reader = Reader { span: limits(&view.since(from..=to)), view: &view, stream, limit };
    let place = match asked {
        Some((place, made)) => place.of_group(made, &view),
        None if from_head => Place::Forward { key: reader.span.0, since: 0, end: view.end },
        None => Place::Backward { key: reader.span.1, end: view.end },
    };
    let (events, forward, backward) = reader.read(place);
    // At an end the token that the request had is returned.
    let same = |own: Place| match token {
        Some(token) if asked == Some((own, view.created)) => token.to_owned(),
        _ => own.text(view.created),
    };
    let events: Vec<_> = events.into_iter().map(describe).collect();
    Ok(Document::new()
        .with("events", events)
        .with("nextForwardToken", same(forward))
        .with("nextBackwardToken", same(backward)))
}

/// The events of a stream in a span of time.
struct Reader<'a> {
    view: &'a View,
    span: (Key, Key),
    stream: u32,
    limit: usize,
}

impl<'a> Reader<'a> {
    /// The events at a place in the order of time, and the places after and before them.
    fn read(&self, place: Place) -> (Vec<Event<'a>>, Place, Place) {
        match place {
            Place::Forward { key, since, end } => {
                let mut events = self.forward(key, since, end);
                let (mut since, mut end) = (since, end);
                if events.is_empty() {
                    // All of them were returned: those that came later are next.
                    (since, end) = (end, self.view.end.max(end));
                    events = self.forward(self.span.0, since, end);
                }
                let forward = match events.last().map(Event::key) {
                    Some((time, number)) => Place::Forward { key: (time, number + 1), since, end },
                    None => place,
                };
                let first = events.first().map_or(key, Event::key);
                (events, forward, Place::Backward { key: first, end })
            }
            Place::Backward { key, end } => {
                let events = self.backward(key, end);
                let (last, backward) = match (events.last(), events.first()) {
                    (Some(last), Some(first)) => {
                        let (time, number) = last.key();
                        ((time, number + 1), Place::Backward { key: first.key(), end })
                    }
                    _ => (key, place),
                };
                (events, Place::Forward { key: last, since: 0, end }, backward)
            }
        }
    }

    fn forward(&self, from: Key, since: u64, end: u64) -> Vec<Event<'a>> {
        let all = self.view.forward(from.max(self.span.0), self.span.1, since);
        limited(all.filter(|it| self.has(it, since, end)), self.limit)
    }

    fn backward(&self, to: Key, end: u64) -> Vec<Event<'a>> {
        let all = self.view.backward(self.span.0, to.min(self.span.1));
        let mut events = limited(all.filter(|it| self.has(it, 0, end)), self.limit);
        events.reverse();
        events
    }

    fn has(&self, event: &Event<'_>, since: u64, end: u64) -> bool {
        event.stream == self.stream && (since..end).contains(&event.sequence)
    }
}

/// As many events as a reply may have, one at least.
fn limited<'a>(events: impl Iterator<Item = Event<'a>>, limit: usize) -> Vec<Event<'a>> {
    let mut bytes = 0;
    let has_room = |event: &Event<'_>| {
        let is_first = bytes == 0;
        bytes += event.message.len() + 26;
        is_first || bytes <= MAX_BYTES
    };
    events.take(limit).take_while(has_room).collect()
}

impl Place {
    /// The place in a group for a token that was made for one of this name, made at a time.
    fn of_group(self, made: i64, view: &View) -> Self {
        if made == view.created {
            return self;
        }
        // The numbers of its events have begun anew, as after a restart.
        match self {
            Self::Forward { key: (time, _), .. } => {
                Self::Forward { key: (time, 0), since: 0, end: view.end }
            }
            Self::Backward { key: (time, _), .. } => {
                Self::Backward { key: (time, 0), end: view.end }
            }
        }
    }

    /// The token of a place in a group that was made at a time.
    fn text(self, made: i64) -> String {
        match self {
            Self::Forward { key: (time, number), since, end } => {
                format!("f/{time}/{number}/{since}/{end}/{made}")
            }
            Self::Backward { key: (time, number), end } => {
                format!("b/{time}/{number}/{end}/{made}")
            }
        }
    }

    fn parse(text: &str) -> Option<(Self, i64)> {
        let parts: Vec<_> = text.split('/').collect();
        match *parts.as_slice() {
            ["f", time, number, since, end, made] => {
                let key = (time.parse().ok()?, number.parse().ok()?);
                let (since, end) = (since.parse().ok()?, end.parse().ok()?);
                Some((Self::Forward { key, since, end }, made.parse().ok()?))
            }
            ["b", time, number, end, made] => {
                let key = (time.parse().ok()?, number.parse().ok()?);
                Some((Self::Backward { key, end: end.parse().ok()? }, made.parse().ok()?))
            }
            _ => None,
        }
    }
}

fn next_token() -> Fault {
    Fault::value("nextToken", "is none that this request returned")
}

fn describe(event: Event<'_>) -> Document {
    Document::new()
        .with("timestamp", event.timestamp)
        .with("message", event.message)
        .with("ingestionTime", event.ingestion)
}

const MAX_EVENTS: u32 = 10_000;
/// Bytes of the messages of a reply.
const MAX_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::store::Store;
    use super::*;

    fn read(store: &Store, place: Place, limit: usize) -> (Vec<i64>, Place, Place) {
        let span = 0..=i64::MAX;
        let view = store.view("g", &span, 0).unwrap();
        let stream = store.group("g").unwrap().stream("s").unwrap().id();
        let reader = Reader { span: limits(&span), view: &view, stream, limit };
        let (events, forward, backward) = reader.read(place);
        (events.iter().map(|event| event.timestamp).collect(), forward, backward)
    }

    #[test]
    fn reader_that_polls_misses_no_event_of_the_past() {
        let mut store = Store::new(1 << 20);
        let add = |store: &mut Store, times: &[i64]| {
            store.append("g", "other", 0, times.iter().map(|time| (*time, "m")));
            store.append("g", "s", 0, times.iter().map(|time| (*time, "m")));
        };
        add(&mut store, &[10, 30, 20]);
        let head = Place::Forward {
            key: (0, 0),
            since: 0,
            end: store.view("g", &(0..=99), 0).unwrap().end,
        };
        let (times, next, _) = read(&store, head, 2);
        assert_eq!(times, [10, 20]);
        add(&mut store, &[15, 40]);
        let (times, next, _) = read(&store, next, 2);
        assert_eq!(times, [30]);
        let (times, next, _) = read(&store, next, 2);
        assert_eq!(times, [15, 40]);
        let (times, same, _) = read(&store, next, 2);
        assert_eq!((times.len(), same), (0, next));
        assert_eq!(Place::parse(&next.text(7)), Some((next, 7)));
        add(&mut store, &[5]);
        assert_eq!(read(&store, next, 2).0, [5]);
    }

    #[test]
    fn reader_goes_back_to_the_first_event() {
        let mut store = Store::new(1 << 20);
        store.append("g", "s", 0, (0..5).map(|time| (time, "m")));
        let tail = Place::Backward { key: (i64::MAX, u64::MAX), end: 5 };
        let (times, forward, back) = read(&store, tail, 2);
        assert_eq!(times, [3, 4]);
        assert_eq!(read(&store, forward, 2).0, [0; 0]);
        let (times, forward, back) = read(&store, back, 2);
        assert_eq!((times, read(&store, forward, 9).0), (vec![1, 2], vec![3, 4]));
        let (times, _, back) = read(&store, back, 2);
        assert_eq!(times, [0]);
        let (times, _, same) = read(&store, back, 2);
        assert_eq!((times.len(), same), (0, back));
    }

    #[test]
    fn token_of_a_group_that_was_made_anew_misses_no_event() {
        let mut store = Store::new(1 << 20);
        store.append("g", "s", 1000, (0..500).map(|time| (time, "m")));
        let view = store.view("g", &(0..=9999), 0).unwrap();
        let head = Place::Forward { key: (0, 0), since: 0, end: view.end };
        let (times, next, back) = read(&store, head, 1000);
        assert_eq!((times.len(), next.of_group(1000, &view)), (500, next));
        store.delete("g").unwrap();
        store.append("g", "s", 2000, (490..520).map(|time| (time, "m")));
        let view = store.view("g", &(0..=9999), 0).unwrap();
        let next = next.of_group(1000, &view);
        let (times, _, _) = read(&store, next, 1000);
        assert_eq!(times, (499..520).collect::<Vec<_>>());
        let back = back.of_group(1000, &view);
        assert_eq!(read(&store, back, 1000).0, [0; 0]);
    }

    #[test]
    fn poll_at_the_end_reads_few_events() {
        let mut store = Store::new(8 << 20);
        store.append("g", "s", 0, (0..50_000).map(|time| (time, "a message of some length")));
        let view = store.view("g", &(0..=i64::MAX), 0).unwrap();
        let all = view.forward((0, 0), (i64::MAX, 0), 0).count();
        let new = view.forward((0, 0), (i64::MAX, 0), view.end - 1).count();
        assert!(all == 50_000 && new < 10_000, "{all} {new}");
        let place = Place::Forward { key: (50_000, 0), since: 0, end: view.end - 1 };
        assert_eq!(read(&store, place, 10).0, [49_999]);
    }
}
