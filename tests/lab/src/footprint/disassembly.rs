//! Functions of a Thumb image, from its disassembly.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Functions by their address, and the words of the vector table.
#[derive(Debug, Default)]
pub(super) struct Program {
    functions: BTreeMap<u32, Function>,
    pub(super) vectors: Vec<u32>,
    /// Functions whose address is a constant in the image.
    pub(super) taken: BTreeSet<u32>,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    /// Bytes of the frame, or the reason why its size is unknown.
    pub(super) frame: Result<u64, String>,
    /// Branch targets.
    pub(super) calls: BTreeSet<u32>,
    /// True if an indirect call may reach every function whose address is taken.
    pub(super) anything: bool,
}

impl Program {
    /// Parses the output of llvm-objdump `-d` of code, and `-s` of the vector table and of data.
    pub(super) fn read(code: &str, data: &str) -> Self {
        let literals: HashMap<u32, u32> = code.lines().filter_map(literal).collect();
        let headings: Vec<(u32, &str)> = code.lines().filter_map(heading).collect();
        let mut program = Self::default();
        for (number, (start, name)) in headings.iter().enumerate() {
            let end = headings.get(number + 1).map_or(u32::MAX, |(next, _)| *next);
            let (loaded, constant) = (HashMap::new(), BTreeSet::new());
            let mut registers =
                Registers { literals: &literals, function: *start..end, loaded, constant };
            let mut function = Function::new(name);
            let lines = code.lines().skip_while(|line| heading(line) != Some((*start, name)));
            for line in lines.skip(1).take_while(|line| !line.is_empty()) {
                let (_, instruction) = line.split_once('\t').unwrap_or_default();
                function.step(instruction, &mut registers);
            }
            program.functions.insert(*start, function);
        }
        // A call enters a function at its start. Other branches out of a function are padding of
        // the linker: 0xd4d4 disassembles as `bmi`.
        let starts: BTreeSet<u32> = program.functions.keys().copied().collect();
        program.functions.values_mut().for_each(|one| one.calls.retain(|to| starts.contains(to)));
        let (vectors, data) = words(data);
        let immediates = code.lines().filter_map(|line| immediate(line.split_once('\t')?.1));
        let constants = data.into_iter().chain(literals.into_values()).chain(immediates);
        let taken = constants.filter(|word| word & 1 == 1).map(|word| word & !1);
        program.taken = taken.filter(|word| starts.contains(word)).collect();
        program.vectors = vectors;
        program
    }

    /// Returns the function that starts at this address.
    pub(super) fn at(&self, address: u32) -> Option<&Function> {
        self.functions.get(&address)
    }
}

impl Function {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), frame: Ok(0), calls: BTreeSet::new(), anything: false }
    }

    fn step(&mut self, instruction: &str, registers: &mut Registers<'_>) {
        let text = instruction.split('@').next().unwrap_or_default().trim_end();
        let (mnemonic, operands) = text.split_once('\t').unwrap_or((text, ""));
        match (frame(mnemonic, operands), &mut self.frame) {
            (Some(bytes), Ok(frame)) => *frame += bytes,
            (None, frame) => *frame = Err(format!("a frame of unknown size: {text}")),
            (_, Err(_)) => {}
        }
        match mnemonic {
            "blx" | "bx" if operands != "lr" => {
                let (constants, only) = registers.hold(operands);
                self.calls.extend(constants);
                self.anything |= !only;
            }
            _ if mnemonic.starts_with('b') || mnemonic.starts_with("cb") => {
                let target = operands.split(' ').find_map(|word| hex(word.strip_prefix("0x")?));
                // A branch within the function is a loop, except that a `bl` to its start is a
                // call.
                let inside = |to: &u32| registers.function.contains(to) && mnemonic != "bl";
                self.calls.extend(target.filter(|to| !inside(to)));
            }
            _ => {}
        }
        registers.step(mnemonic, operands, instruction);
    }
}

/// Known register contents within a function.
struct Registers<'p> {
    literals: &'p HashMap<u32, u32>,
    /// Address range of the function.
    function: std::ops::Range<u32>,
    /// Function addresses loaded into a register at any earlier point.
    loaded: HashMap<String, BTreeSet<u32>>,
    /// Registers last written by such a load.
    constant: BTreeSet<String>,
}

impl Registers<'_> {
    /// Returns the functions whose address the register may hold, and true if the list is complete.
    fn hold(&self, register: &str) -> (BTreeSet<u32>, bool) {
        let loaded = self.loaded.get(register).cloned().unwrap_or_default();
        (loaded, self.constant.contains(register))
    }

    fn step(&mut self, mnemonic: &str, operands: &str, instruction: &str) {
        if mnemonic.starts_with("bl") {
            self.constant.retain(|register| !CHANGED_BY_CALLS.contains(&&register[..]));
        } else if mnemonic != "movt" && !READ_ONLY.iter().any(|no| mnemonic.starts_with(no)) {
            let registers = operands.split([',', '{', '}', ' ']);
            let registers = registers.filter(|word| word.starts_with('r'));
            let written = if mnemonic.starts_with("ldm") { usize::MAX } else { 2 };
            registers.take(written).for_each(|register| _ = self.constant.remove(register));
        }
        let literal = instruction.split_once("[pc, ").and_then(|(_, rest)| rest.split_once("@ 0x"));
        let literal = literal.and_then(|(_, at)| hex(at.split(' ').next()?));
        let word = literal.and_then(|at| self.literals.get(&at).copied());
        let word = word.or_else(|| immediate(instruction)).filter(|word| word & 1 == 1);
        if let (Some((register, _)), Some(word)) = (operands.split_once(','), word) {
            self.loaded.entry(register.to_owned()).or_default().insert(word & !1);
            self.constant.insert(register.to_owned());
        }
    }
}

