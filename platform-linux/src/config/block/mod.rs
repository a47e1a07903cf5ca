//! The blocks of the grammar, one file each: tokens, checks, and the part of the configuration
//! that the block sets.
//!
//! To add a block, write its file, declare it here, list it in `grammar.rs`, and add a field for
//! its result to `Config`. A unit test holds the table of its tokens in `docs/configuration.md`.

pub(super) mod cloud;
pub(super) mod collector;
pub(super) mod dns_sd;
pub(super) mod dropmon;
pub(super) mod entities;
pub(super) mod ethtool;
pub(super) mod host_metrics;
pub(super) mod json;
pub(super) mod metrics;
pub(super) mod nflog;
pub(super) mod nvml;
pub(super) mod optics;
pub(super) mod pcap;
pub(super) mod psample;
pub(super) mod sflow;
pub(super) mod tcp;
pub(super) mod unsupported;
