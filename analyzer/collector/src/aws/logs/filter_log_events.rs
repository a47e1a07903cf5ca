//! `FilterLogEvents`: the events of a group that a pattern has, in the order of time, in pages.

use super::cursor::Wrong;
use super::name::{Streams, check_stream, fault, group, limit, milliseconds};
use super::pattern::Pattern;
use super::store::{Event, Key, View, limits};
use crate::aws::cloudwatch::token;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let group = group(&members)?;
    let streams = stream_names(&members)?;
    let prefix = members.text("logStreamNamePrefix")?;
    if !streams.is_empty() && prefix.is_some() {
        let text = "logStreamNames and logStreamNamePrefix exclude each other.";
        return Err(Fault::new(Kind::InvalidCombination, text));
    }
    let from = milliseconds(&members, "startTime")?.unwrap_or(0);
    let to = milliseconds(&members, "endTime")?.unwrap_or(i64::MAX);
    let is_forward = members.boolean("startFromHead")?.unwrap_or(true);
    let text = members.text("filterPattern")?.unwrap_or_default();
    let pattern = Pattern::parse(text).map_err(wrong_pattern)?;
    let limit = limit(&members, MAX_EVENTS)?;
    let request = (group, &streams, prefix, from, to, is_forward, text);
    let token = members.text("nextToken")?.map(|token| token::read(&request, token)).transpose()?;
    let place = token.map(|token| parse(token).ok_or_else(Fault::next_token)).transpose()?;

    let view = hub.aws.logs.view(hub, group, &(from..=to), 0).map_err(fault)?;
    let (first, last) = limits(&view.since(from..=to));
    let mut page = Page { events: Vec::new(), limit, seen: 0, bytes: 0 };
    let wanted = Streams::find(&view, &streams, prefix);
    // Events that come while pages are read have no place among those that were listed.
    let end = place.map_or(view.end, |(_, end)| end);
    let merged = match place {
        Some((place, _)) if is_forward => view.forward(place.max(first), last, 0),
        Some((place, _)) => view.backward(first, place.min(last)),
        None if is_forward => view.forward(first, last, 0),
        None => view.backward(first, last),
    };
    let own = merged.filter(|it| it.sequence < end && wanted.has(&view, it.stream));
    let next = page.fill(own, &pattern, is_forward);
    let next = next.map(|(time, number)| token::write(&request, &format!("{time}/{number}/{end}")));
    let events: Vec<_> = page.events.iter().map(|event| describe(&view, event)).collect();
    Ok(Document::new()
        .with("events", events)
        .with("searchedLogStreams", Vec::new())
        .with_some("nextToken", next))
}

fn stream_names<'a>(members: &Members<'a>) -> Result<Vec<&'a str>, Fault> {
    let names = members.texts("logStreamNames")?;
    if names.len() > MAX_STREAMS {
        let reason = format!("has more than {MAX_STREAMS} items");
        return Err(Fault::value("logStreamNames", &reason));
    }
    names.iter().try_for_each(|name| check_stream("logStreamNames", name))?;
    Ok(names)
}

pub(super) fn wrong_pattern(Wrong { at, reason }: Wrong) -> Fault {
    Fault::value("filterPattern", &format!("is wrong after {at} bytes: {reason}"))
}

fn parse(place: &str) -> Option<(Key, u64)> {
    let mut numbers = place.split('/');
    let key = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some((key, numbers.next()?.parse().ok()?))
}

/// A page that is filled.
struct Page<'a> {
    events: Vec<Event<'a>>,
    limit: usize,
    /// Events that were compared with the pattern.
    seen: usize,
    bytes: usize,
}

impl<'a> Page<'a> {
    /// Adds those that the pattern has; the place of the next page if there are more.
    fn fill(
        &mut self,
        events: impl Iterator<Item = Event<'a>>,
        pattern: &Pattern,
        is_forward: bool,
    ) -> Option<Key> {
        // The place after the last event, in the direction of reading.
        let mut next = None;
        for event in events {
            let has = pattern.has(event.message);
            let bytes = self.bytes + event.message.len() + OVERHEAD;
            let is_full = self.events.len() >= self.limit || bytes > MAX_BYTES;
            // One event has a page at least.
            if has && is_full && !self.events.is_empty() || self.seen >= MAX_SEEN {
                return next;
            }
            self.seen += 1;
            let (time, number) = event.key();
            next = Some(if is_forward { (time, number + 1) } else { (time, number) });
            if has {
                self.bytes = bytes;
                self.events.push(event);
            }
        }
        None
    }
}

fn describe(view: &View, event: &Event<'_>) -> Document {
    Document::new()
        .with_some("logStreamName", view.stream(event.stream).map(|name| &**name))
        .with("timestamp", event.timestamp)
        .with("message", event.message)
        .with("ingestionTime", event.ingestion)
        .with("eventId", view.event_id(event))
}

const MAX_EVENTS: u32 = 10_000;
const MAX_STREAMS: usize = 100;
/// Bytes of the messages of a page.
const MAX_BYTES: usize = 1 << 20;
/// As in a batch of events.
const OVERHEAD: usize = 26;
/// Events that one request compares. Others are for the next page, so that a request has an end.
const MAX_SEEN: usize = 100_000;
