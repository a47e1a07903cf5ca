//! A datagram: every sample, record, field and protocol header in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let _ = flowmote_vectors::walk(payload);
});
