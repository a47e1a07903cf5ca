//! Tests that cannot run here say so where nobody can overlook it.

use std::fs::OpenOptions;
use std::io::Write;

/// Takes note that the running test is skipped, and why.
///
/// The line goes to standard error past the capturing of the test harness, and into the file that
/// FLOWMOTE_SKIPPED names, which `tests/all` prints at its end.
pub fn skip(reason: &str) {
    note(&format!("SKIPPED {}: {reason}\n", test_name()));
}

/// The same for a part of the running test; the rest of it runs.
pub fn skip_part(reason: &str) {
    note(&format!("SKIPPED IN PART {}: {reason}\n", test_name()));
}

fn note(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
    let Some(path) = std::env::var_os("FLOWMOTE_SKIPPED") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("noting a skipped test");
}

/// File and name of the test; the harness names the thread of a test after it.
fn test_name() -> String {
    let program = std::env::current_exe().ok();
    let file = program.as_deref().and_then(|path| path.file_stem()?.to_str()).unwrap_or("test");
    let file = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    format!("{file}::{}", std::thread::current().name().unwrap_or("test"))
}
