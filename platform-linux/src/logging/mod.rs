//! The log: lines on standard error that never block the daemon.
//!
//! The event loop formats a line and puts it into a bounded [`Queue`]; a thread writes. Standard
//! error may be a pipe that no process reads, the socket of a stopped journal or a file on a hung
//! disk. O_NONBLOCK is no remedy: it belongs to the open file, which other processes share, and
//! it has no effect on regular files.

mod line;
mod queue;
mod time;

use core::time::Duration;
use std::env;
use std::io;
use std::sync::OnceLock;
use std::time::SystemTime;

use log::{LevelFilter, Log, Metadata, Record};

use self::line::Style;
use self::queue::Queue;

/// Target of records that the operator has requested, such as the statistics. They are logged at
/// every level, and their lines are kept apart.
pub(crate) const REQUESTED: &str = "requested";

/// Installs the logger, with the level of the environment variable `FLOWMOTE_LOG`. Lines wait in
/// the queue until [`start_writer`].
pub fn install() {
    let level = env::var_os("FLOWMOTE_LOG").unwrap_or_default();
    let level = level.to_string_lossy();
    let parsed = level.parse().ok();
    let style = Style::of_stderr();
    let logger = LOGGER.get_or_init(|| Logger {
        level: parsed.unwrap_or(LevelFilter::Info),
        queue: Queue::new(style),
        style,
    });
    if log::set_logger(logger).is_ok() {
        // Requested records pass the filter of the macros; `enabled` has the level of the others.
        log::set_max_level(logger.level.max(LevelFilter::Info));
    }
    if parsed.is_none() && !level.is_empty() {
        log::warn!("FLOWMOTE_LOG: there is no level \"{level}\"; use error, warn or info");
    }
}

/// Starts the thread that writes the lines. To be called after privileges were dropped, because
/// threads keep theirs. Without a logger it does nothing.
///
/// # Errors
/// `EAGAIN`: no further thread is allowed.
pub(crate) fn start_writer() -> io::Result<()> {
    LOGGER.get().map_or(Ok(()), |logger| logger.queue.start(io::stderr()))
}

/// Number of lines that were lost, because the queue was full or a write failed.
pub(crate) fn lost_lines() -> u64 {
    LOGGER.get().map_or(0, |logger| logger.queue.lost())
}

/// Waits until all lines are written, for at most [`END_LIMIT`]: a second after SIGTERM the
/// process must have ended, even if nothing reads the log.
pub fn finish() {
    let Some(logger) = LOGGER.get() else { return };
    // Already started, unless the daemon failed before. Without a thread the lines are lost.
    let _ = logger.queue.start(io::stderr());
    logger.queue.wait_until_written(END_LIMIT);
}

/// Writes a text without time and severity, as the last one of the process.
pub fn finish_with(text: &str) {
    if let Some(logger) = LOGGER.get() {
        logger.queue.push(&line::plain(text));
    }
    finish();
}

#[derive(Debug)]
struct Logger {
    level: LevelFilter,
    style: Style,
    queue: Queue,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level || metadata.target() == REQUESTED
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        let lines: Vec<&str> = match record.target() {
            REQUESTED => text.split('\n').collect(),
            _ => vec![&text],
        };
        self.queue.push(&self.style.format(SystemTime::now(), record.level(), &lines));
    }

    fn flush(&self) {}
}

static LOGGER: OnceLock<Logger> = OnceLock::new();
const END_LIMIT: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    #[test]
    fn requested_records_pass_every_level() {
        let style = Style::Plain;
        for level in [LevelFilter::Off, LevelFilter::Error, LevelFilter::Warn] {
            let logger = Logger { level, style, queue: Queue::new(style) };
            let metadata = |target| Metadata::builder().level(Level::Info).target(target).build();
            assert!(logger.enabled(&metadata(REQUESTED)), "{level}");
            assert!(!logger.enabled(&metadata("flowmote::daemon")), "{level}");
        }
    }
}
