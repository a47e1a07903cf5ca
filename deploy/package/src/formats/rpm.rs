//! Packages for rpm, in version 4 of the format and compressed by gzip, so that rpm 4.11 (Amazon
//! Linux 2) reads them as well as rpm 4.20.

use anyhow::{Context, Result};
use rpm::{
    BuildConfig, CompressionType, Dependency, FileOptions, FileOptionsBuilder, PackageBuilder,
};

use super::{LICENCE, MAINTAINER, VERSION};
use crate::date::Date;
use crate::package::{File, Kind, Package};
use crate::scripts;

/// `flowmote-1.2.3-1.x86_64.rpm`.
pub(crate) fn file_name(package: &Package) -> String {
    format!("{}-{}.{}.rpm", package.name, package.version(), package.arch.name())
}

/// The bytes of the package.
///
/// # Errors
/// A text or a path that the format cannot hold.
pub(crate) fn write(package: &Package, date: Date) -> Result<Vec<u8>> {
    let config = BuildConfig::v4().compression(CompressionType::Gzip).source_date(date.seconds());
    let Package { name, summary, description, arch, .. } = package;
    let mut builder = PackageBuilder::new(name, VERSION, LICENCE, arch.name(), summary);
    builder
        .using_config(config)
        .release(package.release.to_string())
        .description(*description)
        .group("System Environment/Daemons")
        .packager(MAINTAINER)
        .build_host("localhost");
    for file in &package.files {
        builder.with_file_contents(file.bytes.clone(), options(file)?)?;
    }
    builder
        .with_dir_entry(FileOptions::dir(format!("/usr/share/doc/{name}")).permissions(0o755))?;
    let scripts = scripts::of_rpm(package);
    builder
        .post_install_script(scripts.post)
        .pre_uninstall_script(scripts.preun)
        .post_uninstall_script(scripts.postun)
        .add_changelog_entry(
            format!("{MAINTAINER} - {}", package.version()),
            format!("- Release {VERSION}; see /usr/share/doc/{name}/changelog.gz"),
            date.seconds(),
        );
    requirements(package).into_iter().for_each(|it| _ = builder.requires(it));
    let mut bytes = Vec::new();
    builder.build()?.write(&mut bytes)?;
    Ok(bytes)
}

fn options(file: &File) -> Result<FileOptionsBuilder> {
    let mode = u16::try_from(file.kind.mode()).context("a mode has 12 bits")?;
    let options = FileOptions::new(&*file.path).permissions(mode);
    Ok(match file.kind {
        Kind::Configuration => options.config().noreplace(),
        Kind::Document if file.path.ends_with("/copyright") => options.license().doc(),
        Kind::Document => options.doc(),
        Kind::Program | Kind::Other => options,
    })
}

/// Paths and names that all distributions have: the package of useradd is called otherwise on SUSE.
fn requirements(package: &Package) -> Vec<Dependency> {
    let mut list = vec![
        Dependency::script_post("/bin/sh"),
        Dependency::script_preun("/bin/sh"),
        Dependency::script_postun("/bin/sh"),
        Dependency::any("systemd"),
    ];
    if package.is_agent {
        list.push(Dependency::script_post("/usr/sbin/useradd"));
    }
    list
}
