//! Tests of whole files, one subject per file. Tests of a single block are in its file.

mod existing_files;
mod grammar;
mod mistakes;
mod properties;
mod settings;
mod syntax;

use super::Config;

/// Parses a file and returns the problems as displayed, one per line.
pub(in crate::config) fn problems(text: &str) -> String {
    let lines = Config::parse(text).diagnostics;
    lines.iter().map(|line| line.in_file("f").to_string()).collect::<Vec<_>>().join("\n")
}

/// Parses settings on line 2 of a file with a collector and returns the problems as displayed.
pub(in crate::config) fn inside(settings: &str) -> String {
    problems(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"))
}

/// Parses settings that have no problem.
pub(in crate::config) fn accepted(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics, [], "{settings}");
    parsed.config.unwrap()
}

/// Parses settings that have one warning.
pub(in crate::config) fn warned(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics.len(), 1, "{settings}");
    parsed.config.unwrap()
}

/// Asserts the problems of settings on line 2, as displayed.
pub(in crate::config) fn assert_lines(cases: &[(&str, &str)]) {
    for (settings, expected) in cases {
        assert_eq!(inside(settings), *expected, "{settings}");
    }
}
