//! The files that are there, of which the oldest go first.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::layout::time_in;

/// Completed files by the time in their names.
#[derive(Debug, Default)]
pub(super) struct Kept {
    files: BTreeMap<(String, PathBuf), u64>,
    bytes: u64,
}

impl Kept {
    /// The files of flow logs below a directory.
    pub(super) fn below(root: &Path) -> Self {
        let mut kept = Self::default();
        let mut directories = vec![(root.to_owned(), 0)];
        while let Some((directory, depth)) = directories.pop() {
            let Ok(entries) = fs::read_dir(&directory) else { continue };
            for entry in entries.flatten() {
                match entry.metadata() {
                    Ok(found) if found.is_dir() && depth < MAX_DEPTH => {
                        directories.push((entry.path(), depth + 1));
                    }
                    Ok(found) if found.is_file() => kept.add(entry.path(), found.len()),
                    _ => {}
                }
            }
        }
        kept
    }

    /// Adds a file, unless its name is none of flow logs.
    pub(super) fn add(&mut self, path: PathBuf, bytes: u64) {
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(time) = name.and_then(time_in) {
            let key = (time.to_owned(), path);
            if self.files.insert(key, bytes).is_none() {
                self.bytes += bytes;
            }
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Removes the oldest files while all have more than `limit` bytes, until one cannot be removed.
    /// Returns how many were.
    pub(super) fn remove_oldest(&mut self, root: &Path, limit: u64) -> (u64, Option<io::Error>) {
        let mut removed = 0;
        while self.bytes > limit || self.files.len() > MAX_FILES {
            let Some((key, bytes)) = self.files.pop_first() else { break };
            match fs::remove_file(&key.1) {
                Ok(()) => removed += 1,
                // Somebody else removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.files.insert(key, bytes);
                    return (removed, Some(error));
                }
            }
            self.bytes = self.bytes.saturating_sub(bytes);
            remove_empty(root, &key.1);
        }
        (removed, None)
    }
}

/// Removes the directories of a file that are empty now.
fn remove_empty(root: &Path, path: &Path) {
    for directory in path.ancestors().skip(1) {
        if directory == root || !directory.starts_with(root) || fs::remove_dir(directory).is_err() {
            return;
        }
    }
}

/// Directories below one another.
const MAX_DEPTH: usize = 24;
/// Files whose names are held in memory.
const MAX_FILES: usize = 200_000;
