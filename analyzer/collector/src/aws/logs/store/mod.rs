//! The events of all log groups, in memory.
//!
//! The events of a group are in [chunks](chunk), each of which has one text and is never changed after it
//! is full. A reader takes references to these and a copy of the one that is filled, so that it needs the
//! lock for a moment only. When the memory is full the oldest chunk of the group that takes the most goes,
//! so that a group with much does not displace one with little.

mod chunk;
#[cfg(test)]
mod tests;
mod view;

use core::ops::RangeInclusive;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chunk::Chunk;
pub(in crate::aws) use chunk::Event;
pub(in crate::aws) use view::{View, limits, parse_pointer};

use crate::aws::tags::Tags;

/// A place in the order of time: the timestamp and the sequence number in the group.
pub(in crate::aws) type Key = (i64, u64);

/// The groups.
#[derive(Debug)]
pub(in crate::aws) struct Store {
    groups: BTreeMap<Arc<str>, Group>,
    /// Groups made since the start.
    made: u64,
    bytes: usize,
    /// Bytes of streams that stay without events, and of tags.
    kept: usize,
    capacity: usize,
    counts: Counts,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    /// Bytes of messages.
    pub(crate) bytes: u64,
    /// Events that were dropped because the memory was full.
    pub(crate) dropped: u64,
    /// Events that were not stored because there were too many groups or streams.
    pub(crate) refused: u64,
}

/// A group.
#[derive(Debug)]
pub(in crate::aws) struct Group {
    pub(in crate::aws) name: Arc<str>,
    /// Its number among all groups that there were.
    id: u64,
    /// Milliseconds since 1970.
    pub(in crate::aws) created: i64,
    /// Days after which events are no longer returned.
    pub(in crate::aws) retention: Option<u32>,
    pub(in crate::aws) tags: Tags,
    streams: BTreeMap<Arc<str>, Stream>,
    names: Arc<BTreeMap<u32, Arc<str>>>,
    /// Streams made since the group was.
    made: u32,
    closed: VecDeque<Arc<Chunk>>,
    open: Chunk,
    /// Bytes of the closed chunks and of names.
    bytes: usize,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::aws) struct Stream {
    id: u32,
    /// Milliseconds since 1970, as all of these.
    pub(in crate::aws) created: i64,
    pub(in crate::aws) first: Option<i64>,
    pub(in crate::aws) last: Option<i64>,
    pub(in crate::aws) last_ingestion: Option<i64>,
    /// The sequence number after its last event.
    end: u64,
    /// True if it stays without events.
    is_kept: bool,
}

/// Why a group or stream cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::aws) enum Refusal {
    NoGroup,
    NoStream,
    Exists,
    TooMany,
}

impl Store {
    /// No groups; at most about `capacity` bytes will be used.
    pub(in crate::aws) fn new(capacity: usize) -> Self {
        let counts = Counts::default();
        Self { groups: BTreeMap::new(), made: 0, bytes: 0, kept: 0, capacity, counts }
    }

    pub(in crate::aws) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes in use.
    pub(in crate::aws) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The groups by name.
    pub(in crate::aws) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    pub(in crate::aws) fn group(&self, name: &str) -> Result<&Group, Refusal> {
        self.groups.get(name).ok_or(Refusal::NoGroup)
    }

    /// Days after which the events of a group are no longer returned; `None` for never.
    pub(in crate::aws) fn set_retention(
        &mut self,
        name: &str,
        days: Option<u32>,
    ) -> Result<(), Refusal> {
        self.groups.get_mut(name).ok_or(Refusal::NoGroup)?.retention = days;
        Ok(())
    }

    /// Makes a group.
    pub(in crate::aws) fn create(&mut self, name: &str, now: i64) -> Result<(), Refusal> {
        if self.groups.contains_key(name) {
            return Err(Refusal::Exists);
        }
        if self.groups.len() >= MAX_GROUPS {
            return Err(Refusal::TooMany);
        }
        let group = Group::new(name, self.made, now);
        self.made += 1;
        self.bytes += group.bytes();
        self.groups.insert(group.name.clone(), group);
        self.make_room();
        Ok(())
    }

