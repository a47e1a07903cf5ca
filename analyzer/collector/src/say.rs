//! Words to the user, on standard error.

use core::fmt::Display;
use std::io::Write;

/// Says it in lines of its own; `eprintln` would panic where standard error is a pipe that nobody
/// reads any more.
pub(crate) fn say(words: impl Display) {
    // who does not listen cannot be told
    let _ = std::io::stderr().write_all(format!("{words}\n").as_bytes());
}
