//! The types of the running kernel (BTF, Documentation/bpf/btf.rst): offsets of fields and names of
//! enumerators, which differ from kernel to kernel.

use std::fs::File;
use std::io::{self, Read};

/// The types of a kernel. Some megabytes, to be dropped after use.
#[derive(Debug)]
pub(crate) struct Btf {
    bytes: Vec<u8>,
    strings: usize,
    /// The position of each type, by its number less 1.
    types: Vec<u32>,
}

/// `struct btf_type` and where its own data begin.
#[derive(Clone, Copy, Debug)]
struct Type {
    name: u32,
    kind: u8,
    /// Number of members, enumerators or parameters.
    count: usize,
    /// The offsets of members contain the sizes of bit fields.
    has_bit_fields: bool,
    /// The type that this one refers to.
    target: u32,
    data: usize,
}

impl Btf {
    /// Reads the types of this kernel.
    ///
    /// # Errors
    /// `NotFound` on a kernel without them (CONFIG_DEBUG_INFO_BTF), `InvalidData` for a format that
    /// is not understood.
    pub(crate) fn of_kernel() -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(PATH)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Self::parse(bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut btf = Self { bytes, strings: 0, types: Vec::new() };
        let magic = u16::from_ne_bytes(*btf.bytes.first_chunk()?);
        if magic != MAGIC {
            return None;
        }
        let field = |at| Some(usize::try_from(btf.word(at)?).unwrap_or(usize::MAX));
        let (header, types, length, strings) = (field(4)?, field(8)?, field(12)?, field(16)?);
        let mut at = header.checked_add(types)?;
        let end = at.checked_add(length)?;
        btf.strings = header.checked_add(strings)?;
        while at < end {
            btf.types.push(u32::try_from(at).ok()?);
            let found = btf.type_at(at)?;
            at = found.data.checked_add(found.data_bytes()?)?;
        }
        Some(btf)
    }

    /// The offset in bytes of a field of a structure; `path` names a field, then a field within it,
    /// and so on. Members of unnamed structures and unions count as members of the outer one.
    pub(crate) fn offset(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let mut inside = self.named(structure, &[STRUCT])?;
        let mut offset = 0_u32;
        for name in path {
            let (at, target) = self.member(inside, name, 0)?;
            offset = offset.checked_add(at)?;
            inside = self.resolved(target)?;
        }
        Some(offset)
    }

    /// Passes the enumerators of an `enum` to `visit`: name, value.
    pub(crate) fn enumerators(&self, name: &str, visit: &mut dyn FnMut(&str, u32)) {
        let Some(found) = self.named(name, &[ENUM]) else { return };
        for number in 0..found.count {
            let at = found.data.saturating_add(number.saturating_mul(8));
            if let (Some(name), Some(value)) = (self.word(at), self.word(at.saturating_add(4))) {
                visit(self.string(name), value);
            }
        }
    }

    /// The number of arguments of a tracepoint.
    pub(crate) fn arguments(&self, tracepoint: &str) -> Option<usize> {
        // typedef void (*btf_trace_NAME)(void *data, ARGUMENTS), often without their names
        let pointer = self.named(&format!("btf_trace_{tracepoint}"), &[TYPEDEF])?;
        let function = self.numbered(self.numbered(pointer.target)?.target)?;
        if function.kind == FUNC_PROTO { function.count.checked_sub(1) } else { None }
    }

    /// Offset in bytes and type of a member.
    fn member(&self, structure: Type, name: &str, depth: u32) -> Option<(u32, u32)> {
        if depth > MAX_DEPTH || !matches!(structure.kind, STRUCT | UNION) {
            return None;
        }
        for number in 0..structure.count {
            let at = structure.data.checked_add(number.checked_mul(12)?)?;
            let (found, target) = (self.word(at)?, self.word(at.checked_add(4)?)?);
            let bits = self.word(at.checked_add(8)?)?;
            let (bits, size) = match structure.has_bit_fields {
                true => (bits & 0x00ff_ffff, bits >> 24),
                false => (bits, 0),
            };
            let offset = bits / 8;
            if found == 0 {
                let inner = self.resolved(target)?;
                if let Some((within, target)) = self.member(inner, name, depth + 1) {
                    return Some((offset.checked_add(within)?, target));
                }
            } else if self.string(found) == name {
                return (size == 0).then_some((offset, target));
            }
        }
        None
    }

