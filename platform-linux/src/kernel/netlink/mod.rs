//! Netlink framing: sockets, messages and attributes, for every family that uses them.

pub(crate) mod attributes;
mod socket;

pub(crate) use socket::*;
