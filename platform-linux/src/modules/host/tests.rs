//! All host counters: from a tree of files, and from this machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

/// A temporary directory of files.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("flowmote-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Waits for every read, however busy the machine is.
fn patient(root: &Path) -> HostCounters {
    let mut host = HostCounters::new(root, None).unwrap();
    host.slow.patience = LONG;
    host
}

const LONG: Duration = Duration::from_secs(60);

const DISKSTATS: &str = "\
 259 0 nvme0n1 10 0 100 7 20 0 200 9 0 0 0
 259 1 nvme0n1p1 9 0 90 7 19 0 190 9 0 0 0
 259 2 nvme0c0n1 10 0 100 7 20 0 200 9 0 0 0
 253 0 dm-0 8 0 80 7 18 0 180 9 0 0 0
   9 0 md0 8 0 80 7 18 0 180 9 0 0 0
   7 0 loop0 8 0 80 7 18 0 180 9 0 0 0
 104 0 cciss/c0d0 1 0 1 1 1 0 1 1 0 0 0
";

#[test]
fn records_of_a_tree_of_files() {
    let tree = Tree::new(
        "host-tree",
        &[
            ("proc/stat", "cpu 1 2 3 4 5 6 7 8 9 10\ncpu0 1\nintr 11 0\nctxt 12\n"),
            ("proc/loadavg", "0.5 1.5 2.5 3/40 99\n"),
            ("proc/uptime", "4000000000.25 1.0\n"),
            ("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB\n"),
            ("proc/vmstat", "pswpin 3\n"),
            ("proc/net/snmp", include_str!("testdata/snmp-6.18")),
            ("proc/diskstats", DISKSTATS),
            (
                "proc/self/mountinfo",
                "1 1 259:1 / / ro - ext4 /dev/nvme0n1p1 rw\n2 1 8:1 / /gone rw - ext4 /dev/gone rw\n",
            ),
            ("sys/block/nvme0n1/device/model", "disk"),
            ("sys/block/nvme0n1/hidden", "0\n"),
            ("sys/block/nvme0c0n1/device/model", "path"),
            ("sys/block/nvme0c0n1/hidden", "1\n"),
            ("sys/block/cciss!c0d0/device/model", "disk"),
            ("sys/block/dm-0/size", "1"),
            ("sys/block/md0/size", "1"),
            ("sys/block/loop0/size", "1"),
            ("sys/class/dmi/id/product_uuid", "ec2a1b3c-0001-0203-0405-060708090a0b\n"),
            ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ],
    );
    let links = Links::open().unwrap();
    let mut host = patient(tree.path());
    assert_eq!(host.uuid()[..4], [0xec, 0x2a, 0x1b, 0x3c]);
    let reading = host.read(Instant::ZERO, &links);
    assert_eq!((reading.cpu.cpu_num, reading.cpu.uptime), (1, 4_000_000_000));
    assert_eq!((reading.cpu.proc_run, reading.cpu.proc_total), (2, 40));
    assert_eq!((reading.memory.mem_total, reading.memory.swap_in), (1_024_000, 3));
    assert_eq!((reading.icmp.icmp_in_echo_reps, reading.tcp.tcp_in_segs), (10, 2629));
    let disk = reading.disk_io;
    assert_eq!((disk.reads, disk.bytes_read, disk.read_time), (11, 101 * 512, 8));
    assert_eq!((disk.writes, disk.bytes_written, disk.write_time), (21, 201 * 512, 10));
    assert!(disk.disk_total > 0 && disk.disk_free <= disk.disk_total);
    assert!((0..=10_000).contains(&disk.part_max_used));
    let expected = HostStats { unreadable_filesystems: 1, ..HostStats::default() };
    assert_eq!(host.stats(), expected);

    let configured = HostCounters::new(tree.path(), Some([7; 16])).unwrap();
    assert_eq!(configured.uuid(), [7; 16]);
}

