//! The C interface: the header is current, every function refuses invalid pointers under the
//! sanitizers, its datagrams decode, and no function can panic.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flowmote_decoder::Datagram;
use flowmote_lab::toolchain::{folder, has_target, llvm_tool};
use flowmote_lab::{skip, skip_part};

const HEADER: &str = "platform-baremetal/firmware/c/include/flowmote.h";
const EXERCISE: &str = "platform-baremetal/firmware/c/tests/exercise.c";
const BAD_POINTERS: &str = "platform-baremetal/firmware/c/tests/bad_pointers.c";
const TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "riscv32imac-unknown-none-elf",
    "aarch64-unknown-none",
];

#[test]
fn the_header_is_current() {
    let library = folder("platform-baremetal/firmware/c");
    let config = cbindgen::Config::from_file(library.join("cbindgen.toml")).unwrap();
    let sources = cbindgen::Builder::new().with_config(config);
    let sources = sources.with_src(library.join("src/lib.rs"));
    let mut header = Vec::new();
    sources.generate().unwrap().write(&mut header);
    let header = text(&header);
    if std::env::var_os("FLOWMOTE_WRITE_HEADER").is_some() {
        fs::write(folder(HEADER), &header).unwrap();
    }
    let checked_in = fs::read_to_string(folder(HEADER)).unwrap();
    assert!(
        header == checked_in,
        "stale: FLOWMOTE_WRITE_HEADER=1 cargo test the_header_is_current"
    );
}

#[test]
fn every_function_refuses_invalid_pointers() {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    if Command::new(&compiler).arg("--version").output().is_err() {
        return skip("a C compiler is missing: apt-get install gcc");
    }
    let scratch = tempfile::tempdir().unwrap();
    let library = build(scratch.path(), "library", &[]).join("libflowmote.a");
    let program = scratch.path().join("exercise");
    let output = Command::new(compiler)
        .args(["-std=c99", "-g", "-Wall", "-Wextra", "-Werror"])
        .args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
        .arg(format!("-I{}", folder(HEADER).parent().unwrap().display()))
        .args([folder(EXERCISE), folder(BAD_POINTERS)])
        .args([library.as_os_str(), "-o".as_ref(), program.as_os_str()])
        .output()
        .unwrap();
    if text(&output.stderr).contains("cannot find -lasan") {
        return skip("the sanitizers of the C compiler are missing");
    }
    assert!(output.status.success(), "{}", text(&output.stderr));

    let output = Command::new(&program).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    check_datagrams(&text(&output.stdout));
    check_all_are_called();
}

/// Links every function with a panic handler that calls an undefined function.
#[test]
fn no_function_can_panic() {
    let Some(linker) = llvm_tool("rust-lld") else { return skip("rust-lld is missing") };
    let mut linked = 0;
    for target in TARGETS {
        if !has_target(target) {
            skip_part(&format!("{target} is missing: rustup target add {target}"));
            continue;
        }
        let scratch = tempfile::tempdir().unwrap();
        let more = ["--features", "prove", "--target", target];
        let library = build(scratch.path(), "proof", &more).join("libflowmote.a");
        let output = link_all(&linker, &library);
        assert!(output.status.success(), "{target}: {}", text(&output.stderr));
        let image = text(&fs::read(library.with_extension("elf")).unwrap());
        for Function { name, .. } in functions() {
            assert!(image.contains(&name), "{name} is not in the image");
        }
        linked += 1;
    }
    if linked == 0 {
        skip("no target is installed");
    }
}

fn link_all(linker: &Path, library: &Path) -> Output {
    let mut command = Command::new(linker);
    command.args(["-flavor", "gnu", "--gc-sections", "--entry=flowmote_init"]);
    command.args(["--defsym=flowmote_enter_critical=0", "--defsym=flowmote_exit_critical=0"]);
    for Function { name, .. } in functions() {
        command.arg(format!("--undefined={name}"));
    }
    command.arg(library).arg("-o").arg(library.with_extension("elf")).output().unwrap()
}

