//! Lines on their way to log streams, so that the events of a stream are added together.

use std::collections::BTreeMap;

use crate::hub::Hub;

/// Lines by log group and stream.
#[derive(Debug, Default)]
pub(super) struct Batches {
    groups: BTreeMap<String, BTreeMap<String, Batch>>,
    bytes: usize,
}

/// Lines, one after the other.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    /// The time of each line in milliseconds since 1970, and where it ends.
    ends: Vec<(i64, usize)>,
}

impl Batches {
    /// Adds a line.
    pub(super) fn add(&mut self, group: &str, stream: &str, time: i64, line: &str) {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.to_owned(), BTreeMap::new());
        }
        let Some(streams) = self.groups.get_mut(group) else { return };
        if !streams.contains_key(stream) {
            streams.insert(stream.to_owned(), Batch::default());
        }
        let Some(batch) = streams.get_mut(stream) else { return };
        batch.text.push_str(line);
        batch.ends.push((time, batch.text.len()));
        self.bytes += line.len();
    }

    /// True if they take much memory.
    pub(super) fn are_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }

    /// Adds the lines to their log streams.
    pub(super) fn flush(&mut self, hub: &Hub) {
        let now = hub.unix_ms(hub.now()).cast_signed();
        for (group, streams) in core::mem::take(&mut self.groups) {
            for (stream, batch) in streams {
                hub.aws.logs.append(&group, &stream, now, batch.lines());
            }
        }
        self.bytes = 0;
    }
}

impl Batch {
    fn lines(&self) -> impl Iterator<Item = (i64, &str)> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |(time, end)| {
            let line = self.text.get(begin..*end)?;
            begin = *end;
            Some((*time, line))
        })
    }
}

const MAX_BYTES: usize = 1 << 20;
