//! Rules for the manifests, module files and module borders of the project.

use std::collections::BTreeSet;

use flowmote_lab::toolchain::folder;
use flowmote_lab::tree::{File, files, files_under};

/// Panics with a line for each violation.
fn assert_none(violations: impl IntoIterator<Item = String>) {
    let violations: Vec<String> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Sections of a manifest: heading without brackets, and lines without comments.
fn sections(manifest: &File) -> Vec<(&str, Vec<&str>)> {
    let mut sections = vec![("", Vec::new())];
    for line in manifest.text.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.push((heading, Vec::new()));
        } else if !line.is_empty() && !line.starts_with('#') {
            sections.last_mut().expect("the first section").1.push(line);
        }
    }
    sections
}

#[test]
fn every_package_inherits_the_lints_of_its_workspace() {
    let inherits = |manifest: &File| {
        let sections = sections(manifest);
        let is_package = sections.iter().any(|(heading, _)| *heading == "package");
        !is_package || sections.contains(&("lints", vec!["workspace = true"]))
    };
    let manifests = files("Cargo.toml");
    assert!(manifests.len() > 8, "{} manifests", manifests.len());
    let missing = manifests.iter().filter(|manifest| !inherits(manifest));
    assert_none(missing.map(|manifest| format!("{}: no [lints] workspace = true", manifest.path)));
}

#[test]
fn all_workspaces_have_the_same_lints() {
    let manifests = files("Cargo.toml");
    let is_workspace =
        |manifest: &&File| sections(manifest).iter().any(|(heading, _)| *heading == "workspace");
    let lints = |manifest: &File| -> BTreeSet<String> {
        let tables = ["workspace.lints.rust", "workspace.lints.clippy"];
        let sections = sections(manifest).into_iter();
        let lints = sections.filter(|(heading, _)| tables.contains(heading));
        lints
            .flat_map(|(table, lines)| lines.into_iter().map(move |l| format!("{table} {l}")))
            .collect()
    };
    let root = manifests.iter().find(|manifest| manifest.path == "Cargo.toml").expect("the root");
    assert!(lints(root).len() > 8, "the lints of the root: {:?}", lints(root));
    let workspaces = manifests.iter().filter(is_workspace);
    let different = workspaces.filter(|workspace| lints(workspace) != lints(root));
    assert_none(different.map(|manifest| {
        let (ours, theirs) = (lints(root), lints(manifest));
        format!("{}: {:?}", manifest.path, ours.symmetric_difference(&theirs))
    }));
}

#[test]
fn versions_of_third_parties_are_only_in_workspace_dependencies() {
    let mut violations = Vec::new();
    for manifest in files("Cargo.toml") {
        for (heading, lines) in sections(&manifest) {
            if !heading.ends_with("dependencies") || heading == "workspace.dependencies" {
                continue;
            }
            let own = lines.iter().filter(|line| !line.contains("workspace = true"));
            let versioned = own.filter(|line| !line.contains("path = "));
            violations.extend(versioned.map(|line| format!("{}: {line}", manifest.path)));
        }
    }
    assert_none(violations);
}

#[test]
fn modules_with_children_are_mod_rs_and_have_no_path_attribute() {
    let sources = files(".rs");
    let beside = |file: &File| {
        let folder = format!("{}/", file.path.trim_end_matches(".rs"));
        sources.iter().any(|other| other.path.starts_with(&folder))
    };
    let twins = sources.iter().filter(|file| beside(file));
    assert_none(twins.map(|file| format!("{}: belongs into its folder as mod.rs", file.path)));
    let attribute = concat!("#[", "path");
    let redirected = sources.iter().filter(|file| file.text.contains(attribute));
    assert_none(redirected.map(|file| format!("{}: has {attribute} = …]", file.path)));
}

