//! Man pages and completions: they render without a warning, parse, and have what the programs have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowmote_lab::net::{flowmote, helper};
use flowmote_lab::packages::DATE;
use flowmote_lab::{skip, skip_part};
use tempfile::TempDir;

/// The folder with all pages.
fn pages() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = helper().with_file_name("flowmote-package");
    let mut command = Command::new(program);
    let status = command.args(["--date", DATE, "pages"]).arg(folder.path()).status();
    assert!(status.expect("flowmote-package").success());
    folder
}

/// The files of a folder by name, and that there are so many.
fn files(folder: &Path, count: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of pages");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() >= count, "{files:?}");
    files
}

/// What a checker prints about a file; `None` if there is no such checker here.
fn complaints(program: &str, arguments: &[&str], file: &Path) -> Option<String> {
    match Command::new(program).args(arguments).arg(file).output() {
        Ok(output) => {
            let streams = [&output.stdout[..], &output.stderr].concat();
            let text = String::from_utf8_lossy(&streams).into_owned();
            Some(if output.status.success() { text } else { format!("{}\n{text}", output.status) })
        }
        Err(error) => {
            skip_part(&format!("{program}: {error}"));
            None
        }
    }
}

#[test]
fn man_pages_render_without_a_warning() {
    let folder = pages();
    for page in files(&folder.path().join("man"), 10) {
        if let Some(text) = complaints("mandoc", &["-T", "lint", "-W", "warning"], &page) {
            assert_eq!(text, "", "{}", page.display());
        }
        // The page itself goes to standard output.
        let groff = ["-c", "groff -ww -z -man -T utf8 \"$0\""];
        if let Some(text) = complaints("sh", &groff, &page) {
            assert_eq!(text, "", "{}", page.display());
        }
    }
}

#[test]
fn completions_parse_in_their_shells() {
    let folder = pages();
    for shell in ["bash", "fish", "zsh"] {
        for script in files(&folder.path().join(shell), 2) {
            if let Some(text) = complaints(shell, &["-n"], &script) {
                assert_eq!(text, "", "{}", script.display());
            }
        }
    }
}

/// Commands and long options in the help of the program.
fn help(arguments: &[&str]) -> String {
    let output = Command::new(flowmote()).args(arguments).arg("--help").output();
    String::from_utf8(output.expect("the agent").stdout).expect("text")
}

#[test]
fn pages_and_completions_have_every_option_of_the_program() {
    let folder = pages();
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).expect("a page");
    let run = help(&["run"]);
    let options: Vec<&str> = run
        .split_whitespace()
        .map(|word| word.trim_end_matches([',', '.', ';', ':']))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    assert!(options.len() > 6, "{options:?}");
    let (page, bash) = (read("man/flowmote-run.8"), read("bash/flowmote"));
    for option in options {
        assert!(page.contains(&option.replace('-', "\\-")), "{option} is not in the page");
        assert!(bash.contains(option), "{option} is not in the completion");
    }
    assert!(page.contains(".TH flowmote-run 8 2026-07-01"), "{page}");
}

#[test]
fn page_of_the_configuration_has_every_setting_with_an_effect() {
    let folder = pages();
    let page = fs::read_to_string(folder.path().join("man/flowmote.conf.5")).expect("the page");
    let blocks = flowmote::config::blocks();
    let tokens = blocks.iter().flat_map(|block| &block.tokens);
    let supported: Vec<&str> =
        tokens.filter(|token| token.has_effect).map(|token| token.name).collect();
    assert!(supported.len() > 30, "{supported:?}");
    for name in supported {
        assert!(page.contains(&format!("\\fB{}", name.replace('-', "\\-"))), "{name}");
    }
    // Each name that is only accepted is in the list of those, and in it alone.
    assert!(page.contains("NAMES WITHOUT EFFECT") && !page.contains("\\fBsonic"), "{page}");
}

/// The pages can be found by the names that users type.
#[test]
fn man_finds_the_pages_by_name() {
    let folder = pages();
    let manual = folder.path().join("manual");
    for page in files(&folder.path().join("man"), 10) {
        let section = page.extension().expect("a section").to_string_lossy().into_owned();
        let target = manual.join(format!("man{section}"));
        fs::create_dir_all(&target).expect("a folder");
        fs::copy(&page, target.join(page.file_name().expect("a name"))).expect("a copy");
    }
    for (section, name) in [("8", "flowmote"), ("5", "flowmote.conf"), ("1", "flowmote-analyzer")] {
        let mut man = Command::new("man");
        let man = man.arg("-M").arg(&manual).args(["-P", "cat", section, name]);
        match man.output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(text.starts_with(&format!("{name}({section})")), "{text}{output:?}");
            }
            Err(error) => return skip(&format!("man: {error}")),
        }
    }
}
