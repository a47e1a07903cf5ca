//! `host_disk_io` (2005): space from the mounted local file systems, I/O from `/proc/diskstats`.

use flowmote_core::record::counter::HostDiskIo;
use nix::sys::statvfs::{Statvfs, statvfs};

use super::sums::Sums;
use super::text::{Files, WHOLE, low, number};

/// Reader of `host_disk_io` (2005).
#[derive(Debug, Default)]
pub(super) struct Disks {
    sums: Sums<String, 6>,
    unreadable: u64,
}

impl Disks {
    pub(super) fn read(&mut self, files: &mut Files) -> HostDiskIo {
        let mut record = HostDiskIo::UNKNOWN;
        self.space(files, &mut record);
        self.io(files, &mut record);
        record
    }

    /// File systems for which statvfs(3) failed so far.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn space(&mut self, files: &mut Files, record: &mut HostDiskIo) {
        let Some(text) = files.read("proc/self/mountinfo", WHOLE) else { return };
        let mounts: Vec<_> = filesystems(&text).map(unescape).collect();
        drop(text);
        let mut fullest = None;
        for mount in mounts {
            let Ok(space) = statvfs(&files.below_root(&mount)) else {
                self.unreadable = self.unreadable.saturating_add(1);
                continue;
            };
            // Available to unprivileged users, as df(1) shows it: without the blocks reserved for root.
            record.disk_total =
                record.disk_total.saturating_add(bytes(space.blocks(), space.fragment_size()));
            record.disk_free = record
                .disk_free
                .saturating_add(bytes(space.blocks_available(), space.fragment_size()));
            fullest = fullest.max(percent_used(&space));
        }
        record.part_max_used = fullest.unwrap_or(-1);
    }

    fn io(&mut self, files: &mut Files, record: &mut HostDiskIo) {
        // Only /sys/block distinguishes disks from partitions and from devices on top of others.
        // Sums over all of them would count each transfer several times.
        if !files.exists("sys/block") {
            files.count_unreadable();
            return;
        }
        let Some(text) = files.read("proc/diskstats", WHOLE) else { return };
        let all: Vec<_> = diskstats(&text).map(|(name, io)| (name.to_owned(), io)).collect();
        drop(text);
        let whole = all.into_iter().filter(|(name, _)| is_whole_disk(files, name)).collect();
        let [reads, read_sectors, read_ms, writes, written_sectors, write_ms] =
            self.sums.update(whole);
        record.reads = low(reads);
        record.bytes_read = read_sectors.wrapping_mul(SECTOR);
        record.read_time = low(read_ms);
        record.writes = low(writes);
        record.bytes_written = written_sectors.wrapping_mul(SECTOR);
        record.write_time = low(write_ms);
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
fn filesystems(text: &str) -> impl Iterator<Item = &str> {
    let mut seen = Vec::new();
    text.lines().filter_map(move |line| {
        // Number, parent, device number, root, mount point, options; tags; then the file system.
        let (of_mount, of_filesystem) = line.split_once(" - ")?;
        let mount = of_mount.split(' ').nth(4)?;
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
    })
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

/// Parses `/proc/diskstats`: name, then reads, sectors read, milliseconds reading, writes, sectors
/// written, milliseconds writing. Lines in another format are left out.
fn diskstats(text: &str) -> impl Iterator<Item = (&str, [u64; 6])> {
    text.lines().filter_map(|line| {
        // Before the name are the major and minor numbers of the device.
        let mut words = line.split_ascii_whitespace().skip(2);
        let name = words.next()?;
        let mut column = || words.next().and_then(number);
        let (reads, _, read_sectors, read_ms) = (column()?, column()?, column()?, column()?);
        let (writes, _, written_sectors, write_ms) = (column()?, column()?, column()?, column()?);
        Some((name, [reads, read_sectors, read_ms, writes, written_sectors, write_ms]))
    })
}

/// Returns true for a whole disk that has a device.
///
/// `/sys/block` contains no partitions. Block devices on top of other disks or of memory (dm, md,
/// loop, zram, bcache) have no `device` there. The single paths of a multipath NVMe disk are marked
/// hidden, and only the disk itself counts.
fn is_whole_disk(files: &mut Files, name: &str) -> bool {
    // sysfs replaces the slash in names such as cciss/c0d0 (lib/kobject.c, kobject_set_name_vargs).
    let directory = format!("sys/block/{}", name.replace('/', "!"));
    files.exists(&format!("{directory}/device"))
        && files
            .read_optional(&format!("{directory}/hidden"), 8)
            .is_none_or(|hidden| hidden.trim() != "1")
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

/// Bytes of a sector in `/proc/diskstats`, regardless of the sector size of the disk
/// (Documentation/admin-guide/iostats.rst).
const SECTOR: u64 = 512;

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
        let mounts: Vec<_> = filesystems(MOUNTS).map(unescape).collect();
        assert_eq!(mounts, ["/", "/boot/efi", "/srv/my data", "/tank"]);
    }

    #[test]
    fn octal_escapes() {
        assert_eq!(unescape("/a\\040b\\134c\\011"), "/a b\\c\t");
        assert_eq!(unescape("/a\\9\\04"), "/a\\9\\04");
        assert_eq!(unescape("/\\777x"), "/\\777x");
    }

    /// Linux 6.18 with 20 columns, 4.19 with 18, 3.10 with 14.
    #[test]
    fn diskstats_of_several_kernels() {
        let text = "\
 254       0 vda 66125 24024 4068378 9782 12650 17524 755512 2872 0 5780 13031 5664 44 234600 316 1750 60
 259       1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
 202       1 xvda1 11 12 13 14 15 16 17 18 19 20 21
   3       1 hda1 1 2 3 4
";
        let lines: Vec<_> = diskstats(text).collect();
        let expected = [
            ("vda", [66_125, 4_068_378, 9_782, 12_650, 755_512, 2_872]),
            ("nvme0n1p1", [1, 3, 4, 5, 7, 8]),
            ("xvda1", [11, 13, 14, 15, 17, 18]),
        ];
        assert_eq!(lines, expected);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String) {
            filesystems(&text).map(unescape).count();
            unescape(&text);
            diskstats(&text).count();
        }
    }
}
