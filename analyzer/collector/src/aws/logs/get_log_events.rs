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
    let place = token.map(|token| Place::parse(token).ok_or_else(next_token)).transpose()?;

    let stream = {
        let store = hub.aws.logs.store();
        let stream = store.group(group).and_then(|group| group.stream(name));
        stream.map_err(fault)?.id()
    };
    let view = hub.aws.logs.view(hub, group, &(from..=to), 0).map_err(fault)?;
    let reader = Reader { span: limits(&view.since(from..=to)), view: &view, stream, limit };
    let place = place.unwrap_or(if from_head {
        Place::Forward { key: reader.span.0, since: 0, end: view.end }
    } else {
        Place::Backward { key: reader.span.1, end: view.end }
    });
    let (events, forward, backward) = reader.read(place);
    // At an end the token that the request had is returned.
    let same =
        |own: Place| token.filter(|_| own == place).map_or_else(|| own.text(), str::to_owned);
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
        let all = self.view.forward(from.max(self.span.0), self.span.1);
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
    fn text(self) -> String {
        match self {
            Self::Forward { key: (time, number), since, end } => {
                format!("f/{time}/{number}/{since}/{end}")
            }
            Self::Backward { key: (time, number), end } => format!("b/{time}/{number}/{end}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('/').collect();
        match *parts.as_slice() {
            ["f", time, number, since, end] => Some(Self::Forward {
                key: (time.parse().ok()?, number.parse().ok()?),
                since: since.parse().ok()?,
                end: end.parse().ok()?,
            }),
            ["b", time, number, end] => Some(Self::Backward {
                key: (time.parse().ok()?, number.parse().ok()?),
                end: end.parse().ok()?,
            }),
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
        assert_eq!(Place::parse(&next.text()), Some(next));
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
}
