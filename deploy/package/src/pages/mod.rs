//! Man pages and completions of shells: all made from the command lines and the grammar, so that they
//! cannot differ from the programs.

mod completions;
mod configuration;
mod manual;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use flowmote::cli::Cli;

/// One of the two programs, with what its pages refer to.
pub(crate) struct Program {
    pub(crate) command: clap::Command,
    /// Of the manual: 8 for daemons of the administrator, 1 for programs of users.
    section: &'static str,
    files: &'static [(&'static str, &'static str)],
    see_also: &'static [&'static str],
}

/// A file that is generated: its name and its text.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

pub(crate) fn agent() -> Program {
    Program {
        command: Cli::command(),
        section: "8",
        files: &[
            ("/etc/flowmote.conf", "The configuration; see flowmote.conf(5)."),
            ("/etc/hsflowd.conf", "The configuration, if the file above does not exist."),
        ],
        see_also: &["flowmote.conf(5)", "flowmote-analyzer(1)"],
    }
}

pub(crate) fn analyzer() -> Program {
    Program {
        command: flowmote_analyzer::command(),
        section: "1",
        files: &[("/etc/flowmote-analyzer.conf", "Options of serve, one a line.")],
        see_also: &["flowmote(8)"],
    }
}

impl Program {
    /// The page of the program and one for each command, with their date, such as 2026-07-01.
    ///
    /// # Errors
    /// Never in practice: pages are written to memory.
    pub(crate) fn manual(&self, date: &str) -> Result<Vec<Page>> {
        manual::pages(self, date)
    }

    /// The scripts for bash, fish and zsh, under the name that each shell looks for.
    pub(crate) fn completions(&self) -> Vec<Page> {
        completions::scripts(&self.command)
    }
}

/// The page of the configuration file of the agent, flowmote.conf(5).
///
/// # Errors
/// As [`Program::manual`].
pub(crate) fn configuration(date: &str) -> Result<Page> {
    configuration::page(date)
}

/// Writes all pages and completions into a folder: `man`, `bash`, `fish`, `zsh`.
///
/// # Errors
/// A folder or file that cannot be written.
pub(crate) fn write(folder: &Path, date: &str) -> Result<()> {
    let mut manual = vec![configuration(date)?];
    for program in [agent(), analyzer()] {
        manual.extend(program.manual(date)?);
        for page in program.completions() {
            save(&folder.join(shell(&page.name)), &page)?;
        }
    }
    manual.iter().try_for_each(|page| save(&folder.join("man"), page))
}

/// The shell to which a completion belongs, by its name.
pub(crate) fn shell(name: &str) -> &'static str {
    match name {
        name if name.starts_with('_') => "zsh",
        name if name.ends_with(".fish") => "fish",
        _ => "bash",
    }
}

fn save(folder: &Path, page: &Page) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(&page.name);
    fs::write(&path, &page.text).with_context(|| format!("cannot write {}", path.display()))
}
