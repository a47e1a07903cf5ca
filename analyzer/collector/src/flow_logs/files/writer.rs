//! The thread that writes files.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};

use super::kept::Kept;
use super::layout::SLOT;
use super::open::{INCOMPLETE, OpenFile};
use super::{FileCounts, FileOptions, Lines, Message};
use crate::flow_logs::HISTORY_WINDOW;
use crate::stderr::eprintln_lossy;

/// What the thread has.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) options: FileOptions,
    pub(super) counts: Arc<FileCounts>,
    /// By flow log and slot.
    pub(super) open: BTreeMap<(String, u64), Open>,
    kept: Kept,
    /// Lines that were taken.
    taken: u64,
    /// Bytes of lines that wait for the next write, in all files.
    pub(super) waiting: usize,
    /// Files that can be open.
    pub(super) most: usize,
    /// True after a file could not be removed.
    is_stuck: bool,
    /// All lines of windows that ended by then were added.
    closed: u64,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Open {
    /// The time from which on it is complete, in seconds since 1970.
    complete: u64,
    /// The number of the last lines.
    last: u64,
    pub(super) file: OpenFile,
}

impl Writer {
    pub(super) fn new(options: FileOptions, counts: Arc<FileCounts>, memory: usize) -> Self {
        // Files of a run that did not end are none that can be read.
        let _ = fs::remove_dir_all(options.directory.join(INCOMPLETE));
        let kept = Kept::below(&options.directory);
        counts.kept.store(kept.bytes(), Ordering::Relaxed);
        let (waiting, most) = (memory / 4, (memory / FILE).clamp(MIN_OPEN, MAX_OPEN));
        let open = BTreeMap::new();
        Self { options, counts, open, kept, taken: 0, waiting, most, is_stuck: false, closed: 0 }
    }

    pub(super) fn run(mut self, receiver: &Receiver<Message>, now: impl Fn() -> u64) {
        loop {
            let lines = match receiver.try_recv() {
                Ok(lines) => Ok(lines),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {
                    self.counts.is_behind.store(false, Ordering::Relaxed);
                    receiver.recv_timeout(Duration::from_secs(1))
                }
            };
            match lines {
                Ok(Message::Lines(lines)) => self.add(&lines),
                Ok(Message::Closed(time)) => self.closed = time,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.finish(now());
        }
        self.finish(u64::MAX);
    }

    pub(super) fn add(&mut self, lines: &Lines) {
        let Lines { log, slot, text } = lines;
        let key = (log.id.clone(), *slot);
        if !self.open.contains_key(&key) {
            self.make_place();
            match OpenFile::create(&self.options.directory, log, *slot) {
                Ok(file) => {
                    let complete = match log.run {
                        Some(_) => OF_HISTORY,
                        None => slot + SLOT.max(log.window.into()) + GRACE,
                    };
                    self.open.insert(key.clone(), Open { complete, last: 0, file });
                }
                Err(error) => {
                    self.counts.lose(text);
                    return self.report(&error);
                }
            }
        }
        self.taken += 1;
        if let Some(open) = self.open.get_mut(&key) {
            open.last = self.taken;
            open.file.add(text);
        }
        self.write_largest();
    }

    /// Writes files, that with the most lines first, until few enough lines wait.
    fn write_largest(&mut self) {
        while self.open.values().map(|open| open.file.waiting()).sum::<usize>() > self.waiting {
            let largest = self.open.iter_mut().max_by_key(|(_, open)| open.file.waiting());
            let Some((key, open)) = largest else { return };
            match open.file.write() {
                // The next lines begin another file of the slot.
                Ok(()) if open.file.is_full() => open.complete = 0,
                Ok(()) => {}
                Err(error) => {
                    self.counts.lose_lines(open.file.lines);
                    let key = key.clone();
                    self.open.remove(&key);
                    self.report(&error);
                }
            }
        }
    }

    /// Completes the file that got no lines for the longest time if there are too many.
    fn make_place(&mut self) {
        if self.open.len() < self.most {
            return;
        }
        if let Some(oldest) = self.open.values_mut().min_by_key(|open| open.last) {
            oldest.complete = 0;
        }
        self.finish(0);
    }

    /// Completes the files whose time is over.
    pub(super) fn finish(&mut self, now: u64) {
        let closed = self.closed / HISTORY * HISTORY;
        let over = self.open.extract_if(.., |(_, slot), open| {
            open.complete <= now || open.complete == OF_HISTORY && slot + HISTORY <= closed
        });
        let over: Vec<OpenFile> = over.map(|(_, open)| open.file).collect();
        for file in over {
            let lines = file.lines;
            match file.finish() {
                Ok((path, bytes)) => {
                    self.counts.fails.store(false, Ordering::Relaxed);
                    self.counts.files.fetch_add(1, Ordering::Relaxed);
                    self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
                    self.kept.add(path, bytes);
                }
                Err(error) => {
                    self.counts.lose_lines(lines);
                    self.report(&error);
                }
            }
            self.remove_oldest();
        }
        self.counts.complete.store(closed, Ordering::Relaxed);
    }

    fn remove_oldest(&mut self) {
        let FileOptions { directory, limit, .. } = &self.options;
        let (removed, error) = self.kept.remove_oldest(directory, *limit);
        self.counts.removed.fetch_add(removed, Ordering::Relaxed);
        self.counts.kept.store(self.kept.bytes(), Ordering::Relaxed);
        let was_stuck = core::mem::replace(&mut self.is_stuck, error.is_some());
        if let Some(error) = error.filter(|_| !was_stuck) {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: cannot remove old flow logs: {error}; {} grows until it works",
                directory.display()
            ));
        }
    }

    fn report(&self, error: &io::Error) {
        self.counts.report(&self.options.directory, error);
    }
}

/// Seconds of a file of the history.
const HISTORY: u64 = HISTORY_WINDOW as u64;
/// In place of the time at which a file is completed: with its window.
const OF_HISTORY: u64 = u64::MAX - 1;
/// Seconds after the end of its time in which a file still gets lines.
const GRACE: u64 = 2;
/// Memory of an open file beside its lines, at most: the writers of columns and their list of groups.
const FILE: usize = 64 << 10;
const MIN_OPEN: usize = 16;
/// Each has a descriptor: a service has 1024 unless its unit names more.
const MAX_OPEN: usize = 256;
