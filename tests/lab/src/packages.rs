//! Packages of the programs under test, made by `flowmote-package`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, fs};

use crate::net::program;
use crate::skipped::skip;
use crate::toolchain::target_directory;

/// Packages of the static programs, with the release numbers 1 and 2. The tests of a program share
/// them.
#[derive(Debug)]
pub struct Packages {
    folder: PathBuf,
    programs: PathBuf,
}

impl Packages {
    /// Packages in some formats: `deb`, `rpm`, `tar`. Where the static programs have not been built it
    /// records the test as skipped and returns `None`.
    ///
    /// # Panics
    /// If they cannot be made.
    #[must_use]
    pub fn of(formats: &[&str]) -> Option<Self> {
        static MADE: Once = Once::new();
        let Some(programs) = static_programs() else {
            skip("no static programs: build them by tests/all package");
            return None;
        };
        // Named by the test program; made anew in each of its runs.
        let test = env::current_exe().expect("the path of this test");
        let name = test.file_name().expect("a name");
        let folder = target_directory("").join("tmp/packages").join(name);
        let packages = Self { folder, programs };
        MADE.call_once(|| {
            let _ = fs::remove_dir_all(&packages.folder);
            ["1", "2"].iter().for_each(|release| packages.make(formats, release));
        });
        Some(packages)
    }

    /// Makes the packages with one number of their release, also those that are there.
    ///
    /// # Panics
    /// If they cannot be made.
    pub fn make(&self, formats: &[&str], release: &str) {
        let mut command = Command::new(program("flowmote-package"));
        command.args(["--date", DATE, "build", "--release", release, "--arch", env::consts::ARCH]);
        command.args(formats).arg("--programs").arg(&self.programs);
        let output = command.arg("--output").arg(&self.folder).output().expect("flowmote-package");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The folder that holds them.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The packages whose names contain a text, sorted.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let has = |path: &PathBuf| path.to_string_lossy().contains(part);
        let mut files: Vec<PathBuf> = paths.filter(has).collect();
        files.sort();
        assert!(!files.is_empty(), "no package with {part}");
        files
    }
}

/// The folder of the static programs that the virtual machines also use, if they are built; below
/// that named by FLOWMOTE_STATIC.
#[must_use]
pub fn static_programs() -> Option<PathBuf> {
    let triple = format!("{}-unknown-linux-musl", env::consts::ARCH);
    let built = || target_directory("").join("kernels/build");
    let built = env::var_os("FLOWMOTE_STATIC").map_or_else(built, PathBuf::from);
    let folder = built.join(triple).join("release");
    folder.join("flowmote-analyzer").exists().then_some(folder)
}

/// 1 July 2026, 08:30 UTC.
pub const DATE: &str = "1782894600";