/// Returns the stack bytes that an instruction allocates; `None` if unknown.
fn frame(mnemonic: &str, operands: &str) -> Option<u64> {
    let registers = || operands.split_once('{').map(|(_, list)| 4 * list.split(',').count() as u64);
    let number = || {
        let number = operands.rsplit_once('#')?.1.trim_start_matches('-').trim_end_matches("]!");
        number
            .strip_prefix("0x")
            .map_or_else(|| number.parse().ok(), |number| Some(hex(number)?.into()))
    };
    let writes_back = operands.contains("[sp, #-") && operands.ends_with('!');
    match mnemonic {
        "push" | "push.w" => registers(),
        "stmdb" | "stmdb.w" if operands.starts_with("sp!") => registers(),
        "str" | "str.w" | "strd" if writes_back => number(),
        "sub" | "sub.w" | "subw" if operands.starts_with("sp,") => number(),
        _ => Some(0),
    }
}

/// Returns a function address that is an immediate: all code is below 64 KiB.
fn immediate(instruction: &str) -> Option<u32> {
    hex(instruction.strip_prefix("movw\t")?.split_once("#0x")?.1)
}

fn hex(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits.trim(), 16).ok()
}

/// Parses address and name of a function.
fn heading(line: &str) -> Option<(u32, &str)> {
    let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
    Some((hex(address)?, name))
}

/// Parses address and value of a constant among the code.
fn literal(line: &str) -> Option<(u32, u32)> {
    let (address, rest) = line.trim_start().split_once(':')?;
    let (_, word) = rest.split_once(".word\t0x")?;
    Some((hex(address)?, hex(word)?))
}

/// Parses the words of the vector table, and those of all other sections.
fn words(dump: &str) -> (Vec<u32>, Vec<u32>) {
    let (mut vectors, mut data, mut of_vectors) = (Vec::new(), Vec::new(), false);
    for line in dump.lines() {
        if let Some(section) = line.strip_prefix("Contents of section ") {
            of_vectors = section.starts_with(".vector_table");
        }
        // Format: address, four words, two spaces, the same bytes as text.
        let Some((words, _)) = line.strip_prefix(' ').and_then(|line| line.split_once("  ")) else {
            continue;
        };
        let words = words.split(' ').skip(1).filter_map(hex).map(u32::swap_bytes);
        if of_vectors { vectors.extend(words) } else { data.extend(words) }
    }
    (vectors, data)
}

const CHANGED_BY_CALLS: [&str; 5] = ["r0", "r1", "r2", "r3", "r12"];
const READ_ONLY: [&str; 6] = ["st", "cmp", "cmn", "tst", "teq", "push"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_added_up() {
        for (mnemonic, operands, bytes) in [
            ("push", "{r7, lr}", Some(8)),
            ("push.w", "{r4, r5, r6, r7, r8, lr}", Some(24)),
            ("stmdb", "sp!, {r4, r5, lr}", Some(12)),
            ("str", "lr, [sp, #-8]!", Some(8)),
            ("strd", "r0, r1, [sp, #-0x10]!", Some(16)),
            ("str", "r0, [sp, #0x10]", Some(0)),
            ("sub", "sp, #0x13c", Some(316)),
            ("sub.w", "sp, sp, #0x880", Some(2176)),
            ("subw", "sp, sp, #0xa38", Some(2616)),
            ("sub.w", "r4, r7, #0x10", Some(0)),
            ("sub.w", "sp, sp, r4", None),
        ] {
            assert_eq!(frame(mnemonic, operands), bytes, "{mnemonic} {operands}");
        }
    }

    #[test]
    fn headings_constants_and_words_are_read() {
        let name = "<A as B>::c::h1";
        assert_eq!(heading(&format!("00000fd8 <{name}>:")), Some((0xfd8, name)));
        assert_eq!(heading("     fd8:      \tpush\t{r7, lr}"), None);
        let line = "    1624: 10 e0 00 e0  \t.word\t0xe000e010";
        assert_eq!(literal(line), Some((0x1624, 0xe000_e010)));
        let dump = "Contents of section .vector_table:\n 0000 00000120 c1000000           ... ....\n\
                    Contents of section .data:\n 20000000 01020304 ff                 .....\n";
        assert_eq!(words(dump), (vec![0x2001_0000, 0xc1], vec![0x0403_0201, 0xff00_0000]));
    }
}
