//! Firmware images and the boards that they are for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Machine;
use crate::lab::skip;

/// A kind of machine.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// The emulator.
    pub(super) emulator: &'static str,
    /// The target of its images.
    target: &'static str,
    /// The profile they are built with.
    profile: &'static str,
    /// Which machine, and with what.
    pub(super) arguments: &'static [&'static str],
    /// The arguments that connect the next port to a network backend, but for its name.
    pub(super) port: [&'static str; 2],
}

/// An image that is built.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) board: Board,
    elf: PathBuf,
}

impl Board {
    /// Arm MPS2 with a Cortex-M3 and an LAN9118; it has one port.
    pub const MPS2_AN385: Self = Self {
        emulator: "qemu-system-arm",
        target: "thumbv7m-none-eabi",
        profile: "release",
        arguments: &["-M", "mps2-an385"],
        port: ["-net", "nic,netdev="],
    };

    /// The same, for an image that is built to be small.
    pub const MPS2_AN385_SMALL: Self = Self { profile: "small", ..Self::MPS2_AN385 };

    /// Why no image can be built or run here.
    fn is_missing(&self) -> Option<String> {
        if Command::new(self.emulator).arg("--version").output().is_err() {
            return Some(format!("{} is not installed", self.emulator));
        }
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", self.target]);
        let output = rustc.output().ok()?;
        let directory = String::from_utf8(output.stdout).ok()?;
        let missing = !Path::new(directory.trim()).is_dir();
        missing.then(|| format!("the Rust target {} is not installed", self.target))
    }
}

impl Image {
    /// Builds program `name` of `package` among the firmware images. `None`, and a line among the
    /// skipped, where the emulator or the target is missing.
    ///
    /// # Panics
    /// When it does not build.
    #[must_use]
    pub fn build(board: &Board, package: &str, name: &str) -> Option<Self> {
        if let Some(reason) = board.is_missing() {
            skip(&reason);
            return None;
        }
        let images = images();
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| images.join("target"), PathBuf::from);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&images).args([
            "build",
            "--profile",
            board.profile,
            "--locked",
            "--quiet",
        ]);
        cargo.args(["--package", package, "--bin", name, "--target", board.target]);
        cargo.arg("--target-dir").arg(&target);
        let output = cargo.output().expect("cargo");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "building {package} {name}: {error}");
        let elf = target.join(board.target).join(board.profile).join(name);
        Some(Self { board: *board, elf })
    }

    /// The linked program.
    #[must_use]
    pub fn elf(&self) -> &Path {
        &self.elf
    }

    /// Boots it with so many ports.
    #[must_use]
    pub fn start(&self, ports: usize) -> Machine {
        self.start_with(ports, &[])
    }

    /// The same with more arguments for the emulator.
    #[must_use]
    pub fn start_with(&self, ports: usize, arguments: &[&str]) -> Machine {
        Machine::start(self, ports, arguments)
    }
}

/// The workspace of the images.
fn images() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests is a folder of the project").join("platform-baremetal/images")
}
