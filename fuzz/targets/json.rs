//! Messages of applications, in a datagram or read from a FIFO.
#![no_main]

use flowmote::modules::json::testing::assert_sound;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    assert_sound(text);
});
