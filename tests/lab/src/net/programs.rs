//! Where the programs under test are.

use std::env;
use std::path::PathBuf;

/// The agent.
#[must_use]
pub fn flowmote() -> PathBuf {
    program("flowmote")
}

/// The collector.
#[must_use]
pub fn analyzer() -> PathBuf {
    program("flowmote-analyzer")
}

/// The lab's own hands inside a namespace: sockets that must be opened in there.
#[must_use]
pub fn helper() -> PathBuf {
    program("flowmote-lab")
}

/// In the directory that FLOWMOTE_PROGRAMS names, else where cargo puts them: beside the
/// directory of the test.
fn program(name: &str) -> PathBuf {
    let directory = env::var_os("FLOWMOTE_PROGRAMS").map_or_else(beside_the_test, PathBuf::from);
    let path = directory.join(name);
    assert!(path.exists(), "{} is missing; build it: cargo build --workspace", path.display());
    path
}

fn beside_the_test() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    test.ancestors().nth(2).expect("target/debug/deps/test").to_owned()
}
