//! Safe wrappers of system calls: the only folder of this crate with `unsafe`.
//!
//! One small module per kernel interface. All system calls of the packet path go through one
//! function, [`syscall::call`], which unit tests replace by a scripted kernel, so that each errno has
//! a test.
#![allow(unsafe_code, reason = "system calls and memory shared with the kernel live here only")]

mod mmap;

pub(crate) mod bpf;
pub(crate) mod driver_statistics;
pub(crate) mod ethtool;
pub(crate) mod event_ring;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod netlink;
pub(crate) mod nvml;
pub(crate) mod packet;
pub(crate) mod ring;
pub(crate) mod syscall;
pub(crate) mod udp;
