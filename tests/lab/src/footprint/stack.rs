//! The deepest possible stack of a Thumb image, computed from its disassembly.
//!
//! The frame of a function is the sum of everything that it pushes and subtracts from the stack
//! pointer, as if all of it happened together. Its callees are all branch targets. An indirect call
//! reaches the functions whose addresses the function loads into that register from its own
//! constants. If the last write to the register, in the order of the code, is anything else, it
//! reaches every function whose address is among constants and variables. That overestimates, so a
//! function that an indirect call would enter a second time is left out. Direct recursion is an
//! error, and so is a frame whose size is not in the code.
//!
//! This works for any compiler (tested with Rust and GCC), but only for the Thumb instruction set.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::process::Command;

use super::disassembly::Program;
use crate::qemu::Image;
use crate::skipped::skip_part;
use crate::toolchain;

/// The deepest stack of the main program, and of one interrupt on top of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorstStack {
    /// The main program, from the reset handler.
    pub main: Path,
    /// The deepest of the other handlers, all of one priority.
    pub interrupt: Path,
}

/// A chain of calls, each with the bytes of its frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<(String, u64)>);

impl Image {
    /// Computes the deepest stack. Functions named in `twice` may recurse once. `None`, reported as
    /// skipped, without llvm-objdump.
    ///
    /// # Panics
    /// When the image is not a Thumb image with a `.vector_table`, or the deepest stack cannot be
    /// computed: see the module documentation.
    #[must_use]
    pub fn worst_stack(&self, twice: &[&str]) -> Option<WorstStack> {
        let Some(objdump) = toolchain::llvm_tool("llvm-objdump") else {
            skip_part("llvm-objdump is missing: rustup component add llvm-tools");
            return None;
        };
        let run = |options: &[&str]| {
            let output = Command::new(&objdump).args(options).arg(self.elf()).output();
            String::from_utf8(output.expect("llvm-objdump runs").stdout).expect("UTF-8")
        };
        let code = run(&["-d", "--no-show-raw-insn", "--demangle"]);
        let data = run(&["-s", "-j", ".vector_table", "-j", ".rodata", "-j", ".data"]);
        let worst = worst_stack(&Program::read(&code, &data), twice);
        Some(worst.unwrap_or_else(|error| panic!("{error}")))
    }
}

impl WorstStack {
    /// Bytes of both, and of the registers that the processor saves in between.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.main.bytes() + EXCEPTION_FRAME + self.interrupt.bytes()
    }
}

impl Path {
    /// Returns the bytes of all frames.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, frame)| frame).sum()
    }
}

impl fmt::Display for WorstStack {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, path) in [("main", &self.main), ("interrupt", &self.interrupt)] {
            writeln!(to, "{what}: {} bytes", path.bytes())?;
            for (name, frame) in &path.0 {
                writeln!(to, "{frame:8} {name}")?;
            }
        }
        write!(to, "and {EXCEPTION_FRAME} bytes that the processor saves: {}", self.bytes())
    }
}

fn worst_stack(program: &Program, twice: &[&str]) -> Result<WorstStack, String> {
    // The first word is the initial stack pointer. Words that are 0 or even are reserved.
    let handlers = program.vectors.iter().skip(1).filter(|word| **word & 1 == 1);
    let handlers: Vec<u32> = handlers.map(|word| word & !1).collect();
    let (reset, others) = handlers.split_first().ok_or("no reset vector")?;
    let mut search = Search { program, twice, known: HashMap::new(), way: Vec::new() };
    let (main, _) = search.deepest(*reset, false)?;
    let mut interrupt = Path::default();
    for other in others.iter().collect::<BTreeSet<_>>() {
        let (path, _) = search.deepest(*other, false)?;
        interrupt = if path.bytes() > interrupt.bytes() { path } else { interrupt };
    }
    Ok(WorstStack { main, interrupt })
}

/// A walk through all chains of calls.
struct Search<'p> {
    program: &'p Program,
    /// Names of functions that may be in a chain twice.
    twice: &'p [&'p str],
    /// Results for functions that reach no indirect call, which do not depend on the path.
    known: HashMap<u32, Path>,
    /// The current path: functions, and true if entered by an indirect call.
    way: Vec<(u32, bool)>,
}

impl Search<'_> {
    /// Returns the deepest chain from here, and true if it does not depend on the path.
    fn deepest(&mut self, at: u32, indirect: bool) -> Result<(Path, bool), String> {
        let function = self.program.at(at).ok_or_else(|| format!("no function at {at:#x}"))?;
        if let Some(known) = self.known.get(&at) {
            return Ok((known.clone(), true));
        }
        let twice = self.twice.iter().any(|name| function.name.contains(name));
        let mut before = (0..).zip(&self.way).filter(|(_, (passed, _))| *passed == at);
        if let Some((first, _)) = before.nth(usize::from(twice)) {
            let again = &self.way[first + 1..];
            if twice || indirect || again.iter().any(|(_, indirect)| *indirect) {
                return Ok((Path::default(), false));
            }
            return Err(format!("{} calls itself", function.name));
        }
        let frame = function.frame.clone().map_err(|why| format!("{}: {why}", function.name))?;
        self.way.push((at, indirect));
        let maybe = self.program.taken.iter().filter(|_| function.anything);
        let calls = function.calls.iter().map(|call| (call, false));
        let (mut worst, mut certain) = (Path::default(), !twice);
        for (call, indirect) in calls.chain(maybe.map(|taken| (taken, true))) {
            let (path, so) = self.deepest(*call, indirect)?;
            certain &= so && !indirect;
            worst = if path.bytes() > worst.bytes() { path } else { worst };
        }
        self.way.pop();
        worst.0.insert(0, (function.name.clone(), frame));
        if certain {
            self.known.insert(at, worst.clone());
        }
        Ok((worst, certain))
    }
}

