//! A package, independent of its format: names, texts and files.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};

use crate::formats::VERSION;
use crate::program::Arch;

/// A package.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// Lines of at most 75 characters.
    pub(crate) description: &'static str,
    pub(crate) arch: Arch,
    /// The number of the package among those of one version of the programs.
    pub(crate) release: u32,
    /// The agent has a system user and starts with the machine from its installation on; the analyzer,
    /// which opens ports, does neither.
    pub(crate) is_agent: bool,
    /// Sorted by path.
    pub(crate) files: Vec<File>,
}

/// A file that a package installs.
pub(crate) struct File {
    /// Absolute.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
}

/// The purpose of a file, which decides on its mode and on what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Program,
    /// An upgrade keeps what the administrator has changed in it.
    Configuration,
    /// A page of the manual or another text.
    Document,
    Other,
}

impl Kind {
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Program => 0o755,
            _ => 0o644,
        }
    }
}

impl Package {
    /// `1.2.3-1`.
    pub(crate) fn version(&self) -> String {
        format!("{VERSION}-{}", self.release)
    }

    pub(crate) fn unit(&self) -> String {
        format!("{}.service", self.name)
    }

    /// The folders that only this package has files in, with all folders above them: those of the
    /// system are in none of its packages.
    pub(crate) fn folders(&self) -> Vec<String> {
        let mut folders = Vec::new();
        for file in &self.files {
            let mut rest = file.path.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/').filter(|(it, _)| !it.is_empty()) {
                folders.push(folder.to_owned());
                rest = folder;
            }
        }
        folders.sort();
        folders.dedup();
        folders
    }
}

/// The bytes of a gzip file, without a time or a name, so that the same text is the same file.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}
