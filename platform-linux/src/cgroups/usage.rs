//! What a cgroup has used so far, and its limits.

use std::io;
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};

use super::files::{Buffer, read_some};

/// The counters of a cgroup. `None`: its controller is not enabled, or the kernel does not have the
/// file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// CPU time in microseconds (`cpu.stat`).
    pub(crate) cpu_usec: u64,
    /// CPUs that `cpu.max` allows, rounded up; `None`: no limit.
    pub(crate) cpus: Option<u32>,
    /// Bytes in use (`memory.current`).
    pub(crate) memory: Option<u64>,
    /// Limit in bytes (`memory.max`); `None`: no limit.
    pub(crate) memory_max: Option<u64>,
    /// Transfers of all disks (`io.stat`).
    pub(crate) io: Option<Io>,
    /// Its processes are stopped (`cgroup.events`), as `docker pause` does.
    pub(crate) is_frozen: bool,
}

/// Transfers with disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Io {
    pub(crate) read_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) written_bytes: u64,
    pub(crate) writes: u64,
}

impl Usage {
    /// Reads the counters of the cgroup with this directory.
    ///
    /// # Errors
    /// Those of `cpu.stat`, which every cgroup but those of old kernels has: the cgroup was removed.
    pub(crate) fn read(
        directory: &Path,
        devices: &mut StackedDevices,
        buffer: &mut Buffer,
    ) -> io::Result<Self> {
        let stat = read_some(&directory.join("cpu.stat"), FLAT, buffer)?;
        let cpu_usec = keyed(stat, "usage_usec").ok_or(io::ErrorKind::InvalidData)?;
        let mut optional = |name: &str, limit| -> Option<String> {
            let text = read_some(&directory.join(name), limit, buffer).ok()?;
            Some(text.trim_end().to_owned())
        };
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let cpus = optional("cpu.max", FLAT).and_then(|text| cpus(&text));
        let memory = number(optional("memory.current", FLAT));
        // `max` is no number.
        let memory_max = number(optional("memory.max", FLAT));
        let events = optional("cgroup.events", FLAT);
        let is_frozen = events.is_some_and(|text| keyed(&text, "frozen") == Some(1));
        let io = optional("io.stat", NESTED);
        let io = io.map(|text| Io::sum(&text, |device| devices.contains(device)));
        Ok(Self { cpu_usec, cpus, memory, memory_max, io, is_frozen })
    }
}

impl Io {
    /// The sum over the devices of `io.stat`, except those that are stacked upon others: the
    /// transfers of a logical volume are also those of its disk.
    fn sum(text: &str, mut is_stacked: impl FnMut(&str) -> bool) -> Self {
        let mut sum = Self::default();
        for line in text.lines() {
            let Some((device, values)) = line.split_once(' ') else { continue };
            if is_stacked(device) {
                continue;
            }
            for (key, value) in values.split(' ').filter_map(|pair| pair.split_once('=')) {
                let counter = match key {
                    "rbytes" => &mut sum.read_bytes,
                    "rios" => &mut sum.reads,
                    "wbytes" => &mut sum.written_bytes,
                    "wios" => &mut sum.writes,
                    _ => continue,
                };
                *counter = counter.wrapping_add(value.parse().unwrap_or(0));
            }
        }
        sum
    }
}

/// The block devices that are stacked upon others, such as logical volumes, RAID and crypt.
#[derive(Debug)]
pub(crate) struct StackedDevices {
    directory: PathBuf,
    /// Whether each device seen so far is one, by `MAJOR:MINOR`.
    known: HashMap<String, bool>,
}

impl StackedDevices {
    /// Those in `/sys/dev/block` below `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self { directory: root.join("sys/dev/block"), known: HashMap::new() }
    }

    fn contains(&mut self, device: &str) -> bool {
        if let Some(is_stacked) = self.known.get(device) {
            return *is_stacked;
        }
        // A device number becomes that of another device only when the first is gone.
        if self.known.len() >= MAX_DEVICES {
            self.known.clear();
        }
        let slaves = self.directory.join(device).join("slaves");
        let is_stacked = slaves.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        self.known.insert(device.to_owned(), is_stacked);
        is_stacked
    }
}

/// The value of a key in lines of `KEY VALUE`.
fn keyed(text: &str, key: &str) -> Option<u64> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.trim_end().parse().ok())
}

/// The CPUs of `cpu.max`: quota and period in microseconds. `None`: no limit.
fn cpus(text: &str) -> Option<u32> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    let cpus = (period > 0).then(|| quota.div_ceil(period))?;
    u32::try_from(cpus).ok()
}

/// Limit of files with a few lines.
const FLAT: u64 = 4096;
/// Limit of files with a line for each device.
const NESTED: u64 = 64 * 1024;
const MAX_DEVICES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;

    fn read(tree: &Tree) -> io::Result<Usage> {
        let mut devices = StackedDevices::new(tree.path());
        Usage::read(tree.path(), &mut devices, &mut Buffer::default())
    }

    #[test]
    fn files_of_a_cgroup_are_its_usage() {
        let tree = Tree::new();
        tree.file("cpu.stat", "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n");
        let only_cpu = Usage { cpu_usec: 1_234_567, ..Usage::default() };
        assert_eq!(read(&tree).unwrap(), only_cpu, "no controller is enabled");
        tree.file("cpu.max", "250000 100000\n");
        tree.file("memory.current", "4096\n");
        tree.file("memory.max", "1073741824\n");
        tree.file("cgroup.events", "populated 1\nfrozen 1\n");
        tree.file("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n");
        let usage = Usage {
            cpus: Some(3),
            memory: Some(4096),
            memory_max: Some(1 << 30),
            io: Some(Io { read_bytes: 1, reads: 3, written_bytes: 2, writes: 4 }),
            is_frozen: true,
            ..only_cpu
        };
        assert_eq!(read(&tree).unwrap(), usage);
        tree.file("cpu.max", "max 100000\n");
        tree.file("memory.max", "max\n");
        tree.file("cgroup.events", "populated 1\nfrozen 0\n");
        let unlimited = Usage { cpus: None, memory_max: None, is_frozen: false, ..usage };
        assert_eq!(read(&tree).unwrap(), unlimited);
    }

    #[test]
    fn stacked_devices_do_not_count_twice() {
        let tree = Tree::new();
        tree.file("cpu.stat", "usage_usec 1\n");
        tree.file("io.stat", "8:0 rbytes=10 wbytes=20\n253:0 rbytes=10 wbytes=20\n8:16 rios=1\n");
        tree.directory("sys/dev/block/8:0/slaves");
        tree.directory("sys/dev/block/253:0/slaves/sda");
        let io = read(&tree).unwrap().io.unwrap();
        assert_eq!(io, Io { read_bytes: 10, written_bytes: 20, reads: 1, writes: 0 });
    }

    #[test]
    fn removed_cgroup_and_garbage_are_no_usage() {
        let tree = Tree::new();
        assert_eq!(read(&tree).unwrap_err().kind(), io::ErrorKind::NotFound);
        tree.file("cpu.stat", "usage_usec many\n");
        assert_eq!(read(&tree).unwrap_err().kind(), io::ErrorKind::InvalidData);
        for text in ["", "max", "1 0", "x 100000", "99999999999999 1"] {
            assert_eq!(cpus(text), None, "{text}");
        }
        assert_eq!(cpus("1000 100000"), Some(1));
        let io = Io::sum("8:0\n8:0 rbytes= =1 rbytes=-1\n\n", |_| false);
        assert_eq!(io, Io::default());
    }
}
