//! Datagrams into a file, a pipe or a terminal.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flowmote_engine::{Gaps, Tally};

use super::{Format, Kind, Received};
use crate::receive::Drops;
use crate::receive::{Next, Queue};
use crate::stderr::eprintln_lossy;

/// A format, where it goes, and the count of what went there.
pub(crate) struct Writer {
    format: Box<dyn Format>,
    out: File,
    path: Option<PathBuf>,
    tally: Tally,
}

impl Writer {
    /// Writes to the file `path`, made anew; to standard output without one or if it is `-`.
    pub(crate) fn new(kind: Kind, path: Option<&Path>) -> io::Result<Self> {
        let path = path.filter(|path| *path != "-");
        let out = match path {
            Some(path) => File::create(path).map_err(|error| cannot_write(path, &error))?,
            // without the line buffer of `Stdout`
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let mut writer = Self {
            format: kind.format(),
            out,
            path: path.map(Path::to_owned),
            tally: Tally::default(),
        };
        // a reader of pcap waits for its header
        writer.flush()?;
        Ok(writer)
    }

    /// Writes one datagram, sooner or later.
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

    /// Writes all that came so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let buffer = self.format.buffer();
        let written = self.out.write_all(buffer);
        buffer.clear();
        buffer.shrink_to(2 * CHUNK);
        written.map_err(|error| match &self.path {
            Some(path) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(path, &error),
            _ => error,
        })
    }

    /// Writes what comes through `queue` until its end, and says every `interval` how it goes.
    ///
    /// Whatever is not followed at once by more is flushed.
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

/// Says every so often how it goes.
#[derive(Debug)]
pub(crate) struct Report {
    interval: Duration,
    next: Instant,
    drops: Drops,
    /// Those told last.
    gaps: Gaps,
}

impl Report {
    pub(crate) fn new(interval: Duration, drops: Drops) -> Self {
        Self { interval, next: Instant::now() + interval, drops, gaps: Gaps::default() }
    }

    fn tick(&mut self, tally: &Tally) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        let mut words = format!("flowmote-analyzer: {}, {}", tally.line(), self.drops);
        if self.gaps != tally.sequences.totals {
            self.gaps = tally.sequences.totals;
            words += &tally.sequences.to_string();
        }
        eprintln_lossy(words);
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// Bytes in one system call.
const CHUNK: usize = 256 << 10;
