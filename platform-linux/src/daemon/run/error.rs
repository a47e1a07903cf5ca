//! Errors that end the daemon.

use std::fmt;
use std::io;

use crate::daemon::options::LoadError;

/// Why the daemon ended other than by a signal.
#[derive(Debug)]
pub enum RunError {
    /// The configuration cannot be used.
    Configuration(LoadError),
    /// The kernel refused something that the daemon cannot work without.
    Runtime(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(unusable) => write!(f, "{unusable}"),
            Self::Runtime(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RunError {}

/// Wraps an error of the kernel at the start.
pub(super) fn runtime(what: &str) -> impl FnOnce(io::Error) -> RunError + '_ {
    move |error| RunError::Runtime(format!("{what}: {error}"))
}