#[test]
fn missing_files_are_counted_and_leave_fields_unknown() {
    let tree = Tree::new("host-empty", &[("empty", "")]);
    let links = Links::open().unwrap();
    let mut host = patient(tree.path());
    let reading = host.read(Instant::ZERO, &links);
    assert_eq!(reading.cpu, HostCpu::UNKNOWN);
    assert_eq!(reading.memory, HostMemory::UNKNOWN);
    assert_eq!(reading.disk_io, HostDiskIo::UNKNOWN);
    assert_eq!(reading.ip, Mib2IpGroup::UNKNOWN);
    assert_eq!(reading.descr().uuid, [0; 16]);
    // stat, loadavg, uptime, meminfo, vmstat, mounts, /sys/block, snmp.
    assert_eq!(host.stats().unreadable_files, 8);
}

#[test]
fn records_of_this_machine() {
    let links = Links::open().unwrap();
    let mut host = patient(Path::new("/"));
    let first = host.read(Instant::ZERO, &links);
    let second = host.read(Instant::ZERO, &links);
    assert!(second.cpu.uptime >= first.cpu.uptime && first.cpu.cpu_num > 0);
    assert!(first.memory.mem_total > first.memory.mem_free && first.memory.mem_free > 0);
    assert!(second.net_io.bytes_in >= first.net_io.bytes_in);
    assert_eq!(host.stats(), HostStats::default());
    let mut words = Vec::new();
    first.records(&mut |records| words.extend(records.iter().map(|r| r.format().word())));
    assert_eq!(words, [2000, 2001, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010]);
    println!("{first:#?}");
}

#[test]
fn removing_the_configured_uuid_restores_that_of_the_machine() {
    let machine = HostCounters::new("/", None).unwrap().uuid();
    let mut host = HostCounters::new("/", Some([7; 16])).unwrap();
    assert_eq!(host.uuid(), [7; 16]);
    host.set_uuid(None);
    assert_eq!(host.uuid(), machine);
}

/// A file that cannot be read once, and one that is empty once, as while a container starts.
#[test]
fn failed_read_keeps_the_values_of_the_last() {
    let tree = Tree::new(
        "host-flaky",
        &[("proc/stat", "cpu 1 2 3\ncpu0\n"), ("proc/vmstat", "pswpin 3\n")],
    );
    let links = Links::open().unwrap();
    let mut host = patient(tree.path());
    let mut read = || {
        let reading = host.read(Instant::ZERO, &links);
        (reading.cpu.cpu_user, reading.cpu.cpu_num, reading.memory.swap_in)
    };
    assert_eq!(read(), (10, 1, 3));
    fs::remove_file(tree.path().join("proc/stat")).unwrap();
    fs::write(tree.path().join("proc/vmstat"), "").unwrap();
    assert_eq!(read(), (10, 1, 3));
    fs::write(tree.path().join("proc/stat"), "cpu 2 2 3\ncpu0\n").unwrap();
    assert_eq!(read(), (20, 1, 3));
}

/// The time of the processor and the size of the disk in the sample that the host sends, if it sends one.
fn sent(host: &mut HostCounters, now: Instant) -> Option<(u32, u64)> {
    let links = Links::open().unwrap();
    let mut sent = None;
    let has = host.counters(now, &links, DataSource::HOST, &mut |records| {
        assert_eq!(records.len(), 10);
        sent = Some(());
    });
    assert!(has);
    sent.map(|()| {
        let reading = host.reading(&links);
        (reading.cpu.cpu_user, reading.disk_io.disk_total)
    })
}

/// A tree whose list of mounts is a FIFO: a read of it ends when the test writes.
fn tree_with_fifo(name: &str) -> (Tree, PathBuf) {
    let tree = Tree::new(name, &[("proc/stat", "cpu 1\n"), ("proc/self/comm", "")]);
    let mounts = tree.path().join("proc/self/mountinfo");
    nix::unistd::mkfifo(&mounts, nix::sys::stat::Mode::S_IRWXU).unwrap();
    (tree, mounts)
}

const LATE: Option<Unscheduled> = Some(Unscheduled::Late(DataSource::HOST));

