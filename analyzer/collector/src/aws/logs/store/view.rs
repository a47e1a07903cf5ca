//! The events of a group as they are at a time, read without a lock.

use core::ops::RangeInclusive;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::chunk::{Chunk, Event};
use super::{Group, Key};

/// The events of a group. Those that come later are not in it.
#[derive(Clone, Debug)]
pub(in crate::aws) struct View {
    pub(in crate::aws) group: Arc<str>,
    /// The number of the group among all groups that there were.
    pub(in crate::aws) id: u64,
    /// When the group was made, in milliseconds since 1970.
    pub(in crate::aws) created: i64,
    /// The sequence number after the last event.
    pub(in crate::aws) end: u64,
    retention: Option<u32>,
    /// The time before which events are too old.
    oldest: i64,
    streams: Arc<BTreeMap<u32, Arc<str>>>,
    chunks: Vec<Arc<Chunk>>,
}

impl View {
    /// The events of a span of time with sequence numbers from `since` on, and few others.
    pub(super) fn new(group: &Group, span: &RangeInclusive<i64>, since: u64) -> Self {
        let has_some = |chunk: &Chunk| {
            let own = chunk.span().filter(|_| chunk.end() > since);
            own.is_some_and(|own| own.start() <= span.end() && span.start() <= own.end())
        };
        let closed = group.closed.iter().filter(|chunk| has_some(chunk)).cloned();
        let mut chunks: Vec<_> = closed.collect();
        if group.open.end() > since {
            let open = group.open.clone().closed();
            chunks.extend(has_some(&open).then(|| Arc::new(open)));
        }
        Self {
            group: group.name.clone(),
            id: group.id,
            created: group.created,
            end: group.open.end(),
            retention: group.retention,
            oldest: i64::MIN,
            streams: group.names.clone(),
            chunks,
        }
    }

    /// The same at a time, before which events may be too old.
    #[must_use]
    pub(in crate::aws) fn at(self, now: i64) -> Self {
        let oldest = self.retention.map_or(i64::MIN, |days| now - i64::from(days) * DAY);
        Self { oldest, ..self }
    }

    /// The part of a span of time whose events are not too old.
    pub(in crate::aws) fn since(&self, span: RangeInclusive<i64>) -> RangeInclusive<i64> {
        (*span.start()).max(self.oldest)..=*span.end()
    }

    /// A number of an event that no other has, also in another group. All have the same length.
    pub(in crate::aws) fn event_id(&self, event: &Event<'_>) -> String {
        format!("{:020}{:016}{:020}", event.timestamp, self.id, event.sequence)
    }

    /// The `@ptr` of an event.
    pub(in crate::aws) fn pointer(&self, event: &Event<'_>) -> String {
        format!("{}.{}.{}", self.id, event.timestamp, event.sequence)
    }

    /// The name of a stream; `None` if it was deleted.
    pub(in crate::aws) fn stream(&self, id: u32) -> Option<&Arc<str>> {
        self.streams.get(&id)
    }

    /// The streams.
    pub(in crate::aws) fn streams(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        self.streams.iter().map(|(id, name)| (*id, name))
    }

    /// The events of a span of time, those that came last first as a rule. Some may be of deleted streams.
    pub(in crate::aws) fn scan(
        &self,
        span: &RangeInclusive<i64>,
    ) -> impl Iterator<Item = Event<'_>> + use<'_> {
        let (from, to) = limits(span);
        self.chunks.iter().rev().flat_map(move |chunk| {
            let places = chunk.before(from)..chunk.before(to);
            places.rev().filter_map(|place| chunk.at(place))
        })
    }

    /// The events between two places in time, both without it, in order: those with sequence numbers from
    /// `since` on, and few others.
    pub(in crate::aws) fn forward(&self, from: Key, to: Key, since: u64) -> Merged<'_> {
        let chunks = self.chunks.iter().filter(|chunk| chunk.end() > since);
        Merged::new(chunks, from, to, true)
    }

    /// The same, the last first.
    pub(in crate::aws) fn backward(&self, from: Key, to: Key) -> Merged<'_> {
        Merged::new(self.chunks.iter(), from, to, false)
    }
}

/// The first place of a span of time, and the one after its last.
pub(in crate::aws) fn limits(span: &RangeInclusive<i64>) -> (Key, Key) {
    ((*span.start(), 0), (*span.end(), u64::MAX))
}

/// The number of the group, the time and the sequence number of a `@ptr`.
pub(in crate::aws) fn parse_pointer(text: &str) -> Option<(u64, i64, u64)> {
    let mut numbers = text.splitn(3, '.');
    let (group, time) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some((group, time, numbers.next()?.parse().ok()?))
}

/// Events of several chunks in the order of time, or in the opposite one.
#[derive(Debug)]
pub(in crate::aws) struct Merged<'a> {
    /// Chunks, and the places that are left.
    rest: Vec<(&'a Chunk, usize, usize)>,
    /// The next place of each chunk with one.
    next: BinaryHeap<(Key, usize)>,
    is_forward: bool,
}

impl<'a> Merged<'a> {
    fn new(
        chunks: impl Iterator<Item = &'a Arc<Chunk>>,
        from: Key,
        to: Key,
        is_forward: bool,
    ) -> Self {
        let rest = |chunk: &'a Arc<Chunk>| (&**chunk, chunk.before(from), chunk.before(to));
        let rest: Vec<_> = chunks.map(rest).collect();
        let mut merged = Self { next: BinaryHeap::new(), rest, is_forward };
        (0..merged.rest.len()).for_each(|number| merged.wait(number));
        merged
    }

    /// The next event of a chunk.
    fn peek(&self, number: usize) -> Option<Event<'a>> {
        let (chunk, from, to) = *self.rest.get(number)?;
        let place = if self.is_forward { from } else { to.checked_sub(1)? };
        if from < to { chunk.at(place) } else { None }
    }

    fn wait(&mut self, number: usize) {
        if let Some(event) = self.peek(number) {
            let (timestamp, sequence) = event.key();
            // The heap has the largest first, and `!` turns the order.
            let key = if self.is_forward { (!timestamp, !sequence) } else { event.key() };
            self.next.push((key, number));
        }
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let (_, number) = self.next.pop()?;
        let event = self.peek(number)?;
        if let Some((_, from, to)) = self.rest.get_mut(number) {
            if self.is_forward { *from += 1 } else { *to -= 1 }
        }
        self.wait(number);
        Some(event)
    }
}

/// Milliseconds.
const DAY: i64 = 86_400_000;
