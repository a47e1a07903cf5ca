//! Rules for the manifests of the project.

use std::collections::BTreeSet;

use flowmote_lab::tree::{File, files};

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
