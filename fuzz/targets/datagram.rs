//! Datagram: every sample, record, field and protocol header. The walk checks the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let _ = flowmote_vectors::walk(payload);
});
