//! Sentences about what the kernel refused a tap and what is lost by it. They are logged as
//! warnings with the name of the interface, and docs/operations.md lists them.

use std::io;

use crate::kernel::refusal;

/// The classic filter samples because the eBPF filter was refused.
pub(super) fn no_ebpf(error: &io::Error, shortfalls: &mut Vec<String>) {
    let error = refusal::explain(error);
    shortfalls.push(format!(
        "the kernel refuses the eBPF filter ({error}), classic BPF samples instead: sample_pool is \
         estimated as sampling rate times samples, drops counts a lost super-packet once, skips \
         are geometric"
    ));
}

/// Without a `virtio_net_hdr` a super-packet shows no segment size.
pub(super) fn no_vnet_header(error: &io::Error, shortfalls: &mut Vec<String>) {
    shortfalls.push(format!(
        "no segment sizes (PACKET_VNET_HDR: {error}): frame_length of a packet of a super-packet \
         is estimated as a full frame"
    ));
}

/// Outgoing packets on loopback could not be excluded.
pub(super) fn seen_twice(error: &io::Error, shortfalls: &mut Vec<String>) {
    shortfalls.push(format!(
        "each loopback packet is counted twice (PACKET_IGNORE_OUTGOING: {error}; Linux 4.20 is \
         needed)"
    ));
}

/// Memory was short. Both sizes are in KiB.
pub(super) fn small_ring(requested: usize, obtained: usize, shortfalls: &mut Vec<String>) {
    shortfalls.push(format!(
        "no memory for a ring of {requested} KiB, {obtained} KiB used: bursts lose samples earlier \
         (counted in drops)"
    ));
}
