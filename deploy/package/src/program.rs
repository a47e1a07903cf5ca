//! Checks of a built program: a package must run on every distribution, so it has to be static.

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::abi::{EM_AARCH64, EM_X86_64, PT_INTERP};
use elf::endian::AnyEndian;

/// A processor, with its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Arch {
    #[value(name = "x86_64")]
    X86,
    #[value(name = "aarch64")]
    Arm,
}

impl Arch {
    /// Of RPM, of the kernel and in names of archives.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    pub(crate) fn of_debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// The target of Rust for which the programs are built.
    pub(crate) fn target(self) -> String {
        format!("{}-unknown-linux-musl", self.name())
    }

    fn machine(self) -> u16 {
        match self {
            Self::X86 => EM_X86_64,
            Self::Arm => EM_AARCH64,
        }
    }
}

/// Checks that a program is static and for that processor.
///
/// # Errors
/// Names what is wrong.
pub(crate) fn check(bytes: &[u8], arch: Arch) -> Result<()> {
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes).context("not a program")?;
    ensure!(file.ehdr.e_machine == arch.machine(), "it is not for {}", arch.name());
    let segments = file.segments().context("it has no segments")?;
    if segments.iter().any(|segment| segment.p_type == PT_INTERP) {
        bail!("it is not static: build it with --target {}", arch.target());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The headers of a program, with one segment.
    pub(crate) fn program(arch: Arch, segment: u32) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(arch.machine().to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        // Entry, then the offsets of segments and sections.
        for word in [0_u64, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 64, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(segment.to_le_bytes());
        bytes.resize(64 + 56, 0);
        bytes
    }

    #[test]
    fn static_program_of_the_processor_is_accepted() {
        for arch in [Arch::X86, Arch::Arm] {
            check(&program(arch, 1), arch).unwrap();
        }
    }

    #[test]
    fn other_programs_are_refused_with_the_reason() {
        let reason = |bytes: &[u8]| check(bytes, Arch::X86).unwrap_err().to_string();
        assert_eq!(reason(b"#!/bin/sh\n"), "not a program");
        assert_eq!(reason(&program(Arch::Arm, 1)), "it is not for x86_64");
        assert!(reason(&program(Arch::X86, PT_INTERP)).starts_with("it is not static"));
    }
}
