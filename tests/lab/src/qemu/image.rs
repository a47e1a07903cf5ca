//! Firmware images.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Board, Machine};
use crate::skipped::skip;
use crate::toolchain::{self, FIRMWARE};

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) board: Board,
    elf: PathBuf,
}

impl Image {
    /// Builds program `name` of `package` in the firmware workspace. `None`, reported as skipped,
    /// if the emulator or the target is missing.
    ///
    /// # Panics
    /// When the build fails.
    #[must_use]
    pub fn build(board: &Board, package: &str, name: &str) -> Option<Self> {
        if let Some(reason) = board.is_missing() {
            skip(&reason);
            return None;
        }
        let Board { target, profile, .. } = *board;
        let arguments = ["build", "--profile", profile, "--bin", name, "--target", target];
        cargo(package, &arguments);
        Some(Self {
            board: *board,
            elf: toolchain::target_directory(FIRMWARE).join(target).join(profile).join(name),
        })
    }

    /// Returns the path of the linked program.
    #[must_use]
    pub fn elf(&self) -> &Path {
        &self.elf
    }

    /// Wraps an image not built by cargo. `None`, reported as skipped, if the emulator is missing.
    #[must_use]
    pub fn at(board: &Board, elf: PathBuf) -> Option<Self> {
        if let Some(reason) = board.is_missing() {
            skip(&reason);
            return None;
        }
        Some(Self { board: *board, elf })
    }

    /// Boots the image with this many ports.
    #[must_use]
    pub fn start(&self, ports: usize) -> Machine {
        self.start_with(ports, &[])
    }

    /// As [`start`](Self::start), with more arguments for the emulator.
    #[must_use]
    pub fn start_with(&self, ports: usize, arguments: &[&str]) -> Machine {
        Machine::start(self, ports, arguments)
    }
}

/// Runs the unit tests of the library of `package` on the host.
///
/// # Panics
/// When one fails.
pub fn test_library(package: &str) {
    cargo(package, &["test", "--lib"]);
}

fn cargo(package: &str, arguments: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(toolchain::folder(FIRMWARE))
        .args(arguments)
        .args(["--locked", "--quiet", "-p", package]);
    let output = cargo
        .arg("--target-dir")
        .arg(toolchain::target_directory(FIRMWARE))
        .output()
        .expect("cargo");
    let told = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?} -p {package}: {told}{error}");
}