/// Exception frame: eight registers, and a word of alignment.
const EXCEPTION_FRAME: u64 = 36;

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of llvm-objdump. `main` calls `leaf` by a constant, and by a pointer `dynamic`,
    /// whose address is in the data.
    const CODE: &str = "
00000100 <reset>:
     100:      \tpush\t{r7, lr}
     102:      \tbl\t0x140 <main>              @ imm = #0x3a
     106:      \tb\t0x106 <reset+0x6>           @ imm = #-0x4

00000140 <main>:
     140:      \tpush.w\t{r4, r5, r6, r7, r8, lr}
     144:      \tsub.w\tsp, sp, #0x880
     148:      \tldr\tr4, [pc, #0xc]            @ 0x158 <main+0x18>
     14a:      \tblx\tr4
     14c:      \tldr\tr3, [r0, #0x10]
     14e:      \tblx\tr3
     150:      \tbeq.w\t0x148 <main+0x8>
     154:      \tpop.w\t{r4, r5, r6, r7, r8, pc}
     158: 81 01 00 00  \t.word\t0x00000181

00000180 <leaf>:
     180:      \tsub\tsp, #0x28
     182:      \tbx\tlr

000001a0 <dynamic>:
     1a0:      \tstr\tlr, [sp, #-8]!
     1a4:      \tb.w\t0x180 <leaf>             @ imm = #-0x28

000001c0 <interrupt>:
     1c0:      \tstmdb\tsp!, {r4, lr}
     1c4:      \tb.w\t0x180 <leaf>             @ imm = #-0x48
     1c8:      \tbmi\t0x174 <main+0x34>        @ imm = #-0x58
";
    const DATA: &str = "Contents of section .vector_table:
 0000 00000120 01010000 c1010000 00000000  ... ............
Contents of section .rodata:
 0200 00000000 a1010000                    ........
";

    fn worst(code: &str) -> Result<WorstStack, String> {
        worst_stack(&Program::read(code, DATA), &["twice"])
    }

    #[test]
    fn the_deepest_chain_and_an_interrupt_on_top() {
        let worst = worst(CODE).unwrap();
        let path = [("reset", 8), ("main", 24 + 0x880), ("dynamic", 8), ("leaf", 0x28)];
        let path = path.map(|(name, frame)| (name.to_owned(), frame));
        assert_eq!(worst.main, Path(path.to_vec()));
        assert_eq!(worst.interrupt.bytes(), 8 + 0x28);
        assert_eq!(worst.bytes(), 8 + 24 + 0x880 + 8 + 0x28 + 36 + 8 + 0x28);
        assert!(worst.to_string().contains("    2200 main\n"), "{worst}");
    }

    #[test]
    fn a_constant_is_the_only_one_called() {
        let code = CODE.replace("ldr\tr3, [r0, #0x10]", "nop").replace("blx\tr3", "nop");
        assert_eq!(worst(&code).unwrap().main.bytes(), 8 + 24 + 0x880 + 0x28);
        let code = CODE.replace("ldr\tr4, [pc, #0xc]            @", "movw\tr4, #0x181 @");
        assert_eq!(worst(&code), worst(CODE));
    }

    #[test]
    fn recursion_is_an_error_unless_only_a_pointer_could_do_it() {
        let direct = CODE.replace("bx\tlr", "bl\t0x140 <main>");
        assert_eq!(worst(&direct), Err("main calls itself".to_owned()));
        let through_pointer = CODE.replace("b.w\t0x180 <leaf> ", "bl\t0x140 <main>");
        let bytes = worst(&through_pointer).unwrap().main.bytes();
        assert_eq!(bytes, 8 + 24 + 0x880 + 0x28, "dynamic and main again");
        let allowed = CODE.replace("<leaf>", "<twice>").replace("bx\tlr", "bl\t0x180 <twice>");
        assert_eq!(worst(&allowed).unwrap().main.bytes(), 8 + 24 + 0x880 + 8 + 2 * 0x28);
    }

    #[test]
    fn a_frame_of_unknown_size_is_an_error() {
        let unknown = CODE.replace("sub\tsp, #0x28", "sub.w\tsp, sp, r4");
        let error = worst(&unknown).unwrap_err();
        assert_eq!(error, "leaf: a frame of unknown size: sub.w\tsp, sp, r4");
    }
}
