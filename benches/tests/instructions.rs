//! The gate on instructions: no hot path of the core, the decoder or the engine grows unnoticed.

use std::io::Write;
use std::process::Command;

use flowmote_benches::callgrind;

#[test]
fn no_case_exceeds_its_table_by_more_than_three_percent() {
    if let Some(reason) = callgrind::unavailable() {
        // Not eprintln!, whose output the test harness captures.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the gate on instructions: {reason}");
        return;
    }
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).args(["--release", "--locked", "-p", "flowmote-benches"]);
        // Flags for a particular processor would change the figures.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    };
    let built = cargo(&["build", "--bins"]).status().expect("cargo runs");
    assert!(built.success(), "the release build failed");
    let check = cargo(&["run", "--bin", "instructions"]).args(["--", "check"]).output();
    let check = check.expect("cargo runs");
    print!("{}", String::from_utf8_lossy(&check.stdout));
    let errors = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{errors}");
    if let Some(at) = errors.find("NOT JUDGED") {
        let _ = writeln!(std::io::stderr(), "{}", &errors[at..]);
    }
}
