//! Heads of signed requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| flowmote_analyzer::testing::signature(input));
