//! Text files of `/proc` and `/sys`.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads text files below a root, each into the same buffer.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    buffer: Vec<u8>,
    unreadable: u64,
}

impl Files {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, buffer: Vec::new(), unreadable: 0 }
    }

    /// The first `limit` bytes of a file at this path below the root; `None`, counted, if it
    /// cannot be read. Bytes that are not UTF-8 are replaced.
    pub(super) fn read(&mut self, path: &str, limit: u64) -> Option<Cow<'_, str>> {
        self.buffer.clear();
        let file = File::open(self.root.join(path));
        let length = file.and_then(|file| file.take(limit).read_to_end(&mut self.buffer));
        if length.is_err() {
            self.unreadable = self.unreadable.saturating_add(1);
            return None;
        }
        Some(String::from_utf8_lossy(&self.buffer))
    }

    /// As [`read`](Self::read), for a file that need not be there.
    pub(super) fn read_optional(&mut self, path: &str, limit: u64) -> Option<Cow<'_, str>> {
        if !self.exists(path) {
            return None;
        }
        self.read(path, limit)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Where an absolute path lies below the root.
    pub(super) fn below_root(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }

    pub(super) fn count_unreadable(&mut self) {
        self.unreadable = self.unreadable.saturating_add(1);
    }

    /// Files that could not be read so far.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

/// A number, or `None`; signs as the kernel prints them (-1 is all ones).
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}

/// The low 32 bits: an sFlow counter wraps where they do.
pub(super) const fn low(count: u64) -> u32 {
    (count & 0xFFFF_FFFF) as u32
}

/// More than any file of `/proc` has that is read here, on a machine of any size: with thousands
/// of interrupts `/proc/stat` has some 100 kB.
pub(super) const WHOLE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(number("-1").map(low), Some(u32::MAX));
        assert_eq!(number("1.5"), None);
        assert_eq!(number(""), None);
    }

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let mut files = Files::new("/".into());
        assert_eq!(files.read("proc/self/comm", 3).unwrap().len(), 3);
        assert_eq!(files.read("proc/no-such-file", 3), None);
        assert_eq!(files.unreadable(), 1);
        assert_eq!(files.read_optional("proc/no-such-file", 3), None);
        assert_eq!(files.unreadable(), 1);
        assert_eq!(files.below_root("/a/b"), Path::new("/a/b"));
    }
}
