//! The instructions of the programs at the tc hooks: the choice of [`program`](super::program), and
//! an event for each skb with a chosen packet.
//!
//! ```text
//! count and choose ──▶ room in the ring? ──▶ fields of the skb, first bytes ──▶ event
//!                                 └─ no ──▶ lost += choices
//! ```
//!
//! The verdict is always "next": the packet goes on as if there were no program.

use std::os::fd::RawFd;

use super::program::{
    FREE_STACK, MAX_CHOICES, RANGE, SKB_GSO_SIZE, SKB_IFINDEX, SKB_LEN, SKB_PKT_TYPE, add_to,
    choose, count,
};
use super::{Layout, Ring, event};
use crate::kernel::assembler::Register::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};
use crate::kernel::assembler::{Alu, AssembleError, Assembler, Instruction, Label, When, Width};
use crate::kernel::sys::bpf::{Hook, Slot};

/// Assembles the program for one of the two hooks.
pub(super) fn assemble(
    map: RawFd,
    ring: Ring,
    layout: Layout,
    hook: Hook,
) -> Result<Vec<Instruction>, AssembleError> {
    let mut asm = Assembler::default();
    let next = asm.label();
    asm.alu(Alu::Move, R6, R1);
    count(&mut asm, map, layout, next);
    asm.store(Width::Double, (R10, CONTEXT), R6);
    asm.store(Width::Double, (R10, PACKETS), R8);
    asm.alu(Alu::Move, R6, MAX_CHOICES);
    choose(&mut asm, layout.cpus);
    asm.load(Width::Double, R6, (R10, CONTEXT));
    reserve(&mut asm, ring, layout, next);
    fill(&mut asm, hook);
    copy_header(&mut asm);
    submit(&mut asm, ring);
    asm.place(next);
    asm.alu(Alu::Move, R0, NEXT);
    asm.exit();
    asm.finish()
}

/// Sets R9 = an event, or counts the choices as lost.
fn reserve(asm: &mut Assembler, ring: Ring, layout: Layout, next: Label) {
    let reserved = asm.label();
    asm.map(R1, ring.fd);
    asm.alu(Alu::Move, R2, event::BYTES as i32);
    asm.alu(Alu::Move, R3, 0);
    asm.call(HELPER_RINGBUF_RESERVE);
    asm.jump_if(When::NotEqual, R0, 0, reserved);
    add_to(asm, layout.cpus, LOST, (R2, R8));
    asm.jump(next);
    asm.place(reserved);
    asm.alu(Alu::Move, R9, R0);
}

/// R6 = context, R7 = slot, R8 = choices, R9 = event.
fn fill(asm: &mut Assembler, hook: Hook) {
    asm.call(HELPER_KTIME_GET_NS);
    asm.store(Width::Double, (R9, event::TIME), R0);
    asm.load(Width::Double, R1, (R7, RANGE));
    asm.store(Width::Double, (R9, event::RANGE), R1);
    asm.store(Width::Word, (R9, event::CHOICES), R8);
    asm.load(Width::Double, R1, (R10, PACKETS));
    asm.store(Width::Word, (R9, event::PACKETS), R1);
    for (field, at) in [
        (SKB_IFINDEX, event::INTERFACE),
        (SKB_INGRESS_IFINDEX, event::INPUT),
        (SKB_LEN, event::LENGTH),
        (SKB_GSO_SIZE, event::GSO_SIZE),
        (SKB_VLAN_PRESENT, event::TAGGED),
        (SKB_VLAN_TCI, event::TAG),
        (SKB_VLAN_PROTO, event::TAG_PROTOCOL),
    ] {
        asm.load(Width::Word, R1, (R6, field));
        asm.store(Width::Word, (R9, at), R1);
    }
    match hook {
        Hook::Ingress => asm.load(Width::Word, R1, (R6, SKB_PKT_TYPE)),
        // A forwarded skb keeps the type with which it was received.
        Hook::Egress => asm.alu(Alu::Move, R1, i32::from(libc::PACKET_OUTGOING)),
    }
    asm.store(Width::Word, (R9, event::KIND), R1);
}

/// The first bytes of the packet, link-layer header first.
fn copy_header(asm: &mut Assembler) {
    let (fits, copied, nothing) = (asm.label(), asm.label(), asm.label());
    asm.load(Width::Word, R4, (R6, SKB_LEN));
    asm.alu(Alu::Move, R1, event::HEADER_BYTES as i32 + 1);
    asm.jump_if(When::Above, R1, R4, fits);
    asm.alu(Alu::Move, R4, event::HEADER_BYTES as i32);
    asm.place(fits);
    asm.store(Width::Word, (R9, event::COPIED), R4);
    // The verifier wants a length that is not 0. Before Linux 6.8 it learns that from a comparison of
    // order only (kernel/bpf/verifier.c, reg_set_min_max).
    asm.jump_if(When::NotGreater, R4, 0, copied);
    asm.alu(Alu::Move, R1, R6);
    asm.alu(Alu::Move, R2, 0);
    asm.alu(Alu::Move, R3, R9);
    asm.alu(Alu::Add, R3, i32::from(event::HEADER));
    asm.call(HELPER_SKB_LOAD_BYTES);
    asm.jump_if(When::NotEqual, R0, 0, nothing);
    asm.jump(copied);
    asm.place(nothing);
    asm.alu(Alu::Move, R1, 0);
    asm.store(Width::Word, (R9, event::COPIED), R1);
    asm.place(copied);
}

/// Hands the event over. The kernel wakes the reader for the first event after it has read all, so that
/// a reader that waits for more is woken again only when the ring fills.
fn submit(asm: &mut Assembler, ring: Ring) {
    let (quarter, fills) = (ring.bytes / 4, asm.label());
    asm.map(R1, ring.fd);
    asm.alu(Alu::Move, R2, AVAILABLE_DATA);
    asm.call(HELPER_RINGBUF_QUERY);
    asm.alu(Alu::Move, R1, R9);
    asm.alu(Alu::Move, R2, FORCE_WAKEUP);
    asm.jump_if(When::Above, R0, i32::try_from(quarter).unwrap_or(i32::MAX), fills);
    asm.alu(Alu::Move, R2, 0);
    asm.place(fills);
    asm.call(HELPER_RINGBUF_SUBMIT);
}

/// `TCX_NEXT`, and `TC_ACT_UNSPEC` of clsact.
const NEXT: i32 = -1;
const LOST: i16 = core::mem::offset_of!(Slot, lost) as i16;

// `struct __sk_buff`, include/uapi/linux/bpf.h.
const SKB_VLAN_PRESENT: i16 = 20;
const SKB_VLAN_TCI: i16 = 24;
const SKB_VLAN_PROTO: i16 = 28;
const SKB_INGRESS_IFINDEX: i16 = 36;

// `enum bpf_func_id`, include/uapi/linux/bpf.h.
const HELPER_KTIME_GET_NS: i32 = 5;
const HELPER_SKB_LOAD_BYTES: i32 = 26;
const HELPER_RINGBUF_RESERVE: i32 = 131;
const HELPER_RINGBUF_SUBMIT: i32 = 132;
const HELPER_RINGBUF_QUERY: i32 = 134;
/// `BPF_RB_AVAIL_DATA`.
const AVAILABLE_DATA: i32 = 0;
/// `BPF_RB_FORCE_WAKEUP`.
const FORCE_WAKEUP: i32 = 2;

const CONTEXT: i16 = FREE_STACK;
const PACKETS: i16 = FREE_STACK - 8;
