//! An assembler for the few eBPF instructions that the programs of the agent use
//! (Documentation/bpf/standardization/instruction-set.rst).

use std::io;
use std::os::fd::RawFd;

/// One instruction slot, `struct bpf_insn`, in the byte order of this machine.
pub(crate) type Instruction = [u8; 8];

/// A register. `R0` holds results, `R1` to `R5` arguments (clobbered by a call), `R6` to `R9` are
/// preserved by calls, `R10` is the read-only end of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// 64-bit arithmetic: `destination = destination op operand`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Alu {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    /// Unsigned.
    Div = 0x30,
    And = 0x50,
    ShiftLeft = 0x60,
    /// Logical.
    ShiftRight = 0x70,
    Move = 0xb0,
}

/// Condition of a 64-bit jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum When {
    Equal = 0x10,
    /// Unsigned greater.
    Above = 0x20,
    NotEqual = 0x50,
    /// Signed greater.
    Greater = 0x60,
    /// Signed less or equal.
    NotGreater = 0xd0,
}

/// Width of a load or store; loads fill with zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Width {
    Byte = 0x10,
    Half = 0x08,
    Word = 0x00,
    Double = 0x18,
}

/// Second operand: a register or a sign-extended constant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    Register(Register),
    Constant(i32),
}

/// The target of a jump, which may be placed after the jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label(usize);

/// The reason why a program could not be assembled, always a bug in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssembleError {
    /// The label of a jump was not placed.
    Unplaced,
    /// A jump reaches further than 16 bits.
    TooFar,
}

impl From<AssembleError> for io::Error {
    fn from(error: AssembleError) -> Self {
        Self::other(format!("{error:?}"))
    }
}

/// Collects instructions; see [`Assembler::finish`].
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    program: Vec<Instruction>,
    places: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label to be placed later.
    pub(crate) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Places `label` here.
    pub(crate) fn place(&mut self, label: Label) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = Some(self.program.len());
        }
    }

    /// `destination = destination op operand`.
    pub(crate) fn alu(&mut self, op: Alu, destination: Register, operand: impl Into<Operand>) {
        let (source, register, constant) = operand.into().parts();
        self.push(CLASS_ALU64 | op as u8 | source, (destination, register), 0, constant);
    }

    /// `destination = *(base + offset)`.
    pub(crate) fn load(&mut self, width: Width, destination: Register, at: (Register, i16)) {
        self.push(CLASS_LDX | MODE_MEM | width as u8, (destination, at.0), at.1, 0);
    }

    /// `*(base + offset) = source`.
    pub(crate) fn store(&mut self, width: Width, at: (Register, i16), source: Register) {
        self.push(CLASS_STX | MODE_MEM | width as u8, (at.0, source), at.1, 0);
    }

    /// `*(base + offset) += source`, atomically.
    pub(crate) fn add(&mut self, at: (Register, i16), source: Register) {
        let code = CLASS_STX | MODE_ATOMIC | Width::Double as u8;
        self.push(code, (at.0, source), at.1, Alu::Add as i32);
    }

    /// `register = fetch_and_add(base + offset, register)`, atomically (Linux 5.12).
    pub(crate) fn fetch_add(&mut self, at: (Register, i16), register: Register) {
        let code = CLASS_STX | MODE_ATOMIC | Width::Double as u8;
        self.push(code, (at.0, register), at.1, Alu::Add as i32 | FETCH);
    }

    /// `destination` = the map `fd`, as an argument of a helper.
    pub(crate) fn map(&mut self, destination: Register, fd: RawFd) {
        let (code, regs) = (CLASS_LD | Width::Double as u8, (destination as u8, PSEUDO_MAP_FD));
        self.program.push(encode(code, regs, 0, fd));
        self.program.push(encode(0, (0, 0), 0, 0));
    }

    /// `destination` = address of byte `offset` of the one value of the array map `fd`.
    pub(crate) fn map_value(&mut self, destination: Register, fd: RawFd, offset: i32) {
        let (code, regs) = (CLASS_LD | Width::Double as u8, (destination as u8, PSEUDO_MAP_VALUE));
        self.program.push(encode(code, regs, 0, fd));
        // The second half carries the upper 32 bits of the constant: the offset into the value.
        self.program.push(encode(0, (0, 0), 0, offset));
    }

    /// Jumps to `label` if the comparison of `left` with `right` holds.
    pub(crate) fn jump_if(
        &mut self,
        when: When,
        left: Register,
        right: impl Into<Operand>,
        label: Label,
    ) {
        let (source, register, constant) = right.into().parts();
        self.jumps.push((self.program.len(), label));
        self.push(CLASS_JMP | when as u8 | source, (left, register), 0, constant);
    }

    /// Jumps to `label`.
    pub(crate) fn jump(&mut self, label: Label) {
        self.jumps.push((self.program.len(), label));
        self.push(CLASS_JMP, (Register::R0, Register::R0), 0, 0);
    }

    /// `R0 = helper(R1..R5)`.
    pub(crate) fn call(&mut self, helper: i32) {
        self.push(CLASS_JMP | CALL, (Register::R0, Register::R0), 0, helper);
    }

    /// Ends the program with the value of `R0`.
    pub(crate) fn exit(&mut self) {
        self.push(CLASS_JMP | EXIT, (Register::R0, Register::R0), 0, 0);
    }

    /// The program with its jumps resolved.
    ///
    /// # Errors
    /// See [`AssembleError`].
    pub(crate) fn finish(mut self) -> Result<Vec<Instruction>, AssembleError> {
        for (at, label) in self.jumps {
            let place = self.places.get(label.0).copied().flatten();
            let place = place.ok_or(AssembleError::Unplaced)?;
            // Relative to the instruction after the jump.
            let distance = place as isize - at as isize - 1;
            let distance = i16::try_from(distance).map_err(|_| AssembleError::TooFar)?;
            if let Some([_, _, low, high, ..]) = self.program.get_mut(at) {
                [*low, *high] = distance.to_ne_bytes();
            }
        }
        Ok(self.program)
    }

    fn push(&mut self, code: u8, registers: (Register, Register), offset: i16, constant: i32) {
        let registers = (registers.0 as u8, registers.1 as u8);
        self.program.push(encode(code, registers, offset, constant));
    }
}

