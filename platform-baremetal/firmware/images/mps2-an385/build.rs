//! Puts the linker scripts where the linker looks. Here and not in a configuration of cargo,
//! because RUSTFLAGS in the environment would replace that.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy("memory.x", out.join("memory.x")).expect("copying memory.x");
    // Every interrupt goes to the default handler, see `vectors`.
    fs::write(out.join("device.x"), "").expect("writing device.x");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed=memory.x");
}
