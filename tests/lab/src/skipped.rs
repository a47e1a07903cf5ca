//! Record of tests that cannot run on this machine.

use std::fs::OpenOptions;
use std::io::Write;

/// Records that the running test is skipped, with the reason.
///
/// Writes a line to standard error, bypassing the capture of the test harness, and appends it to
/// the file named by FLOWMOTE_SKIPPED, which `tests/all` prints at its end.
pub fn skip(reason: &str) {
    note(&format!("SKIPPED {}: {reason}\n", test_name()));
}

/// Records that a part of the running test is skipped; the rest of it runs.
pub fn skip_part(reason: &str) {
    note(&format!("SKIPPED IN PART {}: {reason}\n", test_name()));
}

fn note(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
    let Some(path) = std::env::var_os("FLOWMOTE_SKIPPED") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("FLOWMOTE_SKIPPED names a writable file");
}

/// Test program and name of the test. The harness gives the thread of a test the name of the test.
fn test_name() -> String {
    let program = std::env::current_exe().ok();
    let file = program.as_deref().and_then(|path| path.file_stem()?.to_str()).unwrap_or("test");
    let file = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    format!("{file}::{}", std::thread::current().name().unwrap_or("test"))
}
