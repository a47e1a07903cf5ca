//! The format of a line.

use core::fmt::Write;
use std::env;
use std::io;
use std::time::SystemTime;

use log::Level;
use nix::sys::stat::fstat;

use super::time::rfc3339;
use crate::printable::printable;

/// The reader that lines are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// The journal of systemd: lines with a priority, sd-daemon(3). It adds the time itself.
    Journal,
    /// Anything else: lines with time and severity.
    Plain,
}

impl Style {
    /// The style for standard error. systemd.exec(5): `$JOURNAL_STREAM` names device and inode of
    /// the stream to the journal, and is inherited by processes whose standard error is another.
    pub(super) fn of_stderr() -> Self {
        let stream = env::var("JOURNAL_STREAM").ok();
        let stderr = fstat(io::stderr()).ok().map(|file| (file.st_dev, file.st_ino));
        Self::of(stream.as_deref(), stderr)
    }

    fn of(stream: Option<&str>, stderr: Option<(u64, u64)>) -> Self {
        let stream = stream.and_then(|stream| stream.split_once(':'));
        let numbers = stream.and_then(|(dev, ino)| dev.parse().ok().zip(ino.parse().ok()));
        if numbers.is_some() && numbers == stderr { Self::Journal } else { Self::Plain }
    }

    /// The text of a record, which has one line or, if it was requested, several. Each ends with a
    /// newline.
    pub(super) fn format(self, time: SystemTime, level: Level, lines: &[&str]) -> String {
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            match self {
                Self::Journal => _ = write!(text, "<{}>", priority(level)),
                Self::Plain if number == 0 => _ = write!(text, "{} ", rfc3339(time)),
                Self::Plain => {}
            }
            if self == Self::Plain && level < Level::Info {
                text.push_str(if level == Level::Error { "error: " } else { "warn: " });
            }
            text.push_str(&printable(line));
            text.push('\n');
        }
        text
    }
}

/// Lines without time and severity.
pub(super) fn plain(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", printable(line))).collect()
}

/// The priority of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_needs_the_device_and_the_inode_of_stderr() {
        let of = |stream| Style::of(stream, Some((9, 4711)));
        assert_eq!(of(Some("9:4711")), Style::Journal);
        for stream in [None, Some("1:1"), Some("9:4712"), Some("4711"), Some(""), Some("x:y")] {
            assert_eq!(of(stream), Style::Plain, "{stream:?}");
        }
        assert_eq!(Style::of(Some("9:4711"), None), Style::Plain);
        assert_eq!(Style::of(Some("x:y"), None), Style::Plain);
    }

    #[test]
    fn lines_have_time_or_priority() {
        let format = |style: Style, level, lines: &[&str]| {
            style.format(SystemTime::UNIX_EPOCH, level, lines)
        };
        for (level, plain, journal) in [
            (Level::Error, "1970-01-01T00:00:00.000Z error: e\\u{1b}\n", "<3>e\\u{1b}\n"),
            (Level::Warn, "1970-01-01T00:00:00.000Z warn: e\\u{1b}\n", "<4>e\\u{1b}\n"),
            (Level::Info, "1970-01-01T00:00:00.000Z e\\u{1b}\n", "<6>e\\u{1b}\n"),
        ] {
            assert_eq!(format(Style::Plain, level, &["e\u{1b}"]), plain);
            assert_eq!(format(Style::Journal, level, &["e\u{1b}"]), journal);
        }
        let two = ["statistics", "  a\nb"];
        let plain = "1970-01-01T00:00:00.000Z statistics\n  a\\nb\n";
        assert_eq!(format(Style::Plain, Level::Info, &two), plain);
        assert_eq!(format(Style::Journal, Level::Info, &two), "<6>statistics\n<6>  a\\nb\n");
    }
}
