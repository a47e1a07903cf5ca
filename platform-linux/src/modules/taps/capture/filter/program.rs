//! The instructions of the filter.
//!
//! Per packet, on the CPU that handles it:
//!
//! ```text
//! the other direction: keep nothing
//! slot = that of this interface and this CPU; another interface: keep nothing
//! packets = gso_segs, or what gso_size and the headers say if an untrusted source left it 0, or 1
//! seen += packets
//! if range != drawn_for  N was changed: draw the first skip anew
//! if next > seen         keep nothing
//! do { next += 1 + (random * range >> 32); choices += 1 } while next <= seen
//! chosen_skbs += 1; chosen += choices
//! keep header_bytes + choices - 1 bytes
//! ```
//!
//! The number of bytes kept is the only value that a socket filter can pass along with a packet, so
//! it carries the number of choices. Choices for which the packet has no bytes stay due, with `next`
//! at or below `seen`, and move to the next packet. After [`DRAWS`] draws within one super-packet the
//! rest of it is chosen in steps of exactly N; user space draws which of its segments these are. In
//! every case the mean stays N.
//!
//! `random` has 32 bits. With range R = 2N-1, which is odd, the mean of `random * R >> 32` over
//! all 2^32 values is exactly (R-1)/2 · (1 - 2^-32), so the mean skip misses N by less than 2^-32.
//!
//! The first skip is that of a process that has run for ever: k with probability (2N-k)/(N(2N-1)),
//! which is the smaller of two different numbers out of 1 to 2N. So each packet is chosen with
//! probability 1/N, from the first one on and from the first one after a change of N on.

use std::os::fd::RawFd;

use super::super::cpus::Cpus;
use super::super::options::Keep;
use super::Layout;
use crate::config::Direction;
use crate::kernel::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use crate::kernel::assembler::{
    Alu, AssembleError, Assembler, Instruction, Label, Register, When, Width,
};
use crate::kernel::sys::bpf::Slot;

pub(super) fn assemble(
    map: RawFd,
    layout: Layout,
    keep: Keep,
) -> Result<Vec<Instruction>, AssembleError> {
    let header_bytes = i32::try_from(keep.bytes).unwrap_or(i32::MAX);
    let mut asm = Assembler::default();
    let nothing = asm.label();
    asm.alu(Alu::Move, R6, R1);
    check_direction(&mut asm, keep.direction, nothing);
    count(&mut asm, map, layout, nothing);
    limit_by_length(&mut asm, header_bytes);
    choose(&mut asm, layout.cpus);
    asm.alu(Alu::Move, R0, R8);
    asm.alu(Alu::Add, R0, header_bytes - 1);
    asm.exit();
    asm.place(nothing);
    asm.alu(Alu::Move, R0, 0);
    asm.exit();
    asm.finish()
}

/// Counts the packets of an skb, and jumps to `nothing` unless one of them is to be chosen. Expects
/// R6 = context; sets R7 = slot, R8 = packets, and R1 as [`pass_by`].
pub(super) fn count(asm: &mut Assembler, map: RawFd, layout: Layout, nothing: Label) {
    if layout.entries > 0 {
        find_row(asm, map, layout, nothing);
    }
    find_slot(asm, map, layout);
    count_packets(asm);
    pass_by(asm, layout.cpus, nothing);
}

/// R6 = context.
fn check_direction(asm: &mut Assembler, direction: Direction, not_selected: Label) {
    let unless = match direction {
        Direction::Both => return,
        Direction::In => When::Equal,
        Direction::Out => When::NotEqual,
    };
    asm.load(Width::Word, R1, (R6, SKB_PKT_TYPE));
    asm.jump_if(unless, R1, i32::from(libc::PACKET_OUTGOING), not_selected);
}

/// Sets R9 = offset of the row of this interface, which the bounds check has shown to be within the map.
/// R6 = context.
fn find_row(asm: &mut Assembler, map: RawFd, layout: Layout, not_selected: Label) {
    asm.load(Width::Word, R1, (R6, SKB_IFINDEX));
    asm.alu(Alu::Move, R2, R1);
    asm.alu(Alu::And, R2, mask(layout.entries));
    asm.alu(Alu::ShiftLeft, R2, ENTRY_SHIFT);
    asm.map_value(R7, map, 0);
    asm.alu(Alu::Add, R7, R2);
    asm.load(Width::Word, R2, (R7, ENTRY_INTERFACE));
    asm.jump_if(When::NotEqual, R1, R2, not_selected);
    asm.load(Width::Word, R9, (R7, ENTRY_ROW));
}

