//! Packages for dpkg: an `ar` archive of two `tar` archives, deb(5).
//!
//! Compressed by gzip, which every dpkg reads; dpkg before 1.21.18 (Debian 11) reads no zstd.

use core::fmt::Write as _;

use anyhow::Result;

use super::{MAINTAINER, VERSION};
use crate::date::Date;
use crate::formats::tar::Archive;
use crate::package::{File, Kind, Package, gzip};
use crate::scripts;

/// `flowmote_1.2.3-1_amd64.deb`.
pub(crate) fn file_name(package: &Package) -> String {
    format!("{}_{}_{}.deb", package.name, package.version(), package.arch.of_debian())
}

/// The bytes of the package.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(crate) fn write(package: &Package, date: Date) -> Result<Vec<u8>> {
    let files = [changelog(package, date)?, overrides(package)];
    let files: Vec<&File> = package.files.iter().chain(&files).collect();
    let parts: [(&str, Vec<u8>); 3] = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", control(package, &files, date)?),
        ("data.tar.gz", data(package, &files, date)?),
    ];
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in parts {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), u64::try_from(bytes.len())?);
        header.set_mtime(date.seconds().into());
        header.set_mode(0o100_644);
        archive.append(&header, bytes.as_slice())?;
    }
    Ok(archive.into_inner()?)
}

fn data(package: &Package, files: &[&File], date: Date) -> Result<Vec<u8>> {
    let mut archive = Archive::new(date);
    let mut folders = package.folders();
    folders.extend(["/usr/share/lintian", "/usr/share/lintian/overrides"].map(str::to_owned));
    for folder in folders {
        archive.folder(&format!(".{folder}/"))?;
    }
    for file in files {
        archive.file(&format!(".{}", file.path), file.kind.mode(), &file.bytes)?;
    }
    gzip(&archive.finish()?)
}

fn control(package: &Package, files: &[&File], date: Date) -> Result<Vec<u8>> {
    let configurations = files.iter().filter(|file| file.kind == Kind::Configuration);
    let conffiles: String = configurations.flat_map(|file| [&*file.path, "\n"]).collect();
    let mut sums = String::new();
    for file in files.iter().filter(|file| file.kind != Kind::Configuration) {
        let path = file.path.trim_start_matches('/');
        writeln!(sums, "{:x}  {path}", md5::compute(&file.bytes))?;
    }
    let mut archive = Archive::new(date);
    archive.file("./conffiles", 0o644, conffiles.as_bytes())?;
    archive.file("./control", 0o644, fields(package, files)?.as_bytes())?;
    archive.file("./md5sums", 0o644, sums.as_bytes())?;
    for (name, script) in scripts::of_debian(package) {
        archive.file(&format!("./{name}"), 0o755, script.as_bytes())?;
    }
    gzip(&archive.finish()?)
}

/// The fields of deb-control(5).
fn fields(package: &Package, files: &[&File]) -> Result<String> {
    let Package { name, summary, description, arch, .. } = package;
    let kilobytes: usize = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    let mut text = String::new();
    writeln!(
        text,
        "Package: {name}\nVersion: {}\nArchitecture: {}",
        package.version(),
        arch.of_debian()
    )?;
    writeln!(text, "Maintainer: {MAINTAINER}\nInstalled-Size: {kilobytes}")?;
    if package.is_agent {
        // For useradd, where systemd-sysusers is missing.
        writeln!(text, "Depends: passwd")?;
    }
    writeln!(text, "Section: net\nPriority: optional\nDescription: {summary}")?;
    description.lines().try_for_each(|line| writeln!(text, " {line}"))?;
    Ok(text)
}

/// The list of changes in the form of Debian, which names the list of the project.
fn changelog(package: &Package, date: Date) -> Result<File> {
    let name = package.name;
    let text = format!(
        "{name} ({}) stable; urgency=medium\n\n  \
         * Release {VERSION}; see /usr/share/doc/{name}/changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        package.version(),
        date.rfc2822()?
    );
    let path = format!("/usr/share/doc/{name}/changelog.Debian.gz");
    Ok(File { path, bytes: gzip(text.as_bytes())?, kind: Kind::Document })
}

fn overrides(package: &Package) -> File {
    let path = format!("/usr/share/lintian/overrides/{}", package.name);
    let text = OVERRIDES.replace("@PACKAGE@", package.name);
    File { path, bytes: text.into_bytes(), kind: Kind::Document }
}

const OVERRIDES: &str = include_str!("../../lintian-overrides");
