//! Boards of the images.

use std::process::Command;

use crate::skipped::{skip, skip_part};
use crate::toolchain;

/// A kind of machine.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// The emulator.
    pub(super) emulator: &'static str,
    /// Rust target of its images.
    pub(super) target: &'static str,
    /// Cargo profile of its images.
    pub(super) profile: &'static str,
    /// Machine arguments of the emulator.
    pub(super) arguments: &'static [&'static str],
    /// Arguments that advance time per instruction: by one tick of the counter that the images use
    /// to measure load (25.6 ticks on an MPS2).
    pub counting: &'static [&'static str],
    /// Returns the arguments that connect a port, from 0, to the network backend of this name.
    pub(super) port: fn(usize, &str) -> [String; 2],
}

impl Board {
    /// Arm MPS2 with a Cortex-M3 and an LAN9118; it has one port.
    pub const MPS2_AN385: Self = Self {
        emulator: "qemu-system-arm",
        target: "thumbv7m-none-eabi",
        profile: "release",
        arguments: &["-M", "mps2-an385"],
        counting: &["-icount", "shift=10,sleep=off"],
        port: |_, backend| ["-net".to_owned(), format!("nic,netdev={backend}")],
    };

    /// The same board, for an image built with profile `small`.
    pub const MPS2_AN385_SMALL: Self = Self { profile: "small", ..Self::MPS2_AN385 };

    /// QEMU's own aarch64 machine; its ports are virtio-net devices.
    pub const VIRT_AARCH64: Self = Self {
        emulator: "qemu-system-aarch64",
        target: "aarch64-unknown-none",
        profile: "fast",
        arguments: &["-M", "virt", "-cpu", "cortex-a53", "-m", "64", "-global", MODERN],
        // 2^4 ns, which is a tick of the 62.5 MHz counter.
        counting: &["-icount", "shift=4"],
        port: virtio,
    };

    /// QEMU's own riscv64 machine, without firmware below the image; its ports are virtio-net
    /// devices.
    pub const VIRT_RISCV64: Self = Self {
        emulator: "qemu-system-riscv64",
        target: "riscv64gc-unknown-none-elf",
        profile: "fast",
        arguments: &["-M", "virt", "-bios", "none", "-m", "64", "-global", MODERN],
        // The counter of instructions counts nanoseconds of virtual time.
        counting: &["-icount", "shift=0"],
        port: virtio,
    };

    /// Architecture: the first part of the target name.
    #[must_use]
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// Returns the boards whose images can be built and run here. The others are reported as
    /// skipped in part, or skipped if there is none.
    #[must_use]
    pub fn available(boards: &[Self]) -> Vec<&Self> {
        let (here, missing): (Vec<&Self>, Vec<&Self>) =
            boards.iter().partition(|board| board.is_missing().is_none());
        let note = if here.is_empty() { skip } else { skip_part };
        for reason in missing.into_iter().filter_map(Self::is_missing) {
            note(&reason);
        }
        here
    }

    /// Returns the reason why no image can be built or run here.
    pub(super) fn is_missing(&self) -> Option<String> {
        if Command::new(self.emulator).arg("--version").output().is_err() {
            return Some(format!("{} is not installed", self.emulator));
        }
        let missing = !toolchain::has_target(self.target);
        missing.then(|| format!("the Rust target {} is not installed", self.target))
    }
}

/// Registers of virtio 1, not the legacy ones.
const MODERN: &str = "virtio-mmio.force-legacy=false";

/// MAC address of a port: port 0 is 02:f1:00:00:00:01.
fn virtio(number: usize, backend: &str) -> [String; 2] {
    let mac = format!("02:f1:00:00:00:{:02x}", number + 1);
    ["-device".to_owned(), format!("virtio-net-device,netdev={backend},mac={mac}")]
}