/// Checks that each line is a datagram that decodes without errors.
fn check_datagrams(hex: &str) {
    let mut samples = 0;
    for line in hex.lines() {
        let bytes = flowmote_vectors::unhex(line);
        let datagram = Datagram::parse(&bytes).unwrap_or_else(|error| panic!("{error:?}: {line}"));
        for sample in datagram.samples() {
            sample.unwrap();
            samples += 1;
        }
    }
    assert!(samples > 200, "{samples} samples");
    // The frame in two buffers that exercise.c made.
    assert!(hex.contains(&("11".repeat(14) + &"22".repeat(50))));
}

/// Checks that each function is called, and each of its pointers passed as null, misaligned if its
/// type has an alignment, and uninitialised if it points to a state.
fn check_all_are_called() {
    let good = fs::read_to_string(folder(EXERCISE)).unwrap();
    let bad = fs::read_to_string(folder(BAD_POINTERS)).unwrap();
    let statements = bad.split(';').map(|statement| statement.trim().replace("\n ", ""));
    let statements: HashSet<String> = statements.collect();
    let functions = functions();
    assert!(functions.len() >= 22, "{functions:?}");
    for Function { name, pointers, may_be_null } in functions {
        let call = format!("CHECK({name}(");
        let of_function = statements.iter().filter(|statement| statement.starts_with(&call));
        let ends: Vec<&str> =
            of_function.filter_map(|statement| Some(statement.rsplit_once(' ')?.1)).collect();
        let tried =
            |code: &str| ends.iter().filter(|end| end.strip_suffix(')') == Some(code)).count();
        let aligned = pointers.iter().filter(|pointer| *pointer != "uint8_t *").count();
        let is_state = |pointer: &str| pointer == "flowmote *" || pointer == "flowmote_udp *";
        let made = if name.ends_with("_init") { 0 } else { 1 };
        let states = made * pointers.iter().filter(|pointer| is_state(pointer)).count();
        assert!(good.contains(&format!("{name}(")), "{name} is not exercised");
        assert!(tried("FLOWMOTE_E_NULL") >= pointers.len() - may_be_null, "{name}: null");
        assert!(tried("FLOWMOTE_E_ALIGNMENT") >= aligned, "{name}: misaligned");
        assert!(tried("FLOWMOTE_E_STATE") >= states, "{name}: an uninitialised state");
    }
}

/// A function of the header.
#[derive(Debug)]
struct Function {
    name: String,
    /// The types that its arguments point to, such as `size_t *`.
    pointers: Vec<String>,
    /// Number of pointers that may be null.
    may_be_null: usize,
}

/// The functions that the header declares, without those that the firmware defines.
fn functions() -> Vec<Function> {
    let header = fs::read_to_string(folder(HEADER)).unwrap();
    let items = header.split("\n\n").filter_map(|item| {
        let (comment, declaration) = item.split_once("\nint32_t ")?;
        let (name, arguments) = declaration.split_once('(')?;
        let pointer = |argument: &str| {
            let (kind, _) = argument.trim().rsplit_once('*')?;
            let kind = kind.trim_start_matches("const ").trim_start_matches("struct ");
            Some(format!("{kind}*"))
        };
        Some(Function {
            name: name.to_owned(),
            pointers: arguments.split(',').filter_map(pointer).collect(),
            may_be_null: comment.matches("may be null").count(),
        })
    });
    items.collect()
}

/// Builds the library; returns its folder.
fn build(scratch: &Path, profile: &str, more: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--profile", profile, "--locked"])
        .args(more)
        .current_dir(folder("platform-baremetal/firmware/c"))
        .env("CARGO_TARGET_DIR", scratch)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let target = more.iter().skip_while(|&&word| word != "--target").nth(1);
    target.map_or(scratch.to_path_buf(), |target| scratch.join(target)).join(profile)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
