//! The sizes in `host_disk_io` (2005): space of the mounted local file systems.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::statvfs::{Statvfs, statvfs};

use super::text::{Files, WHOLE};

/// Measures file systems. statvfs(3) waits for a disk that is suspended and for a server that is
/// gone, so this runs in a thread.
#[derive(Debug)]
pub(super) struct Space {
    files: Files,
    /// The sums as last measured; `None` if that never succeeded.
    pub(super) sizes: Option<Sizes>,
    pub(super) unreadable: u64,
    current: Current,
}

/// The mount point that is being measured, for the log.
pub(super) type Current = Arc<Mutex<String>>;

/// Sums over file systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Bytes in all.
    pub(super) total: u64,
    /// Bytes available to unprivileged users.
    pub(super) free: u64,
    /// Use of the fullest one in hundredths of a percent; `None` if there is none with blocks.
    pub(super) fullest: Option<i32>,
}

impl Space {
    pub(super) fn new(files: Files, current: Current) -> Self {
        Self { files, sizes: None, unreadable: 0, current }
    }

    /// Measures all file systems. May block.
    pub(super) fn measure(&mut self) {
        self.set_current(MOUNTS_FILE);
        let Some(text) = self.files.read(MOUNTS_FILE, WHOLE) else { return };
        let mounts: Vec<_> = filesystems(&text).into_iter().map(unescape).collect();
        drop(text);
        let mut sizes = Sizes::default();
        for mount in mounts {
            self.set_current(&mount);
            match statvfs(&self.files.below_root(&mount)) {
                Ok(space) => sizes.add(&space),
                Err(_) => self.unreadable = self.unreadable.saturating_add(1),
            }
        }
        self.sizes = Some(sizes);
    }

    /// Failed reads of the list of mounts.
    pub(super) fn unreadable_files(&self) -> u64 {
        self.files.unreadable()
    }

    fn set_current(&self, mount: &str) {
        mount.clone_into(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Sizes {
    fn add(&mut self, space: &Statvfs) {
        // Available to unprivileged users, as df(1) shows it: without the blocks reserved for root.
        let free = bytes(space.blocks_available(), space.fragment_size());
        self.total = self.total.saturating_add(bytes(space.blocks(), space.fragment_size()));
        self.free = self.free.saturating_add(free);
        self.fullest = self.fullest.max(percent_used(space));
    }
}

/// The mount points of the file systems that are counted, still escaped: those on a local block
/// device that is not read-only, one per device.
///
/// In our own mount namespace systemd may have made every mount read-only
/// (`ProtectSystem=strict`), so the options of the file system count and not those of the mount.
/// proc_pid_mountinfo(5) shows both.
///
/// Without a device are tmpfs, overlays and network file systems (NFS, CIFS, Ceph, sshfs), where
/// statvfs(3) can block indefinitely. It can do so on FUSE and cluster file systems too, which are
/// left out although they have a device. ZFS datasets name their pool instead of a device; the first
/// dataset of each pool counts.
fn filesystems(text: &str) -> Vec<&str> {
    let mut seen = Vec::new();
    let visible = visible(text);
    let counted = visible.into_iter().filter_map(|(mount, of_filesystem)| {
        let mut words = of_filesystem.split(' ');
        let (kind, device, options) = (words.next()?, words.next()?, words.next()?);
        let device = match kind {
            "zfs" => device.split('/').next()?,
            _ if device.starts_with("/dev/") => device,
            _ => return None,
        };
        let may_block = kind.starts_with("fuse") || matches!(kind, "gfs2" | "ocfs2" | "lustre");
        let writable = options.split(',').any(|option| option == "rw");
        // A device appears again for each bind mount and each btrfs subvolume.
        if may_block || !writable || seen.contains(&device) {
            return None;
        }
        seen.push(device);
        Some(mount)
    });
    counted.collect()
}

/// The mount points that a path still reaches, with the second half of their lines, in the order of the
/// file. A later
/// mount on the same point or on a directory above it hides the earlier one, so that statvfs(3)
/// would measure, and wait for, another file system.
fn visible(text: &str) -> Vec<(&str, &str)> {
    let mut visible: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        // Number, parent, device number, root, mount point, options; tags; then the file system.
        let Some((of_mount, of_filesystem)) = line.split_once(" - ") else { continue };
        let Some(mount) = of_mount.split(' ').nth(4) else { continue };
        let below = format!("{}/", mount.trim_end_matches('/'));
        while let Some((&hidden, _)) = visible.range(below.as_str()..).next()
            && hidden.starts_with(&below)
        {
            visible.remove(hidden);
        }
        visible.insert(mount, (number, of_filesystem));
    }
    let mut mounts: Vec<_> =
        visible.into_iter().map(|(mount, (number, rest))| (number, mount, rest)).collect();
    mounts.sort_unstable();
    mounts.into_iter().map(|(_, mount, rest)| (mount, rest)).collect()
}

/// Replaces octal escapes such as `\040`, which the kernel writes for white space, `#` and
/// backslashes in mount points (fs/proc_namespace.c, `mangle`).
fn unescape(mount: &str) -> String {
    let mut path = String::with_capacity(mount.len());
    let mut pieces = mount.split('\\');
    path.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let code = piece.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (code, piece.get(3..)) {
            (Some(code), Some(rest)) if code.is_ascii() => {
                path.push(char::from(code));
                path.push_str(rest);
            }
            _ => {
                path.push('\\');
                path.push_str(piece);
            }
        }
    }
    path
}

/// The share of a file system that is in use, in hundredths of a percent, computed as by df(1):
/// blocks reserved for root count neither as used nor as usable. `None` if there are no blocks.
fn percent_used(space: &Statvfs) -> Option<i32> {
    let used = u128::from(space.blocks().saturating_sub(space.blocks_free()));
    let usable = used + u128::from(space.blocks_available());
    (used * 10_000).checked_div(usable).and_then(|percent| i32::try_from(percent).ok())
}

/// Generic because the types of statvfs(3) have 32 bits on some machines and 64 on others.
fn bytes(blocks: impl Into<u64>, size: impl Into<u64>) -> u64 {
    blocks.into().saturating_mul(size.into())
}

const MOUNTS_FILE: &str = "proc/self/mountinfo";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOUNTS: &str = "\
24 31 0:22 / /proc rw,relatime shared:5 - proc proc rw
31 1 259:1 / / ro,relatime shared:1 - ext4 /dev/nvme0n1p1 rw,discard
99 31 259:15 / /boot/efi ro,relatime - vfat /dev/nvme0n1p15 rw,fmask=0077
40 31 253:0 / /srv/my\\040data rw,noatime shared:9 master:3 - xfs /dev/mapper/vg-data rw
41 31 259:1 /volumes /var/lib/docker/volumes rw,relatime - ext4 /dev/nvme0n1p1 rw,discard
25 31 0:23 / /run rw,nosuid shared:6 - tmpfs tmpfs rw,size=1k
42 31 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
43 31 7:0 / /snap/core/1 ro,nodev - squashfs /dev/loop0 ro
48 31 259:3 / /rescue ro - ext4 /dev/nvme0n1p3 ro
44 31 8:17 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
45 31 0:51 / /mnt/nfs rw - nfs4 server:/export rw,hard
46 31 0:52 / /mnt/cifs rw - cifs //server/share rw
47 31 0:53 / /mnt/ssh rw - fuse.sshfs user@host:/ rw
50 31 0:54 / /tank rw - zfs tank rw,xattr
51 31 0:55 / /home rw - zfs tank/home rw,xattr
short line
52 31 - ext4
";

