//! Links in a network namespace of their own, made with iproute2.
//!
//! The namespace is that of the test's thread alone (`unshare` in a thread of the test runner), so
//! nothing outside is touched and nothing is left behind. Needs root or user namespaces; without
//! both a test says `SKIPPED` and why.

use std::process::Command;

use super::*;
use rustix::thread::{UnshareFlags, unshare_unsafe};
