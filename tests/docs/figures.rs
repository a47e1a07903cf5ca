//! Figures in README and docs equal those of the checked-in tables.

use flowmote_lab::toolchain::folder;

const FIRMWARE: &str = "platform-baremetal/firmware/images/mps2-an385/budget.txt";
const FIRMWARE_IN_C: &str = "platform-baremetal/firmware/c/firmware/budget.txt";
const HOST: &str = "benches/instructions.txt";
const BENCHMARKS: &str = "docs/benchmarks.md";
const PORTING: &str = "docs/porting.md";

/// Page, table, row, and the text around the figure, which stands for `#`.
const FIGURES: [(&str, &str, &str, &str); 16] = [
    (BENCHMARKS, FIRMWARE, "instructions-unsampled", "≤ 12 instructions | # |"),
    (BENCHMARKS, FIRMWARE, "instructions-chosen-queued-and-encoded", "≤ 700 instructions | # |"),
    (BENCHMARKS, FIRMWARE, "core-flash", "≤ 8 KiB of flash | # bytes |"),
    (BENCHMARKS, FIRMWARE, "core-ram", "≤ 2.5 KiB | # bytes |"),
    (BENCHMARKS, FIRMWARE, "small-flash", "≤ 12 KiB of flash | # bytes |"),
    (BENCHMARKS, HOST, "encode-flow-sample", "≤ 200 instructions (callgrind) | # |"),
    (BENCHMARKS, HOST, "flow-sample", "lent out when full | | # instructions,"),
    (PORTING, FIRMWARE, "instructions-unsampled", "# for a packet that is not chosen"),
    (PORTING, FIRMWARE, "instructions-chosen-and-queued", "# for one that is,"),
    (
        PORTING,
        FIRMWARE,
        "instructions-chosen-queued-and-encoded",
        "# with the flow sample in the datagram",
    ),
    (PORTING, FIRMWARE, "instructions-counter-sample", "# for a counter sample"),
    (PORTING, FIRMWARE, "core-flash", "`core` alone # of flash"),
    (PORTING, FIRMWARE, "core-ram", "# of RAM for 4 ports"),
    (PORTING, FIRMWARE, "small-flash", "without an IP stack # of flash"),
    (PORTING, FIRMWARE, "small-stack-worst", "at most # of stack"),
    (PORTING, FIRMWARE_IN_C, "flash", "agent takes # bytes of flash"),
];

/// The marks around the tables of figures in README.md and docs/benchmarks.md.
const MARKS: [&str; 2] = ["<!-- figures", "<!-- /figures -->"];

#[test]
fn figures_equal_those_of_their_tables() {
    let wrong: Vec<String> = FIGURES
        .iter()
        .filter_map(|(page, table, row, around)| {
            let text = around.replace('#', &figure(&read(table), row));
            (!read(page).contains(&text)).then(|| format!("{page}: {text} ({row} of {table})"))
        })
        .collect();
    assert!(wrong.is_empty(), "expected in the pages:\n{}", wrong.join("\n"));
}

#[test]
fn figures_of_readme_are_those_of_the_benchmarks() {
    let (readme, benchmarks) = (read("README.md"), read(BENCHMARKS));
    let [ours, all] = [&readme, &benchmarks].map(|page| rows(page));
    assert!(!ours.is_empty() && all.len() > 10, "{} of {} rows", ours.len(), all.len());
    // Titles may differ; the figures of a row must stand together in one row of the benchmarks.
    let is_known = |row: &&Vec<&str>| {
        let mut figures = row.iter().skip(1).filter(|cell| !cell.is_empty());
        all.iter().any(|other| figures.clone().all(|figure| other[1..].contains(figure)))
            && figures.next().is_some()
    };
    let unknown: Vec<_> = ours.iter().filter(|row| !is_known(row)).collect();
    assert!(unknown.is_empty(), "not in {BENCHMARKS}: {unknown:#?}");
    // The text above the table has one of them too.
    let text = format!("{} of CPU per packet at 1 in 400", ours[0][1]);
    assert!(readme.contains(&text), "README.md: {text}");
}

/// The cells of the rows between the marks, without the heading.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let (_, rest) = page.split_once(MARKS[0]).expect(MARKS[0]);
    let (block, _) = rest.split_once(MARKS[1]).expect(MARKS[1]);
    let (_, body) = block.split_once("|---").expect("a table");
    let rows = body.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
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
