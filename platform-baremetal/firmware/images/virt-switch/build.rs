//! Passes two linker scripts to the linker: that of the start-up crate, and the memory layout.

fn main() {
    println!("cargo::rerun-if-changed=memory-aarch64.ld");
    println!("cargo::rerun-if-changed=memory-riscv64.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let scripts = match std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("aarch64") => ["image.ld", "memory-aarch64.ld"],
        Ok("riscv64") => ["memory-riscv64.ld", "link.x"],
        _ => return,
    };
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    for script in scripts {
        println!("cargo::rustc-link-arg-bins=-T{script}");
    }
}
