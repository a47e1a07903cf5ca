//! The JSON of the messages.

use core::fmt::{self, Display, Write};

/// Writes the members of an object, and its braces.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    text: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Appends an object with the members that `members` writes.
    pub(crate) fn write(text: &'a mut String, members: impl FnOnce(&mut Object<'_>)) {
        text.push('{');
        members(&mut Object { text, is_empty: true });
        text.push('}');
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        quoted(self.text, value);
    }

    /// A number, or `true` and `false`.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing to a String does not fail.
        let _ = write!(self.text, "{value}");
    }

    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        Object::write(self.text, members);
    }

    fn name(&mut self, name: &str) {
        if !core::mem::take(&mut self.is_empty) {
            self.text.push(',');
        }
        quoted(self.text, name);
        self.text.push(':');
    }
}

/// Appends a string of RFC 8259, section 7.
fn quoted(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\0'..' ' | '\u{7f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

/// A text of at most so many bytes; what is beyond is cut off between two characters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounded {
    text: String,
}

impl Bounded {
    pub(crate) fn new(value: impl Display, limit: usize) -> Self {
        let mut writer = Writer { text: String::new(), left: limit };
        // Ends at the limit, with an error that only means that.
        let _ = write!(writer, "{value}");
        Self { text: writer.text }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

struct Writer {
    text: String,
    left: usize,
}

impl Write for Writer {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let fits = part.get(..part.floor_char_boundary(self.left)).unwrap_or_default();
        self.text.push_str(fits);
        self.left -= fits.len();
        if fits.len() == part.len() {
            return Ok(());
        }
        self.left = 0;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives() {
        let all: String =
            (0..0x3000).chain(0x1_f600..0x1_f610).filter_map(char::from_u32).collect();
        let mut text = String::new();
        Object::write(&mut text, |object| {
            object.string(&all, &all);
            object.object("nested", |nested| nested.plain("n", 1.5));
            object.object("empty", |_| {});
            object.plain("b", true);
        });
        assert!(!text.contains('\n') && !text.contains('\0'), "one line");
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed[&all], all);
        assert_eq!(parsed["nested"]["n"], 1.5);
        assert_eq!((&parsed["empty"], &parsed["b"]), (&serde_json::json!({}), &true.into()));
    }

    #[test]
    fn text_is_cut_between_characters() {
        let cut = |text: &str, limit| Bounded::new(text, limit).as_str().to_owned();
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 3), "aü");
        assert_eq!(cut("ü", 0), "");
        // Nothing follows what was cut, although a shorter part would fit.
        assert_eq!(Bounded::new(format_args!("{}{}{}", "a", "ü", "b"), 2).as_str(), "a");
    }
}
