//! Unit tests in a network namespace of their own, with interfaces made by iproute2.
//!
//! A test that is not ignored starts the ignored ones again under `unshare -Urn`. So they need
//! no privileges, and their interfaces disappear with the process.

use std::io::Write;
use std::process::Command;

/// Runs each of `tests` (paths of ignored tests of this crate) in a new network namespace. Prints
/// `SKIPPED` and the reason where `unshare` is refused.
pub(crate) fn run_in_network_namespaces(tests: &[&str]) {
    match Command::new("unshare").args(["-Urn", "ip", "link"]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => return skip(tests, String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return skip(tests, &error.to_string()),
    }
    for test in tests {
        let output = Command::new("unshare")
            .arg("-Urn")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", test])
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success(), "{test}: {text}");
        assert!(text.contains("1 passed"), "there is no test {test}: {text}");
    }
}

/// Runs `ip` with the words of `line`.
pub(crate) fn ip(line: &str) {
    let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn skip(tests: &[&str], reason: &str) {
    // Written directly to stderr: the harness captures only what the print macros write, and a
    // skipped test must not look like one that passed.
    let _ = writeln!(std::io::stderr(), "SKIPPED {tests:?}: {reason}");
}
