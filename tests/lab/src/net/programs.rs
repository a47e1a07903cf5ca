//! Paths of the programs under test.

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

/// The helper that opens sockets inside a namespace.
#[must_use]
pub fn helper() -> PathBuf {
    program("flowmote-lab")
}

/// An example of the library for applications: an HTTP service. `None` where examples were not built,
/// as in a virtual machine.
#[must_use]
pub fn service() -> Option<PathBuf> {
    Some(directory().join("examples/service")).filter(|path| path.exists())
}

pub(crate) fn program(name: &str) -> PathBuf {
    let path = directory().join(name);
    assert!(path.exists(), "{} is missing; build it: cargo build --workspace", path.display());
    path
}

/// The directory named by FLOWMOTE_PROGRAMS, else the target directory of cargo, above the directory
/// of the test program.
fn directory() -> PathBuf {
    env::var_os("FLOWMOTE_PROGRAMS").map_or_else(beside_the_test, PathBuf::from)
}

fn beside_the_test() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    test.ancestors().nth(2).expect("target/debug/deps/test").to_owned()
}
