//! A part of the events of a group, in one text.

use core::ops::RangeInclusive;

use super::Key;

/// Events of a group in the order of arrival while it is open, and in that of time once it is closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// The sequence number of the first event that came.
    first: u64,
    /// When that came, in milliseconds since 1970.
    begin: i64,
    text: String,
    entries: Vec<Entry>,
}

/// The place of an event.
#[derive(Clone, Copy, Debug)]
struct Entry {
    timestamp: i64,
    /// Milliseconds after the first event of the chunk came.
    after: u32,
    /// Events of the chunk that came before.
    nth: u32,
    stream: u32,
    offset: u32,
    length: u32,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::aws) struct Event<'a> {
    /// Milliseconds since 1970.
    pub(in crate::aws) timestamp: i64,
    /// When it came.
    pub(in crate::aws) ingestion: i64,
    /// Its number in the group.
    pub(in crate::aws) sequence: u64,
    pub(in crate::aws) stream: u32,
    pub(in crate::aws) message: &'a str,
}

impl Event<'_> {
    /// The place in the order of time.
    pub(in crate::aws) fn key(&self) -> Key {
        (self.timestamp, self.sequence)
    }
}

impl Chunk {
    /// An open chunk whose first event comes now.
    pub(super) fn new(first: u64, now: i64) -> Self {
        Self { first, begin: now, ..Self::default() }
    }

    /// True if an event more fits into a chunk of a size.
    pub(super) fn has_room(&self, message: usize, now: i64, size: usize) -> bool {
        let bytes = self.text.len() + message + (self.entries.len() + 1) * size_of::<Entry>();
        self.entries.is_empty() || bytes <= size && u32::try_from(now - self.begin).is_ok()
    }

    /// Adds an event. A message has at most 4 GB.
    pub(super) fn push(&mut self, timestamp: i64, now: i64, stream: u32, message: &str) {
        self.entries.push(Entry {
            timestamp,
            after: u32::try_from(now - self.begin).unwrap_or_default(),
            nth: self.entries.len() as u32,
            stream,
            offset: self.text.len() as u32,
            length: message.len() as u32,
        });
        self.text.push_str(message);
    }

    /// The same in the order of time.
    #[must_use]
    pub(super) fn closed(mut self) -> Self {
        self.entries.sort_unstable_by_key(|entry| (entry.timestamp, entry.nth));
        self.entries.shrink_to_fit();
        self.text.shrink_to_fit();
        self
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The sequence number after the last event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The first time and the last, of a closed chunk with events.
    pub(super) fn span(&self) -> Option<RangeInclusive<i64>> {
        Some(self.entries.first()?.timestamp..=self.entries.last()?.timestamp)
    }

    /// The event at a place.
    pub(super) fn at(&self, place: usize) -> Option<Event<'_>> {
        let entry = self.entries.get(place)?;
        let (begin, length) = (entry.offset as usize, entry.length as usize);
        Some(Event {
            timestamp: entry.timestamp,
            ingestion: self.begin + i64::from(entry.after),
            sequence: self.first + u64::from(entry.nth),
            stream: entry.stream,
            message: self.text.get(begin..begin + length).unwrap_or_default(),
        })
    }

    /// Events of a closed chunk before a place in time.
    pub(super) fn before(&self, key: Key) -> usize {
        self.entries.partition_point(|it| (it.timestamp, self.first + u64::from(it.nth)) < key)
    }
}
