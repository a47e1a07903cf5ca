//! The parser. It applies each block at its end and continues after an error, so that all errors
//! of a file are reported.

use core::iter::Peekable;

use super::Config;
use super::block::sflow;
use super::diagnostic::{Diagnostic, Diagnostics, Position, quoted};
use super::grammar::SFLOW;
use super::lexer::{Lexeme, LexemeKind, Lexer};
use super::tokens::{Block, Kind, Setting, Settings, Status, Token, Value};

/// Parses a whole file: the configuration unless there is an error, and all problems.
///
/// A file without a collector is an error if `needs_collector`.
pub(super) fn parse(text: &str, needs_collector: bool) -> (Option<Config>, Vec<Diagnostic>) {
    let mut parser = Parser {
        lexemes: Lexer::new(text).peekable(),
        end: end_of(text),
        problems: Diagnostics::default(),
        config: Config::default(),
        needs_collector,
    };
    parser.file();
    let Parser { problems, config, .. } = parser;
    let usable = !problems.has_errors();
    (usable.then_some(config), problems.into_list())
}

struct Parser<'a> {
    lexemes: Peekable<Lexer<'a>>,
    /// Position of the last character of the text.
    end: Position,
    problems: Diagnostics,
    config: Config,
    needs_collector: bool,
}

/// The block that is being read.
#[derive(Clone, Copy)]
struct Scope {
    block: &'static Block,
    /// Position of its name.
    at: Position,
    /// True if its settings have an effect. Otherwise a warning for the block was reported.
    live: bool,
}

