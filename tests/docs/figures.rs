//! Figures in README and docs that a checked-in table holds, too, are those of the table.

use std::fs;
use std::path::Path;

const FIRMWARE: &str = "platform-baremetal/firmware/images/mps2-an385/budget.txt";
const HOST: &str = "benches/instructions.txt";

/// Page, table, row, and the text around the figure.
const FIGURES: [(&str, &str, &str, &str); 16] = [
    ("README.md", FIRMWARE, "instructions-unsampled", "≤ 12 instructions | # |"),
    ("README.md", FIRMWARE, "instructions-chosen-queued-and-encoded", "≤ 700 instructions | # |"),
    ("README.md", FIRMWARE, "core-flash", "≤ 8 KiB of flash | # bytes |"),
    ("README.md", FIRMWARE, "core-ram", "≤ 2.5 KiB | # bytes |"),
    ("README.md", FIRMWARE, "small-flash", "≤ 12 KiB of flash | # bytes |"),
    ("README.md", HOST, "encode-flow-sample", "≤ 200 instructions (callgrind) | # |"),
    ("README.md", HOST, "flow-sample", "lent out when full | | # instructions,"),
    ("docs/porting.md", FIRMWARE, "instructions-unsampled", "# for a packet that is not chosen"),
    ("docs/porting.md", FIRMWARE, "instructions-chosen-and-queued", "# for one that is,"),
    (
        "docs/porting.md",
        FIRMWARE,
        "instructions-chosen-queued-and-encoded",
        "# with the flow sample in the datagram",
    ),
    ("docs/porting.md", FIRMWARE, "instructions-counter-sample", "# for a counter sample"),
    ("docs/porting.md", FIRMWARE, "core-flash", "`core` alone # of flash"),
    ("docs/porting.md", FIRMWARE, "core-ram", "# of RAM for 4 ports"),
    ("docs/porting.md", FIRMWARE, "small-flash", "without an IP stack # of flash"),
    ("docs/porting.md", FIRMWARE, "small-stack-worst", "at most # of stack"),
    (
        "docs/porting.md",
        "platform-baremetal/firmware/c/firmware/budget.txt",
        "flash",
        "agent takes # bytes of flash",
    ),
];

#[test]
fn figures_are_those_of_their_tables() {
    let read = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let wrong: Vec<String> = FIGURES
        .iter()
        .filter_map(|(page, table, row, around)| {
            let text = around.replace('#', &figure(&read(table), row));
            (!read(page).contains(&text)).then(|| format!("{page}: {text} ({row} of {table})"))
        })
        .collect();
    assert!(wrong.is_empty(), "these would be true:\n{}", wrong.join("\n"));
}

/// The figure of a row, with a comma before the last three digits.
fn figure(table: &str, row: &str) -> String {
    let rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let digits = rows
        .filter(|words| words.first() == Some(&row))
        .find_map(|words| words.get(1).copied())
        .unwrap_or_else(|| panic!("no row {row}"));
    match digits.len().checked_sub(3) {
        Some(at) if at > 0 => format!("{},{}", &digits[..at], &digits[at..]),
        _ => digits.to_owned(),
    }
}
