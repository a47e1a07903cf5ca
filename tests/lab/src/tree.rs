//! Files of the project, for tests of its rules.

use std::fs;
use std::path::Path;

use crate::toolchain::folder;

/// A text file: its path from the root of the project, and its content.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the root, with `/` between its parts.
    pub path: String,
    /// Content.
    pub text: String,
}

/// All files of the project whose names end with `ending`, sorted by path.
///
/// # Panics
/// If one is unreadable or not UTF-8.
#[must_use]
pub fn files(ending: &str) -> Vec<File> {
    files_under("", ending)
}

/// The files under a folder of the project whose names end with `ending`, sorted by path.
///
/// # Panics
/// If one is unreadable or not UTF-8.
#[must_use]
pub fn files_under(directory: &str, ending: &str) -> Vec<File> {
    let mut files = Vec::new();
    walk(&folder(directory), directory, ending, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(directory: &Path, from_root: &str, ending: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{from_root}: {error}"));
    for entry in entries.map(|entry| entry.expect("a directory entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{from_root}/{name}").trim_start_matches('/').to_owned();
        if entry.path().is_dir() {
            // Cargo marks its target directories with CACHEDIR.TAG, but not one that was there before:
            // tests/setup puts programs in it.
            let is_target = name == "target" || entry.path().join("CACHEDIR.TAG").exists();
            if !name.starts_with('.') && !is_target {
                walk(&entry.path(), &path, ending, files);
            }
        } else if name.ends_with(ending) {
            let text = fs::read_to_string(entry.path());
            let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
            files.push(File { path, text });
        }
    }
}
