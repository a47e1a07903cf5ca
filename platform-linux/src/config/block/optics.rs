//! `optics { }`: diagnostics of pluggable modules.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported};

/// The block.
pub(in crate::config) static BLOCK: Block =
    Block::new("optics", "diagnostics of optical modules", &[REFRESH], read);

const REFRESH: Token = supported("refresh", Kind::Number(30..=86_400))
    .default("300")
    .about("seconds between two reads of a module");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let refresh = settings.number(&REFRESH).unwrap_or(300);
    if config.optics_secs.replace(refresh).is_some() {
        settings.warn("this optics block replaces the one before it");
    }
}