    #[test]
    fn local_writable_filesystems_count_once_per_device() {
        let mounts: Vec<_> = filesystems(MOUNTS).into_iter().map(unescape).collect();
        assert_eq!(mounts, ["/", "/boot/efi", "/srv/my data", "/tank"]);
    }

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape("/a\\040b\\134c\\011"), "/a b\\c\t");
        assert_eq!(unescape("/a\\9\\04"), "/a\\9\\04");
        assert_eq!(unescape("/\\777x"), "/\\777x");
    }

    #[test]
    fn mounts_below_another_are_not_measured() {
        let mounts = "\
1 1 0:1 / / rw - rootfs rootfs rw
2 1 8:1 / / rw - ext4 /dev/sda1 rw
3 2 8:2 / /mnt rw - ext4 /dev/sda2 rw
4 3 8:3 / /mnt/inner rw - ext4 /dev/sda3 rw
5 2 8:4 / /mnt2 rw - ext4 /dev/sda4 rw
6 3 0:9 / /mnt rw - nfs4 server:/export rw
7 6 8:5 / /mnt/upper rw - ext4 /dev/sda5 rw
8 2 8:6 / /srv rw - ext4 /dev/sda6 rw
9 8 8:7 / /srv rw - ext4 /dev/sda7 rw
";
        assert_eq!(filesystems(mounts), ["/", "/mnt2", "/mnt/upper", "/srv"]);
        let last = visible(mounts).pop();
        assert_eq!(last, Some(("/srv", "ext4 /dev/sda7 rw")));
        let hidden = "3 2 8:1 / /a rw - ext4 /dev/sda1 rw\n4 2 8:2 / / rw - ext4 /dev/sda2 rw\n";
        assert_eq!(filesystems(hidden), ["/"]);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String) {
            filesystems(&text).into_iter().map(unescape).count();
            unescape(&text);
        }
    }
}
