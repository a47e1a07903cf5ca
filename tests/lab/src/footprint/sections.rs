//! Memory use of an image, from its ELF file.

use core::ops::Range;

use crate::qemu::Image;

/// Sizes of an image in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Flash: code, constants and initial values of variables.
    pub flash: u64,
    /// RAM: variables, without the stack.
    pub ram: u64,
}

impl Image {
    /// Sums the allocated sections (ELF, figure 4-8). Writable sections within `ram` are variables,
    /// except for one that reserves space for the stack.
    ///
    /// # Panics
    /// When the file is not a little-endian ELF file.
    #[must_use]
    pub fn footprint(&self, ram: Range<u64>) -> Footprint {
        let bytes = std::fs::read(self.elf()).expect("the image was built");
        let elf = Elf { is_64: bytes.get(4) == Some(&2), bytes: &bytes };
        assert_eq!((&bytes[..4], bytes[5]), (&b"\x7fELF"[..], 1), "little-endian ELF");
        let mut footprint = Footprint { flash: 0, ram: 0 };
        for section in elf.sections().filter(|section| section.flags & SHF_ALLOC != 0) {
            if section.kind != SHT_NOBITS {
                footprint.flash += section.size;
            }
            let is_variable = section.flags & SHF_WRITE != 0 && ram.contains(&section.address);
            if is_variable && !section.name.starts_with(b".stack\0") {
                footprint.ram += section.size;
            }
        }
        footprint
    }
}

struct Elf<'a> {
    bytes: &'a [u8],
    is_64: bool,
}

struct Section<'a> {
    /// And all names after it.
    name: &'a [u8],
    kind: u64,
    flags: u64,
    address: u64,
    size: u64,
}

impl<'a> Elf<'a> {
    fn sections(&self) -> impl Iterator<Item = Section<'a>> {
        // e_shoff, then e_shentsize, e_shnum and e_shstrndx, the last of the header.
        let (table, rest) =
            if self.is_64 { (self.number(40, 8), 58) } else { (self.number(32, 4), 46) };
        let [size, count, names] = [0, 2, 4].map(|more| self.number(rest + more, 2));
        let header = move |index: u64| (table + index * size) as usize;
        // sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size
        let (word, places) = if self.is_64 { (8, [8, 16, 24, 32]) } else { (4, [8, 12, 16, 20]) };
        let field = move |elf: &Self, at: usize, which: usize| elf.number(at + places[which], word);
        let names = field(self, header(names), 2);
        let this = Self { ..*self };
        (0..count).map(move |index| {
            let at = header(index);
            let name = (names + this.number(at, 4)) as usize;
            Section {
                name: &this.bytes[name..],
                kind: this.number(at + 4, 4),
                flags: field(&this, at, 0),
                address: field(&this, at, 1),
                size: field(&this, at, 3),
            }
        })
    }

    fn number(&self, at: usize, length: usize) -> u64 {
        let bytes = self.bytes[at..at + length].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

const SHT_NOBITS: u64 = 8;
const SHF_WRITE: u64 = 1;
const SHF_ALLOC: u64 = 2;
