//! `flowmote migrate`: the file of a user of hsflowd with a comment at each line that behaves
//! differently.
//!
//! The comments come from two sources: the warnings of the parser, which know every token without an
//! effect, and [`differences`], about tokens that have another effect than in hsflowd. A comment is a
//! line of its own above the line that it is about, so the file stays as it was written and means
//! the same.

use core::fmt::Write as _;

use super::diagnostic::{Diagnostic, Position};
use super::lexer::{Lexeme, LexemeKind, Lexer};
use super::{Config, Parsed, value};

/// The text with comments. Comments of an earlier run are replaced.
///
/// # Errors
/// The problems of a file that Flowmote cannot use, errors and warnings.
pub fn migrate(text: &str) -> Result<String, Vec<Diagnostic>> {
    // Nothing may stand before a byte order mark.
    let (mark, text) = text.split_at(if text.starts_with(BOM) { BOM.len_utf8() } else { 0 });
    let commented = annotated(text, notes(text)?);
    // Some messages contain numbers of lines, which the comments have moved.
    let notes = notes(&commented)?;
    Ok(format!("{mark}{}", annotated(&commented, notes)))
}

/// The comments for a text, each with the number of its line, counted from 1.
fn notes(text: &str) -> Result<Vec<(u32, String)>, Vec<Diagnostic>> {
    let Parsed { config, diagnostics } = Config::parse(text);
    if config.is_none() {
        return Err(diagnostics);
    }
    let warnings = diagnostics.into_iter().map(|found| (found.line, found.message));
    Ok(warnings.chain(differences(&statements(text))).collect())
}

/// Replaces all comments by notes above the lines with these numbers.
fn annotated(text: &str, mut notes: Vec<(u32, String)>) -> String {
    notes.sort_by_key(|(line, _)| *line);
    let mut notes = notes.into_iter().peekable();
    let mut annotated = String::new();
    for (line, number) in text.split_inclusive('\n').zip(1..).filter(|(line, _)| !is_comment(line))
    {
        let content = line.trim_start_matches([' ', '\t']);
        let indent = line.strip_suffix(content).unwrap_or_default();
        let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
        while let Some((_, note)) = notes.next_if(|(line, _)| *line <= number) {
            // Writing to a string cannot fail.
            let _ = write!(annotated, "{indent}{MARK}{note}{end}");
        }
        annotated.push_str(line);
    }
    annotated
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(MARK)
}

/// A name in a file that has no error, with the block around it.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    /// Name of the block around it, empty outside of all.
    block: String,
    name: String,
    /// `None`: it is a block.
    value: Option<String>,
    at: Position,
}

impl Statement {
    fn is(&self, block: &str, names: &[&str]) -> bool {
        self.block == block && names.contains(&self.name.as_str())
    }
}

/// The statements of a text without errors, in lower case like the grammar.
fn statements(text: &str) -> Vec<Statement> {
    let mut lexemes = Lexer::new(text).peekable();
    let (mut blocks, mut list): (Vec<String>, _) = (Vec::new(), Vec::new());
    while let Some(Lexeme { kind, at, .. }) = lexemes.next() {
        let LexemeKind::Word(name) = kind else {
            blocks.pop();
            continue;
        };
        let name = name.to_ascii_lowercase();
        let block = blocks.last().cloned().unwrap_or_default();
        let value = match lexemes.next().map(|lexeme| lexeme.kind) {
            Some(LexemeKind::Word(value)) => Some(value),
            _ => {
                blocks.push(name.clone());
                None
            }
        };
        list.push(Statement { block, name, value, at });
    }
    list
}

/// What has another effect than in hsflowd although it has one: line and text.
fn differences(file: &[Statement]) -> Vec<(u32, String)> {
    let of_statement =
        |statement: &Statement| Some((statement.at.line, difference(file, statement)?));
    identity(file).into_iter().chain(file.iter().filter_map(of_statement)).collect()
}

