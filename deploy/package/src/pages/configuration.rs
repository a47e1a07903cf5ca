//! flowmote.conf(5), from the grammar of the configuration file.

use anyhow::Result;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use flowmote::config::{BlockReference, TokenReference, blocks};

use super::Page;

const EXAMPLE: &str = include_str!("../../../../platform-linux/flowmote.conf");

pub(super) fn page(date: &str) -> Result<Page> {
    let source = concat!("Flowmote ", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::new();
    roff.control("TH", ["flowmote.conf", "5", date, source, "Flowmote"]);
    section(&mut roff, "NAME", "flowmote.conf - configuration of the sFlow agent flowmote");
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("/etc/flowmote.conf")]);
    section(&mut roff, "DESCRIPTION", SYNTAX[0]);
    for paragraph in SYNTAX.iter().skip(1) {
        roff.control("PP", []);
        roff.text([roman(*paragraph)]);
    }
    let blocks = blocks();
    blocks.iter().filter(|block| has_effect(block, &blocks)).for_each(|it| describe(&mut roff, it));
    without_effect(&mut roff, &blocks);
    example(&mut roff);
    section(&mut roff, "SEE ALSO", "flowmote(8), flowmote-check(8)");
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(Page { name: "flowmote.conf.5".to_owned(), text })
}

const SYNTAX: [&str; 3] = [
    "The file has the syntax of hsflowd.conf: one block sflow { } with settings (name = value) and \
     further blocks (name { }). Names are compared without regard to case. A comment begins with # \
     and ends with the line. A value with blanks or braces stands in double quotes.",
    "A setting that is unknown is an error with line and column. One that Flowmote knows and does \
     not support is a warning, so that an existing file of hsflowd works unchanged.",
    "flowmote check reports the effect of the file on this machine. systemctl reload flowmote puts \
     a change into force.",
];

fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.text([roman(text)]);
}

/// True for the outermost block, and for those that a block names as supported.
fn has_effect(block: &BlockReference, all: &[BlockReference]) -> bool {
    let names_it = |token: &TokenReference| token.value == "block" && token.name == block.name;
    let named = all.iter().flat_map(|outer| &outer.tokens).filter(|token| names_it(token));
    let mut named = named.peekable();
    named.peek().is_none() || named.any(|token| token.has_effect)
}

fn describe(roff: &mut Roff, block: &BlockReference) {
    roff.control("SH", [format!("BLOCK {} {{ }}", block.name).as_str()]);
    if !block.about.is_empty() {
        roff.text([roman(sentence(block.about))]);
    }
    for token in block.tokens.iter().filter(|token| token.has_effect) {
        roff.control("TP", []);
        roff.text(head(token));
        roff.text([roman(body(token))]);
    }
}

fn head(token: &TokenReference) -> Vec<Inline> {
    let names = match token.alias {
        Some(alias) => format!("{}, {alias}", token.name),
        None => token.name.to_owned(),
    };
    if token.value == "block" {
        return vec![bold(names), roman(" { }")];
    }
    vec![bold(names), roman(" = "), italic(token.value.clone())]
}

fn body(token: &TokenReference) -> String {
    let meaning = match (token.status, token.meaning.as_str()) {
        (_, "") => "See docs/configuration.md.".to_owned(),
        ("older spelling", current) => format!("Older spelling; {}.", current.replace('`', "")),
        (_, meaning) => sentence(&meaning.replace('`', "")),
    };
    match token.default {
        "" => meaning,
        default => format!("{meaning} Default: {}.", default.replace('`', "")),
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str().trim_end_matches('.'))
}

fn without_effect(roff: &mut Roff, blocks: &[BlockReference]) {
    let outer = blocks.first().map_or(&[][..], |block| &block.tokens);
    let ignored = outer.iter().filter(|token| !token.has_effect);
    let names: Vec<&str> = ignored.map(|token| token.name).collect();
    section(
        roff,
        "NAMES WITHOUT EFFECT",
        &format!("Accepted with a warning: {}.", names.join(", ")),
    );
}

fn example(roff: &mut Roff) {
    roff.control("SH", ["EXAMPLE"]);
    roff.control("nf", []);
    // An empty line of the file is no empty line of the page.
    for line in EXAMPLE.lines() {
        match line {
            "" => roff.control("sp", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
}
