//! Messages to standard error.

use core::fmt::Display;
use std::io::Write;

/// Writes `message` and a line feed to standard error.
///
/// Errors are ignored: `eprintln` would panic if standard error is a closed pipe, and there is no
/// other place to report it.
pub(crate) fn eprintln_lossy(message: impl Display) {
    let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
}
