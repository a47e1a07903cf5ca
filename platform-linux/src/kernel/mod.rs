//! The kernel's interfaces: system calls and netlink. Knows nothing of the rest of the crate.

pub(crate) mod netlink;
pub(crate) mod sys;
#[cfg(test)]
pub(crate) mod testing;