    /// Deletes a group and its events.
    pub(in crate::aws) fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        let group = self.groups.remove(name).ok_or(Refusal::NoGroup)?;
        let kept = group.streams.iter().filter(|(_, stream)| stream.is_kept);
        self.kept -= kept.map(|(name, _)| stream_bytes(name)).sum::<usize>() + group.tags.bytes();
        self.bytes -= group.bytes();
        Ok(())
    }

    /// Replaces the tags of a group.
    pub(in crate::aws) fn set_tags(&mut self, name: &str, tags: Tags) -> Result<(), Refusal> {
        let group = self.groups.get_mut(name).ok_or(Refusal::NoGroup)?;
        let (before, now) = (group.tags.bytes(), tags.bytes());
        // As of streams that stay.
        if now > before && self.kept + now - before > self.capacity / 4 {
            return Err(Refusal::TooMany);
        }
        group.tags = tags;
        group.bytes = group.bytes + now - before;
        self.kept = self.kept + now - before;
        self.bytes = self.bytes + now - before;
        self.make_room();
        Ok(())
    }

    /// Makes a stream that stays without events.
    pub(in crate::aws) fn create_stream(
        &mut self,
        group: &str,
        name: &str,
        now: i64,
    ) -> Result<(), Refusal> {
        let group = self.groups.get_mut(group).ok_or(Refusal::NoGroup)?;
        if group.streams.contains_key(name) {
            return Err(Refusal::Exists);
        }
        // Their memory comes back by DeleteLogStream only; events need the rest.
        if self.kept + stream_bytes(name) > self.capacity / 4 {
            return Err(Refusal::TooMany);
        }
        let before = group.bytes();
        group.add_stream(name, now)?;
        self.kept += stream_bytes(name);
        group.streams.entry(name.into()).and_modify(|stream| stream.is_kept = true);
        self.bytes += group.bytes() - before;
        self.make_room();
        Ok(())
    }

    /// Deletes a stream. Its events are no longer returned, and go with their chunks.
    pub(in crate::aws) fn delete_stream(&mut self, group: &str, name: &str) -> Result<(), Refusal> {
        let group = self.groups.get_mut(group).ok_or(Refusal::NoGroup)?;
        let before = group.bytes();
        let stream = group.streams.remove(name).ok_or(Refusal::NoStream)?;
        self.kept -= if stream.is_kept { stream_bytes(name) } else { 0 };
        Arc::make_mut(&mut group.names).remove(&stream.id);
        group.bytes -= stream_bytes(name);
        self.bytes -= before - group.bytes();
        Ok(())
    }

    /// Adds events, times and messages, to a stream; both are made if they are not there. True if this
    /// was done; if there are too many groups or streams, the events are counted.
    pub(in crate::aws) fn append<'a>(
        &mut self,
        group: &str,
        stream: &str,
        now: i64,
        events: impl Iterator<Item = (i64, &'a str)>,
    ) -> bool {
        let is_there = self.groups.contains_key(group) || self.create(group, now).is_ok();
        let size = MAX_CHUNK.min(self.capacity / CHUNKS);
        let group = self.groups.get_mut(group).filter(|_| is_there);
        let Some(group) = group else {
            self.counts.refused += events.count() as u64;
            return false;
        };
        let before = group.bytes();
        if group.add_stream(stream, now).is_err() {
            self.counts.refused += events.count() as u64;
            return false;
        }
        for (timestamp, message) in events {
            group.push(stream, now, timestamp, message, size);
            self.counts.events += 1;
            self.counts.bytes += message.len() as u64;
        }
        self.bytes = self.bytes + group.bytes() - before;
        self.make_room();
        true
    }

    /// The events of a group in a span of time with sequence numbers from `since` on, and some others.
    pub(in crate::aws) fn view(
        &self,
        name: &str,
        span: &RangeInclusive<i64>,
        since: u64,
    ) -> Result<View, Refusal> {
        Ok(View::new(self.group(name)?, span, since))
    }

    /// The same of the group with a number.
    pub(in crate::aws) fn view_by_id(&self, id: u64, span: &RangeInclusive<i64>) -> Option<View> {
        let group = self.groups.values().find(|group| group.id == id)?;
        Some(View::new(group, span, 0))
    }

    fn make_room(&mut self) {
        while self.bytes > self.capacity {
            let largest = self.groups.values_mut().filter(|group| group.has_events());
            let Some(group) = largest.max_by_key(|group| group.bytes()) else { return };
            let before = group.bytes();
            self.counts.dropped += group.drop_oldest();
            self.bytes -= before - group.bytes();
        }
    }
}

