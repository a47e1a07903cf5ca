//! The kernel's interfaces: system calls and netlink.

pub(crate) mod netlink;
pub(crate) mod sys;
