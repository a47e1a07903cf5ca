//! System calls that no safe crate wraps: the only unsafe code of this crate.
#![allow(unsafe_code, reason = "this folder wraps system calls, each behind a safe function")]

pub(crate) mod ethtool;
