//! Passes the linker scripts to the linker. Not through a cargo configuration, because RUSTFLAGS in
//! the environment would replace it.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy("memory.x", out.join("memory.x")).expect("copying memory.x");
    // Required by the feature `device`, but empty: `vectors` defines the table.
    fs::write(out.join("device.x"), "").expect("writing device.x");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed=memory.x");
}
