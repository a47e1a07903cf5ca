//! How much memory an image takes, from its ELF file.

use super::Image;

/// Bytes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Code, constants and the first values of variables.
    pub flash: u64,
    /// Variables. The stack comes on top.
    pub ram: u64,
}

impl Image {
    /// Adds up the segments to be loaded (ELF, figure 2-1), of which those with `ram` in their
    /// address range are variables.
    ///
    /// # Panics
    /// When it is no 32-bit little-endian ELF file.
    #[must_use]
    pub fn footprint(&self, ram: core::ops::Range<u64>) -> Footprint {
        let elf = std::fs::read(self.elf()).expect("the image was built");
        assert_eq!(elf[..6], [0x7f, b'E', b'L', b'F', 1, 1], "32 bits, little-endian");
        let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().expect("4 bytes"));
        let half = |at: usize| usize::from(u16::from_le_bytes([elf[at], elf[at + 1]]));
        let (table, size, count) = (word(28) as usize, half(42), half(44));
        let mut footprint = Footprint { flash: 0, ram: 0 };
        for header in (0..count).map(|number| table + number * size) {
            if word(header) != PT_LOAD {
                continue;
            }
            footprint.flash += u64::from(word(header + 16));
            if ram.contains(&word(header + 8).into()) {
                footprint.ram += u64::from(word(header + 20));
            }
        }
        footprint
    }
}

const PT_LOAD: u32 = 1;
