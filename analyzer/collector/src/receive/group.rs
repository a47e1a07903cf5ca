//! The choice among several sockets that are bound to one address.
//!
//! The kernel chooses a socket of a group (SO_REUSEPORT) by a hash of addresses and ports, so that an
//! agent that changes its port would move to another one. The filter here uses the source address alone.

use core::num::NonZero;
use std::os::fd::AsFd;

use nix::libc::{self, sock_filter, sock_fprog};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::AttachReusePortCbpf;

/// Lets the group of a bound socket give each of its `count` sockets all datagrams of some senders.
///
/// Sockets have numbers in the order in which they were bound. As long as the one that the filter
/// chooses is missing, the kernel uses its own hash.
pub(super) fn by_sender(socket: &impl AsFd, count: NonZero<u8>) -> nix::Result<()> {
    let mut program = program(count);
    let program = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    setsockopt(&socket, AttachReusePortCbpf, &program)
}

/// Classic BPF: `hash(source address) % count`. The header decides between IPv4 and IPv6, because IPv4
/// also comes to sockets of IPv6. The four words of an IPv6 address are combined to one.
fn program(count: NonZero<u8>) -> [sock_filter; 19] {
    [
        load(libc::BPF_B, 0),
        compute(libc::BPF_RSH, 4),
        jump(libc::BPF_JEQ, 4, 0, 2),
        load(libc::BPF_W, SOURCE_V4),
        jump(libc::BPF_JA, 10, 0, 0),
        load(libc::BPF_W, SOURCE_V6),
        to_x(),
        load(libc::BPF_W, SOURCE_V6 + 4),
        xor_x(),
        to_x(),
        load(libc::BPF_W, SOURCE_V6 + 8),
        xor_x(),
        to_x(),
        load(libc::BPF_W, SOURCE_V6 + 12),
        xor_x(),
        compute(libc::BPF_MUL, GOLDEN_RATIO),
        compute(libc::BPF_RSH, 16),
        compute(libc::BPF_MOD, count.get().into()),
        instruction(libc::BPF_RET | libc::BPF_A, 0),
    ]
}

/// Loads from the IP header.
fn load(size: u32, offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_ABS | size, NETWORK_HEADER + offset)
}

fn compute(operation: u32, operand: u32) -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_K | operation, operand)
}

fn xor_x() -> sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_X | libc::BPF_XOR, 0)
}

fn to_x() -> sock_filter {
    instruction(libc::BPF_MISC | libc::BPF_TAX, 0)
}

/// Skips `jt` or `jf` instructions, an unconditional one `k`.
fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { jt, jf, ..instruction(libc::BPF_JMP | libc::BPF_K | condition, k) }
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Offsets are relative to the network header instead of the payload (SKF_NET_OFF).
const NETWORK_HEADER: u32 = libc::SKF_NET_OFF as u32;
/// Bytes before the source address.
const SOURCE_V4: u32 = 12;
const SOURCE_V6: u32 = 8;
/// 2^32 divided by the golden ratio: the upper half of a product depends on all bits of the factor.
const GOLDEN_RATIO: u32 = 0x9e37_79b9;
