//! Characters that a terminal or a reader of lines interprets instead of showing them.

/// Returns true if `c` is shown as itself by every terminal and ends no line for any reader.
///
/// False for controls of both sets (C0, DEL, C1), for line and paragraph separators, for characters
/// that set the direction of text or have no width, for combining marks and for code points that are
/// unassigned or private: those that Rust's `char::escape_debug` escapes, quotes and backslash
/// excepted.
pub fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~') || c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::is_printable;

    #[test]
    fn characters_with_an_effect_are_not_printable() {
        // NUL, line feed, ESC, DEL, next line, CSI, soft hyphen.
        for c in ['\0', '\n', '\x1b', '\x7f', '\u{85}', '\u{9b}', '\u{ad}'] {
            assert!(!is_printable(c), "{c:?}");
        }
        // No width, direction, separators of lines, byte order mark, tags, private use.
        for c in ['\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{2029}'] {
            assert!(!is_printable(c), "{c:?}");
        }
        for c in ['\u{feff}', '\u{e0001}', '\u{e000}', '\u{10ffff}', '\u{301}', '\u{a0}'] {
            assert!(!is_printable(c), "{c:?}");
        }
    }

    #[test]
    fn letters_signs_and_symbols_are_printable() {
        for c in [' ', '~', '"', '\'', '\\', 'ä', 'ж', '中', 'ع', '±', '\u{fffd}', '🦀'] {
            assert!(is_printable(c), "{c:?}");
        }
    }
}
