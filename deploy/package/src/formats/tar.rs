//! The archive for systems without dpkg and rpm, with a script that installs what is in it; and the
//! `tar` archives inside of a Debian package.

use anyhow::Result;
use tar::{Builder, EntryType, Header};

use super::VERSION;
use crate::date::Date;
use crate::package::{File, Package, gzip};
use crate::program::Arch;

const INSTALL: &str = include_str!("../../scripts/install.sh");
const LICENCES: [(&str, &str); 2] = [
    ("LICENSE-MIT", include_str!("../../../../LICENSE-MIT")),
    ("LICENSE-APACHE", include_str!("../../../../LICENSE-APACHE")),
];

/// The name of the archive without its ending, which is that of the folder in it.
pub(crate) fn name(arch: Arch) -> String {
    format!("flowmote-{VERSION}-{}", arch.name())
}

/// The bytes of the archive: below `files/`, what the packages have.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(crate) fn write(packages: &[Package], arch: Arch, date: Date) -> Result<Vec<u8>> {
    let top = name(arch);
    let mut archive = Archive::new(date);
    archive.folder(&format!("{top}/"))?;
    archive.file(&format!("{top}/install.sh"), 0o755, INSTALL.as_bytes())?;
    for (name, text) in LICENCES {
        archive.file(&format!("{top}/{name}"), 0o644, text.as_bytes())?;
    }
    for File { path, bytes, kind } in packages.iter().flat_map(|package| &package.files) {
        archive.file(&format!("{top}/files{path}"), kind.mode(), bytes)?;
    }
    gzip(&archive.finish()?)
}

/// An archive of files that belong to root.
pub(crate) struct Archive {
    builder: Builder<Vec<u8>>,
    date: Date,
}

impl Archive {
    pub(crate) fn new(date: Date) -> Self {
        Self { builder: Builder::new(Vec::new()), date }
    }

    pub(crate) fn folder(&mut self, path: &str) -> Result<()> {
        self.add(path, EntryType::Directory, 0o755, &[])
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        self.add(path, EntryType::Regular, mode, bytes)
    }

    /// Gives the next file capabilities: an extended attribute, as in the archives of images.
    pub(crate) fn capabilities(&mut self, capabilities: &[u8]) -> Result<()> {
        let name = "SCHILY.xattr.security.capability";
        Ok(self.builder.append_pax_extensions([(name, capabilities)])?)
    }

    fn add(&mut self, path: &str, kind: EntryType, mode: u32, bytes: &[u8]) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mtime(self.date.seconds().into());
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        // `Builder` would remove the `./` that dpkg has.
        header.as_gnu_mut().map(|gnu| set_path(&mut gnu.name, path)).transpose()?;
        header.set_cksum();
        Ok(self.builder.append(&header, bytes)?)
    }

    /// The bytes of the archive.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.builder.into_inner()?)
    }
}

fn set_path(field: &mut [u8; 100], path: &str) -> Result<()> {
    let field = field.get_mut(..path.len());
    field
        .ok_or_else(|| anyhow::anyhow!("{path}: longer than 100"))?
        .copy_from_slice(path.as_bytes());
    Ok(())
}
