//! The analyzer.
#![no_main]

#[path = "../entries/ingest.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|input: &[u8]| entry::run(input));
