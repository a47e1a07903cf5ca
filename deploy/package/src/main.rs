//! `flowmote-package`: man pages, completions and packages, made of programs that are built already.

mod contents;
mod date;
mod formats;
mod licences;
mod package;
mod pages;
mod program;
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::contents::{Build, Places};
use crate::date::Date;
use crate::formats::{deb, oci, rpm, tar};
use crate::licences::Licences;
use crate::package::Package;
use crate::program::Arch;

#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Date of everything that is made, in seconds since 1970
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    date: Date,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write man pages and completions of shells into a folder
    Pages { folder: PathBuf },
    /// Make packages of programs that are built
    Build(BuildArguments),
}

#[derive(Debug, Args)]
struct BuildArguments {
    /// Formats
    #[arg(required = true)]
    formats: Vec<Format>,
    /// Processor of the programs
    #[arg(long)]
    arch: Arch,
    /// Folder of the built programs
    #[arg(long, value_name = "FOLDER")]
    programs: PathBuf,
    /// Number of the package among those of one version, larger for a later one
    #[arg(long, value_name = "N", default_value_t = 1)]
    release: u32,
    /// Folder of the packages
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Deb,
    Rpm,
    Tar,
    /// An image for containers, of the agent
    Oci,
}

fn main() -> Result<()> {
    let Arguments { date, command } = Arguments::parse();
    match command {
        Command::Pages { folder } => pages::write(&folder, &date.day()),
        Command::Build(arguments) => arguments.run(date),
    }
}

impl BuildArguments {
    fn run(&self, date: Date) -> Result<()> {
        let licences = Licences::read(&self.arch.target())?;
        let build = Build {
            arch: self.arch,
            programs: &self.programs,
            licences: &licences,
            release: self.release,
            date,
        };
        let output = &self.output;
        fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
        self.formats.iter().try_for_each(|format| format.write(&build, output))
    }
}

impl Format {
    fn write(self, build: &Build<'_>, output: &Path) -> Result<()> {
        let places = self.places();
        let packages = [build.agent(&places)?, build.analyzer(&places)?];
        let Build { arch, date, .. } = *build;
        match self {
            Self::Deb => each(&packages, output, deb::file_name, |it| deb::write(it, date)),
            Self::Rpm => each(&packages, output, rpm::file_name, |it| rpm::write(it, date)),
            Self::Oci => save(output, &oci::file_name(arch), &oci::write(&packages[0], date)?),
            Self::Tar => {
                let bytes = tar::write(&packages, arch, date)?;
                save(output, &format!("{}.tar.gz", tar::name(arch)), &bytes)
            }
        }
    }

    fn places(self) -> Places {
        match self {
            Self::Deb => Places { prefix: "/usr", zsh: "share/zsh/vendor-completions" },
            Self::Rpm | Self::Oci => Places { prefix: "/usr", zsh: "share/zsh/site-functions" },
            Self::Tar => Places { prefix: "/usr/local", zsh: "share/zsh/site-functions" },
        }
    }
}

/// Writes a file for each package.
fn each(
    packages: &[Package],
    output: &Path,
    name: impl Fn(&Package) -> String,
    write: impl Fn(&Package) -> Result<Vec<u8>>,
) -> Result<()> {
    packages.iter().try_for_each(|package| save(output, &name(package), &write(package)?))
}

fn save(output: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = output.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
