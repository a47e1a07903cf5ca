//! Comparison of `docs/operations.md` with the program: every log line, every problem that
//! `flowmote check` reports and every counter of the statistics is described there, and nothing is
//! described that the program does not print.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::daemon::report::Report;
use crate::daemon::visitors::VisitorStats;
use crate::links::LinksStats;
use crate::modules::Modules;
use crate::output::collectors::Collectors;
use crate::status::counters::{GAUGES, LOSSES, NO_LOSSES};
use crate::status::snapshot::{Collector, Interface, Module, Snapshot};
use flowmote_core::{AgentStats, Duration};

#[test]
fn documented_log_lines_are_those_of_the_program() {
    let mut printed = BTreeSet::new();
    let mut passed_on: BTreeMap<String, usize> = BTreeMap::new();
    for path in sources(Path::new("src")) {
        let text = fs::read_to_string(&path).unwrap();
        for line in log_lines(&text) {
            if line == "*" {
                *passed_on.entry(path.display().to_string()).or_default() += 1;
            } else {
                printed.insert(line);
            }
        }
    }
    assert!(printed.len() > 25, "the scan finds too little: {printed:#?}");
    let documented = documented("## Log lines");
    let missing: Vec<_> = printed.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&printed).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:#?}");
    assert!(stale.is_empty(), "in docs/operations.md only: {stale:#?}");
    // A new one must have its text where the scan finds it.
    let expected = PASSED_ON.map(|(path, count)| (path.to_owned(), count));
    assert_eq!(passed_on, BTreeMap::from(expected));
}

#[test]
fn documented_counters_are_those_of_the_statistics() {
    let mut modules = Modules::open(&Config::default()).unwrap();
    let collectors = Collectors::new(&["192.0.2.1".parse().unwrap()]);
    let report = Report {
        uptime: Duration::ZERO,
        modules: modules.statistics(),
        agent: AgentStats::default(),
        collectors: &collectors,
        links: LinksStats::default(),
        auto_file_failures: 0,
        visitors: VisitorStats::default(),
        lost_log_lines: 0,
    };
    let all = report.all();
    let mut printed: BTreeSet<String> = BTreeSet::new();
    for line in &all.lines {
        let counters = line.counters.iter().chain(&line.exceptions);
        printed.extend(counters.map(|(_, what)| format!("* {what}")));
    }
    assert!(printed.contains("* packets seen") && printed.contains("* counter samples"));
    let documented_lines = documented("## The statistics");
    assert_eq!(printed, documented_lines);
    let exceptions: BTreeSet<String> =
        all.exceptions.iter().map(|(_, what)| format!("also: * {what}")).collect();
    assert!(exceptions.len() > 15, "{exceptions:?}");
    assert_eq!(exceptions, documented("### Counters that are usually 0"));
    let counters = all.lines.iter().flat_map(|line| line.counters.iter().chain(&line.exceptions));
    let known: BTreeSet<&str> = counters.chain(&all.exceptions).map(|(_, what)| *what).collect();
    for what in GAUGES.iter().chain(&LOSSES).chain(&NO_LOSSES) {
        assert!(known.contains(what), "{what}");
    }
    let page = page();
    for line in all.lines.iter().filter(|line| line.optional) {
        assert!(page.contains(&format!("`{}`", line.subject)), "{}", line.subject);
    }
}

#[test]
fn documented_keys_are_those_of_the_json_document() {
    let snapshot = Snapshot {
        capabilities: vec![String::new()],
        data_sources: vec![String::new()],
        interfaces: vec![Interface::default()],
        modules: vec![Module::default()],
        collectors: vec![Collector::default()],
        ..Snapshot::default()
    };
    let mut keys = BTreeSet::new();
    collect_keys(&serde_json::to_value(snapshot).unwrap(), "", &mut keys);
    assert_eq!(keys, documented("### The JSON document"));
}

