//! What is in the packages: `flowmote`, the agent, and `flowmote-analyzer`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::date::Date;
use crate::licences::Licences;
use crate::package::{File, Kind, Package, gzip};
use crate::pages::{self, Page, Program, shell};
use crate::program::{Arch, check};

const CHANGELOG: &str = include_str!("../../../CHANGELOG.md");

/// How a package is built: for which processor, of which programs, with which date.
pub(crate) struct Build<'a> {
    pub(crate) arch: Arch,
    /// The folder of the built programs.
    pub(crate) programs: &'a Path,
    pub(crate) licences: &'a Licences,
    /// The number of the package among those of one version.
    pub(crate) release: u32,
    pub(crate) date: Date,
}

/// Where things are, as far as distributions and the archive differ in it.
pub(crate) struct Places {
    /// `/usr` or `/usr/local`.
    pub(crate) prefix: &'static str,
    /// The folder of completions for zsh, below the prefix.
    pub(crate) zsh: &'static str,
}

impl Build<'_> {
    /// The package of the agent.
    ///
    /// # Errors
    /// A program is missing, not static or for another processor; no licences.
    pub(crate) fn agent(&self, places: &Places) -> Result<Package> {
        let mut files = self.files(&pages::agent(), "sbin", places)?;
        files.push(page(places, &pages::configuration(&self.date.day())?)?);
        files.push(text("/etc/flowmote.conf", CONFIGURATION, Kind::Configuration));
        files.push(unit(places, "flowmote", UNIT));
        files.push(text(
            &format!("{}/lib/sysusers.d/flowmote.conf", places.prefix),
            USER,
            Kind::Other,
        ));
        files.push(text(
            &format!("{}/lib/systemd/system-preset/80-flowmote.preset", places.prefix),
            PRESET,
            Kind::Other,
        ));
        Ok(self.package("flowmote", AGENT, true, files))
    }

    /// The package of the analyzer.
    ///
    /// # Errors
    /// As [`Self::agent`].
    pub(crate) fn analyzer(&self, places: &Places) -> Result<Package> {
        let mut files = self.files(&pages::analyzer(), "bin", places)?;
        files.push(text(
            "/etc/flowmote-analyzer.conf",
            ANALYZER_CONFIGURATION,
            Kind::Configuration,
        ));
        files.push(unit(places, "flowmote-analyzer", ANALYZER_UNIT));
        Ok(self.package("flowmote-analyzer", ANALYZER, false, files))
    }

    fn package(
        &self,
        name: &'static str,
        [summary, description]: [&'static str; 2],
        is_agent: bool,
        mut files: Vec<File>,
    ) -> Package {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Package {
            name,
            summary,
            description,
            arch: self.arch,
            release: self.release,
            is_agent,
            files,
        }
    }

    /// What both have: the program, its pages, its completions, licences and changes.
    fn files(&self, program: &Program, folder: &str, places: &Places) -> Result<Vec<File>> {
        let name = program.command.get_name();
        let built = self.programs.join(name);
        let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        check(&bytes, self.arch).with_context(|| built.display().to_string())?;
        let prefix = places.prefix;
        let path = format!("{prefix}/{folder}/{name}");
        let mut files = vec![File { path, bytes, kind: Kind::Program }];
        for manual in program.manual(&self.date.day())? {
            files.push(page(places, &manual)?);
        }
        files.extend(program.completions().into_iter().map(|script| completion(places, script)));
        let licences = self.licences.text(name)?;
        let documents = format!("{prefix}/share/doc/{name}");
        files.push(text(&format!("{documents}/copyright"), &licences, Kind::Document));
        let changes = gzip(CHANGELOG.as_bytes())?;
        files.push(File {
            path: format!("{documents}/changelog.gz"),
            bytes: changes,
            kind: Kind::Document,
        });
        Ok(files)
    }
}

fn text(path: &str, text: &str, kind: Kind) -> File {
    File { path: path.to_owned(), bytes: text.as_bytes().to_vec(), kind }
}

fn page(places: &Places, page: &Page) -> Result<File> {
    let section = page.name.rsplit('.').next().unwrap_or_default();
    let path = format!("{}/share/man/man{section}/{}.gz", places.prefix, page.name);
    Ok(File { path, bytes: gzip(&page.text)?, kind: Kind::Document })
}

fn completion(places: &Places, script: Page) -> File {
    let folder = match shell(&script.name) {
        "zsh" => places.zsh,
        "fish" => "share/fish/vendor_completions.d",
        _ => "share/bash-completion/completions",
    };
    let path = format!("{}/{folder}/{}", places.prefix, script.name);
    File { path, bytes: script.text, kind: Kind::Other }
}

/// The unit with the program where the package has it.
fn unit(places: &Places, name: &str, unit: &str) -> File {
    let unit = unit.replace("/usr/local", places.prefix);
    text(&format!("{}/lib/systemd/system/{name}.service", places.prefix), &unit, Kind::Other)
}

const CONFIGURATION: &str = include_str!("../../../platform-linux/flowmote.conf");
const UNIT: &str = include_str!("../../../platform-linux/dist/flowmote.service");
const ANALYZER_CONFIGURATION: &str =
    include_str!("../../../analyzer/collector/dist/flowmote-analyzer.conf");
const ANALYZER_UNIT: &str =
    include_str!("../../../analyzer/collector/dist/flowmote-analyzer.service");
const USER: &str = "u flowmote - \"Flowmote sFlow agent\" / -\n";
const PRESET: &str = "enable flowmote.service\n";

const AGENT: [&str; 2] = [
    "sFlow agent for Linux hosts",
    "Flowmote samples packets on network interfaces, polls the counters of\n\
     interfaces and host, and sends both to sFlow collectors. It reads the\n\
     configuration file of the Host sFlow agent (hsflowd), which it replaces.\n\
     The program is static and runs without root.",
];
const ANALYZER: [&str; 2] = [
    "sFlow collector with live views and an HTTP interface",
    "Receives sFlow version 5 from agents such as Flowmote and from switches.\n\
     Prints and converts datagrams, forwards them, shows traffic live in a\n\
     terminal, and serves flows, metrics and events over HTTP.",
];
