//! Where the Rust toolchain has its parts, and where it puts what it builds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether programs can be built for this target.
#[must_use]
pub fn has_target(target: &str) -> bool {
    target_libdir(&["--target", target]).is_some_and(|libdir| libdir.is_dir())
}

/// A program that lies with the toolchain, of the component `llvm-tools` or the linker, if it is
/// installed.
#[must_use]
pub fn llvm_tool(name: &str) -> Option<PathBuf> {
    let tool = target_libdir(&[])?.with_file_name("bin").join(name);
    tool.is_file().then_some(tool)
}

/// Where the programs of this workspace, a folder of the project, are built.
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
