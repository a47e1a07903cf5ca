//! Text files of `/proc` and `/sys`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use log::warn;

/// Reader of text files below a root directory, with one buffer for all.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    buffer: Vec<u8>,
    unreadable: u64,
    /// Files whose failure was logged.
    logged: Vec<String>,
}

impl Files {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, buffer: Vec::new(), unreadable: 0, logged: Vec::new() }
    }

    /// Reads the first `limit` bytes of the file at `path` below the root. A failure is counted,
    /// logged once for each file, and returns `None`. Bytes that are not UTF-8 are replaced.
    pub(super) fn read(&mut self, path: &str, limit: u64) -> Option<Cow<'_, str>> {
        if let Err(error) = self.fill_buffer(path, limit) {
            self.count_unreadable(path, &error);
            return None;
        }
        Some(String::from_utf8_lossy(&self.buffer))
    }

    /// As [`read`](Self::read), but the error is the caller's to report.
    pub(super) fn try_read(&mut self, path: &str, limit: u64) -> io::Result<Cow<'_, str>> {
        self.fill_buffer(path, limit)?;
        Ok(String::from_utf8_lossy(&self.buffer))
    }

    fn fill_buffer(&mut self, path: &str, limit: u64) -> io::Result<()> {
        self.buffer.clear();
        let file = File::open(self.root.join(path))?;
        file.take(limit).read_to_end(&mut self.buffer)?;
        Ok(())
    }

    /// As [`read`](Self::read), but a file that does not exist is not counted.
    pub(super) fn read_optional(&mut self, path: &str, limit: u64) -> Option<Cow<'_, str>> {
        if !self.exists(path) {
            return None;
        }
        self.read(path, limit)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Translates an absolute path to the path below the root.
    pub(super) fn below_root(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }

    pub(super) fn count_unreadable(&mut self, path: &str, error: &io::Error) {
        self.unreadable = self.unreadable.saturating_add(1);
        if self.logged.len() < MAX_LOGGED && !self.logged.iter().any(|logged| logged == path) {
            warn!("/{path}: {error}; what it contains is unknown, or stays as last read");
            self.logged.push(path.to_owned());
        }
    }

    /// Number of failed reads so far.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

/// Parses a number. A negative one is taken as the unsigned number with the same bits: the kernel
/// prints some unsigned counters signed (MIB-II `MaxConn` is -1).
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}

/// The low 32 bits: an sFlow counter of 32 bits wraps at the same points.
pub(super) const fn low(count: u64) -> u32 {
    (count & 0xFFFF_FFFF) as u32
}

/// Limit for files that are read whole. The largest is `/proc/stat`: about 100 kB on a machine with
/// thousands of interrupts.
pub(super) const WHOLE: u64 = 1 << 20;
/// More than the files that are read, except for those of single disks.
const MAX_LOGGED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_keep_their_bits() {
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(number("-1").map(low), Some(u32::MAX));
        assert_eq!(number("1.5"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn file_is_read_up_to_the_limit() {
        let mut files = Files::new("/".into());
        assert_eq!(files.read("proc/self/comm", 3).unwrap().len(), 3);
        assert_eq!(files.read("proc/no-such-file", 3), None);
        assert_eq!(files.read("proc/no-such-file", 3), None);
        assert_eq!((files.unreadable(), files.logged.len()), (2, 1), "logged once");
        assert_eq!(files.read_optional("proc/no-such-file", 3), None);
        assert_eq!(files.unreadable(), 2);
        assert_eq!(files.below_root("/a/b"), Path::new("/a/b"));
    }
}
