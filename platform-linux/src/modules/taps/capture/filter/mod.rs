//! The eBPF socket filter that samples in the kernel, and its counters.
//!
//! Per packet, on the CPU that handles it. Bottom halves are off in both callers, so that no other
//! packet interrupts the program on its CPU, and its counters need no atomic instruction:
//!
//! ```text
//! packets = gso_segs, or what gso_size and the headers say if an untrusted source left it 0, or 1
//! seen += packets; skip -= packets
//! if skip > draw_range  the rate was lowered: draw again
//! if skip > 0           keep nothing
//! do { skip += 1 + (random * draw_range >> 32); choices += 1 } while skip <= 0
//! chosen_skbs += 1; chosen += choices
//! keep header_bytes + choices - 1 bytes
//! ```
//!
//! The number of bytes kept is the only value that a socket filter can pass along with a packet, so
//! it carries the number of choices. Choices for which the packet has no bytes stay in `skip`, which
//! is then negative, and move to the next packet. After [`DRAWS`] draws within one super-packet the
//! rest of it is chosen in steps of exactly N; user space draws which of its segments these are. In
//! every case the mean stays N.
//!
//! `random` has 32 bits. With range R = 2N-1, which is odd, the mean of `random * R >> 32` over
//! all 2^32 values is exactly (R-1)/2 · (1 - 2^-32), so the mean skip misses N by less than 2^-32.

use core::num::NonZeroU32;
use core::sync::atomic::Ordering;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use flowmote_core::Random;

use super::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use super::assembler::{Alu, AssembleError, Assembler, Instruction, Label, Register, When, Width};
use crate::kernel::sys::bpf::{self, Slot, SlotMap};

/// The counters that a loaded filter shares with user space. The socket that it is attached to keeps
/// the filter alive, and the mapping its map, so that a tap has no descriptor but its socket.
#[derive(Debug)]
pub(super) struct Filter {
    map: SlotMap,
}

/// Totals over all CPUs since the filter was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Packets chosen.
    pub(super) chosen: u64,
    /// skbs that they were in.
    pub(super) chosen_skbs: u64,
}

impl Filter {
    /// Loads a filter that selects 1 in `rate` packets and keeps `header_bytes` of them. `cpus` is
    /// one more than the highest CPU number that the machine can have. Returns the program with it,
    /// to attach to a socket.
    ///
    /// # Errors
    /// Those of bpf(2) and mmap(2): EPERM without CAP_BPF, EINVAL before Linux 5.5, which has no
    /// `BPF_F_MMAPABLE`.
    pub(super) fn load(
        rate: NonZeroU32,
        header_bytes: u32,
        cpus: usize,
        random: &mut Random,
    ) -> io::Result<(Self, OwnedFd)> {
        // A power of two, so that the mask in `find_slot` is the number of the last slot.
        let slots = cpus.next_power_of_two();
        let (map, map_fd) = SlotMap::new(slots)?;
        for slot in map.slots() {
            // Uniform on 1..=N, so that the start favours no packet.
            let first = 1 + i64::from(random.below(rate.get()));
            slot.skip.store(first, Ordering::Relaxed);
        }
        let program = assemble(map_fd.as_raw_fd(), slots, header_bytes)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let filter = Self { map };
        filter.set_rate(rate);
        Ok((filter, bpf::load_socket_filter(&program)?))
    }

    /// Sets the mean of the skips to be drawn from now on.
    pub(super) fn set_rate(&self, rate: NonZeroU32) {
        for slot in self.map.slots() {
            slot.draw_range.store(draw_range(rate), Ordering::Relaxed);
        }
    }

    /// Wire packets seen. One load per possible CPU, no system call.
    pub(super) fn seen(&self) -> u64 {
        self.sum(|slot| slot.seen.load(Ordering::Relaxed))
    }

    /// Totals of the choices. The filter stores `chosen_skbs` before `chosen`; reading in the
    /// opposite order, with Acquire against a reordering of the loads, makes sure that `chosen`
    /// contains no skb that is missing in `chosen_skbs`. That holds where the CPU keeps stores in
    /// order (x86); the filter's stores are plain, because eBPF has no store-release before Linux
    /// 6.15, and on arm64 the two may become visible in the other order.
    pub(super) fn totals(&self) -> Totals {
        let chosen = self.sum(|slot| slot.chosen.load(Ordering::Acquire));
        let chosen_skbs = self.sum(|slot| slot.chosen_skbs.load(Ordering::Acquire));
        Totals { chosen, chosen_skbs }
    }

    fn sum(&self, read: impl Fn(&Slot) -> u64) -> u64 {
        self.map.slots().iter().map(read).fold(0, u64::wrapping_add)
    }
}

/// The number of choices that the number of bytes kept encodes.
pub(super) fn choices(bytes_kept: u32, header_bytes: u32) -> u32 {
    bytes_kept.saturating_sub(header_bytes).saturating_add(1)
}

