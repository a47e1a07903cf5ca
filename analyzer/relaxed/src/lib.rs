//! Relaxed JSON: as clients really send it. A crate of its own, so that it is fuzzed alone.
#![forbid(unsafe_code)]

pub mod lenient;

use serde::de::DeserializeOwned;

/// Parses relaxed JSON.
///
/// # Errors
/// The fault and its line and column.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // The parser recurses: bound the depth first.
    if depth(text) > MAX_DEPTH {
        return Err(format!("the body is nested deeper than {MAX_DEPTH} levels"));
    }
    json5::from_str(text).map_err(|error| error.to_string())
}

/// The deepest nesting of brackets, those within strings included: an upper bound.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Levels of arrays and objects.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn bodies_of_clients_are_read() {
        let expected = json!({ "keys": "ipsource,ipdestination", "value": "bytes", "n": 10 });
        for text in [
            r#"{"keys":"ipsource,ipdestination","value":"bytes","n":10}"#,
            "{keys:'ipsource,ipdestination',value:'bytes',n:10}",
            "{ keys: 'ipsource,ipdestination', \"value\": \"bytes\", n: 10, }",
        ] {
            assert_eq!(parse::<Value>(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        let error = parse::<Value>("{keys:\n  ?}").unwrap_err();
        assert!(error.contains('2'), "{error}");
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse::<Value>(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).is_ok());
        assert!(parse::<Value>(&"[".repeat(1 << 20)).unwrap_err().contains("64 levels"));
        assert!(parse::<Value>(&"{a:".repeat(1 << 18)).is_err());
    }

    /// A generator that is the same in each run (xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    const PIECES: [&str; 26] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "a:",
        "'b'",
        "\"c\":",
        "1",
        "-0x1f",
        "+.5",
        "1e999",
        "NaN",
        "-Infinity",
        "null",
        "true",
        "// x\n",
        "/*",
        "*/",
        "\\",
        "\\u12",
        "'",
        "\"",
        "\u{2028}",
        "ä",
    ];

    #[test]
    fn arbitrary_text_is_read_or_refused() {
        let (mut random, mut read) = (Random(0x1234_5678_9abc_def1), 0);
        for _ in 0..20_000 {
            let length = 1 + random.below(10);
            let text: String = (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect();
            let Ok(value) = parse::<Value>(&text) else { continue };
            read += 1;
            // Strict JSON is relaxed JSON that means the same.
            assert_eq!(parse::<Value>(&value.to_string()), Ok(value), "{text}");
        }
        assert!(read > 200, "{read} texts are JSON");
    }
}
