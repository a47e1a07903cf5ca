//! The kernel's interfaces: system calls and netlink. Depends on no other room of the crate.

pub(crate) mod assembler;
pub(crate) mod btf;
pub(crate) mod capabilities;
pub(crate) mod error_queue;
pub(crate) mod netlink;
pub(crate) mod refusal;
pub(crate) mod symbols;
pub(crate) mod sys;
#[cfg(test)]
pub(crate) mod testing;
