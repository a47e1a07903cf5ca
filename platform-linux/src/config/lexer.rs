//! Lexical analysis: words and braces.
//!
//! The rules are those of `hsflowd.conf`: space, tab, CR, LF, `=` and `;` separate words and have
//! no other meaning; a brace needs no separators; `#` starts a comment. There is one extension:
//! inside double quotes separators, braces and `#` are text and `""` is a quote, so that a pattern
//! can contain `{1}` and every alias of an interface can be written.

use core::iter::Peekable;
use core::str::Chars;

use super::diagnostic::Position;

/// A word or a brace, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) kind: LexemeKind,
    pub(super) at: Position,
    /// True after an `=`, which marks a value.
    pub(super) after_equals: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LexemeKind {
    /// `{`
    Open,
    /// `}`
    Close,
    /// Text without its quotes.
    Word(String),
    /// A word that breaks a lexical rule, with the message for it.
    BadWord(&'static str),
}

/// Iterator over the lexemes of a text.
pub(super) struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    next: Position,
    /// Position of the last character, for messages about the end of the file.
    last: Position,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Some editors write a byte order mark, and no word starts with one.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { chars: text.chars().peekable(), next: Position::START, last: Position::START }
    }

    /// Position of the last character that was read.
    pub(super) fn position(&self) -> Position {
        self.last
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.last = self.next;
        if c == '\n' {
            self.next = Position { line: self.next.line.saturating_add(1), column: 1 };
        } else {
            self.next.column = self.next.column.saturating_add(1);
        }
        Some(c)
    }

    /// Skips separators and comments. Returns true if an `=` was among them.
    fn skip_separators(&mut self) -> bool {
        let mut equals = false;
        while let Some(&c) = self.chars.peek() {
            match c {
                '#' => self.skip_comment(),
                _ if is_separator(c) => {
                    equals |= c == '=';
                    self.bump();
                }
                _ => break,
            }
        }
        equals
    }

    fn skip_comment(&mut self) {
        while self.chars.peek().is_some_and(|&c| c != '\n') {
            self.bump();
        }
    }

    fn word(&mut self) -> LexemeKind {
        let mut text = String::new();
        let mut quoted = false;
        let mut problem = None;
        while let Some(&c) = self.chars.peek() {
            let ends =
                if quoted { c == '\n' } else { is_separator(c) || matches!(c, '{' | '}' | '#') };
            if ends {
                break;
            }
            self.bump();
            match c {
                '"' if quoted && self.chars.peek() == Some(&'"') => {
                    self.bump();
                    text.push(c);
                }
                '"' => quoted = !quoted,
                _ if text.len() + c.len_utf8() > MAX_WORD_BYTES => problem = Some(TOO_LONG),
                _ => text.push(c),
            }
        }
        match problem.or(quoted.then_some(OPEN_QUOTE)) {
            Some(problem) => LexemeKind::BadWord(problem),
            None => LexemeKind::Word(text),
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Lexeme;

    fn next(&mut self) -> Option<Lexeme> {
        let after_equals = self.skip_separators();
        let at = self.next;
        let kind = match self.chars.peek()? {
            '{' => {
                self.bump();
                LexemeKind::Open
            }
            '}' => {
                self.bump();
                LexemeKind::Close
            }
            _ => self.word(),
        };
        Some(Lexeme { kind, at, after_equals })
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '=' | ';')
}

/// Longest word. hsflowd cuts longer words without a message.
const MAX_WORD_BYTES: usize = 255;
const TOO_LONG: &str = "this word is longer than 255 bytes";
const OPEN_QUOTE: &str = "this quote is not closed on its line";

#[cfg(test)]
mod tests {
    use super::LexemeKind::{BadWord, Close, Open, Word};
    use super::*;

    fn kinds(text: &str) -> Vec<LexemeKind> {
        Lexer::new(text).map(|lexeme| lexeme.kind).collect()
    }

    fn word(text: &str) -> LexemeKind {
        Word(text.into())
    }

    #[test]
    fn separators_are_equivalent() {
        for text in ["a = b", "a b", "a=b;", "a\t=\r\nb", ";;a==b", "\u{feff}a b"] {
            assert_eq!(kinds(text), [word("a"), word("b")], "{text:?}");
        }
    }

    #[test]
    fn braces_split_words_and_comments_end_them() {
        let expected = [word("sflow"), Open, word("a"), Close, word("b")];
        assert_eq!(kinds("sflow{a}b#c {\n# d"), expected);
    }

    #[test]
    fn quotes_keep_separators_and_braces() {
        assert_eq!(kinds(r#""eth[0-9]{1}; =x" y"#), [word("eth[0-9]{1}; =x"), word("y")]);
        assert_eq!(kinds(r#""""#), [word("")]);
        assert_eq!(kinds(r##""port #1" # the "first""##), [word("port #1")]);
        assert_eq!(
            kinds(r#"the" ""big"" one" """" """#),
            [word("the \"big\" one"), word("\""), word("")]
        );
    }

    #[test]
    fn unclosed_quote_ends_with_its_line() {
        assert_eq!(kinds("\"a b\nc"), [BadWord(OPEN_QUOTE), word("c")]);
        assert_eq!(kinds("\"a # b"), [BadWord(OPEN_QUOTE)]);
    }

    #[test]
    fn word_of_256_bytes_is_an_error() {
        assert_eq!(kinds(&"x".repeat(255)), [word(&"x".repeat(255))]);
        assert_eq!(kinds(&"x".repeat(256)), [BadWord(TOO_LONG)]);
    }

    #[test]
    fn positions_count_characters_from_one() {
        let places: Vec<_> =
            Lexer::new("é a\n\t= b").map(|l| (l.at.line, l.at.column, l.after_equals)).collect();
        assert_eq!(places, [(1, 1, false), (1, 3, false), (2, 4, true)]);
    }
}
