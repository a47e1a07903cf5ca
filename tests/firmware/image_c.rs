//! The end station in C, linked with libflowmote.a, under QEMU.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use flowmote_lab::end_station;
use flowmote_lab::footprint::Budget;
use flowmote_lab::qemu::{Board, Image};
use flowmote_lab::skip;
use flowmote_lab::toolchain::{FIRMWARE, folder, target_directory};

flowmote_lab::every_scenario!(image);

#[test]
fn an_ipv6_collector_is_refused() {
    let reason = "collector A.B.C.D";
    image().iter().for_each(|image| end_station::an_ipv6_collector_is_refused(image, reason));
}

#[test]
fn the_budget_is_kept() {
    let budget = Budget::new(BUDGET);
    image().iter().for_each(|image| budget.check(&end_station::memory(image, "", &[])));
}

/// The firmware, built once as in its README. `None`, reported as skipped, if a tool is missing.
fn image() -> Option<Image> {
    for program in [COMPILER, "make"] {
        if Command::new(program).arg("--version").output().is_err() {
            let package = if program == COMPILER { "gcc-arm-none-eabi" } else { program };
            skip(&format!("{program} is missing: apt-get install {package}"));
            return None;
        }
    }
    static ELF: OnceLock<PathBuf> = OnceLock::new();
    // Checked first, because the build fails without the Rust target.
    let image =
        Image::at(&Board::MPS2_AN385, target_directory(FIRMWARE).join("c-firmware/station.elf"))?;
    ELF.get_or_init(|| build(&image));
    Some(image)
}

fn build(image: &Image) -> PathBuf {
    let output = Command::new("make")
        .current_dir(folder(SOURCES))
        .arg(format!("CARGO={}", env!("CARGO")))
        .env("CARGO_TARGET_DIR", target_directory(FIRMWARE))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    image.elf().to_owned()
}

const SOURCES: &str = "platform-baremetal/firmware/c/firmware";
const COMPILER: &str = "arm-none-eabi-gcc";
const BUDGET: &str = include_str!("../../platform-baremetal/firmware/c/firmware/budget.txt");
