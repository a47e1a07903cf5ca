//! The grammar: all blocks and tokens, as a tree that starts at [`SFLOW`].
//!
//! The parser, "did you mean" and the tables of `docs/configuration.md` all read this tree.

use super::block::{
    cloud, collector, dns_sd, dropmon, entities, ethtool, host_metrics, json, metrics, nflog, nvml,
    optics, pcap, psample, sflow, tcp, unsupported,
};
use super::tokens::{Block, Token, block};

/// The one block of a file.
pub(super) static SFLOW: Block = Block::new("sflow", "", sflow::TOKENS, sflow::read).and(&[
    dns_sd::OUTER,
    json::TOKENS,
    entities::TOKENS,
    BLOCKS,
    unsupported::TOKENS,
]);

/// The blocks inside `sflow { }` that have an effect.
const BLOCKS: &[Token] = &[
    block(&collector::BLOCK),
    block(&pcap::PCAP),
    block(&pcap::EPCAP),
    block(&dns_sd::BLOCK),
    block(&nflog::BLOCK),
    block(&json::BLOCK),
    block(&tcp::BLOCK),
    block(&cloud::BLOCK),
    block(&metrics::BLOCK),
    block(&entities::SYSTEMD),
    block(&entities::DOCKER),
    block(&entities::CONTAINERD),
    block(&entities::K8S),
    block(&psample::BLOCK),
    block(&dropmon::BLOCK),
    block(&ethtool::BLOCK),
    block(&host_metrics::BLOCK),
    block(&nvml::BLOCK),
    block(&optics::BLOCK),
];
