//! `/etc/hsflowd.auto`, where other programs look for the settings: a symbolic link to the file in
//! the runtime directory.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The place where other programs look for the settings (`--auto`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AutoLink {
    /// `/etc/hsflowd.auto`, unless `$RUNTIME_DIRECTORY` names another directory than
    /// `/run/flowmote`: then the file is in that directory only.
    #[default]
    Usual,
    /// This path.
    At(PathBuf),
    /// No settings are published.
    Off,
}

/// What is at the path of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A link to our file, whether or not the file exists.
    Ours,
    /// A link to a file that does not exist.
    Dangling,
    /// A file, a directory, or a link to another file that exists: of hsflowd, for example.
    Foreign,
}

impl FromStr for AutoLink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Path::new(text) {
            _ if text == "off" => Ok(Self::Off),
            path if path.is_absolute() => Ok(Self::At(path.to_owned())),
            _ => Err("neither an absolute path nor off".to_owned()),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "does not exist",
            Self::Ours => "links to it",
            Self::Dangling => "links to a file that does not exist",
            Self::Foreign => "belongs to another program; if that no longer runs, remove the file",
        })
    }
}

pub(super) fn examine(path: &Path, target: &Path) -> io::Result<Found> {
    match fs::read_link(path) {
        Ok(found) if found == target => Ok(Found::Ours),
        Ok(_) if path.exists() => Ok(Found::Foreign),
        Ok(_) => Ok(Found::Dangling),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        // EINVAL: not a symbolic link.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(Found::Foreign),
        Err(error) => Err(error),
    }
}

/// Makes `path` a link to `target`, unless a file of another program is there.
///
/// # Errors
/// Nothing was changed: EACCES and EROFS for an unprivileged agent, or a foreign file.
pub(super) fn establish(path: &Path, target: &Path) -> io::Result<()> {
    match examine(path, target)? {
        Found::Ours => Ok(()),
        // Fails if something was put there since.
        Found::Nothing => symlink(target, path),
        Found::Dangling => {
            fs::remove_file(path)?;
            symlink(target, path)
        }
        found @ Found::Foreign => Err(io::Error::new(ErrorKind::AlreadyExists, found.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_replaces_nothing_but_a_dangling_link() {
        let directory = std::env::temp_dir().join(format!("flowmote-link-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let (path, target) = (directory.join("link"), directory.join("settings"));
        let link = || (establish(&path, &target).is_ok(), examine(&path, &target).unwrap());
        assert_eq!(examine(&path, &target).unwrap(), Found::Nothing);
        assert_eq!(link(), (true, Found::Ours));
        assert_eq!(link(), (true, Found::Ours), "although there is no file yet");
        fs::remove_file(&path).unwrap();
        symlink("/nonexistent/settings", &path).unwrap();
        assert_eq!(examine(&path, &target).unwrap(), Found::Dangling);
        assert_eq!(link(), (true, Found::Ours));
        fs::remove_file(&path).unwrap();
        let other = directory.join("other");
        fs::write(&other, "of another program").unwrap();
        symlink(&other, &path).unwrap();
        assert_eq!(link(), (false, Found::Foreign));
        fs::remove_file(&path).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(link(), (false, Found::Foreign));
        assert_eq!(fs::read_to_string(&path).unwrap(), "of another program");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn option_is_a_path_or_off() {
        assert_eq!("off".parse(), Ok(AutoLink::Off));
        assert_eq!("/etc/x".parse(), Ok(AutoLink::At("/etc/x".into())));
        assert!("x".parse::<AutoLink>().is_err() && "".parse::<AutoLink>().is_err());
    }
}
