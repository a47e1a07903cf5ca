//! Files of flow logs in the layout that AWS has in S3, on a thread of their own.
//!
//! Each file has five minutes of a flow log, as [text](text) that gzip compressed or as [columns](table). It
//! appears under its name when it is complete. The oldest files are removed when all of them are too large.

mod kept;
mod layout;
mod open;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod writer;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::definition::FileSetting;
use super::format::Format;
use crate::stderr::eprintln_lossy;
use layout::SLOT;
pub(crate) use layout::{hive_day, sum_in, time_in};
pub(crate) use table::RUN;
use writer::Writer;

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
    /// Of the history of flows: the start of the program, in milliseconds since 1970.
    pub(super) run: Option<u64>,
}

impl FileLog {
    /// The start of the file that has a time, in seconds since 1970.
    pub(super) fn slot(&self, time: u64) -> u64 {
        time / self.seconds() * self.seconds()
    }

    /// Seconds of a file. One of the history has one window, so that its name alone has the time.
    fn seconds(&self) -> u64 {
        if self.run.is_some() { self.window.into() } else { SLOT }
    }
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
    /// The end of the windows that are in completed files, in seconds since 1970.
    pub(crate) complete: AtomicU64,
    /// True after an error, until a file is completed.
    pub(crate) fails: AtomicBool,
    /// True from a time at which the disk was too slow on, until the thread has written all that it got.
    is_behind: AtomicBool,
}

/// What the thread is sent.
#[derive(Debug)]
enum Message {
    Lines(Lines),
    /// All lines of windows that ended by then were sent, in seconds since 1970.
    Closed(u64),
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
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<FileCounts>,
    directory: PathBuf,
}

impl Files {
    /// Creates the directory, and starts the thread, which uses about `memory` bytes. `now` is the time of
    /// the lines in seconds since 1970: that of the system may jump.
    pub(super) fn start(
        options: FileOptions,
        counts: Arc<FileCounts>,
        memory: usize,
        now: impl Fn() -> u64 + Send + 'static,
    ) -> io::Result<Self> {
        let directory = options.directory.clone();
        fs::create_dir_all(&directory).map_err(|error| {
            io::Error::other(format!("cannot create {}: {error}", directory.display()))
        })?;
        let (sender, receiver) = sync_channel(QUEUE);
        let own = counts.clone();
        let write = move || Writer::new(options, own, memory).run(&receiver, now);
        let thread = thread::Builder::new().name("flow files".to_owned()).spawn(write)?;
        Ok(Self { sender: Some(sender), thread: Some(thread), counts, directory })
    }

    /// Bytes of lines that are passed on together, so that a full queue takes a quarter of the memory.
    pub(super) fn batch(memory: usize) -> usize {
        (memory / 4 / QUEUE).clamp(16 << 10, 1 << 20)
    }

    /// Passes lines on. If the disk is too slow until `deadline`, they are counted as lost, and nobody waits
    /// again until the thread has nothing left to do.
    pub(super) fn add(&self, log: &Arc<FileLog>, slot: u64, text: String, deadline: Instant) {
        let mut message = Message::Lines(Lines { log: log.clone(), slot, text });
        let Some(sender) = &self.sender else { return };
        loop {
            match sender.try_send(message) {
                Ok(()) => return,
                Err(TrySendError::Full(refused)) if self.may_wait(deadline) => {
                    message = refused;
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TrySendError::Full(refused)) => {
                    self.counts.is_behind.store(true, Ordering::Relaxed);
                    return self.lose(&refused, "the disk is too slow");
                }
                Err(TrySendError::Disconnected(refused)) => {
                    return self.lose(&refused, "the thread that writes them has ended");
                }
            }
        }
    }

    fn may_wait(&self, deadline: Instant) -> bool {
        !self.counts.is_behind.load(Ordering::Relaxed) && Instant::now() < deadline
    }

    /// Notes that all lines of windows that ended by a time were added.
    pub(super) fn close(&self, time: u64) {
        if let Some(sender) = &self.sender {
            // Of a full queue the next one will do.
            let _ = sender.try_send(Message::Closed(time));
        }
    }

    fn lose(&self, message: &Message, reason: &str) {
        let Message::Lines(lines) = message else { return };
        self.counts.lose(&lines.text);
        self.counts.report(&self.directory, &io::Error::other(reason));
    }
}

/// Completes all files, if the disk does that in a reasonable time.
impl Drop for Files {
    fn drop(&mut self) {
        drop(self.sender.take());
        let Some(thread) = self.thread.take() else { return };
        if ends_within(&thread, LAST) {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        } else {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: {} did not take the last flow logs within {} s; they are lost",
                self.directory.display(),
                LAST.as_secs()
            ));
        }
    }
}

/// Waits for the end of a thread. False if it did not end in time.
fn ends_within(thread: &JoinHandle<()>, limit: Duration) -> bool {
    let begin = Instant::now();
    while !thread.is_finished() && begin.elapsed() < limit {
        thread::sleep(Duration::from_millis(5));
    }
    thread.is_finished()
}

impl FileCounts {
    pub(super) fn lose(&self, text: &str) {
        self.lose_lines(text.bytes().filter(|byte| *byte == b'\n').count() as u64);
    }

    fn lose_lines(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Prints an error, once until a file is completed.
    fn report(&self, directory: &Path, error: &io::Error) {
        if !self.fails.swap(true, Ordering::Relaxed) {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: cannot write flow logs to {}: {error}; lines are lost until it works",
                directory.display()
            ));
        }
    }
}

/// Batches of lines on their way to the thread.
const QUEUE: usize = 16;
/// Time that a disk has for the last lines when the program ends.
const LAST: Duration = Duration::from_secs(10);
