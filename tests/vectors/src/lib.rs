//! The checked-in sFlow datagrams beside this crate, each a file of hex digits.
//!
//! For tests, benchmarks and fuzz seeds only. README.md lists each datagram with its origin and its
//! faults. A missing or unreadable vector is a panic.

#[cfg(feature = "walk")]
mod five_tuple;
#[cfg(feature = "walk")]
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "walk")]
pub use five_tuple::five_tuple;
#[cfg(feature = "walk")]
pub use walk::{Walk, walk};

/// A datagram with the name of its file, without `.hex`.
pub type Vector = (String, Vec<u8>);

/// The folder of this crate, which holds the vectors and their list.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// All vectors, sorted by name.
#[must_use]
pub fn all() -> Vec<Vector> {
    let mut vectors = [published(), synthetic()].concat();
    vectors.sort();
    vectors
}

/// Vectors from other projects, sorted by name.
#[must_use]
pub fn published() -> Vec<Vector> {
    folder("published")
}

/// Vectors made for this project, one per structure and per corner of the format, sorted by name.
#[must_use]
pub fn synthetic() -> Vec<Vector> {
    folder("synthetic")
}

/// Published vectors that README.md marks `ok`: no byte of them is malformed or left over.
#[must_use]
pub fn sound() -> Vec<Vector> {
    let list = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the list of vectors");
    let rows = list.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let ok: Vec<String> = rows
        .filter(|columns| columns.get(3) == Some(&"ok"))
        .map(|columns| columns[1].trim_end_matches(".hex").to_owned())
        .collect();
    published().into_iter().filter(|(name, _)| ok.contains(name)).collect()
}

/// The vector of this name, from either folder.
#[must_use]
pub fn named(name: &str) -> Vec<u8> {
    let paths = ["published", "synthetic"].map(|folder| path(folder, name));
    let path = paths.iter().find(|path| path.exists());
    read(path.unwrap_or_else(|| panic!("no vector is named {name}")))
}

/// The bytes of hex digits, two each; whitespace is ignored, anything else panics.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).unwrap_or_else(|| panic!("{c:?} is not a hex digit"));
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(digit).collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    assert!(odd.is_empty(), "an odd number of hex digits: {}", digits.len());
    pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect()
}

fn folder(name: &str) -> Vec<Vector> {
    let folder = Path::new(ROOT).join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
    let paths = entries.map(|entry| entry.expect("a directory entry").path());
    let mut vectors: Vec<Vector> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .map(|path| {
            (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), read(&path))
        })
        .collect();
    vectors.sort();
    vectors
}

fn path(folder: &str, name: &str) -> PathBuf {
    Path::new(ROOT).join(folder).join(name).with_extension("hex")
}

fn read(path: &Path) -> Vec<u8> {
    let text = fs::read_to_string(path);
    unhex(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_of_either_case_and_whitespace() {
        assert_eq!(unhex("00 fF\n a5\n"), [0, 0xff, 0xa5]);
    }

    #[test]
    #[should_panic(expected = "an odd number of hex digits: 3")]
    fn odd_number_of_digits_is_refused() {
        let _ = unhex("00 f");
    }

    #[test]
    #[should_panic(expected = "'g' is not a hex digit")]
    fn other_characters_are_refused() {
        let _ = unhex("0g");
    }

    #[test]
    fn both_folders_and_the_list_are_read() {
        assert_eq!(all().len(), published().len() + synthetic().len());
        assert!(!sound().is_empty() && sound().len() < published().len());
        assert_eq!(named("ctr-0-1")[..4], [0, 0, 0, 5], "version 5");
    }
}