impl Operand {
    fn parts(self) -> (u8, Register, i32) {
        match self {
            Self::Register(register) => (SOURCE_REGISTER, register, 0),
            Self::Constant(constant) => (0, Register::R0, constant),
        }
    }
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(constant: i32) -> Self {
        Self::Constant(constant)
    }
}

fn encode(code: u8, registers: (u8, u8), offset: i16, constant: i32) -> Instruction {
    // Two bit fields of a C struct: which one comes first follows the byte order.
    let registers = if cfg!(target_endian = "little") {
        registers.1 << 4 | registers.0
    } else {
        registers.0 << 4 | registers.1
    };
    let [o0, o1] = offset.to_ne_bytes();
    let [c0, c1, c2, c3] = constant.to_ne_bytes();
    [code, registers, o0, o1, c0, c1, c2, c3]
}

const CLASS_LD: u8 = 0x00;
const CLASS_LDX: u8 = 0x01;
const CLASS_STX: u8 = 0x03;
const CLASS_JMP: u8 = 0x05;
const CLASS_ALU64: u8 = 0x07;
const MODE_MEM: u8 = 0x60;
const MODE_ATOMIC: u8 = 0xc0;
const FETCH: i32 = 0x01;
const SOURCE_REGISTER: u8 = 0x08;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::Register::{R0, R1, R6, R7, R10};
    use super::*;

    #[test]
    fn each_instruction_is_its_literal_word() {
        let mut asm = Assembler::default();
        let end = asm.label();
        asm.alu(Alu::Move, R6, R1);
        asm.alu(Alu::Add, R10, -16);
        asm.alu(Alu::ShiftRight, R0, 32);
        asm.load(Width::Word, R1, (R6, 164));
        asm.load(Width::Byte, R1, (R10, -16));
        asm.store(Width::Double, (R7, 8), R1);
        asm.fetch_add((R7, 8), R1);
        asm.load(Width::Half, R1, (R10, -16));
        asm.add((R7, 8), R1);
        asm.map(R1, 5);
        asm.map_value(R7, 5, 64);
        asm.jump_if(When::Greater, R1, R7, end);
        asm.jump_if(When::NotEqual, R1, 6, end);
        asm.call(7);
        asm.place(end);
        asm.exit();
        let expected: [Instruction; 17] = [
            [0xbf, 0x16, 0, 0, 0, 0, 0, 0],
            [0x07, 0x0a, 0, 0, 0xf0, 0xff, 0xff, 0xff],
            [0x77, 0x00, 0, 0, 32, 0, 0, 0],
            [0x61, 0x61, 164, 0, 0, 0, 0, 0],
            [0x71, 0xa1, 0xf0, 0xff, 0, 0, 0, 0],
            [0x7b, 0x17, 8, 0, 0, 0, 0, 0],
            [0xdb, 0x17, 8, 0, 1, 0, 0, 0],
            [0x69, 0xa1, 0xf0, 0xff, 0, 0, 0, 0],
            [0xdb, 0x17, 8, 0, 0, 0, 0, 0],
            [0x18, 0x11, 0, 0, 5, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0x18, 0x27, 0, 0, 5, 0, 0, 0],
            [0, 0, 0, 0, 64, 0, 0, 0],
            [0x6d, 0x71, 2, 0, 0, 0, 0, 0],
            [0x55, 0x01, 1, 0, 6, 0, 0, 0],
            [0x85, 0x00, 0, 0, 7, 0, 0, 0],
            [0x95, 0x00, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(asm.finish().unwrap(), expected);
    }

    #[test]
    fn jumps_back_are_negative() {
        let mut asm = Assembler::default();
        let top = asm.label();
        asm.place(top);
        asm.exit();
        asm.jump(top);
        assert_eq!(asm.finish().unwrap()[1], [0x05, 0, 0xfe, 0xff, 0, 0, 0, 0]);
    }

    #[test]
    fn mistakes_in_the_source_are_errors() {
        let mut asm = Assembler::default();
        let nowhere = asm.label();
        asm.jump(nowhere);
        assert_eq!(asm.finish(), Err(AssembleError::Unplaced));
        let mut asm = Assembler::default();
        let far = asm.label();
        asm.jump(far);
        (0..40_000).for_each(|_| asm.exit());
        asm.place(far);
        assert_eq!(asm.finish(), Err(AssembleError::TooFar));
    }
}
