//! The mount point of the cgroup hierarchy.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::files::{Buffer, read_some};

/// The cgroups that this process can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// Version 2 at this path below the root.
    Unified(PathBuf),
    /// Version 2 at this path, but the controllers of memory or I/O belong to version 1. CPU time
    /// is there, the rest is not.
    Hybrid(PathBuf),
    /// Version 1 only, as on Amazon Linux 2.
    Legacy,
    /// No cgroups are mounted, or `/proc` cannot be read.
    None,
}

impl Hierarchy {
    /// The directory of the root cgroup of version 2.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Unified(path) | Self::Hybrid(path) => Some(path),
            Self::Legacy | Self::None => None,
        }
    }
}

/// Finds the hierarchy in `/proc/self/mountinfo` below `root`.
pub(crate) fn find_hierarchy(root: &Path) -> Hierarchy {
    let mut buffer = Buffer::default();
    match read_some(&root.join("proc/self/mountinfo"), MAX_MOUNTS, &mut buffer) {
        Ok(mounts) => hierarchy(root, mounts),
        Err(_) => Hierarchy::None,
    }
}

fn hierarchy(root: &Path, mounts: &str) -> Hierarchy {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
    let has_v1 = |controller: &str| {
        let mut options = mounts.iter().filter(|mount| mount.kind == "cgroup");
        options.any(|mount| mount.options.split(',').any(|option| option == controller))
    };
    // A container may have further mounts, of a part of the hierarchy.
    let v2 = mounts.iter().filter(|mount| mount.kind == "cgroup2");
    let path = v2.min_by_key(|mount| (mount.part != "/", mount.point.len()));
    let path = path.map(|mount| root.join(unescape(mount.point.trim_start_matches('/'))));
    match path {
        Some(path) if has_v1("memory") || has_v1("blkio") => Hierarchy::Hybrid(path),
        Some(path) => Hierarchy::Unified(path),
        None if mounts.iter().any(|mount| mount.kind == "cgroup") => Hierarchy::Legacy,
        None => Hierarchy::None,
    }
}

/// A line of `mountinfo`, proc_pid_mountinfo(5).
struct Mount<'a> {
    /// The directory of the file system that is mounted.
    part: &'a str,
    point: &'a str,
    kind: &'a str,
    /// Of the file system: for version 1, its controllers.
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (fixed, rest) = line.split_once(" - ")?;
        let mut fixed = fixed.split(' ').skip(3);
        let (part, point) = (fixed.next()?, fixed.next()?);
        let mut rest = rest.split(' ');
        let (kind, options) = (rest.next()?, rest.nth(1)?);
        Some(Self { part, point, kind, options })
    }
}

/// Replaces `\040` and other octal escapes (mangle_path of fs/seq_file.c).
fn unescape(path: &str) -> OsString {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let octal = match rest {
            [b'\\', digits @ ..] => digits.get(..3).and_then(octal),
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = octal.and_then(|_| rest.get(4..)).unwrap_or(after);
    }
    OsString::from_vec(bytes)
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(core::str::from_utf8(digits).ok()?, 8).ok()
}

/// A host with a thousand containers has a few mounts for each.
const MAX_MOUNTS: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw";
    const MEMORY: &str =
        "37 33 0:34 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory";
    const SYSTEMD: &str =
        "35 33 0:30 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd";

    fn of(lines: &[&str]) -> Hierarchy {
        hierarchy(Path::new("/root"), &lines.join("\n"))
    }

    #[test]
    fn mounts_decide_the_kind_of_hierarchy() {
        let path = PathBuf::from("/root/sys/fs/cgroup");
        assert_eq!(of(&[V2]), Hierarchy::Unified(path.clone()));
        assert_eq!(of(&[SYSTEMD, V2]), Hierarchy::Unified(path.clone()), "no controller");
        assert_eq!(of(&[V2, MEMORY]), Hierarchy::Hybrid(path));
        assert_eq!(of(&[MEMORY, SYSTEMD]), Hierarchy::Legacy);
        assert_eq!(of(&["", "1 2 0:5 / /proc rw - proc proc rw", "- x"]), Hierarchy::None);
    }

    /// A part of hsflowd builds a path without the slash and never finds the mount.
    #[test]
    fn mount_point_is_anywhere_and_may_have_spaces() {
        let other = V2.replace("/sys/fs/cgroup", r"/mnt/c\040g\134\0");
        assert_eq!(of(&[&other]), Hierarchy::Unified(PathBuf::from("/root/mnt/c g\\\\0")));
        let part = V2.replace(" / ", " /docker/1 ").replace("/sys/fs/cgroup", "/x");
        assert_eq!(of(&[&part, V2]).path(), Some(Path::new("/root/sys/fs/cgroup")));
        assert_eq!(of(&[&part]).path(), Some(Path::new("/root/x")));
    }

    #[test]
    fn this_machine_has_a_hierarchy_or_none() {
        let found = find_hierarchy(Path::new("/"));
        assert!(found.path().is_none_or(|path| path.join("cgroup.procs").exists()), "{found:?}");
        assert_eq!(find_hierarchy(Path::new("/nonexistent")), Hierarchy::None);
    }
}
