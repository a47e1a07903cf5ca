//! The text of a configuration file.
#![no_main]

use flowmote::config::testing::assert_sound;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_sound(&String::from_utf8_lossy(bytes));
});