/// Sets R7 = address of the slot of this CPU, in the row at R9 if there are several.
///
/// The verifier requires a bound of the offset. It has to be one instruction: without CAP_PERFMON,
/// Linux 5.10 and 6.1 refuse pointer arithmetic whose offset has another range on another path
/// (kernel/bpf/verifier.c, sanitize_ptr_alu), and a comparison makes two paths.
fn find_slot(asm: &mut Assembler, map: RawFd, layout: Layout) {
    asm.call(HELPER_SMP_PROCESSOR_ID);
    asm.alu(Alu::And, R0, mask(layout.cpus.slots));
    asm.alu(Alu::ShiftLeft, R0, SLOT_SHIFT);
    if layout.entries > 0 {
        let row = layout.cpus.slots * size_of::<Slot>();
        asm.alu(Alu::And, R9, mask(layout.rows * row) & !mask(row));
        asm.alu(Alu::Add, R0, R9);
    }
    let table = layout.entries * size_of::<u64>();
    asm.map_value(R7, map, i32::try_from(table).unwrap_or(i32::MAX));
    asm.alu(Alu::Add, R7, R0);
}

/// Returns `size - 1`, a mask if `size` is a power of two.
fn mask(size: usize) -> i32 {
    i32::try_from(size.saturating_sub(1)).unwrap_or(i32::MAX)
}

/// Sets R8 = number of wire packets in the skb.
fn count_packets(asm: &mut Assembler) {
    let counted = asm.label();
    asm.load(Width::Word, R8, (R6, SKB_GSO_SEGS));
    asm.jump_if(When::NotEqual, R8, 0, counted);
    asm.alu(Alu::Move, R8, 1);
    asm.load(Width::Word, R9, (R6, SKB_GSO_SIZE));
    asm.jump_if(When::Equal, R9, 0, counted);
    divide_into_segments(asm, counted);
    asm.place(counted);
}

/// Sets R8 = ceil((len - headers) / gso_size), as qdisc_pkt_len_init (net/core/dev.c) does.
///
/// For super-packets from a guest or a tap device: virtio_net_hdr_to_skb
/// (include/linux/virtio_net.h) marks them SKB_GSO_DODGY and sets gso_segs to 0. R8 stays 1 for
/// other protocols than TCP and UDP over IP over Ethernet.
fn divide_into_segments(asm: &mut Assembler, counted: Label) {
    let (version_4, tcp, add_up) = (asm.label(), asm.label(), asm.label());
    asm.alu(Alu::Move, R2, 0);
    load_network_bytes(asm, 16, counted);
    // R3 = length of the network header.
    asm.load(Width::Byte, R3, (R10, STACK));
    asm.alu(Alu::Move, R1, R3);
    asm.alu(Alu::ShiftRight, R1, 4);
    asm.load(Width::Byte, R2, (R10, STACK + IPV4_PROTOCOL));
    asm.alu(Alu::And, R3, 15);
    asm.alu(Alu::ShiftLeft, R3, 2);
    asm.jump_if(When::NotEqual, R1, 6, version_4);
    asm.load(Width::Byte, R2, (R10, STACK + IPV6_NEXT_HEADER));
    asm.alu(Alu::Move, R3, IPV6_HEADER);
    asm.place(version_4);
    asm.jump_if(When::NotEqual, R2, libc::IPPROTO_UDP, tcp);
    asm.alu(Alu::Move, R1, UDP_HEADER);
    asm.jump(add_up);
    asm.place(tcp);
    // The call clobbers R3.
    asm.store(Width::Double, (R10, SAVED), R3);
    asm.alu(Alu::Move, R2, R3);
    asm.alu(Alu::Add, R2, TCP_DATA_OFFSET);
    load_network_bytes(asm, 1, counted);
    asm.load(Width::Double, R3, (R10, SAVED));
    asm.load(Width::Byte, R1, (R10, STACK));
    asm.alu(Alu::ShiftRight, R1, 4);
    asm.alu(Alu::ShiftLeft, R1, 2);
    asm.place(add_up);
    asm.alu(Alu::Add, R3, R1);
    asm.alu(Alu::Add, R3, ETHERNET_HEADER);
    asm.load(Width::Word, R1, (R6, SKB_LEN));
    asm.jump_if(When::Above, R3, R1, counted);
    asm.alu(Alu::Sub, R1, R3);
    asm.alu(Alu::Add, R1, R9);
    asm.alu(Alu::Sub, R1, 1);
    asm.alu(Alu::Div, R1, R9);
    asm.jump_if(When::Equal, R1, 0, counted);
    asm.alu(Alu::Move, R8, R1);
}

