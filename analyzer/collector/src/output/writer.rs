//! Writes formatted datagrams to a file or to standard output.

use std::io;
use std::path::Path;

use flowmote_engine::Tally;

use super::file::{Output, Progress};
use super::format::{Format, Received};
use super::kind::FormatKind;
use super::report::Report;
use crate::receive::{Item, Next, Queue};
use crate::stderr::eprintln_lossy;

/// A formatter, its output file, and counts of the datagrams written.
pub(crate) struct Writer {
    kind: FormatKind,
    format: Box<dyn Format>,
    output: Output,
    tally: Tally,
}

impl Writer {
    /// Opens the file `path`, overwriting it; standard output if `path` is `None` or `-`.
    pub(crate) fn new(kind: FormatKind, path: Option<&Path>) -> io::Result<Self> {
        let mut writer = Self {
            kind,
            format: kind.format(),
            output: Output::create(path)?,
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
        let written = self.output.write_all(buffer);
        buffer.clear();
        // Give back the memory of a burst of large datagrams.
        buffer.shrink_to(2 * CHUNK);
        written
    }

    /// The bytes written so far, to see from another thread if the reader of a pipe reads.
    pub(crate) fn progress(&self) -> Progress {
        self.output.progress()
    }

    /// Writes out all datagrams so far and opens the output file again, which a program such as
    /// logrotate has renamed. A new file gets the file header, if the format has one.
    fn reopen(&mut self) -> io::Result<()> {
        self.flush()?;
        match self.output.reopen() {
            Ok(true) => {
                let mut header = self.kind.format();
                self.format.buffer().extend_from_slice(header.buffer());
                self.flush()
            }
            Ok(false) => Ok(()),
            // The old file is still open: nothing is lost.
            Err(error) => {
                eprintln_lossy(format_args!("flowmote-analyzer: {error}; the old file is kept"));
                Ok(())
            }
        }
    }

    /// Writes the datagrams of `queue` until it is closed, and prints `report` when due.
    ///
    /// Flushes when the queue is empty, so that a reader of the output sees every datagram
    /// immediately, and blocks are large under load.
    pub(crate) fn run(&mut self, queue: &Queue, report: &mut Report) -> io::Result<()> {
        loop {
            match queue.next() {
                Next::Item(Item::Batch(batch)) => {
                    for (payload, from) in batch.iter() {
                        let received = Received { time: batch.time(), from: Some(from), payload };
                        self.datagram(&received)?;
                    }
                    queue.give_back(batch);
                }
                Next::Item(Item::Reopen) => self.reopen()?,
                Next::Item(Item::Report) => report.now(&self.summary()),
                Next::Nothing => {
                    self.flush()?;
                    queue.wait(report.next());
                }
                Next::End => return self.flush(),
            }
            report.tick(&self.tally);
        }
    }
}

/// Bytes per system call.
const CHUNK: usize = 256 << 10;
