//! `nvml { }`: counters of NVIDIA GPUs.

use super::super::Config;
use super::super::tokens::{Block, Settings};

/// The block. It takes no settings, as in hsflowd.
pub(in crate::config) static BLOCK: Block =
    Block::new("nvml", "counters of NVIDIA GPUs, by the library of their driver", &[], read);

/// Applies the block.
fn read(_settings: &mut Settings<'_>, config: &mut Config) {
    config.nvml = true;
}
