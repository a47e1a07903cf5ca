//! The files of `/proc`, as names and values of metrics.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use flowmote_core::MetricValue;

use crate::config::HostMetrics;

/// Reads the groups that are on.
#[derive(Debug)]
pub(super) struct Reader {
    root: PathBuf,
    pub(super) groups: HostMetrics,
    pub(super) metrics: Vec<(String, MetricValue<'static>)>,
    /// Groups whose file the kernel does not have.
    pub(super) absent: Vec<&'static str>,
    /// Failed reads of files that exist.
    pub(super) unreadable: u64,
}

impl Reader {
    /// Reads below `root`, `/` but in tests.
    pub(super) fn new(root: impl Into<PathBuf>, groups: HostMetrics) -> Self {
        let (metrics, absent) = (Vec::new(), Vec::new());
        Self { root: root.into(), groups, metrics, absent, unreadable: 0 }
    }

    /// Reads all files. May block, as `/proc` of some containers is a user process.
    pub(super) fn read(&mut self) {
        self.metrics.clear();
        self.absent.clear();
        let HostMetrics { psi, files, conntrack, ipv6, per_cpu } = self.groups;
        for (is_on, name, read) in [
            (psi, "psi", Self::psi as fn(&mut Self) -> io::Result<()>),
            (files, "files", Self::files),
            (conntrack, "conntrack", Self::conntrack),
            (ipv6, "ipv6", Self::ipv6),
            (per_cpu, "percpu", Self::per_cpu),
        ] {
            if !is_on {
                continue;
            }
            match read(self) {
                Ok(()) => {}
                // Linux without CONFIG_PSI, nf_conntrack or IPv6; EOPNOTSUPP: PSI is off until the
                // kernel is booted with psi=1.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        || error.raw_os_error() == Some(libc::EOPNOTSUPP) =>
                {
                    self.absent.push(name);
                }
                Err(_) => self.unreadable = self.unreadable.saturating_add(1),
            }
        }
    }

