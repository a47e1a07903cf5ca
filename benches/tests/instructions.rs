//! The gate on instructions: none of the core's hot paths grows unnoticed.

use std::io::Write;
use std::process::Command;

use flowmote_benches::callgrind;

#[test]
fn no_case_takes_more_instructions_than_its_table_says() {
    if let Some(reason) = callgrind::unavailable() {
        // Not through eprintln!, which the test harness would keep to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: the gate on instructions: {reason}");
        return;
    }
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).args(["--release", "--locked", "-p", "flowmote-benches"]);
        // Flags for one processor would change the figures.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    };
    let built = cargo(&["build", "--bins"]).status().expect("cargo runs");
    assert!(built.success(), "the release build failed");
    let check = cargo(&["run", "--bin", "instructions"]).args(["--", "check"]).output();
    let check = check.expect("cargo runs");
    print!("{}", String::from_utf8_lossy(&check.stdout));
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{said}");
    if let Some(at) = said.find("NOT JUDGED") {
        let _ = writeln!(std::io::stderr(), "{}", &said[at..]);
    }
}
