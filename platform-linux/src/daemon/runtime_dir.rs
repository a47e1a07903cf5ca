//! The directory for what exists only while the agent runs: the published settings, sockets.
//!
//! After the start the agent is an unprivileged user, which may create files in no directory of the
//! system. So it gets one of its own while the process is still root.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, UnlinkatFlags, fchown, unlinkat};

use crate::daemon::user::User;

/// The runtime directory of this agent. One agent at a time has it: others on the host get an error,
/// so that they neither replace nor remove its files.
#[derive(Debug)]
pub(super) struct RuntimeDirectory {
    /// Every operation is relative to it, so that the path is followed only once.
    directory: Flock<File>,
    path: PathBuf,
}

/// Why there is no runtime directory.
#[derive(Debug)]
pub(super) struct Unavailable {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Io(io::Error),
    /// Another agent holds it.
    InUse,
    /// Its mode lets others than the owner write.
    WritableByOthers,
    /// It belongs to another user than the agent's.
    OwnedBy(Uid),
}

impl RuntimeDirectory {
    /// The path: the first of `$RUNTIME_DIRECTORY`, which systemd sets (systemd.exec(5)), else
    /// [`DEFAULT_PATH`].
    pub(super) fn expected_path() -> PathBuf {
        let of_unit =
            env::var_os("RUNTIME_DIRECTORY").and_then(|list| env::split_paths(&list).next());
        of_unit.filter(|path| path.is_absolute()).unwrap_or_else(|| DEFAULT_PATH.into())
    }

    /// Opens the directory, creates it if it is missing, and gives it to `user`. To be called before
    /// privileges are dropped.
    ///
    /// # Errors
    /// Another agent uses it, an unprivileged agent may not create it, or it is not safe: a symbolic
    /// link, the directory of another user, or one that others may write to.
    pub(super) fn open(user: &User) -> Result<Self, Unavailable> {
        Self::open_at(Self::expected_path(), user)
    }

    /// A directory for a test.
    #[cfg(test)]
    pub(super) fn for_test(path: PathBuf) -> Self {
        let own = Uid::effective().to_string();
        Self::open_at(path, &User::find(Some(&own)).unwrap()).unwrap()
    }

    fn open_at(path: PathBuf, user: &User) -> Result<Self, Unavailable> {
        match Self::try_open(&path, user) {
            Ok(directory) => Ok(Self { directory, path }),
            Err(why) => Err(Unavailable { path, why }),
        }
    }

    fn try_open(path: &Path, user: &User) -> Result<Flock<File>, Why> {
        // Not readable to others, so that they cannot hold the lock either.
        let is_new = match DirBuilder::new().mode(0o711).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            created => created.map(|()| true)?,
        };
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let directory = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if is_new {
            // The umask may have removed it.
            fchmod(&directory, Mode::from_bits_truncate(0o711)).map_err(io::Error::from)?;
        }
        take_over(&directory, is_new || path == Path::new(DEFAULT_PATH), user)?;
        Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => Why::InUse,
            errno => Why::Io(errno.into()),
        })
    }

    /// The path of the directory, to bind a socket in it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces a file by one with this content that all users may read. A reader finds the old or
    /// the new content, never a part. What has this name before, even a symbolic link, is neither
    /// followed nor written to.
    ///
    /// May block. To be called after privileges were dropped, so that the file belongs to the user.
    ///
    /// # Errors
    /// ENOSPC and EDQUOT: the file system is full. EACCES, EROFS. EISDIR: a directory has this name.
    pub(super) fn replace(&self, name: &str, content: &str) -> io::Result<()> {
        let temporary = format!(".{name}.new");
        // Left behind by an agent that was killed, or planted: never opened.
        self.remove(&temporary)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let flags = flags | OFlag::O_CLOEXEC;
        let written = openat(&*self.directory, temporary.as_str(), flags, Mode::empty())
            .map_err(io::Error::from)
            .and_then(|file| {
                let mut file = File::from(file);
                file.write_all(content.as_bytes())?;
                // Only now, and whatever the umask is.
                Ok(fchmod(&file, Mode::from_bits_truncate(0o644))?)
            })
            .and_then(|()| {
                let directory = &*self.directory;
                Ok(renameat(directory, temporary.as_str(), directory, name)?)
            });
        if written.is_err() {
            let _ = self.remove(&temporary);
        }
        written
    }

    /// Removes a file or a socket; one that does not exist is no error. May block.
    ///
    /// # Errors
    /// EACCES, EROFS. EISDIR: it is a directory.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&*self.directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Checks that only root and the user of the agent may change the directory. If it is the agent's
