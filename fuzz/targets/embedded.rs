//! Log events in the embedded metric format.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &str| flowmote_analyzer::testing::embedded(message));
