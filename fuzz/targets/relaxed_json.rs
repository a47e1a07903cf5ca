//! Bodies of requests: relaxed JSON, and values as clients write them.
#![no_main]

use flowmote_relaxed::{lenient, parse};
use serde::{Deserialize, Serialize};

/// Members as those of a flow definition.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Lenient {
    #[serde(default, deserialize_with = "lenient::joined")]
    keys: String,
    #[serde(default, deserialize_with = "lenient::list")]
    values: Vec<String>,
    #[serde(default, deserialize_with = "lenient::number")]
    n: Option<f64>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    log: bool,
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    check::<serde_json::Value>(text);
    check::<Lenient>(text);
});

/// What is read is written as JSON, and means the same.
fn check<T: serde::de::DeserializeOwned + Serialize + PartialEq + core::fmt::Debug>(text: &str) {
    if let Ok(value) = parse::<T>(text) {
        let written = serde_json::to_string(&value).expect("a value is JSON");
        assert_eq!(parse::<T>(&written), Ok(value));
    }
}
