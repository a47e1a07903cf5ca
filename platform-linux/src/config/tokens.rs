//! What a word of the grammar is: where it belongs, what value it takes, whether it does anything.

use core::ops::RangeInclusive;

/// A block of settings, `name { ... }`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: &'static str,
    pub(super) tokens: &'static [Token],
}

/// A setting or a nested block.
#[derive(Debug)]
pub(super) struct Token {
    /// As it is shown; compared without regard to case. A part in `<>` stands for any text.
    pub(super) name: &'static str,
    /// A second name of the same thing.
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// For the docs, as are the two below; empty: there is none.
    pub(super) default: &'static str,
    pub(super) about: &'static str,
}

/// What follows a token.
#[derive(Debug)]
pub(super) enum Kind {
    /// `{ ... }`
    Block(&'static Block),
    /// A whole number of this range; its limits are in the message when it is outside.
    Number(RangeInclusive<u64>),
    /// `on` or `off`.
    Switch,
    /// One word, described for the docs.
    Word(&'static str),
}

/// What Flowmote does with a token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    /// What it says.
    Supported(Key),
    /// Nothing yet, and says so in a warning.
    NotYet,
    /// Nothing; an older way to write this.
    Deprecated(&'static str),
    /// Nothing; Flowmote has no need of it, for this reason.
    Unneeded(&'static str),
}

/// What a supported token sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Collector,
    Tap,
    Sampling,
    SamplingSpeed,
    BpsRatio,
    Polling,
    HeaderBytes,
    DatagramBytes,
    AgentDevice,
    AgentIp,
    AgentCidr,
    SubAgentId,
    Uuid,
    InCollector(CollectorKey),
    InTap(TapKey),
}

/// What a supported token in a `collector` block sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CollectorKey {
    Ip,
    Port,
    Device,
}

/// What a supported token in a `pcap` block sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TapKey {
    Device,
    Pattern,
    Speed,
    Promiscuous,
    Sampling,
}

impl Block {
    /// The token that `text` is in this block.
    pub(super) fn find(&self, text: &str) -> Option<&'static Token> {
        self.tokens.iter().find(|token| token.is_called(text))
    }

    /// The name in this block that `text` was probably meant to be.
    pub(super) fn nearest(&self, text: &str) -> Option<&'static str> {
        let text = text.to_ascii_lowercase();
        let distance = |name: &str| strsim::osa_distance(&text, &name.to_ascii_lowercase());
        let names = self.tokens.iter().flat_map(Token::names).filter(|name| !name.contains('<'));
        let (distance, name) = names.map(|name| (distance(name), name)).min()?;
        // More edits than about a third of the word is a different word.
        (distance <= text.chars().count().div_ceil(3)).then_some(name)
    }

    /// All blocks that have a token called `text`, below this one and itself.
    pub(super) fn owners(&'static self, text: &str) -> Vec<&'static str> {
        let inner = self.tokens.iter().filter_map(|token| match token.kind {
            Kind::Block(block) => Some(block.owners(text)),
            _ => None,
        });
        let own =
            self.tokens.iter().any(|token| token.names().any(|n| n.eq_ignore_ascii_case(text)));
        own.then_some(self.name).into_iter().chain(inner.flatten()).collect()
    }
}

impl Token {
    /// Name and alias.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        core::iter::once(self.name).chain(self.alias)
    }

    /// What `text` has in the place of the part in `<>`.
    pub(super) fn wildcard<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (prefix, _) = self.name.split_once('<')?;
        let (head, rest) = text.split_at_checked(prefix.len())?;
        (head.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
    }

    /// What kind of value a message asks for.
    pub(super) fn expects(&self) -> String {
        match &self.kind {
            Kind::Block(_) => "a block in braces".into(),
            Kind::Number(range) => format!("a whole number {}..={}", range.start(), range.end()),
            Kind::Switch => "on or off".into(),
            Kind::Word(what) => (*what).into(),
        }
    }

    /// Whether `word` could be a value of this token; names of settings are no numbers.
    pub(super) fn may_be(&self, word: &str) -> bool {
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

    /// Speeds start with a digit and applications with a letter. An application may have any
    /// name, but a slip of the pen in `bps_ratio` is none.
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

pub(super) const fn supported(key: Key, name: &'static str, kind: Kind) -> Token {
    token(name, kind, Status::Supported(key))
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

const SPEED: &str = "<speed>";
