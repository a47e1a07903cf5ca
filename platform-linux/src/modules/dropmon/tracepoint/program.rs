//! The eBPF program at the tracepoint `skb:kfree_skb`, which the kernel calls for every packet that
//! it drops.
//!
//! ```text
//! copy of the sk_buff ──▶ of our network namespace? ──▶ within the budget? ──▶ event in the ring
//! ```
//!
//! It reads the memory of the kernel at the offsets of its types ([`Layout`]), and writes nothing but
//! the ring and the counters.

use std::io;
use std::os::fd::RawFd;

use crate::kernel::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use crate::kernel::assembler::{Alu, Assembler, Instruction, Label, Register, When, Width};
use crate::modules::dropmon::tracepoint::event;
use crate::modules::dropmon::tracepoint::layout::Layout;

/// What the program is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Descriptor of the ring.
    pub(super) ring: RawFd,
    /// Descriptor of the map of [`Counter`]s.
    pub(super) counters: RawFd,
    /// Inode number of the network namespace whose drops are reported.
    pub(super) namespace: u32,
}

/// The words of the map that program and agent share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Counter {
    /// Most events in a window of time, 0 for none; written by the agent.
    Budget,
    /// The current window.
    Window,
    /// Packets in this window.
    Count,
    /// Packets beyond the budget, and those without room in the ring.
    Lost,
}

impl Counter {
    /// Words of the map; a multiple of 8.
    pub(super) const WORDS: usize = 8;

    /// Offset in bytes.
    fn at(self) -> i16 {
        self as i16 * 8
    }
}

/// Assembles the program.
///
/// # Errors
/// `Unsupported` for a kernel whose `sk_buff` does not fit the stack of a program.
pub(super) fn program(layout: &Layout, setting: Setting) -> io::Result<Vec<Instruction>> {
    let bytes = i16::try_from(layout.skb_bytes().next_multiple_of(8)).unwrap_or(i16::MAX);
    if bytes > MAX_SKB {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut asm = Assembler::default();
    let end = asm.label();
    let mut writer = Writer { asm, layout, bytes, end };
    writer.leave_without_budget(setting.counters);
    writer.copy_skb();
    writer.check_namespace(setting.namespace);
    writer.keep_to_budget();
    writer.reserve(setting.ring);
    writer.fill();
    writer.copy_header();
    let Writer { mut asm, end, .. } = writer;
    asm.alu(Alu::Move, R1, R8);
    asm.alu(Alu::Move, R2, 0);
    asm.call(RINGBUF_SUBMIT);
    asm.place(end);
    asm.alu(Alu::Move, R0, 0);
    asm.exit();
    asm.finish().map_err(|_| io::ErrorKind::Unsupported.into())
}

/// The parts of the program. Registers: R6 the context, R9 the counters, R8 the event once it is
/// reserved. The stack has a copy of the sk_buff, and below it the words at `SCRATCH`, `IF_INDEX`
/// and `NOW`.
struct Writer<'a> {
    asm: Assembler,
    layout: &'a Layout,
    /// Bytes of the copy.
    bytes: i16,
    end: Label,
}

