//! The lines that wait to be written, and the thread that writes them.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use log::Level;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::line::Style;
use crate::kernel::capabilities;

/// A bounded queue of bytes, whole lines at its end. What does not fit is counted.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    style: Style,
    state: Mutex<State>,
    /// Notified when there are bytes to write.
    filled: Condvar,
    /// Notified when all are written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    /// The thread has taken bytes and not written them yet.
    writing: bool,
    /// The last write failed. No line reports losses then, because it would be lost as well.
    failing: bool,
    started: bool,
    lost: u64,
    /// Lines lost since the last line that reports losses.
    unreported: u64,
}

impl Queue {
    pub(super) fn new(style: Style) -> Self {
        let shared = Shared {
            style,
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Appends lines, all or none. Never waits for the output.
    pub(super) fn push(&self, lines: &str) {
        let mut state = self.shared.lock();
        if !state.failing {
            state.report_losses(self.shared.style);
        }
        state.append(lines);
        self.shared.filled.notify_one();
    }

    /// Starts the thread that writes to `output`, unless it was started before.
    ///
    /// # Errors
    /// `EAGAIN`: no further thread is allowed.
    pub(super) fn start(&self, output: impl Write + AsFd + Send + 'static) -> io::Result<()> {
        if self.shared.lock().started {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name("log".into()).stack_size(STACK).spawn(move || {
            capabilities::give_up_all();
            shared.write_all(output);
        })?;
        self.shared.lock().started = true;
        Ok(())
    }

    pub(super) fn lost(&self) -> u64 {
        self.shared.lock().lost
    }

    /// Waits until nothing is left to write, for at most `limit`.
    pub(super) fn wait_until_written(&self, limit: Duration) {
        let waits = |state: &mut State| state.writing || !state.bytes.is_empty();
        // A poisoned lock: the writer has panicked, and nothing will be written.
        drop(self.shared.written.wait_timeout_while(self.shared.lock(), limit, waits));
    }
}

impl Shared {
    /// Writes what is in the queue, for ever.
    fn write_all(&self, mut output: impl Write + AsFd) {
        let mut chunk = [0; CHUNK];
        loop {
            let taken = self.take(&mut chunk);
            let taken = chunk.get(..taken).unwrap_or_default();
            let rest = write_chunk(&mut output, taken);
            self.finish_chunk(rest);
        }
    }

    /// Waits for bytes and takes up to a chunk of them.
    fn take(&self, chunk: &mut [u8]) -> usize {
        let mut state = self.lock();
        while state.bytes.is_empty() {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        let count = state.bytes.len().min(chunk.len());
        chunk.iter_mut().zip(state.bytes.drain(..count)).for_each(|(to, from)| *to = from);
        count
    }

    /// Counts the lines that end in `rest`, the bytes that could not be written.
    fn finish_chunk(&self, rest: &[u8]) {
        let mut state = self.lock();
        state.writing = false;
        state.failing = !rest.is_empty();
        state.lose(line_count(rest));
        if state.bytes.is_empty() {
            if !state.failing {
                state.report_losses(self.style);
            }
            if state.bytes.is_empty() {
                // Gives the memory of a burst back.
                state.bytes = VecDeque::new();
                self.written.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, lines: &str) {
        if self.bytes.len().saturating_add(lines.len()) > CAPACITY {
            self.lose(line_count(lines.as_bytes()));
        } else {
            self.bytes.extend(lines.as_bytes());
        }
    }

    fn lose(&mut self, lines: u64) {
        self.lost = self.lost.saturating_add(lines);
        self.unreported = self.unreported.saturating_add(lines);
    }

    /// Appends a line about lost lines if there are any and it fits.
    fn report_losses(&mut self, style: Style) {
        if self.unreported == 0 || self.bytes.len() > CAPACITY - ROOM_FOR_REPORT {
            return;
        }
        let lost = core::mem::take(&mut self.unreported);
        let problem = format!("{lost} log lines lost: standard error was not writable");
        self.bytes.extend(style.format(SystemTime::now(), Level::Warn, &[&problem]).as_bytes());
    }
}

/// Writes `bytes` and returns what is left of them after an error.
fn write_chunk<'a>(output: &mut (impl Write + AsFd), mut bytes: &'a [u8]) -> &'a [u8] {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => break,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process that has the same open file made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut files = [PollFd::new(output.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut files, PollTimeout::NONE);
            }
            Err(_) => break,
        }
    }
    bytes
}

fn line_count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Bytes that wait at most: the statistics of 1,024 interfaces have about 100 KiB.
const CAPACITY: usize = 256 << 10;
const ROOM_FOR_REPORT: usize = 256;
/// Bytes of one write, on the stack of the thread.
const CHUNK: usize = 4096;
/// Bytes. The thread needs a chunk and little more.
const STACK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn log_lines(queue: &Queue, numbers: core::ops::Range<u64>) {
        numbers.for_each(|number| queue.push(&format!("line {number:0200}\n")));
    }

    /// Reads until a line has `text`.
    fn read_to(reader: &mut impl Read, text: &str) -> Vec<String> {
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = reader.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the end of the log");
            all.extend_from_slice(&buffer[..count]);
            let log = String::from_utf8_lossy(&all).into_owned();
            if log.ends_with('\n') && log.contains(text) {
                return log.lines().map(str::to_owned).collect();
            }
        }
    }

    #[test]
    fn full_pipe_loses_lines_and_reports_their_number_when_it_is_read() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = Queue::new(Style::Plain);
        queue.start(writer).unwrap();
        // Pipe and queue hold 320 KiB together.
        log_lines(&queue, 0..5000);
        let lost = queue.lost();
        assert!(lost > 3000 && lost < 4900, "{lost}");
        queue.wait_until_written(Duration::ZERO);
        // While the thread fills the pipe, lines are lost more than once.
        let (mut written, mut reported) = (0, 0);
        while reported < lost {
            for line in read_to(&mut reader, "line") {
                match line.split_once(" warn: ") {
                    None => written += 1,
                    Some((_, report)) => {
                        let (number, text) = report.split_once(' ').unwrap();
                        assert_eq!(text, "log lines lost: standard error was not writable");
                        reported += number.parse::<u64>().unwrap();
                    }
                }
            }
        }
        assert_eq!((written, reported), (5000 - lost, lost));
        log_lines(&queue, 7..8);
        assert_eq!(read_to(&mut reader, "line"), [format!("line {:0200}", 7)]);
        assert_eq!(queue.lost(), lost, "the report counts once");
    }

    #[test]
    fn failed_writes_are_counted_once_and_do_not_repeat() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let queue = Queue::new(Style::Plain);
        queue.start(full).unwrap();
        for number in 1..=3 {
            log_lines(&queue, 0..1);
            queue.wait_until_written(Duration::from_secs(60));
            assert_eq!(queue.lost(), number);
        }
    }

    #[test]
    fn lines_before_the_start_are_kept() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = Queue::new(Style::Journal);
        log_lines(&queue, 0..2);
        queue.start(writer).unwrap();
        queue.wait_until_written(Duration::from_secs(60));
        assert_eq!(read_to(&mut reader, "1\n").len(), 2);
        assert_eq!(queue.lost(), 0);
    }
}