/// Where every read takes longer than the event loop waits, each sample still has values of its time.
#[test]
fn late_values_are_sent_when_they_are_there() {
    let (tree, mounts) = tree_with_fifo("host-late");
    let mut host = HostCounters::new(tree.path(), None).unwrap();
    host.slow.patience = Duration::ZERO;
    for (second, ticks) in [(10, 3), (20, 7)] {
        fs::write(tree.path().join("proc/stat"), format!("cpu {ticks}\n")).unwrap();
        let after = |ms: u64| Instant::from_millis(second * 1000 + ms);
        assert_eq!(sent(&mut host, after(0)), None, "nothing old, and nothing unknown");
        assert_eq!((host.unscheduled(Instant::ZERO), host.deadline()), (None, Some(after(10))));
        host.end_wait(after(40));
        assert_eq!(host.deadline(), Some(after(80)));
        assert_eq!(sent(&mut host, after(50)), None, "polled again meanwhile");
        fs::write(&mounts, "2 1 8:1 / / rw - ext4 /dev/sda1 rw\n").unwrap();
        while host.unscheduled(Instant::ZERO).is_none() {
            host.end_wait(after(80));
            std::thread::yield_now();
        }
        let (user, size) = sent(&mut host, after(80)).unwrap();
        assert_eq!((user, size > 0), (ticks * 10, true));
        assert_eq!((host.unscheduled(Instant::ZERO), host.deadline()), (None, None));
    }
}

#[test]
fn values_before_are_sent_after_a_wait_of_900_ms() {
    let (tree, mounts) = tree_with_fifo("host-wait");
    let mut host = HostCounters::new(tree.path(), None).unwrap();
    host.slow.patience = Duration::ZERO;
    let after = |ms: u64| Instant::from_millis(10_000 + ms);
    assert_eq!(sent(&mut host, after(0)), None);
    // Only the list of mounts is late.
    host.slow.patience = LONG;
    host.slow.proc.wait(LONG);
    host.end_wait(after(899));
    assert_eq!(host.unscheduled(Instant::ZERO), None);
    host.end_wait(after(900));
    assert_eq!(host.unscheduled(Instant::ZERO), LATE);
    assert_eq!(sent(&mut host, after(900)), Some((10, 0)));
    // It hangs, so that the next poll does not wait for it.
    fs::write(tree.path().join("proc/stat"), "cpu 2\n").unwrap();
    assert_eq!(sent(&mut host, after(20_000)), Some((20, 0)));
    fs::write(&mounts, "").unwrap();
}

/// FIFOs without a writer: open(2) blocks on them as a read of FUSE or statvfs of NFS does.
#[test]
fn files_that_block_hold_nothing_up() {
    let tree = Tree::new(
        "host-hung",
        &[
            ("proc/stat", "cpu 1\n"),
            ("proc/self/mountinfo", "2 1 8:1 / / rw - ext4 /dev/sda1 rw\n"),
        ],
    );
    let links = Links::open().unwrap();
    let mut host = patient(tree.path());
    let first = host.read(Instant::ZERO, &links);
    assert_eq!(first.cpu.cpu_user, 10);
    assert!(first.disk_io.disk_total > 0);
    for path in ["proc/uptime", "proc/self/mountinfo"] {
        let path = tree.path().join(path);
        let _ = fs::remove_file(&path);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    fs::write(tree.path().join("proc/stat"), "cpu 7\n").unwrap();
    host.slow.patience = Duration::ZERO;
    for _ in 0..3 {
        let reading = host.read(Instant::ZERO, &links);
        assert_eq!((reading.cpu, reading.disk_io), (first.cpu, first.disk_io));
    }
    while *host.slow.current_mount.lock().unwrap() != "proc/self/mountinfo" {
        std::thread::yield_now();
    }
    // A writer ends the wait, and the values are read again.
    for path in ["proc/uptime", "proc/self/mountinfo"] {
        fs::OpenOptions::new().write(true).open(tree.path().join(path)).unwrap();
        fs::remove_file(tree.path().join(path)).unwrap();
    }
    host.slow.patience = LONG;
    while host.read(Instant::ZERO, &links).cpu.cpu_user != 70 {
        std::thread::yield_now();
    }
}
