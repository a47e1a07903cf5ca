//! The file `copyright` of a package: the licence of Flowmote, and those of everything that its
//! programs contain.

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};

const MIT: &str = include_str!("../../../LICENSE-MIT");

/// What every program contains besides crates. The text of both is that of the MIT licence.
const LINKED: &str = "\
Rust standard library (MIT OR Apache-2.0)
    Copyright (c) The Rust Project Developers, https://thanks.rust-lang.org
musl libc (MIT)
    Copyright (c) 2005-2020 Rich Felker, et al.
";

/// The crates of this workspace, as far as they are built for one processor.
pub(crate) struct Licences(Metadata);

impl Licences {
    /// Asks cargo for them.
    ///
    /// # Errors
    /// `cargo metadata` fails.
    pub(crate) fn read(target: &str) -> Result<Self> {
        let options = vec!["--locked".to_owned(), format!("--filter-platform={target}")];
        Ok(Self(MetadataCommand::new().other_options(options).exec()?))
    }

    /// The text for the program that a package of this workspace builds.
    ///
    /// # Errors
    /// A crate has no licence, or its files cannot be read.
    pub(crate) fn text(&self, program: &str) -> Result<String> {
        let mut list = String::new();
        let mut texts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for package in linked(&self.0, program)? {
            let Package { name, version, license, .. } = package;
            let licence = license.as_deref().with_context(|| format!("{name} has no licence"))?;
            writeln!(list, "{name} {version} ({licence})")?;
            for text in licence_texts(package)? {
                texts.entry(text).or_default().insert(name);
            }
        }
        let mut all = format!(
            "Flowmote: MIT OR Apache-2.0, at your option. The Apache License 2.0 is at\n\
             https://www.apache.org/licenses/LICENSE-2.0, on Debian in\n\
             /usr/share/common-licenses/Apache-2.0.\n\n{MIT}\n\
             The program {program} also contains:\n\n{LINKED}{list}"
        );
        for (text, names) in texts {
            let names: Vec<&str> = names.into_iter().collect();
            write!(all, "\n==== {}\n\n{text}\n", names.join(", "))?;
        }
        Ok(all)
    }
}

/// The crates of others in a program: its dependencies without those of the build, and without
/// macros, which leave no code of their own.
fn linked<'a>(metadata: &'a Metadata, program: &str) -> Result<Vec<&'a Package>> {
    let root = metadata.workspace_packages().into_iter().find(|it| *it.name == program);
    let root = root.with_context(|| format!("no package {program}"))?;
    let resolved = metadata.resolve.as_ref().context("cargo metadata has no graph")?;
    let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
    let mut waiting = vec![&root.id];
    while let Some(id) = waiting.pop() {
        let is_macro = metadata[id].targets.iter().any(|it| it.is_kind(TargetKind::ProcMacro));
        if is_macro || !seen.insert(id) {
            continue;
        }
        let node = resolved.nodes.iter().find(|node| node.id == *id).context("not in the graph")?;
        let normal = node.deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|it| it.kind == DependencyKind::Normal)
        });
        waiting.extend(normal.map(|dependency| &dependency.pkg));
    }
    let mut crates: Vec<&Package> = seen.into_iter().map(|id| &metadata[id]).collect();
    crates.retain(|package| package.source.is_some());
    crates.sort_by(|a, b| (&*a.name, &a.version).cmp(&(&*b.name, &b.version)));
    Ok(crates)
}

/// The licence files of a crate. Where there is a choice, those of the MIT licence alone.
fn licence_texts(package: &Package) -> Result<Vec<String>> {
    let folder = package.manifest_path.parent().context("a manifest without a folder")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {folder}"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            files.push((name, path));
        }
    }
    files.sort();
    let expression = package.license.as_deref().unwrap_or_default();
    let is_choice = expression.contains(" OR ") || expression.contains('/');
    if is_choice && files.iter().any(|(name, _)| name.contains("MIT")) {
        files.retain(|(name, _)| !OTHERS.iter().any(|other| name.contains(other)));
    }
    let read = |(_, path): (String, PathBuf)| Ok(plain(&String::from_utf8_lossy(&fs::read(path)?)));
    files.into_iter().map(read).collect()
}

/// With ends of lines as everywhere, so that equal texts are one.
fn plain(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
}

const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];
/// Those that are not needed beside the MIT licence.
const OTHERS: [&str; 4] = ["APACHE", "COPYING", "UNLICENSE", "ZLIB"];
