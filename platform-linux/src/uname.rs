//! The running kernel, uname(2).

use std::ffi::OsStr;

use flowmote_core::record::counter::MachineType;
use nix::sys::utsname::{UtsName, uname};

/// What a host and everything on it have in common, in the UTS namespace of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uname {
    pub(crate) hostname: String,
    pub(crate) release: String,
    pub(crate) machine: MachineType,
}

impl Uname {
    /// Calls uname(2).
    pub(crate) fn now() -> Self {
        // It fails only with EFAULT, which nix's buffer cannot cause.
        let uname = uname().ok();
        let field = |field: fn(&UtsName) -> &OsStr| {
            uname.as_ref().map(|uname| field(uname).to_string_lossy()).unwrap_or_default()
        };
        Self {
            hostname: field(UtsName::nodename).into_owned(),
            release: field(UtsName::release).into_owned(),
            machine: machine_type(&field(UtsName::machine)),
        }
    }
}

/// The machine type for `utsname.machine`.
fn machine_type(machine: &str) -> MachineType {
    const KINDS: [(&str, MachineType); 13] = [
        ("x86_64", MachineType::X86_64),
        ("aarch64", MachineType::ARM),
        ("arm", MachineType::ARM),
        ("i386", MachineType::X86),
        ("i486", MachineType::X86),
        ("i586", MachineType::X86),
        ("i686", MachineType::X86),
        ("ia64", MachineType::IA64),
        ("mips", MachineType::MIPS),
        ("parisc", MachineType::HPPA),
        ("ppc", MachineType::POWERPC),
        ("s390", MachineType::S390),
        ("sparc", MachineType::SPARC),
    ];
    let kind = KINDS.iter().find(|(prefix, _)| machine.starts_with(prefix));
    kind.map_or(MachineType::OTHER, |&(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_types() {
        assert_eq!(machine_type("x86_64"), MachineType::X86_64);
        assert_eq!(machine_type("armv7l"), MachineType::ARM);
        assert_eq!(machine_type("i686"), MachineType::X86);
        assert_eq!(machine_type("riscv64"), MachineType::OTHER);
    }
}
