//! The transfers of `host_disk_io` (2005), from `/proc/diskstats`.

use std::io;

use flowmote_core::record::counter::HostDiskIo;

use super::sums::Sums;
use super::text::{Files, WHOLE, low, number};

/// Reader of the transfers in `host_disk_io` (2005).
#[derive(Debug, Default)]
pub(super) struct Disks {
    sums: Sums<String, 6>,
}

impl Disks {
    /// Updates the record. What cannot be read stays as it is.
    pub(super) fn read(&mut self, files: &mut Files, record: &mut HostDiskIo) {
        // Only /sys/block distinguishes disks from partitions and from devices on top of others.
        // Sums over all of them would count each transfer several times.
        if !files.exists("sys/block") {
            files.count_unreadable("sys/block", &io::ErrorKind::NotFound.into());
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

/// Bytes of a sector in `/proc/diskstats`, regardless of the sector size of the disk
/// (Documentation/admin-guide/iostats.rst).
const SECTOR: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            diskstats(&text).count();
        }
    }
}
