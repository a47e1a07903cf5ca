//! Text of keys and filters.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| flowmote_entries::keys(input));
