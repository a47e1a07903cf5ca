//! The blocks of the grammar, one file each: tokens, checks, and the part of the configuration
//! that the block sets.
//!
//! To add a block, write its file, declare it here, and list it in `grammar.rs`.

pub(super) mod collector;
pub(super) mod nflog;
pub(super) mod pcap;
pub(super) mod sflow;
pub(super) mod unsupported;
