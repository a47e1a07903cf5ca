//! Requests of AWS clients: all operations with arbitrary parameters, in all protocols; queries and filter
//! patterns of logs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    flowmote_analyzer::testing::operation(input);
    if let Ok(text) = core::str::from_utf8(input) {
        flowmote_analyzer::testing::query(text);
    }
});
