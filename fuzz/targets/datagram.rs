//! A datagram: every sample, record, field and protocol header in it.
#![no_main]

#[path = "../../analyzer/decoder/tests/common/walk.rs"]
mod walk;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let _ = walk::walk(payload);
});
