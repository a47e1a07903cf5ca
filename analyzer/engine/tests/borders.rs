//! Tests that clippy reports each call that `clippy.toml` disallows in the engine.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this test is a program that reads files and runs clippy"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Each entry of `clippy.toml`, and code that uses it.
const USES: [(&str, &str); 17] = [
    ("std::time::Instant::now", "pub fn f0() { std::time::Instant::now(); }"),
    ("std::time::Instant::elapsed", "pub fn f1(at: std::time::Instant) { at.elapsed(); }"),
    ("std::time::SystemTime::now", "pub fn f2() { std::time::SystemTime::now(); }"),
    (
        "std::time::SystemTime::elapsed",
        "pub fn f3(at: std::time::SystemTime) { let _ = at.elapsed(); }",
    ),
    ("std::thread::spawn", "pub fn f4() { std::thread::spawn(|| ()); }"),
    ("std::thread::scope", "pub fn f5() { std::thread::scope(|_| ()); }"),
    ("std::thread::sleep", "pub fn f6(time: std::time::Duration) { std::thread::sleep(time); }"),
    ("std::fs::read", "pub fn f7() { let _ = std::fs::read(\"x\"); }"),
    ("std::fs::read_to_string", "pub fn f8() { let _ = std::fs::read_to_string(\"x\"); }"),
    ("std::fs::write", "pub fn f9() { let _ = std::fs::write(\"x\", b\"\"); }"),
    ("std::net::UdpSocket", "pub type T0 = std::net::UdpSocket;"),
    ("std::net::TcpStream", "pub type T1 = std::net::TcpStream;"),
    ("std::net::TcpListener", "pub type T2 = std::net::TcpListener;"),
    ("std::thread::Builder", "pub type T3 = std::thread::Builder;"),
    ("std::fs::File", "pub type T4 = std::fs::File;"),
    ("std::fs::OpenOptions", "pub type T5 = std::fs::OpenOptions;"),
    ("std::process::Command", "pub type T6 = std::process::Command;"),
];

#[test]
fn clippy_reports_every_disallowed_call() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = fs::read_to_string(engine.join("clippy.toml")).unwrap();
    let listed: BTreeSet<&str> = configuration
        .lines()
        .filter_map(|line| line.split_once("path = \"")?.1.split('"').next())
        .collect();
    assert_eq!(listed, USES.iter().map(|(path, _)| *path).collect());

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("disallowed.rs");
    fs::write(&source, USES.map(|(_, code)| code).join("\n")).unwrap();
    // Run in the folder of the engine, so that rustup chooses the toolchain of the project.
    let output = Command::new("clippy-driver")
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"])
        .args([folder, &source])
        .env("CLIPPY_CONF_DIR", engine)
        .current_dir(engine)
        .output()
        .expect("clippy-driver, of the component clippy");
    let report = String::from_utf8(output.stderr).unwrap();
    for (path, _) in USES {
        assert!(report.contains(&format!("`{path}`")), "{path} is not reported:\n{report}");
    }
}