impl Writer<'_> {
    /// The breaker has tripped, or drops of the kernel are not to be reported.
    fn leave_without_budget(&mut self, counters: RawFd) {
        self.asm.alu(Alu::Move, R6, R1);
        self.asm.map_value(R9, counters, 0);
        self.asm.load(Width::Double, R1, (R9, Counter::Budget.at()));
        self.asm.jump_if(When::Equal, R1, 0, self.end);
    }

    fn copy_skb(&mut self) {
        self.asm.load(Width::Double, R3, (R6, SKB));
        self.asm.alu(Alu::Move, R1, R10);
        self.asm.alu(Alu::Add, R1, i32::from(-self.bytes));
        self.asm.alu(Alu::Move, R2, i32::from(self.bytes));
        self.asm.call(PROBE_READ_KERNEL);
        self.asm.jump_if(When::NotEqual, R0, 0, self.end);
        // Buffers of sockets that hold no packet have no protocol.
        self.skb(Width::Half, R1, self.layout.protocol);
        self.asm.jump_if(When::Equal, R1, 0, self.end);
    }

    /// By the device, else by the socket: a packet has no device before its route is known, and in
    /// the queue of a socket the place of the device has another content.
    fn check_namespace(&mut self, namespace: u32) {
        let (by_socket, ours) = (self.asm.label(), self.asm.label());
        self.asm.alu(Alu::Move, R1, 0);
        self.asm.store(Width::Double, self.stack(IF_INDEX), R1);
        self.skb(Width::Double, R7, self.layout.device);
        self.is_in_namespace(self.layout.device_net, namespace, by_socket);
        self.read(Width::Word, R7, self.layout.device_index);
        self.asm.jump_if(When::NotEqual, R0, 0, self.end);
        self.asm.load(Width::Word, R1, self.stack(SCRATCH));
        self.asm.store(Width::Double, self.stack(IF_INDEX), R1);
        self.asm.jump(ours);
        self.asm.place(by_socket);
        self.skb(Width::Double, R7, self.layout.socket);
        self.is_in_namespace(self.layout.socket_net, namespace, self.end);
        self.asm.place(ours);
    }

    /// Jumps to `otherwise` unless the pointer at offset `net` of the object R7 is to the network
    /// namespace of that number.
    fn is_in_namespace(&mut self, net: u32, namespace: u32, otherwise: Label) {
        self.asm.jump_if(When::Equal, R7, 0, otherwise);
        self.read(Width::Double, R7, net);
        self.asm.jump_if(When::NotEqual, R0, 0, otherwise);
        self.asm.load(Width::Double, R3, self.stack(SCRATCH));
        self.asm.jump_if(When::Equal, R3, 0, otherwise);
        self.read(Width::Word, R3, self.layout.net_number);
        self.asm.jump_if(When::NotEqual, R0, 0, otherwise);
        self.asm.load(Width::Word, R1, self.stack(SCRATCH));
        // Inode numbers of namespaces begin at 0xF0000000, so that a constant would be
        // sign-extended.
        self.asm.alu(Alu::Move, R2, namespace.cast_signed());
        self.asm.alu(Alu::ShiftLeft, R2, 32);
        self.asm.alu(Alu::ShiftRight, R2, 32);
        self.asm.jump_if(When::NotEqual, R1, R2, otherwise);
    }

    /// Two CPUs that start a window at the same time only make the budget a little larger.
    fn keep_to_budget(&mut self) {
        let (same, beyond, within) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.asm.call(KTIME_GET_NS);
        self.asm.store(Width::Double, self.stack(NOW), R0);
        self.asm.alu(Alu::ShiftRight, R0, WINDOW_BITS);
        self.asm.load(Width::Double, R1, (R9, Counter::Window.at()));
        self.asm.jump_if(When::Equal, R1, R0, same);
        self.asm.store(Width::Double, (R9, Counter::Window.at()), R0);
        self.asm.alu(Alu::Move, R1, 0);
        self.asm.store(Width::Double, (R9, Counter::Count.at()), R1);
        self.asm.place(same);
        self.count(Counter::Count);
        self.asm.load(Width::Double, R1, (R9, Counter::Count.at()));
        self.asm.load(Width::Double, R2, (R9, Counter::Budget.at()));
        self.asm.jump_if(When::Above, R1, R2, beyond);
        self.asm.jump(within);
        self.asm.place(beyond);
        self.count(Counter::Lost);
        self.asm.jump(self.end);
        self.asm.place(within);
    }

    fn reserve(&mut self, ring: RawFd) {
        let reserved = self.asm.label();
        self.asm.map(R1, ring);
        self.asm.alu(Alu::Move, R2, event::BYTES as i32);
        self.asm.alu(Alu::Move, R3, 0);
        self.asm.call(RINGBUF_RESERVE);
        self.asm.jump_if(When::NotEqual, R0, 0, reserved);
        self.count(Counter::Lost);
        self.asm.jump(self.end);
        self.asm.place(reserved);
        self.asm.alu(Alu::Move, R8, R0);
    }

    fn fill(&mut self) {
        self.asm.load(Width::Double, R1, self.stack(NOW));
        self.asm.store(Width::Double, (R8, event::TIME), R1);
        self.asm.load(Width::Double, R1, (R6, PLACE));
        self.asm.store(Width::Double, (R8, event::LOCATION), R1);
        match self.layout.has_reason {
            true => self.asm.load(Width::Double, R1, (R6, REASON)),
            false => self.asm.alu(Alu::Move, R1, 0),
        }
        self.asm.store(Width::Word, (R8, event::REASON), R1);
        self.asm.load(Width::Double, R1, self.stack(IF_INDEX));
        self.asm.store(Width::Word, (R8, event::DEVICE), R1);
        self.skb(Width::Word, R1, self.layout.input);
        self.asm.store(Width::Word, (R8, event::INPUT), R1);
        self.skb(Width::Half, R1, self.layout.protocol);
        self.asm.store(Width::Word, (R8, event::PROTOCOL), R1);
    }

    /// From the link-layer header on if there is one, else from the network header.
    fn copy_header(&mut self) {
        let (bare, found, fits, copied) =
            (self.asm.label(), self.asm.label(), self.asm.label(), self.asm.label());
        // R3: the data; R4: the start, at most R3.
        self.skb(Width::Double, R1, self.layout.head);
        self.skb(Width::Double, R3, self.layout.data);
        self.asm.alu(Alu::Move, R4, R3);
        self.skb(Width::Half, R2, self.layout.mac_header);
        self.asm.jump_if(When::Equal, R2, UNSET, bare);
        self.start_at(found);
        self.asm.jump(found);
        self.asm.place(bare);
        self.skb(Width::Half, R2, self.layout.network_header);
        self.asm.jump_if(When::Equal, R2, 0, found);
        self.start_at(found);
        self.asm.place(found);
        // R5: bytes in front of the data.
        self.asm.alu(Alu::Move, R5, R3);
        self.asm.alu(Alu::Sub, R5, R4);
        self.skb(Width::Word, R1, self.layout.length);
        self.asm.alu(Alu::Move, R2, R1);
        self.asm.alu(Alu::Add, R1, R5);
        self.asm.store(Width::Word, (R8, event::LENGTH), R1);
        // The rest is in other pages.
        self.skb(Width::Word, R1, self.layout.paged_length);
        self.asm.alu(Alu::Sub, R2, R1);
        self.asm.alu(Alu::Add, R2, R5);
        self.asm.alu(Alu::Move, R1, event::HEADER_BYTES as i32 + 1);
        self.asm.jump_if(When::Above, R1, R2, fits);
        self.asm.alu(Alu::Move, R2, event::HEADER_BYTES as i32);
        self.asm.place(fits);
        self.asm.store(Width::Word, (R8, event::COPIED), R2);
        self.asm.alu(Alu::Move, R1, R8);
        self.asm.alu(Alu::Add, R1, i32::from(event::HEADER));
        self.asm.alu(Alu::Move, R3, R4);
        self.asm.call(PROBE_READ_KERNEL);
        self.asm.jump_if(When::Equal, R0, 0, copied);
        self.asm.alu(Alu::Move, R1, 0);
        self.asm.store(Width::Word, (R8, event::COPIED), R1);
        self.asm.place(copied);
    }

    /// R4 = R1 + R2, unless that is behind R3.
    fn start_at(&mut self, behind: Label) {
        self.asm.alu(Alu::Add, R2, R1);
        self.asm.jump_if(When::Above, R2, R3, behind);
        self.asm.alu(Alu::Move, R4, R2);
    }

    /// `register` = the field at `offset` of the copy.
    fn skb(&mut self, width: Width, register: Register, offset: u32) {
        let offset = i16::try_from(offset).unwrap_or_default();
        self.asm.load(width, register, (R10, offset.wrapping_sub(self.bytes)));
    }

    /// Reads memory at `offset` of `object` into the scratch word; R0 is 0 unless that failed.
    fn read(&mut self, width: Width, object: Register, offset: u32) {
        let bytes = if matches!(width, Width::Double) { 8 } else { 4 };
        self.asm.alu(Alu::Move, R3, object);
        self.asm.alu(Alu::Add, R3, i32::try_from(offset).unwrap_or_default());
        let (_, at) = self.stack(SCRATCH);
        self.asm.alu(Alu::Move, R1, R10);
        self.asm.alu(Alu::Add, R1, i32::from(at));
        self.asm.alu(Alu::Move, R2, bytes);
        self.asm.call(PROBE_READ_KERNEL);
    }

    /// Adds 1 to a counter.
    fn count(&mut self, counter: Counter) {
        self.asm.alu(Alu::Move, R1, 1);
        self.asm.add((R9, counter.at()), R1);
    }

    /// The place of a word below the copy.
    fn stack(&self, word: i16) -> (Register, i16) {
        (R10, word.wrapping_sub(self.bytes))
    }
}

// The arguments of the tracepoint in the context: sk_buff, place in the kernel, reason.
const SKB: i16 = 0;
const PLACE: i16 = 8;
const REASON: i16 = 16;
/// Nanoseconds of a window as a power of two: 134 ms.
pub(super) const WINDOW_BITS: i32 = 27;
/// Words on the stack, below the copy of the sk_buff.
const SCRATCH: i16 = -8;
const IF_INDEX: i16 = -16;
const NOW: i16 = -24;
/// The stack has 512 bytes.
const MAX_SKB: i16 = 480;
/// A header that is not there (`(typeof(skb->mac_header))~0U`).
const UNSET: i32 = 0xffff;

// include/uapi/linux/bpf.h
const KTIME_GET_NS: i32 = 5;
const PROBE_READ_KERNEL: i32 = 113;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;