fn draw_range(rate: NonZeroU32) -> u64 {
    2 * u64::from(rate.get()) - 1
}

fn assemble(
    map: RawFd,
    slots: usize,
    header_bytes: u32,
) -> Result<Vec<Instruction>, AssembleError> {
    let mut asm = Assembler::default();
    let nothing = asm.label();
    count_packets(&mut asm);
    find_slot(&mut asm, map, slots);
    pass_by(&mut asm, nothing);
    choose(&mut asm, i32::try_from(header_bytes).unwrap_or(i32::MAX));
    asm.place(nothing);
    asm.store(Width::Double, (R7, SKIP), R9);
    asm.alu(Alu::Move, R0, 0);
    asm.exit();
    asm.finish()
}

/// Sets R6 = context, R8 = number of wire packets in the skb.
fn count_packets(asm: &mut Assembler) {
    let counted = asm.label();
    asm.alu(Alu::Move, R6, R1);
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
    load_network_bytes(asm, None, 16, counted);
    asm.load(Width::Byte, R7, (R10, STACK));
    asm.alu(Alu::Move, R1, R7);
    asm.alu(Alu::ShiftRight, R1, 4);
    asm.load(Width::Byte, R2, (R10, STACK + IPV4_PROTOCOL));
    asm.alu(Alu::And, R7, 15);
    asm.alu(Alu::ShiftLeft, R7, 2);
    asm.jump_if(When::NotEqual, R1, 6, version_4);
    asm.load(Width::Byte, R2, (R10, STACK + IPV6_NEXT_HEADER));
    asm.alu(Alu::Move, R7, IPV6_HEADER);
    asm.place(version_4);
    asm.jump_if(When::NotEqual, R2, libc::IPPROTO_UDP, tcp);
    asm.alu(Alu::Move, R1, UDP_HEADER);
    asm.jump(add_up);
    asm.place(tcp);
    load_network_bytes(asm, Some(TCP_DATA_OFFSET), 1, counted);
    asm.load(Width::Byte, R1, (R10, STACK));
    asm.alu(Alu::ShiftRight, R1, 4);
    asm.alu(Alu::ShiftLeft, R1, 2);
    asm.place(add_up);
    asm.alu(Alu::Add, R7, R1);
    asm.alu(Alu::Add, R7, ETHERNET_HEADER);
    asm.load(Width::Word, R1, (R6, SKB_LEN));
    asm.jump_if(When::Above, R7, R1, counted);
    asm.alu(Alu::Sub, R1, R7);
    asm.alu(Alu::Add, R1, R9);
    asm.alu(Alu::Sub, R1, 1);
    asm.alu(Alu::Div, R1, R9);
    asm.jump_if(When::Equal, R1, 0, counted);
    asm.alu(Alu::Move, R8, R1);
}

/// Copies bytes of the network header to the stack: from its start, or from `R7 + constant`. By
/// bpf_skb_load_bytes_relative (Linux 4.18), which counts from the network header.
fn load_network_bytes(asm: &mut Assembler, after_r7: Option<i32>, length: i32, failed: Label) {
    asm.alu(Alu::Move, R1, R6);
    asm.alu(Alu::Move, R2, 0);
    if let Some(constant) = after_r7 {
        asm.alu(Alu::Move, R2, R7);
        asm.alu(Alu::Add, R2, constant);
    }
    asm.alu(Alu::Move, R3, R10);
    asm.alu(Alu::Add, R3, i32::from(STACK));
    asm.alu(Alu::Move, R4, length);
    asm.alu(Alu::Move, R5, HEADER_START_NETWORK);
    asm.call(HELPER_SKB_LOAD_BYTES_RELATIVE);
    asm.jump_if(When::NotEqual, R0, 0, failed);
}

/// Sets R7 = address of the slot of this CPU; `slots` is a power of two.
fn find_slot(asm: &mut Assembler, map: RawFd, slots: usize) {
    let last = i32::try_from(slots.saturating_sub(1)).unwrap_or(i32::MAX);
    asm.call(HELPER_SMP_PROCESSOR_ID);
    // The verifier requires a bound. It has to be one instruction: without CAP_PERFMON, Linux 5.10
    // and 6.1 refuse pointer arithmetic whose offset has another range on another path
    // (kernel/bpf/verifier.c, sanitize_ptr_alu), and a comparison makes two paths.
    asm.alu(Alu::And, R0, last);
    asm.alu(Alu::ShiftLeft, R0, size_of::<Slot>().trailing_zeros().cast_signed());
    asm.map_value(R7, map);
    asm.alu(Alu::Add, R7, R0);
}

