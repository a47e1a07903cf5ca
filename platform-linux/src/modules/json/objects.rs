//! The ends of objects in a stream of bytes, found without parsing them.

/// The state between two pieces of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scanner {
    /// Braces that are open.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Bytes outside of an object that are no space.
    garbage: bool,
    /// The last byte of the object outside of its strings that is no space.
    last: u8,
}

impl Scanner {
    /// Returns the number of bytes up to the end of the current object, `None` if it continues.
    ///
    /// What is no object ends with its line or before the next brace. An object that JSON does not
    /// allow ends with a line feed inside a string, or before what cannot be a part of it. So a message
    /// without its end, because its sender was killed, rarely spoils the next one.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (&byte, at) in bytes.iter().zip(0..) {
            if self.ends_before(byte) {
                *self = Self::default();
                return Some(at);
            }
            if self.ends_with(byte) {
                *self = Self::default();
                return Some(at + 1);
            }
        }
        None
    }

    /// Returns true if the next byte belongs to something else.
    fn ends_before(&self, byte: u8) -> bool {
        match self.last {
            _ if self.in_string || is_space(byte) => false,
            _ if self.depth == 0 => self.garbage && byte == b'{',
            b'"' => !matches!(byte, b':' | b',' | b'}' | b']'),
            last => byte == b'{' && !matches!(last, b':' | b',' | b'['),
        }
    }

    /// Takes the next byte. Returns true if it is the last one.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                b'\n' => return true,
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        if !is_space(byte) {
            self.last = byte;
        }
        match byte {
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' if self.depth > 0 => {
                self.depth -= 1;
                return self.depth == 0;
            }
            b'"' if self.depth > 0 => self.in_string = true,
            b'\n' if self.depth == 0 => return self.garbage,
            _ if self.depth == 0 => self.garbage |= !is_space(byte),
            _ => {}
        }
        false
    }
}

/// The bytes after the first object of `bytes`, or after what should have been one.
pub(super) fn after_first(bytes: &[u8]) -> &[u8] {
    let end = Scanner::default().end(bytes).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}

/// The bytes from the first that is no space.
pub(super) fn without_space(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// A C program may send the NUL at the end of its text.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Objects of any content, in particular with what ends objects.
    fn objects() -> impl Strategy<Value = Vec<Value>> {
        let text = || "[a{}\"\\\\:,\\[\\]\n é]{0,6}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 30, 5, move |inner| {
            let members = proptest::collection::hash_map(text(), inner.clone(), 0..5);
            prop_oneof![
                proptest::collection::vec(inner, 0..5).prop_map(Value::from),
                members.prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        let members = proptest::collection::hash_map(text(), value, 0..5);
        let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
        proptest::collection::vec(object, 1..4)
    }

    proptest! {
        #[test]
        fn objects_that_are_json_are_never_cut(objects in objects(), pretty: bool, size in 1..90_usize) {
            let text = |object: &Value| match pretty {
                true => serde_json::to_string_pretty(object).unwrap(),
                false => object.to_string(),
            };
            let texts: Vec<_> = objects.iter().map(text).collect();
            let mut found = units(&texts.concat(), size);
            prop_assert_eq!(found.pop(), Some(String::new()));
            prop_assert_eq!(found, texts);
        }
    }

    /// The units of a text, which arrives in pieces of `size` bytes.
    fn units(text: &str, size: usize) -> Vec<String> {
        let (mut scanner, mut units, mut unit) = (Scanner::default(), Vec::new(), Vec::new());
        for mut piece in text.as_bytes().chunks(size) {
            while let Some(end) = scanner.end(piece) {
                unit.extend_from_slice(&piece[..end]);
                units.push(String::from_utf8(core::mem::take(&mut unit)).unwrap());
                piece = &piece[end..];
            }
            unit.extend_from_slice(piece);
        }
        units.push(String::from_utf8(unit).unwrap());
        units
    }

    #[test]
    fn objects_end_at_their_brace_however_they_are_split() {
        let text = r#"{"a":{"b":"}{"}} {"c":"\"}\\"}{}
 [1] {"d":1}rest"#;
        let expected =
            [r#"{"a":{"b":"}{"}}"#, r#" {"c":"\"}\\"}"#, "{}", "\n [1] ", r#"{"d":1}"#, "rest"];
        for size in 1..text.len() {
            assert_eq!(units(text, size), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn broken_object_ends_with_its_line() {
        assert_eq!(units("{\"a\":\"b}\n{}", 1), ["{\"a\":\"b}\n", "{}", ""]);
        assert_eq!(units("}rubbish\"\n{}", 3), ["}rubbish\"\n", "{}", ""]);
        assert_eq!(units("\n\n{\n}\n", 2), ["\n\n{\n}", "\n"], "an object may have lines");
        assert_eq!(after_first(b"[{}]{}"), b"{}]{}");
    }

    #[test]
    fn object_that_its_sender_did_not_end_leaves_the_next_one_alone() {
        let next = r#"{"a":{"b":"c"},"d":[{"e":1},{}],"f":""}"#;
        for cut in ["{", r#"{"a":{"#, r#"{"a":{"b":1"#, r#"{"a":[{}"#, r#"{"a":{"b":"c"},"d""#] {
            let text = format!("{cut}{next}{next}");
            for size in 1..text.len() {
                assert_eq!(units(&text, size), [cut, next, next, ""], "{cut}, {size} bytes");
            }
        }
        // Inside a string, or where an object is allowed, the end is seen in the next object.
        for cut in [r#"{"a"#, r#"{"a":"b"#, r#"{"a":"b"#, r#"{"a":"#, r#"{"a":["#, r#"{"a":1,"#] {
            let units = units(&format!("{cut}{next}{next}{next}"), 7);
            assert_eq!(units[units.len() - 3..], [next, next, ""], "{cut}");
        }
    }

    #[test]
    fn spaces_and_a_nul_are_no_object() {
        assert_eq!(without_space(b" \t\r\n\0{} "), b"{} ");
        assert_eq!(without_space(b"\0"), b"");
    }
}
