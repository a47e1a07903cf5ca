//! The grammar for readers: the tables in `docs/configuration.md`, and the values of which the man
//! page is made.

use core::fmt;

use super::grammar::SFLOW;
use super::tokens::{Block, Kind, Status, Token};

/// A block of the configuration file.
#[derive(Debug)]
pub struct BlockReference {
    /// The name before the brace.
    pub name: &'static str,
    /// The meaning; empty for the outermost block.
    pub about: &'static str,
    /// The settings and the blocks inside it, in the order of the documentation.
    pub tokens: Vec<TokenReference>,
}

/// A setting, or a block inside another.
#[derive(Debug)]
pub struct TokenReference {
    /// The name; a part in `<>` stands for any text.
    pub name: &'static str,
    /// A second name.
    pub alias: Option<&'static str>,
    /// The value that it takes, or `block`.
    pub value: String,
    /// The value without the setting; may be empty.
    pub default: &'static str,
    /// False if the name is only accepted.
    pub has_effect: bool,
    /// `supported`, `older spelling`, `not yet`, `deprecated` or `not needed`.
    pub status: &'static str,
    /// The meaning, or why it has none.
    pub meaning: String,
}

/// Returns all blocks, each before those inside it.
pub fn blocks() -> Vec<BlockReference> {
    let mut blocks = Vec::new();
    collect(&SFLOW, &mut blocks);
    blocks
}

fn collect(block: &'static Block, blocks: &mut Vec<BlockReference>) {
    let tokens = block.tokens().map(TokenReference::new).collect();
    blocks.push(BlockReference { name: block.name, about: block.about, tokens });
    block.inner().for_each(|inner| collect(inner, blocks));
}

impl TokenReference {
    fn new(token: &Token) -> Self {
        let value = match &token.kind {
            Kind::Block(_) => "block".to_owned(),
            Kind::Number(range) => format!("{}..{}", range.start(), range.end()),
            _ => token.expects(),
        };
        let (status, reason) = match token.status {
            Status::Supported => ("supported", ""),
            Status::Older(current) => ("older spelling", current),
            Status::NotYet => ("not yet", ""),
            Status::Deprecated(instead) => ("deprecated", instead),
            Status::Unneeded(reason) => ("not needed", reason),
        };
        let has_effect = matches!(token.status, Status::Supported | Status::Older(_));
        let meaning = format!("{}{reason}", token.about);
        let Token { name, alias, default, .. } = *token;
        Self { name, alias, value, default, has_effect, status, meaning }
    }
}

/// Displays all tokens of the grammar as Markdown, one table per block.
pub fn reference() -> impl fmt::Display {
    fmt::from_fn(|f| blocks().iter().try_for_each(|block| write_block(f, block)))
}

fn write_block(f: &mut fmt::Formatter<'_>, block: &BlockReference) -> fmt::Result {
    writeln!(f, "\n### `{} {{ }}`\n", block.name)?;
    if block.tokens.is_empty() {
        return writeln!(f, "Takes no settings.");
    }
    writeln!(f, "| Token | Value | Default | Status | Meaning |\n|---|---|---|---|---|")?;
    block.tokens.iter().try_for_each(|token| write_row(f, token))
}

fn write_row(f: &mut fmt::Formatter<'_>, token: &TokenReference) -> fmt::Result {
    write!(f, "| `{}`", token.name)?;
    if let Some(alias) = token.alias {
        write!(f, " (`{alias}`)")?;
    }
    let TokenReference { value, default, status, meaning, .. } = token;
    writeln!(f, " | {value} | {default} | {status} | {meaning} |")
}