/// The paths of all values but the counters, which have tables of their own.
fn collect_keys(value: &serde_json::Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let separator = if path.is_empty() { "" } else { "." };
                collect_keys(value, &format!("{path}{separator}{key}"), keys);
            }
        }
        serde_json::Value::Array(list) => {
            list.iter().for_each(|value| collect_keys(value, &format!("{path}[]"), keys));
        }
        _ => drop(keys.insert(path.to_owned())),
    }
}

/// The Rust files below `directory`, without those that are tests only.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "config" {
            // The messages of the parser belong to the tests of docs/configuration.md.
        } else if path.is_dir() {
            files.extend(sources(&path));
        } else if name.ends_with(".rs") && !NOT_SCANNED.contains(&name.as_str()) {
            files.push(path);
        }
    }
    files
}

/// The formats of the log lines in a source file, with `*` for what is filled in.
fn log_lines(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut lines = Vec::new();
    for marker in MARKERS {
        for (at, _) in code.match_indices(marker) {
            let mut rest = code[at + marker.len()..].trim_start();
            for wrapper in ["level,", "now,", "format!(", "format_args!("] {
                rest = rest.strip_prefix(wrapper).unwrap_or(rest).trim_start();
            }
            // The text of a variable called so is found where it is made.
            if rest.starts_with("problem)") {
                continue;
            }
            lines.push(rest.strip_prefix('"').map_or_else(|| "*".to_owned(), format_of));
        }
    }
    lines
}

/// The text of a string literal from after its opening quote.
fn format_of(rest: &str) -> String {
    let mut text = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => match characters.next().unwrap() {
                '\n' => {
                    let rest = characters.as_str().trim_start();
                    characters = rest.chars();
                }
                'n' => text.push('\n'),
                escaped => text.push(escaped),
            },
            character => text.push(character),
        }
    }
    with_wildcards(&text.replace("{{", "\u{1}").replace("}}", "\u{2}"), '{', '}')
        .replace('\u{1}', "{")
        .replace('\u{2}', "}")
}

/// The code spans in the first column of the tables of a section, with `*` for each placeholder
/// such as `<error>`.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = page();
    let (_, section) = page.split_once(&format!("{heading}\n")).expect(heading);
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let lines: BTreeSet<String> = rows
        .map(|row| row.split_once("` |").expect("a cell of one code span").0)
        .map(|line| with_wildcards(line, '<', '>'))
        .collect();
    assert!(!lines.is_empty(), "no table under {heading}");
    lines
}

/// Replaces everything between `open` and `close` by `*`, and a sequence such as `*: *` as well,
/// since a value that is filled in may contain colons.
fn with_wildcards(text: &str, open: char, close: char) -> String {
    let mut pieces = text.split(open);
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (_, after) = piece.split_once(close).expect(text);
        result.push('*');
        result.push_str(after);
    }
    while result.contains("*: *") {
        result = result.replace("*: *", "*");
    }
    result
}

fn page() -> String {
    fs::read_to_string("../docs/operations.md").unwrap()
}

/// The beginnings of all expressions that log a line, or make the text of one.
const MARKERS: [&str; 8] = [
    "info!(",
    "warn!(",
    "error!(",
    " log!(",
    ".warn(",
    "problems.push(",
    "let problem = ",
    "shortfalls.push(",
];
/// Test code, and the file that passes all throttled lines on.
const NOT_SCANNED: [&str; 5] =
    ["tests.rs", "testing.rs", "fake.rs", "operations.rs", "throttle.rs"];
/// Files with lines whose text is made elsewhere, and their number.
const PASSED_ON: [(&str, usize); 5] = [
    // A problem, and twice a line of the configuration parser.
    ("src/daemon/run/configuration.rs", 3),
    // What the options of the user lack.
    ("src/daemon/run/mod.rs", 1),
    // The statistics.
    ("src/daemon/run/views.rs", 1),
    // The error of `Tap::open`, of which `run` logs the same with a retry.
    ("src/modules/taps/check.rs", 1),
    // The shortfalls of a tap, shared or not.
    ("src/modules/taps/opening.rs", 2),
];
