//! The tables of all tokens in `docs/configuration.md`.

use core::fmt;

use super::grammar::SFLOW;
use super::tokens::{Block, Kind, Status, Token};

/// Displays all tokens of the grammar as Markdown, one table per block.
pub fn reference() -> impl fmt::Display {
    fmt::from_fn(|f| write_block(f, &SFLOW))
}

fn write_block(f: &mut fmt::Formatter<'_>, block: &Block) -> fmt::Result {
    writeln!(f, "\n### `{} {{ }}`\n", block.name)?;
    if block.tokens().next().is_none() {
        return writeln!(f, "Takes no settings.");
    }
    writeln!(f, "| Token | Value | Default | Status | Meaning |\n|---|---|---|---|---|")?;
    for token in block.tokens() {
        write_row(f, token)?;
    }
    for token in block.tokens() {
        if let Kind::Block(inner) = token.kind {
            write_block(f, inner)?;
        }
    }
    Ok(())
}

fn write_row(f: &mut fmt::Formatter<'_>, token: &Token) -> fmt::Result {
    write!(f, "| `{}`", token.name)?;
    if let Some(alias) = token.alias {
        write!(f, " (`{alias}`)")?;
    }
    match &token.kind {
        Kind::Block(_) => write!(f, " | block")?,
        Kind::Number(range) => write!(f, " | {}..{}", range.start(), range.end())?,
        _ => write!(f, " | {}", token.expects())?,
    }
    let (status, reason) = match token.status {
        Status::Supported => ("supported", ""),
        Status::Older(current) => ("older spelling", current),
        Status::NotYet => ("not yet", ""),
        Status::Deprecated(instead) => ("deprecated", instead),
        Status::Unneeded(reason) => ("not needed", reason),
    };
    writeln!(f, " | {} | {status} | {}{reason} |", token.default, token.about)
}
