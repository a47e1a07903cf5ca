//! The kernel behind safe functions: the only place of this crate that may say `unsafe`.
//!
//! One small module per thing of the kernel. All system calls of the packet path leave through
//! one function, [`syscall::call`], which a unit test can replace by a scripted kernel, so that
//! each errno has a test.
#![allow(unsafe_code, reason = "system calls and memory shared with the kernel live here only")]

mod mmap;

pub(crate) mod bpf;
pub(crate) mod ethtool;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod packet;
pub(crate) mod ring;
pub(crate) mod syscall;
pub(crate) mod text;
