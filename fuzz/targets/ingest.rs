//! Datagrams into the analyzer with definitions, and all that is read from it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| flowmote_entries::ingest(input));
