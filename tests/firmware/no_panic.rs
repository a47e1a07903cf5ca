//! Proof by the linker, for each processor, that `core`, the firmware library and the switch
//! contain no panic and no allocator: see `platform-baremetal/firmware/prover/src/main.rs`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use flowmote_core::{for_each_counter_record, for_each_flow_record};
use flowmote_lab::toolchain::{folder, has_target, llvm_tool};
use flowmote_lab::{skip, skip_part};

const TARGETS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "riscv32imac-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    "aarch64-unknown-none",
];

/// The undefined function that only the panic handler calls.
const SINK: &str = "flowmote_a_panic_can_be_reached";

macro_rules! names {
    ($($module:ident::$record:ident,)*) => {
        concat!($(stringify!($record), " "),*)
    };
}

/// Calls of the lists in the prover, and the names of the records in them.
const RECORDS: [(&str, &str); 2] = [
    ("for_each_flow_record!(keep", for_each_flow_record!(names)),
    ("for_each_counter_record!(keep", for_each_counter_record!(names)),
];

/// Files and folders outside the proof: tests, smoltcp (which can panic itself) and hardware.
const OUTSIDE: &[&str] =
    &["tests.rs", "testing.rs", "sampled_device.rs", "smoltcp_uplink", "hardware"];

#[test]
fn no_entry_can_panic_and_none_allocates() {
    let (here, missing): (Vec<_>, Vec<_>) = TARGETS.into_iter().partition(|it| has_target(it));
    if here.is_empty() {
        return skip(&format!("rustup target add {}", TARGETS.join(" ")));
    }
    if !missing.is_empty() {
        skip_part(&format!("rustup target add {}", missing.join(" ")));
    }
    for target in here {
        let scratch = tempfile::tempdir().unwrap();
        let output = link(target, scratch.path(), &[]);
        assert!(output.status.success(), "{target}: {}", text(&output.stderr));
        let image = scratch.path().join(target).join("proof/flowmote-prover");
        check_symbols(&image);

        let control = link(target, scratch.path(), &["--features", "index"]);
        let message = text(&control.stderr);
        assert!(!control.status.success(), "{target}: a slice index must not link");
        assert!(message.contains(&format!("undefined symbol: {SINK}")), "{target}: {message}");
    }
}

/// What the prover does not name is not proved.
#[test]
fn the_prover_names_every_entry() {
    let mut prover = sources(&folder("platform-baremetal/firmware/prover/src"));
    // It keeps the records by the lists of `core`, not by name.
    for (list, records) in RECORDS {
        assert!(
            prover.iter().any(|source| source.contains(list)),
            "the prover does not use {list}"
        );
        prover.push(records.to_owned());
    }
    let prover = prover.concat();
    let (mut missing, mut count) = (BTreeSet::new(), 0);
    let folders = [
        "core/src",
        "platform-baremetal/src",
        "platform-baremetal/firmware/images/virt-switch/src",
    ];
    for name in folders {
        for source in sources(&folder(name)) {
            let public = source.split("\nmod tests {").next().unwrap_or_default();
            let entries = entries(public);
            count += entries.len();
            missing.extend(entries.into_iter().filter(|name| !names(&prover, name)));
            let implemented = implementations(public);
            count += implemented.len();
            let is_missing = |pair: &(&str, &str)| !names_both(&prover, *pair);
            let describe = |(name, of)| format!("<{of} as {name}>");
            missing.extend(implemented.into_iter().filter(is_missing).map(describe));
        }
    }
    assert!(count > 220, "only {count} entries found");
    assert!(missing.is_empty(), "not in platform-baremetal/firmware/prover/src: {missing:?}");
}

/// Checks the symbols of the image as well, in case the linker accepted an undefined one.
fn check_symbols(image: &Path) {
    let Some(nm) = llvm_tool("llvm-nm") else {
        return skip_part("llvm-nm is missing: rustup component add llvm-tools");
    };
    let output = Command::new(nm).arg("-C").arg(image).output().unwrap();
    let symbols = text(&output.stdout);
    assert!(symbols.contains("flowmote_core::agent"), "no symbols: {symbols}");
    for word in ["__rust_alloc", "__rustc::", "alloc::", "panicking", SINK] {
        assert!(!symbols.contains(word), "{word} in {}", image.display());
    }
}

/// Links the prover: optimised for size as the C library, with overflow checks.
fn link(target: &str, scratch: &Path, more: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["build", "--profile", "proof", "--locked", "--target", target])
        .args(more)
        .current_dir(folder("platform-baremetal/firmware/prover"))
        .env("CARGO_TARGET_DIR", scratch)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs")
}

/// Returns the names of public functions and of records.
fn entries(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in source.lines() {
        let line = line.trim_start();
        let function = line.strip_prefix("pub const fn ").or(line.strip_prefix("pub fn "));
        let record = line.split_once(" for ").filter(|(left, _)| left.ends_with("Record"));
        let table = line.strip_suffix(" {").and_then(|line| line.split_once(" = "));
        let table = table.filter(|(_, number)| number.contains(':') && !number.contains(' '));
        let name = function.or(record.map(|(_, name)| name)).or(table.map(|(name, _)| name));
        let name =
            name.and_then(|name| name.split(|c: char| !c.is_alphanumeric() && c != '_').next());
        found.extend(name.filter(|name| !name.is_empty()).map(String::from));
    }
    found
}

/// Returns the traits implemented by hand for public types of the file, without records, and the
/// types.
fn implementations<'s>(source: &'s str) -> Vec<(&'s str, &'s str)> {
    let pair = |line: &'s str| {
        let (left, right) = line.strip_prefix("impl")?.split_once(" for ")?;
        let (name, of) = (last_word(left)?, right.split(['<', ' ']).next()?);
        let public =
            ["struct", "enum"].iter().any(|kind| names(source, &format!("pub {kind} {of}")));
        (public && !name.ends_with("Record")).then_some((name, of))
    };
    source.lines().filter_map(pair).collect()
}

/// Returns the name of a trait without path and parameters.
fn last_word(text: &str) -> Option<&str> {
    let text = text.rsplit_once("> ").map_or(text, |(_, behind)| behind);
    text.split('<').next()?.trim().rsplit("::").next()
}

/// Returns true if a line of `text` names the trait and the type of an implementation.
fn names_both(text: &str, (name, of): (&str, &str)) -> bool {
    text.lines().any(|line| line.contains(" as ") && names(line, name) && names(line, of))
}

/// Returns true if `name` is a word of `text`.
fn names(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(word) && !behind.starts_with(word)
    })
}

/// Returns the sources below a folder, without those [`OUTSIDE`] the proof.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if OUTSIDE.contains(&name) {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
