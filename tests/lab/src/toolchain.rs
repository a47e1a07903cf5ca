//! Components of the Rust toolchain and its build directories.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns true if the standard library for `target` is installed.
#[must_use]
pub fn has_target(target: &str) -> bool {
    target_libdir(&["--target", target]).is_some_and(|libdir| libdir.is_dir())
}

/// Path of a program of the component `llvm-tools`, or of the linker of the toolchain, if installed.
#[must_use]
pub fn llvm_tool(name: &str) -> Option<PathBuf> {
    let tool = target_libdir(&[])?.with_file_name("bin").join(name);
    tool.is_file().then_some(tool)
}

/// The target directory of the workspace in this folder of the project.
#[must_use]
pub fn target_directory(workspace: &str) -> PathBuf {
    let own = || folder(workspace).join("target");
    env::var_os("CARGO_TARGET_DIR").map_or_else(own, PathBuf::from)
}

/// A folder or file of the project, by its path from the root.
#[must_use]
pub fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The workspace of the images, the C interface and the proof.
pub const FIRMWARE: &str = "platform-baremetal/firmware";

fn target_libdir(more: &[&str]) -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "target-libdir"]).args(more).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}