impl Parser<'_> {
    fn file(&mut self) {
        let mut sflow: Option<Position> = None;
        while let Some(Lexeme { kind, at, .. }) = self.next() {
            match kind {
                LexemeKind::BadWord(_) => self.skip_value(None),
                LexemeKind::Word(word) if !word.eq_ignore_ascii_case(SFLOW.name) => {
                    self.misplaced(None, &word, at);
                }
                LexemeKind::Word(_) => match sflow {
                    Some(first) => self.second_sflow(first, at),
                    None => {
                        sflow = Some(at);
                        self.sflow(at);
                    }
                },
                _ => self.stray_brace(&kind, at),
            }
        }
        if sflow.is_none() {
            self.problems.error(self.end, "there is no sflow { } block");
        }
    }

    fn sflow(&mut self, at: Position) {
        // What follows is its content even without its brace, or each line would be an error.
        if self.peek() == Some(&LexemeKind::Open) {
            self.next();
        } else {
            self.problems.error(at, "expected { after \"sflow\"");
        }
        let list = self.body(Scope { block: &SFLOW, at, live: true });
        let mut settings = Settings { at, list, problems: &mut self.problems };
        sflow::read(&mut settings, &mut self.config);
        if self.needs_collector {
            sflow::require_collector(&mut settings, &self.config);
        }
    }

    /// Takes the next lexeme. A bad word is reported here and nowhere else.
    fn next(&mut self) -> Option<Lexeme> {
        let lexeme = self.lexemes.next()?;
        if let LexemeKind::BadWord(problem) = lexeme.kind {
            self.problems.error(lexeme.at, problem);
        }
        Some(lexeme)
    }

    fn peek(&mut self) -> Option<&LexemeKind> {
        self.lexemes.peek().map(|lexeme| &lexeme.kind)
    }

    /// Reads `{ ... }` after the name of a block; `None` if it is not there.
    fn open_block(&mut self, scope: Scope) -> Option<Vec<Setting>> {
        if self.peek() != Some(&LexemeKind::Open) {
            let name = scope.block.name;
            let mut message = format!("expected {{ after {}", quoted(name));
            if let Some(first) = scope.block.tokens().next().filter(|_| scope.live) {
                message += &format!("; write {name} {{ {} = ... }}", first.name);
            }
            self.problems.error(scope.at, message);
            self.skip_line(scope.at.line);
            return None;
        }
        self.next();
        Some(self.body(scope))
    }

    /// Reads the content of a block up to and including its `}`.
    fn body(&mut self, scope: Scope) -> Vec<Setting> {
        let mut list = Vec::new();
        while let Some(Lexeme { kind, at, .. }) = self.next() {
            match kind {
                LexemeKind::Close => return list,
                LexemeKind::BadWord(_) => self.skip_value(Some(scope.block)),
                // What is written in a block without an effect is checked and not kept.
                LexemeKind::Word(word) => {
                    list.extend(self.statement(scope, word, at).filter(|_| scope.live));
                }
                _ => self.stray_brace(&kind, at),
            }
        }
        let Scope { block, at, .. } = scope;
        let message =
            format!("the file ends inside {} of line {}; }} is missing", block.name, at.line);
        // hsflowd accepts such a file.
        self.problems.warning(self.end, message);
        list
    }

    fn statement(&mut self, scope: Scope, name: String, at: Position) -> Option<Setting> {
        let Some(token) = scope.block.find(&name) else {
            self.misplaced(Some(scope.block), &name, at);
            return None;
        };
        let value = match token.kind {
            Kind::Block(block) => {
                if scope.live {
                    self.no_effect(token, at);
                }
                self.inner_block(Scope { block, at, live: scope.live && block.read.is_some() });
                None
            }
            _ => {
                let value = self.value(scope, token, at);
                if scope.live && value.as_ref().is_some_and(|value| !token.is_off(&value.text)) {
                    self.no_effect(token, at);
                }
                value
            }
        };
        Some(Setting { token, name, at, value })
    }

    fn inner_block(&mut self, scope: Scope) {
        let Some(list) = self.open_block(scope) else { return };
        if let Some(read) = scope.block.read.filter(|_| scope.live) {
            let mut settings = Settings { at: scope.at, list, problems: &mut self.problems };
            read(&mut settings, &mut self.config);
        }
    }

    /// Reads the word that follows the name of a setting.
    fn value(&mut self, scope: Scope, token: &Token, at: Position) -> Option<Value> {
        let is_missing = match self.peek() {
            Some(LexemeKind::Word(word)) => !token.may_be(word) && scope.block.find(word).is_some(),
            Some(LexemeKind::BadWord(_)) => false,
            Some(LexemeKind::Open | LexemeKind::Close) | None => true,
        };
        if is_missing {
            self.missing_value(token, at);
            return None;
        }
        let Lexeme { kind, at, .. } = self.next()?;
        self.check_cut_short(at);
        match kind {
            LexemeKind::Word(text) => {
                self.check_quotes(&text, at);
                Some(Value { text, at })
            }
            _ => None,
        }
    }

    fn missing_value(&mut self, token: &Token, at: Position) {
        let mut message = format!("{} needs {}", quoted(token.name), token.expects());
        let is_block = self.peek() == Some(&LexemeKind::Open);
        if is_block {
            message += ", not a block; put a value with braces in quotes";
        }
        self.problems.error(at, message);
        if is_block {
            self.skip_block();
        }
    }

    /// Reports a brace after a value; it is most likely part of the value: `eth[0-9]{1}`.
    fn check_cut_short(&mut self, at: Position) {
        if self.peek() == Some(&LexemeKind::Open) {
            self.problems.error(at, "a brace ends this value; put the value in quotes");
            self.skip_block();
        }
    }

    /// Warns of the quotes of shells, word processors and web pages, which have no meaning here.
    fn check_quotes(&mut self, text: &str, at: Position) {
        let bare = text.trim_matches(OTHER_QUOTES);
        if bare.len() < text.len() {
            let (text, bare) = (quoted(text), bare.escape_debug());
            let message = format!("the quotes in {text} are part of the value; write \"{bare}\"");
            self.problems.warning(at, message);
        }
    }

    /// Reports a word that is not a token of `block`; `None`: outside of all blocks.
    fn misplaced(&mut self, block: Option<&'static Block>, word: &str, at: Position) {
        // The search for the nearest word takes time, and a binary has thousands of words.
        let is_shown = !self.problems.is_full();
        let message = if is_shown { describe_misplaced(block, word) } else { String::new() };
        self.problems.error(at, message);
        self.skip_value(block);
    }

    /// Skips the block or value that most likely belongs to an unknown word.
    fn skip_value(&mut self, block: Option<&'static Block>) {
        if self.peek() == Some(&LexemeKind::Open) {
            return self.skip_block();
        }
        let known = |word: &str| match block {
            Some(block) => block.find(word).is_some(),
            None => word.eq_ignore_ascii_case(SFLOW.name),
        };
        let Some(Lexeme { kind, after_equals, .. }) = self.lexemes.peek() else { return };
        let is_value = match kind {
            LexemeKind::Word(word) => *after_equals || !known(word),
            LexemeKind::BadWord(_) => true,
            LexemeKind::Open | LexemeKind::Close => false,
        };
        if is_value {
            self.next();
        }
        if self.peek() == Some(&LexemeKind::Open) {
            self.skip_block();
        }
    }

    /// Skips the rest of a line after the name of a block without its brace: most likely the
    /// settings of that block.
    fn skip_line(&mut self, line: u32) {
        while let Some(lexeme) = self.lexemes.peek()
            && lexeme.at.line == line
            && matches!(lexeme.kind, LexemeKind::Word(_) | LexemeKind::BadWord(_))
        {
            self.next();
        }
        if self.peek() == Some(&LexemeKind::Open) {
            self.skip_block();
        }
    }

    /// Skips `{ ... }` including nested blocks.
    fn skip_block(&mut self) {
        self.next();
        self.skip_rest_of_block();
    }

    /// Skips the rest of a block after its `{`, up to and including its `}`.
    fn skip_rest_of_block(&mut self) {
        let mut depth = 1_usize;
        while depth > 0
            && let Some(Lexeme { kind, at, .. }) = self.next()
        {
            match kind {
                LexemeKind::Open => {
                    depth = depth.saturating_add(1);
                    if depth == MAX_DEPTH {
                        let message = format!("blocks are nested more than {MAX_DEPTH} deep");
                        self.problems.error(at, message);
                    }
                }
                LexemeKind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn stray_brace(&mut self, kind: &LexemeKind, at: Position) {
        if *kind == LexemeKind::Close {
            return self.problems.error(at, "unmatched }");
        }
        self.problems.error(at, "{ without the name of a block");
        self.skip_rest_of_block();
    }

    fn second_sflow(&mut self, first: Position, at: Position) {
        let message = format!("a second sflow block; the first is on line {}", first.line);
        self.problems.error(at, message);
        if self.peek() == Some(&LexemeKind::Open) {
            self.skip_block();
        }
    }

    /// Warns about a token without an effect.
    fn no_effect(&mut self, token: &Token, at: Position) {
        let name = quoted(token.name);
        let message = match token.status {
            Status::Supported | Status::Older(_) => return,
            Status::NotYet => format!("{name} is not supported by Flowmote yet; ignored"),
            Status::Deprecated(why) => format!("{name} is deprecated and ignored: {why}"),
            Status::Unneeded(why) => format!("{name} is ignored: {why}"),
        };
        self.problems.warning(at, message);
    }
}

fn describe_misplaced(block: Option<&'static Block>, word: &str) -> String {
    let name = quoted(word);
    let owners = SFLOW.owners(word);
    let (live, without_effect): (Vec<_>, Vec<_>) =
        owners.into_iter().partition(|owner| owner.read.is_some());
    if !live.is_empty() {
        return belongs_elsewhere(block, &name, &live);
    }
    if let Some(hint) = hint(block, word) {
        return format!("unknown token {name}; did you mean {hint}?");
    }
    if !without_effect.is_empty() {
        return belongs_elsewhere(block, &name, &without_effect);
    }
    format!("unknown token {name}")
}

fn belongs_elsewhere(block: Option<&Block>, name: &str, owners: &[&Block]) -> String {
    let place = block.map_or("outside of sflow { }".into(), |b| format!("in {} {{ }}", b.name));
    let mut owners: Vec<&str> = owners.iter().map(|owner| owner.name).collect();
    owners.dedup();
    let owners = owners.join(", ");
    format!("{name} does not belong {place}; it belongs in {owners} {{ }}")
}

/// The most likely meaning of an unknown word, in this block, else in one inside of it.
fn hint(block: Option<&'static Block>, word: &str) -> Option<String> {
    let Some(block) = block else {
        let near = strsim::osa_distance(&word.to_ascii_lowercase(), SFLOW.name) <= 2;
        return near.then(|| format!("{:?}", SFLOW.name));
    };
    let inner = || {
        let mut live = block.inner().filter(|inner| inner.read.is_some());
        live.find_map(|inner| Some(format!("{:?} in {} {{ }}", inner.nearest(word)?, inner.name)))
    };
    block.nearest(word).map(|nearest| format!("{nearest:?}")).or_else(inner)
}

/// Position of the last character of a text.
fn end_of(text: &str) -> Position {
    let mut lexer = Lexer::new(text);
    while lexer.next().is_some() {}
    lexer.position()
}

/// Including the single quotes of shells.
const OTHER_QUOTES: &[char] = &[
    '\'', '`', '\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{2018}', '\u{2019}', '\u{201a}',
    '\u{201b}', '\u{ab}', '\u{bb}',
];
/// Depth of nested blocks including `sflow`; neither this grammar nor that of hsflowd has more.
const MAX_DEPTH: usize = 3;
