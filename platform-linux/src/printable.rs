//! Text from outside made safe for a terminal and for readers of lines.

use std::borrow::Cow;

/// Escapes what a terminal or a reader of lines would interpret: control characters, and
/// characters without a glyph, such as those that change the direction of the text. Quotes and
/// backslashes stay.
///
/// The kernel accepts any of them in the name of an interface except white space, `/` and `:`
/// (net/core/dev.c, `dev_valid_name`). The notion is that of [`char::escape_debug`].
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len().saturating_add(16));
    for character in text.chars() {
        if needs_escape(character) {
            escaped.extend(character.escape_debug());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn needs_escape(character: char) -> bool {
    !matches!(character, '"' | '\'' | '\\') && character.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_act_on_a_terminal_are_escaped() {
        for (text, expected) in [
            ("n\u{1b}[31mX", "n\\u{1b}[31mX"),
            ("a\nb\r\tc\u{7f}\u{1}", "a\\nb\\r\\tc\\u{7f}\\u{1}"),
            // CSI as one character, right-to-left override, zero width space, line separator.
            ("\u{9b}\u{202e}\u{200b}\u{2028}", "\\u{9b}\\u{202e}\\u{200b}\\u{2028}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn text_with_glyphs_is_unchanged() {
        for text in ["", "eth0.7@bond0", "no interface \"x\\y\": it's gone", "größe 接口 ½"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }
}