    /// The type without typedefs and qualifiers.
    fn resolved(&self, number: u32) -> Option<Type> {
        let mut found = self.numbered(number)?;
        for _ in 0..MAX_DEPTH {
            if !matches!(found.kind, TYPEDEF | VOLATILE | CONST | TYPE_TAG) {
                break;
            }
            found = self.numbered(found.target)?;
        }
        Some(found)
    }

    fn named(&self, name: &str, kinds: &[u8]) -> Option<Type> {
        let mut all = self.types.iter().filter_map(|&at| self.type_at(at as usize));
        all.find(|found| kinds.contains(&found.kind) && self.string(found.name) == name)
    }

    fn numbered(&self, number: u32) -> Option<Type> {
        let at = self.types.get(usize::try_from(number.checked_sub(1)?).ok()?)?;
        self.type_at(*at as usize)
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let (name, info) = (self.word(at)?, self.word(at.checked_add(4)?)?);
        Some(Type {
            name,
            kind: (info >> 24 & 0x1f) as u8,
            count: (info & 0xffff) as usize,
            has_bit_fields: info >> 31 == 1,
            target: self.word(at.checked_add(8)?)?,
            data: at.checked_add(12)?,
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u32::from_ne_bytes)
    }

    /// A name; empty if there is none.
    fn string(&self, offset: u32) -> &str {
        let at = self.strings.saturating_add(offset as usize);
        let rest = self.bytes.get(at..).unwrap_or_default();
        let text = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl Type {
    /// Bytes of the data that follow the type; `None` for an unknown kind.
    fn data_bytes(self) -> Option<usize> {
        let each = match self.kind {
            INT | VAR | DECL_TAG => return Some(4),
            ARRAY => return Some(12),
            PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => 0,
            ENUM | FUNC_PROTO => 8,
            STRUCT | UNION | DATASEC | ENUM64 => 12,
            _ => return None,
        };
        self.count.checked_mul(each)
    }
}

const PATH: &str = "/sys/kernel/btf/vmlinux";
/// Debian's kernels have 4 to 6 MB.
const MAX_BYTES: u64 = 64 << 20;
/// Typedefs of typedefs, and structures within structures.
const MAX_DEPTH: u32 = 16;
const MAGIC: u16 = 0xeb9f;

// include/uapi/linux/btf.h, BTF_KIND_*
const INT: u8 = 1;
const PTR: u8 = 2;
const ARRAY: u8 = 3;
const STRUCT: u8 = 4;
const UNION: u8 = 5;
const ENUM: u8 = 6;
const FWD: u8 = 7;
const TYPEDEF: u8 = 8;
const VOLATILE: u8 = 9;
const CONST: u8 = 10;
const RESTRICT: u8 = 11;
const FUNC: u8 = 12;
const FUNC_PROTO: u8 = 13;
const VAR: u8 = 14;
const DATASEC: u8 = 15;
const FLOAT: u8 = 16;
const DECL_TAG: u8 = 17;
const TYPE_TAG: u8 = 18;
const ENUM64: u8 = 19;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// struct outer { int plain; union { int a; struct inner b; }; int bits : 3; };
    /// struct inner { int c; int d; }; enum colour { RED = 2, BLUE = 5 };
    /// typedef struct inner alias; struct user { int first; alias named; };
    /// typedef void (*btf_trace_event)(void *data, int skb, int reason);
    fn sample() -> Vec<u8> {
        let strings: &[u8] = b"\0outer\0plain\0a\0b\0bits\0inner\0c\0d\0colour\0RED\0BLUE\0alias\0user\0first\0named\0btf_trace_event\0skb\0reason\0";
        let at = |name: &str| {
            let pattern = format!("\0{name}\0");
            let found = strings.windows(pattern.len()).position(|part| part == pattern.as_bytes());
            found.unwrap() as u32 + 1
        };
        let kind = |kind: u8, count: u32| u32::from(kind) << 24 | count;
        let bit_fields = 1 << 31;
        let types: Vec<u32> = [
            vec![at("plain"), kind(INT, 0), 4, 32], // 1
            vec![at("inner"), kind(STRUCT, 2), 8, at("c"), 1, 0, at("d"), 1, 32], // 2
            vec![0, kind(UNION, 2), 8, at("a"), 1, 0, at("b"), 2, 0], // 3
            vec![
                at("outer"),
                kind(STRUCT, 3) | bit_fields,
                16,
                at("plain"),
                1,
                0,
                0,
                3,
                32,
                at("bits"),
                1,
                3 << 24 | 96,
            ], // 4
            vec![at("colour"), kind(ENUM, 2), 4, at("RED"), 2, at("BLUE"), 5], // 5
            vec![at("alias"), kind(TYPEDEF, 0), 2], // 6
            vec![at("user"), kind(STRUCT, 2), 12, at("first"), 1, 0, at("named"), 6, 32], // 7
            vec![0, kind(PTR, 0), 9],               // 8
            vec![0, kind(FUNC_PROTO, 3), 0, 0, 1, at("skb"), 1, at("reason"), 1], // 9
            vec![at("btf_trace_event"), kind(TYPEDEF, 0), 8], // 10
        ]
        .concat();
        let length = types.len() as u32 * 4;
        let header: Vec<u32> = vec![24, 0, length, length, strings.len() as u32];
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(header.iter().chain(&types).flat_map(|word| word.to_ne_bytes()));
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn fields_are_found_through_unnamed_members_and_typedefs() {
        let btf = Btf::parse(sample()).unwrap();
        assert_eq!(btf.offset("outer", &["plain"]), Some(0));
        assert_eq!(btf.offset("outer", &["a"]), Some(4));
        assert_eq!(btf.offset("outer", &["b", "d"]), Some(8));
        assert_eq!(btf.offset("user", &["named", "d"]), Some(8));
        assert_eq!(btf.offset("outer", &["bits"]), None, "a bit field has no byte");
        assert_eq!(btf.offset("outer", &["c"]), None);
        assert_eq!(btf.offset("outer", &["plain", "c"]), None);
        assert_eq!(btf.offset("nothing", &["c"]), None);
    }

    #[test]
    fn names_of_enumerators_and_number_of_arguments() {
        let btf = Btf::parse(sample()).unwrap();
        let mut found = Vec::new();
        btf.enumerators("colour", &mut |name, value| found.push((name.to_owned(), value)));
        assert_eq!(found, [("RED".to_owned(), 2), ("BLUE".to_owned(), 5)]);
        assert_eq!(btf.arguments("event"), Some(2));
        assert_eq!(btf.arguments("other"), None);
    }

    #[test]
    fn types_of_this_kernel() {
        let btf = match Btf::of_kernel() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return println!("SKIPPED: no BTF");
            }
            btf => btf.unwrap(),
        };
        assert_eq!(btf.offset("list_head", &["prev"]), Some(size_of::<usize>() as u32));
        assert!(btf.offset("sk_buff", &["dev"]).is_some());
        assert!(btf.arguments("kfree_skb").is_some_and(|count| count >= 2));
    }

    proptest! {
        #[test]
        fn damaged_types_are_refused_or_harmless(at in 0..sample().len(), byte: u8) {
            let mut bytes = sample();
            bytes[at] = byte;
            if let Some(btf) = Btf::parse(bytes) {
                let _ = btf.offset("outer", &["b", "d"]);
                let _ = btf.arguments("event");
                btf.enumerators("colour", &mut |_, _| {});
            }
        }
    }
}