/// The identifiers in paths that begin with `crate::` or `super::`, one list for each path.
fn paths(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let starts = text.match_indices("crate::").chain(text.match_indices("super::"));
    starts.map(|(at, _)| {
        let path = &text[at..];
        // `use crate::{a, b::{c, d}};` ends at the semicolon, a path in an expression earlier.
        let end = path.find([';', '(', ')', ' ', '<', '>', ',', '\n']).unwrap_or(path.len());
        let is_group = path[..end].contains('{');
        let end = if is_group { path.find(';').unwrap_or(path.len()) } else { end };
        let words = path[..end].split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.filter(|word| !word.is_empty()).collect()
    })
}

#[test]
fn modules_of_the_agent_do_not_use_each_other_or_the_daemon() {
    let sources = files_under("platform-linux/src/modules", ".rs");
    let module_of = |file: &File| {
        let path = file.path.trim_start_matches("platform-linux/src/modules/").to_owned();
        path.split(['/', '.']).next().unwrap_or_default().to_owned()
    };
    let mut names: BTreeSet<String> = sources.iter().map(module_of).collect();
    // The seam that all modules implement.
    names.retain(|name| name != "mod" && name != "module");
    assert!(names.len() >= 3, "modules: {names:?}");
    let mut violations = Vec::new();
    for file in sources.iter().filter(|file| names.contains(&module_of(file))) {
        let own = module_of(file);
        for path in paths(&file.text) {
            let into_modules = path.contains(&"modules") || path[0] == "super";
            let foreign = |word: &&str| {
                *word == "daemon" || into_modules && *word != own && names.contains(*word)
            };
            if path.iter().any(foreign) {
                violations.push(format!("{}: {}", file.path, path.join("::")));
            }
        }
    }
    assert_none(violations);
}

#[test]
fn engine_has_no_socket_clock_thread_or_file() {
    const FORBIDDEN: [&str; 9] = [
        "UdpSocket",
        "TcpStream",
        "TcpListener",
        "std::thread",
        "std::fs",
        "std::process",
        "Instant::now",
        "SystemTime",
        "use flowmote_analyzer",
    ];
    let sources = files_under("analyzer/engine/src", ".rs");
    assert!(!sources.is_empty(), "no sources of the engine");
    let mut violations = Vec::new();
    for file in &sources {
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let found = FORBIDDEN.iter().filter(|word| code.contains(*word));
        violations.extend(found.map(|word| format!("{}: {word}", file.path)));
    }
    assert_none(violations);
    assert!(folder("analyzer/engine/src/lib.rs").exists(), "the root of the engine");
}

#[test]
fn every_test_program_is_listed_with_the_prefix_of_a_group() {
    // `tests/all` selects groups by these prefixes.
    const GROUPS: [&str; 7] =
        ["net_", "sim_", "decoder_", "firmware_", "image_", "package_", "docs_"];
    let manifests = files_under("tests", "Cargo.toml");
    let manifest = manifests.iter().find(|manifest| manifest.path == "tests/Cargo.toml");
    let manifest = &manifest.expect("tests/Cargo.toml").text;
    let mut violations = Vec::new();
    for subject in ["agent", "analyzer", "firmware", "package", "docs"] {
        for file in files_under(&format!("tests/{subject}"), ".rs") {
            let path = file.path.trim_start_matches("tests/");
            let is_program = path.matches('/').count() == 1 || path.ends_with("/main.rs");
            if is_program && !manifest.contains(&format!("path = \"{path}\"")) {
                violations
                    .push(format!("{}: not in tests/Cargo.toml, so it never runs", file.path));
            }
        }
    }
    let names = manifest.split("[[test]]\nname = \"").skip(1);
    let names = names.filter_map(|rest| rest.split('"').next());
    let strays = names.filter(|name| !GROUPS.iter().any(|group| name.starts_with(group)));
    violations.extend(strays.map(|name| format!("tests/Cargo.toml: {name} is in no group")));
    assert_none(violations);
}
