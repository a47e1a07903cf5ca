//! Writes formatted datagrams to a file or to standard output.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flowmote_engine::{Gaps, Tally};

use super::format::{Format, Received};
use super::kind::FormatKind;
use crate::receive::{Drops, Next, Queue};
use crate::stderr::eprintln_lossy;

/// A formatter, its output file, and counts of the datagrams written.
pub(crate) struct Writer {
    format: Box<dyn Format>,
    out: File,
    path: Option<PathBuf>,
    tally: Tally,
}

impl Writer {
    /// Opens the file `path`, overwriting it; standard output if `path` is `None` or `-`.
    pub(crate) fn new(kind: FormatKind, path: Option<&Path>) -> io::Result<Self> {
        let path = path.filter(|path| *path != "-");
        let out = match path {
            Some(path) => File::create(path).map_err(|error| cannot_write(path, &error))?,
            // Not `Stdout`: its line buffer would search every block for line feeds.
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let mut writer = Self {
            format: kind.format(),
            out,
            path: path.map(Path::to_owned),
            tally: Tally::default(),
        };
        // A reader of pcap waits for the file header before it opens its view.
        writer.flush()?;
        Ok(writer)
    }

    /// Formats one datagram. It is written out when [`CHUNK`] bytes are waiting, or by
    /// [`flush`](Writer::flush).
    pub(crate) fn datagram(&mut self, received: &Received<'_>) -> io::Result<()> {
        self.format.datagram(received, &mut self.tally);
        if self.format.buffer().len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// The totals as a summary of several lines.
    pub(crate) fn summary(&self) -> String {
        match self.format.not_written() {
            0 => self.tally.to_string(),
            count => format!("{}\n  {count} flow samples without a packet that fits", self.tally),
        }
    }

    /// Writes out all datagrams so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let buffer = self.format.buffer();
        let written = self.out.write_all(buffer);
        buffer.clear();
        // Give back the memory of a burst of large datagrams.
        buffer.shrink_to(2 * CHUNK);
        written.map_err(|error| match &self.path {
            Some(path) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(path, &error),
            _ => error,
        })
    }

    /// Writes the datagrams of `queue` until it is closed, and prints `report` when due.
    ///
    /// Flushes when the queue is empty, so that a reader of the output sees every datagram
    /// immediately, and blocks are large under load.
    pub(crate) fn run(&mut self, queue: &Queue, report: Option<&mut Report>) -> io::Result<()> {
        let mut report = report;
        loop {
            match queue.next() {
                Next::Batch(batch) => {
                    for (payload, from) in batch.iter() {
                        let received = Received { time: batch.time(), from: Some(from), payload };
                        self.datagram(&received)?;
                    }
                    queue.give_back(batch);
                }
                Next::Nothing => {
                    self.flush()?;
                    queue.wait(report.as_ref().map(|report| report.next));
                }
                Next::End => return self.flush(),
            }
            if let Some(report) = &mut report {
                report.tick(&self.tally);
            }
        }
    }
}

/// The line printed to standard error at every `--interval`.
#[derive(Debug)]
pub(crate) struct Report {
    interval: Duration,
    next: Instant,
    drops: Drops,
    /// The totals of gaps at the last report. Streams are listed only if there are new gaps.
    gaps: Gaps,
}

impl Report {
    pub(crate) fn new(interval: Duration, drops: Drops) -> Self {
        Self { interval, next: Instant::now() + interval, drops, gaps: Gaps::default() }
    }

    /// Prints the report if it is due.
    fn tick(&mut self, tally: &Tally) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        let mut text = format!("flowmote-analyzer: {}, {}", tally.line(), self.drops);
        if self.gaps != tally.sequences.totals {
            self.gaps = tally.sequences.totals;
            text += &tally.sequences.to_string();
        }
        eprintln_lossy(text);
    }
}

/// The error with the name of the file, which the system error lacks.
fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// Bytes per system call.
const CHUNK: usize = 256 << 10;
