//! What an image takes, against a table that is checked in.

use std::fmt::Write;
use std::process::Command;

use super::{burst, echo, plug_in, quiet, start};
use crate::lab::skip_part;
use crate::qemu::Image;

/// A table of names and numbers. The lines that start with `#` name the compilers, a line each, and
/// say what the numbers are.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The table.
    pub table: &'a str,
    /// The compilers whose `--version` has to begin with their line.
    pub compilers: &'a [&'a str],
}

/// A name and its number.
pub type Figure = (String, u64);

impl Budget<'_> {
    /// Compares with the table. With another compiler than those that it names nothing is
    /// compared, and that is said.
    pub fn check(&self, figures: &[Figure]) {
        let mut measured = String::new();
        for (name, number) in figures {
            writeln!(measured, "{name:38} {number:>6}").expect("a string takes everything");
        }
        let lines = self.table.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), figures.len(), "measured:\n{measured}");
        if let Some(other) = self.compilers.iter().find(|compiler| !self.names(compiler)) {
            return skip_part(&format!("the table is of another {other}; measured:\n{measured}"));
        }
        for (name, now) in figures {
            let then = self.figure(name);
            let then =
                then.unwrap_or_else(|| panic!("no {name} in the table; measured:\n{measured}"));
            assert!(
                is_near(name, *now, then),
                "{name}: {then} in the table; measured:\n{measured}"
            );
        }
    }

    /// Whether a line of the table is the start of what the compiler says of itself.
    fn names(&self, compiler: &str) -> bool {
        let output = Command::new(compiler).arg("--version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let version = version.unwrap_or_default();
        let mut named = self.table.lines().filter_map(|line| line.strip_prefix("# "));
        named.any(|line| line.starts_with(compiler) && version.starts_with(line))
    }

    fn figure(&self, name: &str) -> Option<u64> {
        let mut lines = self.table.lines().filter_map(|line| line.split_once(' '));
        let (_, number) = lines.find(|(found, _)| *found == name)?;
        number.trim().parse().ok()
    }
}

/// Flash, static RAM and the deepest stack of a run under load, in bytes.
#[must_use]
pub fn memory(image: &Image, prefix: &str) -> [Figure; 3] {
    let size = image.footprint(0x2000_0000..0x2001_0000);
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 1").unwrap();
    echo(&mut peer, 1, 1472);
    // An interrupt in the deepest place is rare.
    for round in 0..30 {
        burst(&mut peer, round, 90);
    }
    quiet(&machine, &mut peer);
    let stack = machine.shown("memory", "stack");
    [("flash", size.flash), ("ram-static", size.ram), ("ram-stack", stack)]
        .map(|(name, number)| (format!("{prefix}{name}"), number))
}

/// Within 3 %. How deep an interrupt finds the stack is chance, within half and 15 %.
fn is_near(name: &str, now: u64, then: u64) -> bool {
    if name.ends_with("stack") {
        return now * 2 >= then && now * 100 <= then * 115;
    }
    now.abs_diff(then) * 100 <= then * 3
}
