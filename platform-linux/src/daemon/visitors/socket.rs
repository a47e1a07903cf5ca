//! The status socket: a file that belongs to one agent at a time.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::unistd::{Gid, Uid, chown};

use crate::status::GROUP;

/// The name of the socket in the file system. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode, so that a socket of another agent is never removed.
    identity: (u64, u64),
    /// Held as long as the agent runs, unless the directory is locked. The kernel releases it after a
    /// crash, and what is left then is a socket that another agent may replace.
    _lock: Option<Flock<File>>,
}

impl SocketFile {
    /// Creates the socket, in place of one that an ended agent left. Members of the group `flowmote`
    /// may connect, if there is such a group, besides root and the user of this process. The caller
    /// holds a lock of the directory if it `is_locked`.
    ///
    /// # Errors
    /// `AddrInUse`: a running agent has it, or the file is no socket. Those of bind(2) and flock(2).
    pub(super) fn bind(path: &Path, is_locked: bool) -> io::Result<(UnixListener, Self)> {
        let lock = if is_locked { None } else { Some(lock(path)?) };
        remove_left_over(path)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
        if Uid::effective().is_root()
            && let Some(group) = group(&fs::read_to_string("/etc/group").unwrap_or_default())
        {
            chown(path, None, Some(group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(0o660))?;
        // Only now: without listen(2) no client can connect, whatever the umask was.
        listen(&socket, Backlog::new(WAITING)?)?;
        let identity = identity(path)?;
        Ok((socket.into(), Self { path: path.to_owned(), identity, _lock: lock }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // EACCES: the user has no right to the directory. The next agent replaces the socket.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Locks a file beside the socket. It stays: if it were removed, two agents could hold locks of two
/// files of the same name.
fn lock(socket: &Path) -> io::Result<Flock<File>> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    let mut options = OpenOptions::new();
    // Not following links: the directory may be one that others can write to.
    options.write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    Flock::lock(options.open(path)?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        match errno {
            nix::errno::Errno::EWOULDBLOCK => in_use("another agent has this socket"),
            errno => errno.into(),
        }
    })
}

fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(in_use("there is another file of this name")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn in_use(why: &str) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why)
}

/// The group whose members may connect, by group(5).
fn group(text: &str) -> Option<Gid> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(GROUP)).then_some(())?;
        fields.nth(1)?.parse().ok().map(Gid::from_raw)
    })
}

/// Clients that wait for one of the places.
const WAITING: i32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("flowmote-socket-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn second_agent_does_not_take_the_socket_of_the_first() {
        let directory = Directory::new("second");
        let path = directory.0.join("status.sock");
        let (_listener, file) = SocketFile::bind(&path, false).unwrap();
        let error = SocketFile::bind(&path, false).unwrap_err();
        assert_eq!(error.to_string(), "another agent has this socket");
        UnixStream::connect(&path).unwrap();
        drop(file);
        assert!(!path.exists());
        SocketFile::bind(&path, false).unwrap();
    }

    #[test]
    fn socket_of_a_crashed_agent_is_replaced() {
        let directory = Directory::new("crash");
        let path = directory.0.join("status.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_listener, _file) = SocketFile::bind(&path, false).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o660);
    }

    #[test]
    fn file_that_is_no_socket_stays() {
        let directory = Directory::new("file");
        let path = directory.0.join("flowmote.conf");
        fs::write(&path, "sflow").unwrap();
        let error = SocketFile::bind(&path, false).unwrap_err();
        assert_eq!(error.to_string(), "there is another file of this name");
        assert_eq!(fs::read_to_string(&path).unwrap(), "sflow");
    }

    #[test]
    fn socket_that_is_no_longer_the_own_one_stays() {
        let directory = Directory::new("own");
        let path = directory.0.join("status.sock");
        let (_listener, file) = SocketFile::bind(&path, false).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn group_is_found_by_its_whole_name() {
        let text = "root:x:0:\nflow:x:1:\nflowmotes:x:2:\nflowmote:x:997:alice,bob\n";
        assert_eq!(group(text), Some(Gid::from_raw(997)));
        assert_eq!(group("flowmote:x"), None);
        assert_eq!(group(""), None);
    }
}
