//! The types of the grammar: blocks, tokens, and settings as they are read from a file.

use core::ops::RangeInclusive;

use super::Config;
use super::diagnostic::{Diagnostics, Position};

/// A block, `name { ... }`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: &'static str,
    /// Its meaning, for the docs.
    pub(super) about: &'static str,
    tokens: &'static [Token],
    /// Further tokens, in lists of their own; only the outermost block has them.
    more: &'static [&'static [Token]],
    /// Applies a block of the file to the configuration; `None`: the block has no effect.
    pub(super) read: Option<Read>,
}

/// Applies the settings of a block to the configuration and reports problems in them.
///
/// It is called at the end of each block, after the blocks inside of it.
pub(super) type Read = fn(&mut Settings<'_>, &mut Config);

/// A setting or a nested block, as the grammar describes it.
#[derive(Debug)]
pub(super) struct Token {
    /// The name as it is shown, unique in its block; compared without regard to case. A part in
    /// `<>` stands for any text.
    pub(super) name: &'static str,
    /// A second name of the same thing.
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// Shown in the docs only, as is `about`; empty: there is none.
    pub(super) default: &'static str,
    pub(super) about: &'static str,
}

/// The syntax that follows a token.
#[derive(Debug)]
pub(super) enum Kind {
    /// `{ ... }`
    Block(&'static Block),
    /// A whole number in this range.
    Number(RangeInclusive<u64>),
    /// `on` or `off`.
    Switch,
    /// One word; the text describes it in the docs and in messages.
    Word(&'static str),
}

/// The effect of a token in Flowmote.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    /// It has the documented effect.
    Supported,
    /// It has an effect, but is not proposed: an older spelling. The text names the current one.
    Older(&'static str),
    /// No effect yet; using it is a warning.
    NotYet,
    /// No effect: an older spelling. The text names the current one.
    Deprecated(&'static str),
    /// No effect: Flowmote does not need it, for this reason.
    Unneeded(&'static str),
}

/// A setting or nested block as it was written in a file.
pub(super) struct Setting {
    pub(super) token: &'static Token,
    /// The name as it was written.
    pub(super) name: String,
    pub(super) at: Position,
    /// `None` for a nested block, and for a value whose absence has been reported.
    pub(super) value: Option<Value>,
}

/// The word that follows the name of a setting.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) at: Position,
}

/// The content of one block of a file, read by the functions in `settings.rs`.
pub(super) struct Settings<'a> {
    /// The position of the block's name.
    pub(super) at: Position,
    /// Everything written in the block, in the order of the file.
    pub(super) list: Vec<Setting>,
    pub(super) problems: &'a mut Diagnostics,
}

impl Block {
    /// A block with an effect.
    pub(super) const fn new(
        name: &'static str,
        about: &'static str,
        tokens: &'static [Token],
        read: Read,
    ) -> Self {
        Self { name, about, tokens, more: &[], read: Some(read) }
    }

    /// A block that is known and has no effect.
    pub(super) const fn ignored(
        name: &'static str,
        about: &'static str,
        tokens: &'static [Token],
    ) -> Self {
        Self { name, about, tokens, more: &[], read: None }
    }

    /// The same block with further tokens.
    pub(super) const fn and(self, more: &'static [&'static [Token]]) -> Self {
        Self { more, ..self }
    }

    /// All tokens, in the order of the docs.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &'static Token> + use<> {
        self.tokens.iter().chain(self.more.iter().copied().flatten())
    }

    /// Finds the token that `text` names in this block.
    pub(super) fn find(&self, text: &str) -> Option<&'static Token> {
        self.tokens().find(|token| token.is_called(text))
    }

    /// Finds the name in this block that `text` most likely stands for: a misspelling, a part of
    /// the name, or the word of other programs for it.
    pub(super) fn nearest(&self, text: &str) -> Option<&'static str> {
        let text = text.to_ascii_lowercase();
        self.misspelt(&text).or_else(|| self.part_of_name(&text)).or_else(|| self.synonym(&text))
    }

    fn misspelt(&self, text: &str) -> Option<&'static str> {
        let distance = |name: &str| strsim::osa_distance(text, &name.to_ascii_lowercase());
        let tokens = self.tokens().filter(|token| !token.name.contains('<'));
        let names = tokens.flat_map(Token::names);
        let (distance, name) = names.map(|name| (distance(name), name)).min()?;
        // More edits than about a third of the word make it a different word.
        (distance <= text.chars().count().div_ceil(3)).then_some(name)
    }

    /// `port` for `udpport`, `samplingRate` for `sampling`.
    fn part_of_name(&self, text: &str) -> Option<&'static str> {
        let is_part = |part: &str, whole: &str| {
            part.len() >= MIN_PART && (whole.starts_with(part) || whole.ends_with(part))
        };
        let names = self.tokens().filter(|token| matches!(token.status, Status::Supported));
        let names = names.map(|token| token.name).filter(|name| !name.contains('<'));
        names.into_iter().find(|name| {
            let name = name.to_ascii_lowercase();
            is_part(text, &name) || is_part(&name, text)
        })
    }

    fn synonym(&self, text: &str) -> Option<&'static str> {
        let found = SYNONYMS.iter().filter(|(_, words)| words.contains(&text));
        found.map(|(name, _)| *name).find(|name| self.find(name).is_some())
    }

    /// The blocks that have a token called `text`: this one and those inside of it.
    pub(super) fn owners(&'static self, text: &str) -> Vec<&'static Self> {
        let inner = self.inner().flat_map(|block| block.owners(text));
        let own = self.tokens().any(|token| token.is_called(text));
        own.then_some(self).into_iter().chain(inner).collect()
    }

    /// The blocks inside of this one.
    pub(super) fn inner(&self) -> impl Iterator<Item = &'static Self> + use<> {
        self.tokens().filter_map(|token| match token.kind {
            Kind::Block(block) => Some(block),
            _ => None,
        })
    }
}