impl Stream {
    /// Its number in the group.
    pub(in crate::aws) fn id(&self) -> u32 {
        self.id
    }
}

impl Group {
    fn new(name: &str, id: u64, now: i64) -> Self {
        Self {
            name: name.into(),
            id,
            created: now,
            retention: None,
            tags: Tags::default(),
            streams: BTreeMap::new(),
            names: Arc::default(),
            made: 0,
            closed: VecDeque::new(),
            open: Chunk::new(0, now),
            bytes: GROUP + 2 * name.len(),
        }
    }

    /// Bytes of memory.
    pub(in crate::aws) fn bytes(&self) -> usize {
        self.bytes + self.open.bytes()
    }

    /// The streams by name.
    pub(in crate::aws) fn streams(&self) -> impl Iterator<Item = (&Arc<str>, &Stream)> {
        self.streams.iter()
    }

    pub(in crate::aws) fn stream(&self, name: &str) -> Result<&Stream, Refusal> {
        self.streams.get(name).ok_or(Refusal::NoStream)
    }

    fn has_events(&self) -> bool {
        !self.closed.is_empty() || self.open.len() > 0
    }

    /// Makes a stream unless it is there.
    fn add_stream(&mut self, name: &str, now: i64) -> Result<(), Refusal> {
        if self.streams.contains_key(name) {
            return Ok(());
        }
        if self.streams.len() >= MAX_STREAMS {
            return Err(Refusal::TooMany);
        }
        let (id, name) = (self.made, Arc::<str>::from(name));
        self.made = self.made.checked_add(1).ok_or(Refusal::TooMany)?;
        Arc::make_mut(&mut self.names).insert(id, name.clone());
        self.bytes += stream_bytes(&name);
        // It stays until its first event would be dropped.
        let end = self.open.end();
        self.streams.insert(name, Stream { id, created: now, end, ..Stream::default() });
        Ok(())
    }

    fn push(&mut self, stream: &str, now: i64, timestamp: i64, message: &str, size: usize) {
        if !self.open.has_room(message.len(), now, size) {
            let full = core::mem::replace(&mut self.open, Chunk::new(0, now)).closed();
            self.open = Chunk::new(full.end(), now);
            self.bytes += full.bytes();
            self.closed.push_back(Arc::new(full));
        }
        if self.open.len() == 0 {
            self.open = Chunk::new(self.open.end(), now);
        }
        let Some(stream) = self.streams.get_mut(stream) else { return };
        self.open.push(timestamp, now, stream.id, message);
        stream.first = Some(stream.first.map_or(timestamp, |first| first.min(timestamp)));
        stream.last = Some(stream.last.map_or(timestamp, |last| last.max(timestamp)));
        (stream.last_ingestion, stream.end) = (Some(now), self.open.end());
    }

    /// Drops the oldest chunk, and streams without others; the number of its events.
    fn drop_oldest(&mut self) -> u64 {
        let chunk = match self.closed.pop_front() {
            Some(chunk) => {
                self.bytes -= chunk.bytes();
                chunk
            }
            None => {
                let empty = Chunk::new(self.open.end(), 0);
                Arc::new(core::mem::replace(&mut self.open, empty))
            }
        };
        let (names, bytes) = (&mut self.names, &mut self.bytes);
        self.streams.retain(|name, stream| {
            let stays = stream.is_kept || stream.end > chunk.end();
            if !stays {
                Arc::make_mut(names).remove(&stream.id);
                *bytes -= stream_bytes(name);
            }
            stays
        });
        chunk.len() as u64
    }
}

/// Bytes of a stream, its name and its places in the tables.
fn stream_bytes(name: &str) -> usize {
    STREAM + name.len()
}

/// Bytes of a chunk that is closed, if the memory is large.
const MAX_CHUNK: usize = 256 << 10;
/// Chunks that fit into a small memory.
const CHUNKS: usize = 64;
const MAX_GROUPS: usize = 1000;
/// Streams of a group.
const MAX_STREAMS: usize = 20_000;
/// Bytes of a group without its name.
const GROUP: usize = 512;
/// Bytes of a stream without its name.
const STREAM: usize = 256;
