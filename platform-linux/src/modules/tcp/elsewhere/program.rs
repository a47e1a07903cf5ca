//! The instructions of the program, and the table that it shares with the agent.
//!
//! ```text
//! next query | query, reply | query, reply | ...
//! ```

use std::os::fd::RawFd;

use crate::kernel::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9};
use crate::kernel::assembler::{Alu, AssembleError, Assembler, Instruction, When, Width};
use crate::kernel::netlink::sock_diag::MAX_QUERIES;
use crate::modules::tcp::elsewhere::fields::{Field, Fields};

/// The words of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Word {
    /// The query: id of the network namespace.
    Namespace,
    /// Bytes of the tuple.
    Length,
    /// `struct bpf_sock_tuple`, five words.
    Tuple,
    /// The reply: state of the socket (include/net/tcp_states.h), 0 without one.
    State = 7,
    SndUna,
    BytesAcked,
    BytesReceived,
    SndMss,
    RcvMss,
    Unacked,
    Lost,
    Pmtu,
    /// Eight times the smoothed round-trip time.
    Srtt,
    /// Four times its variation.
    Mdev,
    SndCwnd,
    Reordering,
    TotalRetrans,
    MinRtt,
    TotalRto,
}

impl Word {
    /// Offset in the entry.
    fn at(self) -> i16 {
        self as i16 * 8
    }
}

/// Assembles the program, each run of which takes the next query. A loop over them would be more than
/// the verifier of Linux 5.10 follows.
///
/// R6 = context, R7 = entry, R9 = socket.
pub(super) fn program(table: RawFd, fields: &Fields) -> Result<Vec<Instruction>, AssembleError> {
    let mut asm = Assembler::default();
    let end = asm.label();
    asm.alu(Alu::Move, R6, R1);
    next(&mut asm, table);
    look_up(&mut asm);
    asm.jump_if(When::Equal, R0, 0, end);
    asm.alu(Alu::Move, R9, R0);
    reply(&mut asm, fields);
    asm.alu(Alu::Move, R1, R9);
    asm.call(HELPER_SK_RELEASE);
    asm.place(end);
    asm.alu(Alu::Move, R0, 0);
    asm.exit();
    asm.finish()
}

/// R7 = the next entry.
fn next(asm: &mut Assembler, table: RawFd) {
    asm.map_value(R1, table, 0);
    asm.load(Width::Double, R8, (R1, 0));
    asm.alu(Alu::Move, R2, R8);
    asm.alu(Alu::Add, R2, 1);
    asm.store(Width::Double, (R1, 0), R2);
    // The verifier wants a bound.
    asm.alu(Alu::And, R8, MAX_QUERIES as i32 - 1);
    asm.alu(Alu::Mul, R8, ENTRY_WORDS as i32 * 8);
    asm.map_value(R7, table, HEADER_WORDS as i32 * 8);
    asm.alu(Alu::Add, R7, R8);
}

/// R0 = the socket, or 0. It has to be released.
fn look_up(asm: &mut Assembler) {
    let known = asm.label();
    // The verifier wants constants.
    asm.load(Width::Double, R1, (R7, Word::Length.at()));
    asm.alu(Alu::Move, R3, IPV4_TUPLE);
    asm.jump_if(When::Equal, R1, IPV4_TUPLE, known);
    asm.alu(Alu::Move, R3, IPV6_TUPLE);
    asm.place(known);
    asm.alu(Alu::Move, R1, R6);
    asm.alu(Alu::Move, R2, R7);
    asm.alu(Alu::Add, R2, i32::from(Word::Tuple.at()));
    asm.load(Width::Double, R4, (R7, Word::Namespace.at()));
    asm.alu(Alu::Move, R5, 0);
    asm.call(HELPER_SK_LOOKUP_TCP);
}

/// Copies the fields and the state of the socket R9.
fn reply(asm: &mut Assembler, fields: &Fields) {
    let nothing = asm.label();
    asm.alu(Alu::Move, R1, R9);
    asm.call(fields.helper);
    asm.jump_if(When::Equal, R0, 0, nothing);
    for Field { word, offset, width } in &fields.list {
        asm.load(*width, R1, (R0, *offset));
        asm.store(Width::Double, (R7, word.at()), R1);
    }
    asm.load(Width::Word, R1, (R9, SOCK_STATE));
    asm.store(Width::Double, (R7, Word::State.at()), R1);
    asm.place(nothing);
}

/// Words before the first entry.
pub(super) const HEADER_WORDS: usize = 8;
/// Words of an entry.
pub(super) const ENTRY_WORDS: usize = 24;
pub(super) const TABLE_WORDS: usize = HEADER_WORDS + MAX_QUERIES * ENTRY_WORDS;
const _: () = assert!(MAX_QUERIES.is_power_of_two(), "a mask bounds their number");

// `struct bpf_sock_tuple` and `struct bpf_sock`, include/uapi/linux/bpf.h.
const IPV4_TUPLE: i32 = 12;
const IPV6_TUPLE: i32 = 36;
const SOCK_STATE: i16 = 72;
// `enum bpf_func_id`
const HELPER_SK_LOOKUP_TCP: i32 = 84;
const HELPER_SK_RELEASE: i32 = 86;
