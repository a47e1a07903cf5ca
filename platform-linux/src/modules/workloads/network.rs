//! The network of a container, as its processes see it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cgroups::{Buffer, read_some};

/// A network namespace other than that of the agent, by one of its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// `/proc/PID/net`.
    directory: PathBuf,
    /// A number that no other network namespace has.
    pub(super) id: u64,
}

/// Sums over all interfaces but loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Traffic {
    pub(super) rx: Counts,
    pub(super) tx: Counts,
}

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) errors: u64,
    pub(super) drops: u64,
}

impl Network {
    /// The network of a process. `None`: it has that of the agent, or `/proc` hides it from its user.
    pub(super) fn of(root: &Path, pid: u32) -> Option<Self> {
        let own = id(&root.join("proc/self/net"))?;
        let directory = root.join(format!("proc/{pid}/net"));
        let id = id(&directory).filter(|id| *id != own)?;
        Some(Self { directory, id })
    }

    /// Its counters.
    pub(super) fn traffic(&self, buffer: &mut Buffer) -> Option<Traffic> {
        let table = read_some(&self.directory.join("dev"), MAX_TABLE, buffer).ok()?;
        Some(traffic(table))
    }

    /// Its addresses, except for those of loopback and of a single link.
    pub(super) fn addresses(&self, buffer: &mut Buffer) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        if let Ok(table) = read_some(&self.directory.join("fib_trie"), MAX_TABLE, buffer) {
            addresses.extend(fib_trie(table).map(IpAddr::V4));
        }
        if let Ok(table) = read_some(&self.directory.join("if_inet6"), MAX_TABLE, buffer) {
            addresses.extend(if_inet6(table).map(IpAddr::V6));
        }
        // The tables local and main both have them.
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        addresses
    }
}

/// The inode of a file that each network namespace has once (proc_create_net of fs/proc/proc_net.c).
/// The link `/proc/PID/ns/net` has such a number too, and only a tracer may read it.
fn id(net: &Path) -> Option<u64> {
    fs::metadata(net.join("dev")).ok().map(|file| file.ino())
}

/// A process in the cgroup or in one below, by its number for the agent.
pub(super) fn process(cgroup: &Path, buffer: &mut Buffer) -> Option<u32> {
    process_below(cgroup, buffer, MAX_DEPTH)
}

fn process_below(cgroup: &Path, buffer: &mut Buffer, depth: usize) -> Option<u32> {
    let list = read_some(&cgroup.join("cgroup.procs"), 64, buffer).ok()?;
    // 0 is a process of a PID namespace that the agent does not see.
    let first = list.lines().next().and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0);
    if first.is_some() || depth == 0 {
        return first;
    }
    let entries = fs::read_dir(cgroup).ok()?.filter_map(Result::ok);
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let below = entries.filter(is_directory).take(MAX_BELOW);
    below.into_iter().find_map(|entry| process_below(&entry.path(), buffer, depth - 1))
}

/// Parses `/proc/net/dev`.
fn traffic(table: &str) -> Traffic {
    let mut sum = Traffic::default();
    for line in table.lines().skip(2) {
        let Some((name, counters)) = line.split_once(':') else { continue };
        if name.trim() == "lo" {
            continue;
        }
        let mut columns = counters.split_ascii_whitespace().map(|text| text.parse().unwrap_or(0));
        let mut add = |counts: &mut Counts| {
            let Counts { bytes, packets, errors, drops } = counts;
            for counter in [bytes, packets, errors, drops] {
                *counter = counter.wrapping_add(columns.next().unwrap_or(0));
            }
            // fifo, frame or colls, compressed or carrier, multicast or compressed
            columns.by_ref().take(4).for_each(drop);
        };
        add(&mut sum.rx);
        add(&mut sum.tx);
    }
    sum
}

/// The local addresses of `/proc/net/fib_trie`: a line with the address, then one with its type.
fn fib_trie(table: &str) -> impl Iterator<Item = Ipv4Addr> {
    let mut address = None;
    table.lines().filter_map(move |line| {
        let line = line.trim_start();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.parse().ok();
        }
        let address: Ipv4Addr = address.filter(|_| line.starts_with("/32 host LOCAL"))?;
        (!address.is_loopback() && !address.is_link_local()).then_some(address)
    })
}

/// The addresses of `/proc/net/if_inet6`: 32 digits first.
fn if_inet6(table: &str) -> impl Iterator<Item = Ipv6Addr> {
    table.lines().filter_map(|line| {
        let digits = line.get(..32)?;
        let address = Ipv6Addr::from_bits(u128::from_str_radix(digits, 16).ok()?);
        (!address.is_loopback() && !address.is_unicast_link_local()).then_some(address)
    })
}

const MAX_TABLE: u64 = 64 * 1024;
const MAX_ADDRESSES: usize = 16;
/// A pod has containers, which may run a systemd with slices and services.
const MAX_DEPTH: usize = 4;
const MAX_BELOW: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9
  eth0:1000 10 1 2 0 0 0 5 2000 20 3 4 0 0 0 0
  eth1: 1 1 1 1 1 1 1 1 18446744073709551615 1 1 1 1 1 1 1
  odd
";

    /// hsflowd adds the bytes received to those sent, and does not read those of containers at all.
    #[test]
    fn each_direction_is_summed_without_loopback() {
        let rx = Counts { bytes: 1001, packets: 11, errors: 2, drops: 3 };
        let tx = Counts { bytes: 1999, packets: 21, errors: 4, drops: 5 };
        assert_eq!(traffic(DEV), Traffic { rx, tx });
        assert_eq!(traffic(""), Traffic::default());
    }

    #[test]
    fn addresses_of_both_families_are_read() {
        let tree = Tree::new();
        tree.file("cgroup/cgroup.procs", "");
        tree.file("cgroup/inner/cgroup.procs", "17\n18\n");
        tree.file("proc/self/net/dev", DEV);
        tree.file("proc/17/net/dev", DEV);
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.2\n\
                    \x20       /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n";
        tree.file("proc/17/net/fib_trie", &format!("{trie}{trie}"));
        let inet6 = "00000000000000000000000000000001 01 80 10 80 lo\n\
                     fe800000000000000000000000000001 02 40 20 80 eth0\n\
                     fd000000000000000000000000000002 02 40 00 80 eth0\nshort\n";
        tree.file("proc/17/net/if_inet6", inet6);
        let mut buffer = Buffer::default();
        let network = |buffer: &mut Buffer| {
            Network::of(tree.path(), process(&tree.path().join("cgroup"), buffer)?)
        };
        let found = network(&mut buffer).unwrap();
        let expected: [IpAddr; 2] = ["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        assert_eq!(found.addresses(&mut buffer), expected);
        assert!(found.traffic(&mut buffer).is_some());
        // The same file is the same namespace.
        fs::remove_file(tree.path().join("proc/17/net/dev")).unwrap();
        let dev = tree.path().join("proc/17/net/dev");
        fs::hard_link(tree.path().join("proc/self/net/dev"), dev).unwrap();
        assert_eq!(network(&mut buffer), None, "the network of the agent");
        fs::remove_dir_all(tree.path().join("proc/17")).unwrap();
        assert_eq!(network(&mut buffer), None, "hidden or gone");
        tree.file("cgroup/inner/cgroup.procs", "0\n");
        assert_eq!(network(&mut buffer), None);
    }
}
