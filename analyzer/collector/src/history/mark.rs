//! The mark of an end that went well, beside the file: its length and its time of change.
//!
//! A file that is as it was left needs no check of all of its pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::tier::DAY;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Mark {
    /// The file: bytes, and nanoseconds since 1970.
    length: u64,
    changed: i64,
    /// The time of the last check of all of it, in milliseconds since 1970.
    checked: i64,
}

impl Mark {
    fn of(path: &Path, checked: i64) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        let changed = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = i64::try_from(changed.as_nanos()).unwrap_or_default();
        Ok(Self { length: file.len(), changed, checked })
    }
}

/// Marks that the use of the file ended well.
pub(super) fn leave(path: &Path, checked: i64) -> io::Result<()> {
    let mark = Mark::of(path, checked)?;
    fs::write(place(path), serde_json::to_string(&mark)?)
}

/// The time of the last check, if the file is as it was left. There is no mark any more.
pub(super) fn take(path: &Path) -> Option<i64> {
    let place = place(path);
    let found: Mark = serde_json::from_slice(&fs::read(&place).ok()?).ok()?;
    fs::remove_file(&place).ok()?;
    let is_same = Mark::of(path, found.checked).is_ok_and(|file| file == found);
    is_same.then_some(found.checked)
}

/// True if a check was recent enough.
pub(super) fn is_recent(checked: i64, now: i64) -> bool {
    (0..CHECK).contains(&(now - checked))
}

fn place(path: &Path) -> PathBuf {
    path.with_extension("redb.closed")
}

/// Time after which all of a file is checked at a start.
const CHECK: i64 = 7 * DAY;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_of_one_end_and_of_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.redb");
        assert_eq!(take(&path), None);
        fs::write(&path, b"some").unwrap();
        leave(&path, 7).unwrap();
        assert_eq!((take(&path), take(&path)), (Some(7), None));
        leave(&path, 7).unwrap();
        fs::write(&path, b"same").unwrap();
        assert_eq!(take(&path), None);
        leave(&path, 7).unwrap();
        fs::write(place(&path), b"{").unwrap();
        assert_eq!(take(&path), None);
        assert!(is_recent(7, 7) && is_recent(7, 6 + 7 * DAY));
        assert!(!is_recent(7, 7 + 7 * DAY) && !is_recent(7, 6));
    }
}