    /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and `full` likewise.
    fn psi(&mut self) -> io::Result<()> {
        for resource in ["cpu", "memory", "io"] {
            let text = self.text(&format!("proc/pressure/{resource}"))?;
            for line in text.lines() {
                let mut words = line.split_whitespace();
                let Some(share @ ("some" | "full")) = words.next() else { continue };
                let name = format!("psi_{resource}_{share}");
                for (key, value) in words.filter_map(|word| word.split_once('=')) {
                    match key {
                        "total" => self.counter(format!("{name}_total"), value),
                        "avg10" => {
                            let value = value.parse().map(MetricValue::GaugeDouble).ok();
                            self.push(format!("{name}_avg10"), value);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Allocated, allocated and unused (0 since Linux 2.6), limit.
    fn files(&mut self) -> io::Result<()> {
        let text = self.text("proc/sys/fs/file-nr")?;
        let mut numbers = text.split_whitespace();
        self.gauge("files_open", numbers.next().unwrap_or_default());
        self.gauge("files_max", numbers.nth(1).unwrap_or_default());
        Ok(())
    }

    fn conntrack(&mut self) -> io::Result<()> {
        for (name, file) in
            [("conntrack_count", "nf_conntrack_count"), ("conntrack_max", "nf_conntrack_max")]
        {
            let text = self.text(&format!("proc/sys/net/netfilter/{file}"))?;
            self.gauge(name, &text);
        }
        Ok(())
    }

    /// Names and values in two columns, under the names that the kernel gives them. Types of ICMPv6
    /// messages have no fixed set and are left out.
    fn ipv6(&mut self) -> io::Result<()> {
        let text = self.text("proc/net/snmp6")?;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
            let is_known = ["Ip6", "Icmp6", "Udp6"].iter().any(|group| name.starts_with(group));
            if !is_known || name.contains("Type") {
                continue;
            }
            let split = name.find('6').map_or(name.len(), |at| at + 1);
            let (group, counter) = name.split_at(split);
            self.counter(format!("{group}_{counter}").to_ascii_lowercase(), value);
        }
        Ok(())
    }

    /// `cpu0 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL GUEST GUEST_NICE` in hundredths of a second.
    fn per_cpu(&mut self) -> io::Result<()> {
        let text = self.text("proc/stat")?;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let number = words.next().and_then(|word| word.strip_prefix("cpu"));
            let Some(number) = number.filter(|number| !number.is_empty()) else { continue };
            let times: Vec<u64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
            let [user, nice, system, _, _, rest @ ..] = &times[..] else { continue };
            let busy = [user, nice, system].into_iter().chain(rest).sum::<u64>();
            let value = MetricValue::Counter64(busy.wrapping_mul(MILLIS_PER_TICK));
            self.push(format!("cpu_{number}_busy"), Some(value));
        }
        Ok(())
    }

    fn counter(&mut self, name: String, text: &str) {
        let value = text.trim().parse().map(MetricValue::Counter64).ok();
        self.push(name, value);
    }

    fn gauge(&mut self, name: &str, text: &str) {
        let value = text.trim().parse().map(MetricValue::Gauge64).ok();
        self.push(name.to_owned(), value);
    }

    fn push(&mut self, name: String, value: Option<MetricValue<'static>>) {
        self.metrics
            .extend(value.filter(|_| self.metrics.len() < MAX_METRICS).map(|it| (name, it)));
    }

    fn text(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.root.join(path))?.take(MAX_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// `/proc/stat` counts in USER_HZ, which is 100 on all architectures of Linux.
const MILLIS_PER_TICK: u64 = 10;
const MAX_BYTES: u64 = 1 << 20;
/// The analyzer keeps as many of a data source.
const MAX_METRICS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: HostMetrics =
        HostMetrics { psi: true, files: true, conntrack: true, ipv6: true, per_cpu: true };

    fn read(files: &[(&str, &str)]) -> Reader {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("flowmote-host-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&root).unwrap();
        for (path, text) in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let mut reader = Reader::new(&root, ALL);
        reader.read();
        std::fs::remove_dir_all(&root).unwrap();
        reader
    }

    #[test]
    fn files_become_metrics() {
        let psi =
            "some avg10=1.50 avg60=2.00 avg300=0.00 total=77\nfull avg10=0.25 avg60=0 total=5\n";
        let reader = read(&[
            ("proc/pressure/cpu", psi),
            ("proc/pressure/memory", ""),
            ("proc/pressure/io", "some total=x avg10=\n"),
            ("proc/sys/fs/file-nr", "742\t0\t9223372036854775807\n"),
            ("proc/sys/net/netfilter/nf_conntrack_count", "12\n"),
            ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
            (
                "proc/net/snmp6",
                "Ip6InReceives \t4525\nIcmp6InMsgs 3\nIcmp6OutType135 1\nUdp6InErrors 2\n\
                 UdpLite6InErrors 1\n",
            ),
            (
                "proc/stat",
                "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 40 50 6 7 8 9 10\ncpu12 1 0 0 5 5\nintr 5\n",
            ),
        ]);
        let (count, level) = (MetricValue::Counter64, MetricValue::Gauge64);
        let expected = [
            ("psi_cpu_some_avg10", MetricValue::GaugeDouble(1.5)),
            ("psi_cpu_some_total", count(77)),
            ("psi_cpu_full_avg10", MetricValue::GaugeDouble(0.25)),
            ("psi_cpu_full_total", count(5)),
            ("files_open", level(742)),
            ("files_max", level(9_223_372_036_854_775_807)),
            ("conntrack_count", level(12)),
            ("conntrack_max", level(262_144)),
            ("ip6_inreceives", count(4525)),
            ("icmp6_inmsgs", count(3)),
            ("udp6_inerrors", count(2)),
            ("cpu_0_busy", count((1 + 2 + 3 + 6 + 7 + 8) * 10)),
            ("cpu_12_busy", count(10)),
        ];
        let metrics: Vec<_> =
            reader.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(metrics, expected);
        assert_eq!((reader.absent.len(), reader.unreadable), (0, 0));
    }

    #[test]
    fn absent_files_are_named_and_nothing_is_made_up() {
        let reader = read(&[("proc/sys/fs/file-nr", "1 0 2")]);
        assert_eq!(reader.absent, ["psi", "conntrack", "ipv6", "percpu"]);
        assert_eq!((reader.metrics.len(), reader.unreadable), (2, 0));
        let reader = read(&[("proc/sys/fs/file-nr/x", "")]);
        assert_eq!((reader.absent.len(), reader.unreadable), (4, 1));
    }
}
