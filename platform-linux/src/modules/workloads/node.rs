//! What the entities of a host run on.

use std::path::Path;

use flowmote_core::record::counter::VirtNode;

use crate::cgroups::{Buffer, read_some};

/// The processors and the memory of the host. 0: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) mhz: u32,
    pub(super) cpus: u32,
    /// Bytes.
    pub(super) memory: u64,
    pub(super) memory_free: u64,
}

impl Node {
    #[cfg(test)]
    pub(super) const UNKNOWN: Self = Self { mhz: 0, cpus: 0, memory: 0, memory_free: 0 };

    /// Reads files below `root`.
    pub(super) fn read(root: &Path, buffer: &mut Buffer) -> Self {
        let mut read =
            |path: &str| Some(read_some(&root.join(path), LIMIT, buffer).ok()?.to_owned());
        let meminfo = read("proc/meminfo").unwrap_or_default();
        let bytes =
            |key| value(&meminfo, key).and_then(|text| text.strip_suffix(" kB")?.parse().ok());
        Self {
            // Of the first processor: each has its own, which changes all the time.
            mhz: read("proc/cpuinfo").and_then(|text| mhz(&text)).unwrap_or(0),
            cpus: read("sys/devices/system/cpu/online").map_or(0, |text| count(&text)),
            memory: bytes("MemTotal").map_or(0, kibibytes),
            memory_free: bytes("MemFree").map_or(0, kibibytes),
        }
    }

    /// `virt_node` (2100).
    pub(super) fn record(&self, entities: usize) -> VirtNode {
        let Self { mhz, cpus, memory, memory_free } = *self;
        let num_domains = u32::try_from(entities).unwrap_or(u32::MAX);
        VirtNode { mhz, cpus, memory, memory_free, num_domains }
    }
}

/// The value of a key in lines of `KEY : VALUE`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim_end() == key).map(|(_, value)| value.trim())
}

/// The clock rate that `/proc/cpuinfo` has on x86, without its fraction.
fn mhz(cpuinfo: &str) -> Option<u32> {
    value(cpuinfo, "cpu MHz")?.split('.').next()?.parse().ok()
}

/// The number of processors in a list such as `0-3,8`.
fn count(list: &str) -> u32 {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.trim_end().split(',').filter_map(range).fold(0, u32::saturating_add)
}

const fn kibibytes(count: u64) -> u64 {
    count.wrapping_mul(1024)
}

/// Enough for the first processor of `/proc/cpuinfo` and all of the others.
const LIMIT: u64 = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;

    #[test]
    fn files_of_the_host_are_the_node() {
        let tree = Tree::new();
        let read = || Node::read(tree.path(), &mut Buffer::default());
        assert_eq!(read(), Node::UNKNOWN);
        tree.file("proc/meminfo", "MemTotal:  2048 kB\nMemFree:   1024 kB\n");
        tree.file("proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2899.998\n\ncpu MHz\t: 1\n");
        tree.file("sys/devices/system/cpu/online", "0-2,5\n");
        let node = Node { mhz: 2899, cpus: 4, memory: 2 << 20, memory_free: 1 << 20 };
        assert_eq!(read(), node);
        let record =
            VirtNode { mhz: 2899, cpus: 4, memory: 2 << 20, memory_free: 1 << 20, num_domains: 7 };
        assert_eq!(node.record(7), record);
    }

    #[test]
    fn lists_of_processors() {
        for (list, processors) in [("0\n", 1), ("0-127\n", 128), ("", 0), ("3-1,x,4294967295", 1)] {
            assert_eq!(count(list), processors, "{list}");
        }
    }
}
