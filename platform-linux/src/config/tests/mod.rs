//! Whole files, one subject per file. The tests of a single block are beside it in `block/`.

mod existing_files;
mod grammar;
mod mistakes;
mod properties;
mod settings;
mod syntax;

use super::Config;

/// All problems, one a line, as a user sees them.
pub(in crate::config) fn problems(text: &str) -> String {
    let lines = Config::parse(text).diagnostics;
    lines.iter().map(|line| line.in_file("f").to_string()).collect::<Vec<_>>().join("\n")
}

/// The problems of settings in the sflow block, on line 2, beside a good collector.
pub(in crate::config) fn inside(settings: &str) -> String {
    problems(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"))
}

/// The configuration of settings that have no problem.
pub(in crate::config) fn accepted(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics, [], "{settings}");
    parsed.config.unwrap()
}

/// Settings whose only problem is one warning.
pub(in crate::config) fn warned(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics.len(), 1, "{settings}");
    parsed.config.unwrap()
}

/// Asserts the problems of settings in the sflow block, on line 2.
pub(in crate::config) fn assert_lines(cases: &[(&str, &str)]) {
    for (settings, expected) in cases {
        assert_eq!(inside(settings), *expected, "{settings}");
    }
}
