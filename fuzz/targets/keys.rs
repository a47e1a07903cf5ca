//! Keys and filters.
#![no_main]

#[path = "../entries/keys.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|input: &[u8]| entry::run(input));