/// Copies bytes of the network header from offset R2 to the stack. By bpf_skb_load_bytes_relative
/// (Linux 4.18), which counts from the network header. Clobbers R0 to R5.
fn load_network_bytes(asm: &mut Assembler, length: i32, failed: Label) {
    asm.alu(Alu::Move, R1, R6);
    asm.alu(Alu::Move, R3, R10);
    asm.alu(Alu::Add, R3, i32::from(STACK));
    asm.alu(Alu::Move, R4, length);
    asm.alu(Alu::Move, R5, HEADER_START_NETWORK);
    asm.call(HELPER_SKB_LOAD_BYTES_RELATIVE);
    asm.jump_if(When::NotEqual, R0, 0, failed);
}

/// Counts the packets and jumps to `nothing` unless one of them is chosen. Sets R1 = packets up to
/// the one that is to be chosen next: 0 or less.
fn pass_by(asm: &mut Assembler, cpus: Cpus, nothing: Label) {
    let decide = asm.label();
    add_to(asm, cpus, SEEN, (R9, R8));
    asm.load(Width::Double, R1, (R7, NEXT));
    asm.alu(Alu::Sub, R1, R9);
    asm.load(Width::Double, R2, (R7, RANGE));
    asm.load(Width::Double, R3, (R7, DRAWN_FOR));
    asm.jump_if(When::Equal, R2, R3, decide);
    draw_first(asm);
    asm.place(decide);
    asm.jump_if(When::Greater, R1, 0, nothing);
}

/// Draws the first skip, which counts from the packet before this skb. Expects R2 = range,
/// R8 = packets, R9 = seen; sets R1 as [`pass_by`].
fn draw_first(asm: &mut Assembler) {
    let smaller = asm.label();
    asm.store(Width::Double, (R7, DRAWN_FOR), R2);
    // The smaller of two different numbers out of 1 to 2N, less 1: the second one has one value less
    // to choose from, and as far as it is not smaller it does not matter by how much.
    asm.alu(Alu::Add, R2, 1);
    asm.store(Width::Double, (R7, NEXT), R2);
    asm.call(HELPER_PRANDOM_U32);
    asm.load(Width::Double, R1, (R7, NEXT));
    asm.alu(Alu::Mul, R0, R1);
    asm.alu(Alu::ShiftRight, R0, 32);
    asm.store(Width::Double, (R7, NEXT), R0);
    asm.call(HELPER_PRANDOM_U32);
    asm.load(Width::Double, R1, (R7, DRAWN_FOR));
    asm.alu(Alu::Mul, R0, R1);
    asm.alu(Alu::ShiftRight, R0, 32);
    asm.load(Width::Double, R1, (R7, NEXT));
    asm.jump_if(When::Above, R0, R1, smaller);
    asm.alu(Alu::Move, R1, R0);
    asm.place(smaller);
    asm.alu(Alu::Add, R1, 1);
    asm.alu(Alu::Sub, R1, R8);
    asm.alu(Alu::Move, R2, R9);
    asm.alu(Alu::Add, R2, R1);
    asm.store(Width::Double, (R7, NEXT), R2);
}

/// Sets R6 = how many choices the length of this skb can encode, at least one.
fn limit_by_length(asm: &mut Assembler, header_bytes: i32) {
    let limited = asm.label();
    asm.load(Width::Word, R6, (R6, SKB_LEN));
    asm.alu(Alu::Sub, R6, header_bytes - 1);
    asm.jump_if(When::NotGreater, R6, MAX_CHOICES, limited);
    asm.alu(Alu::Move, R6, MAX_CHOICES);
    asm.place(limited);
}

/// Draws skips until one ends beyond this skb, and counts the choices. Expects R1 as [`pass_by`] sets
/// it and R6 = the most choices; sets R8 = choices. Preserves R7.
///
/// Written out instead of a loop: with CAP_BPF but without CAP_PERFMON the verifier (Linux 5.8 and
/// later, push_stack for speculative paths) also follows mispredicted branches. They leave the
/// bound of every loop, and it gives up with "sequence of 8193 jumps is too complex".
pub(super) fn choose(asm: &mut Assembler, cpus: Cpus) {
    let done = asm.label();
    asm.alu(Alu::Move, R9, R1);
    asm.alu(Alu::Move, R8, 0);
    for _ in 0..DRAWS {
        draw(asm);
        asm.alu(Alu::Add, R8, 1);
        asm.jump_if(When::Greater, R9, 0, done);
        asm.jump_if(When::NotGreater, R6, R8, done);
    }
    choose_evenly(asm);
    asm.place(done);
    asm.load(Width::Double, R1, (R7, SEEN));
    asm.alu(Alu::Add, R1, R9);
    asm.store(Width::Double, (R7, NEXT), R1);
    asm.alu(Alu::Move, R1, 1);
    add_to(asm, cpus, CHOSEN_SKBS, (R2, R1));
    add_to(asm, cpus, CHOSEN, (R2, R8));
}