/// `own`, root gives it to the user. One that an administrator named, perhaps by mistake as `/etc`,
/// keeps its owner.
fn take_over(directory: &File, own: bool, user: &User) -> Result<(), Why> {
    let metadata = directory.metadata()?;
    if metadata.mode() & 0o022 != 0 {
        return Err(Why::WritableByOthers);
    }
    let (owner, is_root) = (Uid::from_raw(metadata.uid()), Uid::effective().is_root());
    if is_root && own {
        // An error shows when the first file is written: in a user namespace without this user.
        let _ = fchown(directory, Some(user.uid), Some(user.gid));
    } else if owner != Uid::effective() && !(is_root && owner == user.uid) {
        return Err(Why::OwnedBy(owner));
    }
    Ok(())
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.why {
            Why::Io(error) => write!(f, "{error}"),
            Why::InUse => f.write_str("another agent uses it"),
            Why::WritableByOthers => f.write_str("not used, because others may write to it"),
            Why::OwnedBy(uid) => write!(f, "not used, because it belongs to uid {uid}"),
        }
    }
}

/// Below `/run`, which is empty after a boot. The systemd unit has systemd make it
/// (`RuntimeDirectory=flowmote`).
pub(super) const DEFAULT_PATH: &str = "/run/flowmote";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A directory for one test, deleted at its end.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let path = env::temp_dir().join(format!("flowmote-{test}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("run")
        }

        fn open(&self) -> Result<RuntimeDirectory, Unavailable> {
            let own = Uid::effective().to_string();
            RuntimeDirectory::open_at(self.path(), &User::find(Some(&own)).unwrap())
        }

        fn refusal(&self) -> String {
            self.open().unwrap_err().to_string().rsplit_once(": ").unwrap().1.to_owned()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn file_is_replaced_and_readable_to_all() {
        let place = Place::new("replace");
        let directory = place.open().unwrap();
        assert_eq!((mode(&place.path()), directory.path()), (0o711, place.path().as_path()));
        for content in ["a=1\n", "a=2\nb=3\n", ""] {
            directory.replace("settings", content).unwrap();
            let path = place.path().join("settings");
            assert_eq!(
                (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
                (content, 0o644)
            );
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "no temporary file is left");
        directory.remove("settings").unwrap();
        directory.remove("settings").unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_in_the_directory_are_not_followed() {
        let place = Place::new("links");
        let (victim, missing) = (place.0.join("victim"), place.0.join("missing"));
        fs::write(&victim, "precious").unwrap();
        let directory = place.open().unwrap();
        for target in [&victim, &missing] {
            for name in ["settings", ".settings.new"] {
                let _ = fs::remove_file(place.path().join(name));
                symlink(target, place.path().join(name)).unwrap();
            }
            directory.replace("settings", "a=1\n").unwrap();
            assert!(place.path().join("settings").symlink_metadata().unwrap().is_file());
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!missing.exists());
        fs::remove_file(place.path().join("settings")).unwrap();
        fs::create_dir(place.path().join("settings")).unwrap();
        assert!(directory.replace("settings", "a=1\n").is_err());
        assert!(directory.remove("settings").is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn one_agent_at_a_time_has_the_directory() {
        let place = Place::new("lock");
        let first = place.open().unwrap();
        assert_eq!(place.refusal(), "another agent uses it");
        drop(first);
        place.open().unwrap();
    }

    #[test]
    fn unsafe_directory_is_refused() {
        let place = Place::new("unsafe");
        symlink("/etc", place.path()).unwrap();
        assert!(place.refusal().starts_with("Not a directory"), "O_NOFOLLOW");
        fs::remove_file(place.path()).unwrap();
        fs::create_dir(place.path()).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(place.refusal(), "not used, because others may write to it");
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        place.open().unwrap();
        if Uid::effective().is_root() {
            std::os::unix::fs::chown(place.path(), Some(12345), None).unwrap();
            assert_eq!(place.refusal(), "not used, because it belongs to uid 12345");
        }
    }
}
