//! The interfaces that each block of the configuration selects, and the others with the reason.

use std::fmt;

use crate::config::{Config, LinkKind, Mismatch, Position, TapRule};
use crate::links::{Link, Links};
use crate::modules::module::Findings;
use crate::selection::{list, traits};

/// A block with its effect on the interfaces of the host.
struct Block<'a> {
    rule: &'a TapRule,
    selects_any: bool,
    /// The other interfaces, grouped by reason.
    left_out: Vec<(Reason, Vec<&'a Link>)>,
}

/// Why a block does not sample an interface.
#[derive(Clone, Copy, PartialEq)]
enum Reason {
    Mismatch(Mismatch),
    /// Another block takes precedence; `None`: `--interface`.
    Taken(Option<Position>),
}

/// Lists the blocks that select no interface, with the reasons.
pub(super) fn problems(config: &Config, links: &Links, problems: &mut Vec<String>) {
    for block in blocks(config, links).filter(|block| !block.selects_any) {
        // A device that does not exist has its own line.
        if block.left_out.is_empty() {
            continue;
        }
        let (block_name, reasons) = (name(block.rule), block.reasons().join("; "));
        problems.push(format!("{block_name} selects no interface: {reasons}"));
    }
}

/// Describes what each block that selects interfaces leaves out.
pub(super) fn describe(config: &Config, links: &Links, findings: &mut Findings) {
    for block in blocks(config, links).filter(|block| block.selects_any) {
        let block_name = name(block.rule);
        for reasons in block.reasons() {
            findings.line("left out", format_args!("by {block_name}: {reasons}"));
        }
    }
}

fn blocks<'a>(config: &'a Config, links: &'a Links) -> impl Iterator<Item = Block<'a>> {
    config.taps.iter().map(move |rule| {
        let mut block = Block { rule, selects_any: false, left_out: Vec::new() };
        for link in links.iter() {
            match reason(config, rule, link) {
                None => block.selects_any = true,
                Some(Reason::Mismatch(Mismatch::Device)) => {}
                Some(reason) => block.leave_out(reason, link),
            }
        }
        block
    })
}

fn reason(config: &Config, rule: &TapRule, link: &Link) -> Option<Reason> {
    let link = traits(link);
    if let Some(mismatch) = rule.selector.mismatch(&link) {
        return Some(Reason::Mismatch(mismatch));
    }
    let other = config.tap_for(&link).filter(|other| !std::ptr::eq(*other, rule))?;
    Some(Reason::Taken(other.position))
}

impl<'a> Block<'a> {
    fn leave_out(&mut self, reason: Reason, link: &'a Link) {
        match self.left_out.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, links)) => links.push(link),
            None => self.left_out.push((reason, vec![link])),
        }
    }

    /// One text for each reason, the most surprising ones first, and a bounded number of them.
    fn reasons(&self) -> Vec<String> {
        let mut groups: Vec<_> = self.left_out.iter().collect();
        groups.sort_by_key(|(reason, _)| match reason {
            Reason::Mismatch(Mismatch::Pattern) => 2,
            Reason::Mismatch(Mismatch::Kind(LinkKind::Loopback)) => 1,
            _ => 0,
        });
        let more = groups.split_off(groups.len().min(MAX_REASONS));
        let mut texts: Vec<String> = groups.into_iter().map(describe_group).collect();
        if !more.is_empty() {
            let count: usize = more.iter().map(|(_, links)| links.len()).sum();
            texts.push(format!("{count} more"));
        }
        texts
    }
}

fn describe_group((reason, links): &(Reason, Vec<&Link>)) -> String {
    let names = list(links.iter().map(|link| link.name.as_str()));
    let advice = match (reason, links.first()) {
        (Reason::Mismatch(Mismatch::Kind(_)), Some(link)) => {
            format!("; write dev = {}", link.name.escape_debug())
        }
        _ => String::new(),
    };
    format!("{names}: {reason}{advice}")
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch(mismatch) => mismatch.fmt(f),
            Self::Taken(Some(at)) => write!(f, "sampled by the block on line {}", at.line),
            Self::Taken(None) => f.write_str("sampled by --interface"),
        }
    }
}

fn name(rule: &TapRule) -> String {
    match rule.position {
        Some(at) => format!("the block on line {}", at.line),
        None => "--interface".to_owned(),
    }
}

/// Interfaces have a few kinds, and a few speeds that are not selected.
const MAX_REASONS: usize = 8;