/// Chooses from the rest of a super-packet in steps of exactly N, until its end or the limit of
/// the encoding: choices += min(-skip / N + 1, limit - choices).
fn choose_evenly(asm: &mut Assembler) {
    let fits = asm.label();
    asm.load(Width::Double, R1, (R7, RANGE));
    asm.alu(Alu::Add, R1, 1);
    asm.alu(Alu::ShiftRight, R1, 1);
    asm.alu(Alu::Move, R2, 0);
    asm.alu(Alu::Sub, R2, R9);
    asm.alu(Alu::Div, R2, R1);
    asm.alu(Alu::Add, R2, 1);
    asm.alu(Alu::Sub, R6, R8);
    asm.jump_if(When::NotGreater, R2, R6, fits);
    asm.alu(Alu::Move, R2, R6);
    asm.place(fits);
    asm.alu(Alu::Add, R8, R2);
    asm.alu(Alu::Mul, R2, R1);
    asm.alu(Alu::Add, R9, R2);
}

/// Adds a random skip: R9 += 1 + (random * range >> 32).
fn draw(asm: &mut Assembler) {
    asm.call(HELPER_PRANDOM_U32);
    asm.load(Width::Double, R1, (R7, RANGE));
    asm.alu(Alu::Mul, R0, R1);
    asm.alu(Alu::ShiftRight, R0, 32);
    asm.alu(Alu::Add, R9, R0);
    asm.alu(Alu::Add, R9, 1);
}

/// Adds `amount` to a counter of the slot. Sets `sum` to the result.
pub(super) fn add_to(
    asm: &mut Assembler,
    cpus: Cpus,
    counter: i16,
    (sum, amount): (Register, Register),
) {
    if cpus.exclusive {
        asm.load(Width::Double, sum, (R7, counter));
        asm.alu(Alu::Add, sum, amount);
        asm.store(Width::Double, (R7, counter), sum);
    } else {
        asm.alu(Alu::Move, sum, amount);
        asm.fetch_add((R7, counter), sum);
        asm.alu(Alu::Add, sum, amount);
    }
}

/// Limit of choices in one skb. The largest super-packet, 512 KiB at an MSS of 536, contains 978
/// packets.
pub(super) const MAX_CHOICES: i32 = 1024;
/// Skips drawn at random within one skb.
const DRAWS: usize = 8;

const SEEN: i16 = core::mem::offset_of!(Slot, seen) as i16;
const NEXT: i16 = core::mem::offset_of!(Slot, next) as i16;
pub(super) const RANGE: i16 = core::mem::offset_of!(Slot, range) as i16;
const DRAWN_FOR: i16 = core::mem::offset_of!(Slot, drawn_for) as i16;
const CHOSEN_SKBS: i16 = core::mem::offset_of!(Slot, chosen_skbs) as i16;
const CHOSEN: i16 = core::mem::offset_of!(Slot, chosen) as i16;

// `struct __sk_buff`, include/uapi/linux/bpf.h.
pub(super) const SKB_LEN: i16 = 0;
pub(super) const SKB_PKT_TYPE: i16 = 4;
pub(super) const SKB_IFINDEX: i16 = 40;
const SKB_GSO_SEGS: i16 = 164;
pub(super) const SKB_GSO_SIZE: i16 = 176;

// `enum bpf_func_id`, include/uapi/linux/bpf.h.
const HELPER_PRANDOM_U32: i32 = 7;
pub(super) const HELPER_SMP_PROCESSOR_ID: i32 = 8;
const HELPER_SKB_LOAD_BYTES_RELATIVE: i32 = 68;
/// `BPF_HDR_START_NET`.
const HEADER_START_NETWORK: i32 = 1;

const STACK: i16 = -16;
const SAVED: i16 = -24;
/// The first word below, for other parts of a program.
pub(super) const FREE_STACK: i16 = -32;
/// Halves of a word of the table.
const ENTRY_INTERFACE: i16 = 0;
const ENTRY_ROW: i16 = 4;
const ENTRY_SHIFT: i32 = size_of::<u64>().trailing_zeros().cast_signed();
const SLOT_SHIFT: i32 = size_of::<Slot>().trailing_zeros().cast_signed();
const ETHERNET_HEADER: i32 = 14;
const IPV4_PROTOCOL: i16 = 9;
const IPV6_NEXT_HEADER: i16 = 6;
const IPV6_HEADER: i32 = 40;
const UDP_HEADER: i32 = 8;
const TCP_DATA_OFFSET: i32 = 12;
