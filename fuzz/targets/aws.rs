//! Requests of AWS clients: all operations with arbitrary parameters, in all protocols.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    flowmote_analyzer::testing::operation(input);
});