/// Counts the packets and jumps to `nothing` unless one of them is chosen. Sets R9 = remaining
/// skip.
fn pass_by(asm: &mut Assembler, nothing: Label) {
    let in_range = asm.label();
    add_to(asm, SEEN, R8);
    asm.load(Width::Double, R9, (R7, SKIP));
    asm.alu(Alu::Sub, R9, R8);
    asm.load(Width::Double, R8, (R7, DRAW_RANGE));
    asm.jump_if(When::NotGreater, R9, R8, in_range);
    // A remaining skip above the upper bound was drawn before N was lowered.
    asm.alu(Alu::Move, R9, 0);
    draw(asm);
    asm.place(in_range);
    asm.jump_if(When::Greater, R9, 0, nothing);
}

/// Draws skips until one ends beyond this skb, and keeps a number of bytes that encodes how many.
///
/// Written out instead of a loop: with CAP_BPF but without CAP_PERFMON the verifier (Linux 5.8 and
/// later, push_stack for speculative paths) also follows mispredicted branches. They leave the
/// bound of every loop, and it gives up with "sequence of 8193 jumps is too complex".
fn choose(asm: &mut Assembler, header_bytes: i32) {
    let (limited, done) = (asm.label(), asm.label());
    // R6 = how many choices the length of this skb can encode (at least one); R8 = choices.
    asm.load(Width::Word, R6, (R6, SKB_LEN));
    asm.alu(Alu::Sub, R6, header_bytes - 1);
    asm.jump_if(When::NotGreater, R6, MAX_CHOICES, limited);
    asm.alu(Alu::Move, R6, MAX_CHOICES);
    asm.place(limited);
    asm.alu(Alu::Move, R8, 0);
    for _ in 0..DRAWS {
        draw(asm);
        asm.alu(Alu::Add, R8, 1);
        asm.jump_if(When::Greater, R9, 0, done);
        asm.jump_if(When::NotGreater, R6, R8, done);
    }
    choose_evenly(asm);
    asm.place(done);
    asm.store(Width::Double, (R7, SKIP), R9);
    asm.alu(Alu::Move, R1, 1);
    add_to(asm, CHOSEN_SKBS, R1);
    add_to(asm, CHOSEN, R8);
    asm.alu(Alu::Move, R0, R8);
    asm.alu(Alu::Add, R0, header_bytes - 1);
    asm.exit();
}

/// Chooses from the rest of a super-packet in steps of exactly N, until its end or the limit of
/// the encoding: choices += min(-skip / N + 1, limit - choices).
fn choose_evenly(asm: &mut Assembler) {
    let fits = asm.label();
    asm.load(Width::Double, R1, (R7, DRAW_RANGE));
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

/// Adds a random skip: R9 += 1 + (random * draw_range >> 32).
fn draw(asm: &mut Assembler) {
    asm.call(HELPER_PRANDOM_U32);
    asm.load(Width::Double, R1, (R7, DRAW_RANGE));
    asm.alu(Alu::Mul, R0, R1);
    asm.alu(Alu::ShiftRight, R0, 32);
    asm.alu(Alu::Add, R9, R0);
    asm.alu(Alu::Add, R9, 1);
}

/// Adds `source` to a counter of the slot. Clobbers R2.
fn add_to(asm: &mut Assembler, counter: i16, source: Register) {
    asm.load(Width::Double, R2, (R7, counter));
    asm.alu(Alu::Add, R2, source);
    asm.store(Width::Double, (R7, counter), R2);
}

/// Limit of choices in one skb. The largest super-packet, 512 KiB at an MSS of 536, contains 978
/// packets.
const MAX_CHOICES: i32 = 1024;
/// Skips drawn at random within one skb.
const DRAWS: usize = 8;

const SEEN: i16 = core::mem::offset_of!(Slot, seen) as i16;
const SKIP: i16 = core::mem::offset_of!(Slot, skip) as i16;
const DRAW_RANGE: i16 = core::mem::offset_of!(Slot, draw_range) as i16;
const CHOSEN_SKBS: i16 = core::mem::offset_of!(Slot, chosen_skbs) as i16;
const CHOSEN: i16 = core::mem::offset_of!(Slot, chosen) as i16;

// `struct __sk_buff`, include/uapi/linux/bpf.h.
const SKB_LEN: i16 = 0;
const SKB_GSO_SEGS: i16 = 164;
const SKB_GSO_SIZE: i16 = 176;

// `enum bpf_func_id`, include/uapi/linux/bpf.h.
const HELPER_PRANDOM_U32: i32 = 7;
const HELPER_SMP_PROCESSOR_ID: i32 = 8;
const HELPER_SKB_LOAD_BYTES_RELATIVE: i32 = 68;
/// `BPF_HDR_START_NET`.
const HEADER_START_NETWORK: i32 = 1;

const STACK: i16 = -16;
const ETHERNET_HEADER: i32 = 14;
const IPV4_PROTOCOL: i16 = 9;
const IPV6_NEXT_HEADER: i16 = 6;
const IPV6_HEADER: i32 = 40;
const UDP_HEADER: i32 = 8;
const TCP_DATA_OFFSET: i32 = 12;

#[cfg(test)]
mod tests;