impl Token {
    /// Name and alias.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        core::iter::once(self.name).chain(self.alias)
    }

    /// The part of `text` in the place of the part in `<>`.
    pub(super) fn wildcard<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (prefix, _) = self.name.split_once('<')?;
        let (head, rest) = text.split_at_checked(prefix.len())?;
        (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
    }

    /// The expected value, for a message.
    pub(super) fn expects(&self) -> String {
        match &self.kind {
            Kind::Block(_) => "a block in braces".into(),
            Kind::Number(range) => format!("a whole number {}..={}", range.start(), range.end()),
            Kind::Switch => "on or off".into(),
            Kind::Word(what) => (*what).into(),
        }
    }

    /// Returns true if `value` switches off what Flowmote does not do, so that it has its effect.
    pub(super) fn is_off(&self, value: &str) -> bool {
        matches!(self.kind, Kind::Switch)
            && self.default != "on"
            && value.eq_ignore_ascii_case("off")
    }

    /// Returns true if `word` can be a value of this token and not the name of the next setting.
    pub(super) fn may_be(&self, word: &str) -> bool {
        // All names start with a letter, and no number does.
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
        match self.kind {
            Kind::Number(_) => !is_name,
            Kind::Switch => !is_name || ["on", "off"].iter().any(|v| v.eq_ignore_ascii_case(word)),
            Kind::Block(_) | Kind::Word(_) => true,
        }
    }

    fn is_called(&self, text: &str) -> bool {
        let plain = self.names().any(|name| name.eq_ignore_ascii_case(text));
        plain || self.wildcard(text).is_some_and(|rest| self.takes(rest))
    }

    /// Returns true if the part in `<>` can be `rest`: a speed starts with a digit, an application
    /// with a letter. An application can have any name except a misspelling of `bps_ratio`.
    fn takes(&self, rest: &str) -> bool {
        let is_speed = rest.starts_with(|c: char| c.is_ascii_digit());
        let is_slip = strsim::osa_distance(&rest.to_ascii_lowercase(), "bps_ratio") <= 2;
        is_speed == self.name.ends_with(SPEED) && !is_slip
    }

    pub(super) const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
}

const fn token(name: &'static str, kind: Kind, status: Status) -> Token {
    Token { name, alias: None, kind, status, default: "", about: "" }
}

/// A nested block.
pub(super) const fn block(block: &'static Block) -> Token {
    let status = if block.read.is_some() { Status::Supported } else { Status::NotYet };
    token(block.name, Kind::Block(block), status).about(block.about)
}

pub(super) const fn supported(name: &'static str, kind: Kind) -> Token {
    token(name, kind, Status::Supported)
}

pub(super) const fn older(name: &'static str, kind: Kind, current: &'static str) -> Token {
    token(name, kind, Status::Older(current))
}

pub(super) const fn not_yet(name: &'static str, kind: Kind) -> Token {
    token(name, kind, Status::NotYet)
}

pub(super) const fn deprecated(name: &'static str, kind: Kind, instead: &'static str) -> Token {
    token(name, kind, Status::Deprecated(instead))
}

pub(super) const fn unneeded(name: &'static str, kind: Kind, reason: &'static str) -> Token {
    token(name, kind, Status::Unneeded(reason))
}

pub(super) const DEVICE: Kind = Kind::Word("a device");
pub(super) const PATTERN: Kind = Kind::Word("a pattern");
pub(super) const FRACTION: Kind = Kind::Word("a fraction up to 1");
/// N of 1 in N packets, at most [`MAX_SAMPLING`](super::MAX_SAMPLING).
pub(super) const RATE: Kind = Kind::Number(0..=10_000_000);

const SPEED: &str = "<speed>";
/// Shorter parts of names are in too many words.
const MIN_PART: usize = 3;
/// Names with the words that other agents and tools have for them.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("ip", &["host", "hostname", "server", "address", "addr", "target", "destination"]),
    ("dev", &["interface", "interfaces", "iface", "ifname", "intf", "nic"]),
    ("dev.pattern", &["regex", "match"]),
    ("sampling", &["rate", "ratio", "n"]),
    ("polling", &["interval", "counters"]),
    ("headerBytes", &["snaplen", "truncate", "header-len"]),
    ("datagramBytes", &["mtu", "maxdatagram"]),
];
