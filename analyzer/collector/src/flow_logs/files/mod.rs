//! Files of flow logs in the layout that AWS has in S3, on a thread of their own.
//!
//! Each file has five minutes of a flow log, as text that gzip compressed or as [columns](table). It appears
//! under its name when it is complete. The oldest files are removed when all of them are too large.

mod kept;
mod layout;
mod open;
mod table;
#[cfg(test)]
mod tests;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use super::definition::FileSetting;
use super::format::Format;
use crate::stderr::eprintln_lossy;
use kept::Kept;
use layout::SLOT;
pub(super) use layout::slot;
use open::OpenFile;

/// Where files are, and how many.
#[derive(Clone, Debug)]
pub(crate) struct FileOptions {
    pub(crate) directory: PathBuf,
    /// Bytes of all files together.
    pub(crate) limit: u64,
    /// True if the flow log that is always there has columns.
    pub(crate) parquet: bool,
}

/// A flow log with files.
#[derive(Clone, Debug)]
pub(super) struct FileLog {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) setting: FileSetting,
    pub(super) format: Format,
    /// Seconds of a window.
    pub(super) window: u32,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct FileCounts {
    /// Completed files, and their bytes.
    pub(crate) files: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Bytes of the files that are there.
    pub(crate) kept: AtomicU64,
    /// Lines that are in no file: the disk was full or too slow.
    pub(crate) lost: AtomicU64,
    /// Files that were removed to make room.
    pub(crate) removed: AtomicU64,
    /// True after an error, until a file is completed.
    pub(crate) fails: AtomicBool,
}

/// Lines for a file.
#[derive(Debug)]
struct Lines {
    log: Arc<FileLog>,
    slot: u64,
    text: String,
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Files {
    sender: Option<SyncSender<Lines>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<FileCounts>,
}

impl Files {
    /// Creates the directory, and starts the thread.
    pub(super) fn start(options: FileOptions, counts: Arc<FileCounts>) -> io::Result<Self> {
        let directory = &options.directory;
        fs::create_dir_all(directory).map_err(|error| {
            io::Error::other(format!("cannot create {}: {error}", directory.display()))
        })?;
        let (sender, receiver) = sync_channel(QUEUE);
        let own = counts.clone();
        let write = move || Writer::new(options, own).run(&receiver);
        let thread = thread::Builder::new().name("flow files".to_owned()).spawn(write)?;
        Ok(Self { sender: Some(sender), thread: Some(thread), counts })
    }

    /// Passes lines on. If the disk is too slow until `deadline`, they are counted as lost.
    pub(super) fn add(&self, log: &Arc<FileLog>, slot: u64, text: String, deadline: Instant) {
        let mut lines = Lines { log: log.clone(), slot, text };
        let Some(sender) = &self.sender else { return };
        loop {
            match sender.try_send(lines) {
                Ok(()) => return,
                Err(TrySendError::Full(refused)) if Instant::now() < deadline => {
                    lines = refused;
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) => {
                    self.counts.lose(&refused.text);
                    return;
                }
            }
        }
    }
}

/// Completes all files.
impl Drop for Files {
    fn drop(&mut self) {
        drop(self.sender.take());
        // A panic of the thread was printed when it happened.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl FileCounts {
    pub(super) fn lose(&self, text: &str) {
        self.lose_lines(text.bytes().filter(|byte| *byte == b'\n').count() as u64);
    }

    fn lose_lines(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }
}

/// What the thread has.
#[derive(Debug)]
struct Writer {
    options: FileOptions,
    counts: Arc<FileCounts>,
    /// By flow log and slot, with the time from which on it is complete.
    open: BTreeMap<(String, u64), (u64, OpenFile)>,
    kept: Kept,
}

impl Writer {
    fn new(options: FileOptions, counts: Arc<FileCounts>) -> Self {
        let _ = fs::remove_dir_all(options.directory.join(open::INCOMPLETE));
        let kept = Kept::below(&options.directory);
        let writer = Self { options, counts, open: BTreeMap::new(), kept };
        writer.counts.kept.store(writer.kept.bytes(), Ordering::Relaxed);
        writer
    }

    fn run(mut self, receiver: &Receiver<Lines>) {
        loop {
            match receiver.recv_timeout(Duration::from_secs(1)) {
                Ok(lines) => self.add(&lines),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.finish(now.as_secs());
        }
        self.finish(u64::MAX);
    }

    fn add(&mut self, lines: &Lines) {
        let Lines { log, slot, text } = lines;
        let key = (log.id.clone(), *slot);
        if !self.open.contains_key(&key) {
            match OpenFile::create(&self.options.directory, log, *slot) {
                Ok(file) => {
                    let complete = slot + SLOT.max(log.window.into()) + GRACE;
                    self.open.insert(key.clone(), (complete, file));
                }
                Err(error) => {
                    self.counts.lose(text);
                    return self.report(&error);
                }
            }
        }
        let Some((complete, file)) = self.open.get_mut(&key) else { return };
        match file.write(text) {
            // The next lines begin another file of the slot.
            Ok(()) if file.is_full() => *complete = 0,
            Ok(()) => {}
            Err(error) => {
                self.counts.lose_lines(file.lines);
                self.open.remove(&key);
                self.report(&error);
            }
        }
    }

    /// Completes the files whose time is over.
    fn finish(&mut self, now: u64) {
        let over = self.open.extract_if(.., |_, (complete, _)| *complete <= now);
        let over: Vec<OpenFile> = over.map(|(_, (_, file))| file).collect();
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
            let removed = self.kept.remove_oldest(&self.options.directory, self.options.limit);
            self.counts.removed.fetch_add(removed, Ordering::Relaxed);
            self.counts.kept.store(self.kept.bytes(), Ordering::Relaxed);
        }
    }

    fn report(&mut self, error: &io::Error) {
        if !self.counts.fails.swap(true, Ordering::Relaxed) {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: cannot write flow logs to {}: {error}; lines are lost until it works",
                self.options.directory.display()
            ));
        }
    }
}

/// Lines on their way to the thread, each of about a megabyte at most.
const QUEUE: usize = 16;
/// Seconds after the end of its time in which a file still gets lines.
const GRACE: u64 = 2;
