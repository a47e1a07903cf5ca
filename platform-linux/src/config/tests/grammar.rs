//! The grammar as a whole: docs, lookup, and use of each token.

use crate::config::grammar::SFLOW;
use crate::config::tokens::{Block, Kind, Status, Token};
use crate::config::{Config, Diagnostic, Severity};

const DOCS: &str = include_str!("../../../../docs/configuration.md");

/// If this fails, replace the text between the two comments in the docs by the right-hand side.
#[test]
fn docs_list_every_token_with_its_status() {
    let (_, rest) = DOCS.split_once("<!-- tokens -->\n").unwrap();
    let (tables, _) = rest.split_once("\n<!-- /tokens -->").unwrap();
    assert_eq!(tables, crate::config::reference().to_string());
}

/// The empty value is wrong for all settings, so an error at its position proves that the block
/// reads the setting.
#[test]
fn every_supported_setting_is_read_by_its_block() {
    fn check(block: &'static Block, open: &str) -> usize {
        let supported =
            |token: &&Token| matches!(token.status, Status::Supported | Status::Older(_));
        let check_token = |token: &Token| {
            if let Kind::Block(inner) = token.kind {
                return check(inner, &format!("{open} {} {{", inner.name));
            }
            let name = token.name.replace("<speed>", "10G");
            let parsed = Config::parse(&format!("{open}\n{name} \"\""));
            let is_at_value = |problem: &&Diagnostic| {
                (problem.severity, problem.line) == (Severity::Error, 2)
                    && problem.column as usize == name.len() + 2
            };
            assert_eq!(parsed.diagnostics.iter().filter(is_at_value).count(), 1, "{name}");
            1
        };
        block.tokens().filter(supported).map(check_token).sum()
    }
    assert!(check(&SFLOW, "sflow {") >= 24);
}

#[test]
fn every_token_is_found_by_name_and_alias() {
    fn check(block: &'static Block) {
        for token in block.tokens() {
            for name in token.names() {
                let name = name.replace("<speed>", "10G").replace("<application>", "a");
                let found = block.find(&name.to_uppercase()).unwrap();
                assert!(core::ptr::eq(found, token), "{name} in {}", block.name);
            }
            if let Kind::Block(inner) = token.kind {
                check(inner);
            }
        }
    }
    check(&SFLOW);
}