/// The difference that one statement makes.
fn difference(file: &[Statement], statement: &Statement) -> Option<String> {
    let name = &statement.name;
    Some(match statement {
        _ if statement.is("sflow", &["sampling", "packetsamplingrate"]) => {
            return sampling(file, number(statement.value.as_deref()?)?);
        }
        _ if statement.is("sflow", &["datagrambytes"]) => {
            "the largest datagram; in hsflowd it has no effect and datagrams have up to 1400 bytes"
                .to_owned()
        }
        _ if statement.is("epcap", &["sampling", "promisc"]) => {
            format!("{name} has an effect; hsflowd ignores it in epcap {{ }}")
        }
        _ if statement.is("sflow", &["nflog"]) => {
            "each packet of the group is a sample; hsflowd samples them again, to reach sampling"
                .to_owned()
        }
        _ if statement.is("sflow", &["dropmon"]) => {
            "the data source of dropped packets is 0:0, for the whole host, and their lengths include \
             the FCS; in hsflowd it is the input interface, without FCS"
                .to_owned()
        }
        _ if discovers(statement) && file.iter().any(|it| it.is("sflow", &["collector"])) => {
            "collectors from DNS are added to those of the file, which hsflowd then ignores".to_owned()
        }
        _ if statement.block == "sflow" && is_fraction(name) => {
            "it has an effect; hsflowd looks the speed up without its fraction".to_owned()
        }
        _ => return None,
    })
}

/// The note for `sampling`, unless it means the same.
fn sampling(file: &[Statement], rate: u64) -> Option<String> {
    let ratio = file.iter().rfind(|other| other.is("sflow", &["sampling.bps_ratio"]));
    let ratio = ratio.and_then(|ratio| number(ratio.value.as_deref()?));
    Some(match (ratio, rate) {
        (Some(0), _) => return None,
        (_, 0) => {
            "no interface is sampled unless it has a rate of its own; in hsflowd only those of \
                   unknown speed are not"
                .to_owned()
        }
        _ => format!(
            "1 in {rate} on every interface; in hsflowd only where the link speed is unknown, else \
             1 in (speed / {}). Remove this line to keep rates by speed",
            ratio.unwrap_or(1_000_000)
        ),
    })
}

/// What makes another agent of this host, for its collectors.
fn identity(file: &[Statement]) -> Vec<(u32, String)> {
    let Some(sflow) = file.iter().find(|statement| statement.name == "sflow") else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    let has = |names: &[&str]| file.iter().any(|statement| statement.is("sflow", names));
    if !has(&["agentip"]) {
        notes.push((
            sflow.at.line,
            "to collectors another agent address is another agent; \"flowmote check\" prints that of \
             this file, agentIP keeps the one of hsflowd"
                .to_owned(),
        ));
    }
    let id = file.iter().rfind(|statement| statement.is("sflow", &["subagentid"]));
    let number = id.and_then(|id| number(id.value.as_deref()?)).unwrap_or(100_000);
    if !has(&PACKETS) {
        let line = id.map_or(sflow.at.line, |id| id.at.line);
        let more = number.saturating_add(1);
        notes.push((
            line,
            format!(
                "the sub-agent id is {number}; without packet samples hsflowd sends {more}, which \
                 subAgentId = {more} keeps"
            ),
        ));
    }
    notes
}

/// Returns true for `dns-sd { }` and its older spelling.
fn discovers(statement: &Statement) -> bool {
    let is_on = statement.value.as_deref().is_some_and(|value| value::switch(value) == Ok(true));
    statement.is("sflow", &["dns-sd"]) || statement.is("sflow", &["dnssd"]) && is_on
}

fn is_fraction(name: &str) -> bool {
    let speed = name.strip_prefix("sampling.").and_then(value::speed_name);
    speed.is_some() && name.matches('.').count() > 1
}

fn number(text: &str) -> Option<u64> {
    value::number(text, value::NUMBER_SUFFIXES).ok().map(|number| number.value)
}

const BOM: char = '\u{feff}';
const MARK: &str = "# flowmote: ";
/// Blocks with which hsflowd starts its thread for packets, and sends `subAgentId` itself.
const PACKETS: [&str; 6] = ["pcap", "epcap", "nflog", "ulog", "psample", "json"];

#[cfg(test)]
mod tests;
