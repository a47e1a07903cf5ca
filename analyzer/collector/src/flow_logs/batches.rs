//! Lines on their way to log streams, so that the events of a stream are added together.

use std::collections::BTreeMap;

use std::sync::Arc;
use std::time::Instant;

use super::files::{FileLog, Files};
use crate::hub::Hub;

/// Lines by log group and stream, and by file.
#[derive(Debug)]
pub(super) struct Batches {
    /// Bytes that are held.
    limit: usize,
    groups: BTreeMap<String, BTreeMap<String, Batch>>,
    /// By flow log and slot.
    files: Vec<(Arc<FileLog>, u64, String)>,
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
    /// No lines; at most about `limit` bytes of them will be held.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, groups: BTreeMap::new(), files: Vec::new(), bytes: 0 }
    }

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

    /// Adds a line to the file of a slot.
    pub(super) fn add_to_file(&mut self, log: &Arc<FileLog>, slot: u64, line: &str) {
        let is_own =
            |it: &&mut (Arc<FileLog>, u64, String)| Arc::ptr_eq(&it.0, log) && it.1 == slot;
        let text = match self.files.iter_mut().find(is_own) {
            Some((_, _, text)) => text,
            None => &mut self.files.push_mut((log.clone(), slot, String::new())).2,
        };
        text.push_str(line);
        text.push('\n');
        self.bytes += line.len();
    }

    /// True if they take much memory.
    pub(super) fn are_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// Adds the lines to their log streams and files. A disk has time until `deadline`.
    pub(super) fn flush(
        &mut self,
        hub: &Hub,
        [files, history]: [Option<&Files>; 2],
        deadline: Instant,
    ) {
        let now = hub.unix_ms(hub.now()).cast_signed();
        for (group, streams) in core::mem::take(&mut self.groups) {
            for (stream, batch) in streams {
                hub.aws.logs.append(&group, &stream, now, batch.lines());
            }
        }
        for (log, slot, text) in self.files.drain(..) {
            match if log.run.is_some() { history } else { files } {
                Some(files) => files.add(&log, slot, text, deadline),
                // It was made by an earlier run that had a directory.
                None => hub.flow_logs.file_counts.lose(&text),
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
