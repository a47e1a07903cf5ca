//! A lab of network namespaces in which the real programs communicate over real interfaces.
//!
//! ```no_run
//! use flowmote_lab::net::{Agent, Collector, Lab};
//!
//! let Some(lab) = Lab::open() else { return };
//! let (host, peer) = (lab.namespace(), lab.namespace());
//! lab.link(1, (&host, "lan0"), (&peer, "lan0"));
//! let collector = Collector::start(&host, "127.0.0.1:6343");
//! let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -o 127.0.0.1:6343");
//! host.run("ping -c 3 198.18.1.2");
//! collector.wait_for("6 samples", |capture| capture.flow_samples().len() == 6);
//! agent.stop();
//! collector.finish().check();
//! ```
//!
//! Root creates network namespaces directly, a normal user inside a user namespace. Everything in a
//! lab ends with it: each namespace lives as long as a pipe to the test is open, so it disappears
//! even if the test is killed. Nothing touches the interfaces of the machine.

mod agent;
mod capture;
mod collector;
mod configuration;
mod connections;
mod kernel;
mod namespace;
mod programs;
mod traffic;
mod tshark;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::skipped::skip;

pub use self::agent::{Agent, Totals};
pub use self::capture::{Capture, Received, if_counters, sampled_header, timestamp_ns};
pub use self::collector::{Collector, wall_clock_ns};
pub use self::configuration::{Checked, with_local_collector};
pub use self::connections::Connections;
pub use self::kernel::{LinkCounters, ip_of, peer_ip_of};
pub use self::namespace::Namespace;
pub(crate) use self::programs::program;
pub use self::programs::{analyzer, flowmote, helper, service};
pub use self::traffic::{Transfer, flood, flood_segmented, receives, send, send_frame, transfer};

/// Network namespaces and temporary files, removed on drop.
#[derive(Debug)]
pub struct Lab {
    /// Holds the user namespace, if there is one; the other namespaces are created inside it.
    first: Namespace,
    directory: TempDir,
}

impl Lab {
    /// A lab with the best privileges available: those of root, else those of a user namespace.
    /// Without either it records the test as skipped and returns `None`.
    #[must_use]
    pub fn open() -> Option<Self> {
        Self::with(if nix::unistd::Uid::effective().is_root() {
            Namespace::of_root
        } else {
            Namespace::of_user
        })
    }

    /// A lab inside a user namespace, also for root: the kernel refuses bpf(2) there.
    #[must_use]
    pub fn unprivileged() -> Option<Self> {
        Self::with(Namespace::of_user)
    }

    /// A lab in which the agent starts as the real root; otherwise the test is skipped.
    #[must_use]
    pub fn of_root() -> Option<Self> {
        if nix::unistd::Uid::effective().is_root() {
            return Self::with(Namespace::of_root);
        }
        skip("needs root: a user namespace has no other user to change to");
        None
    }

    fn with(first: fn() -> Result<Namespace, String>) -> Option<Self> {
        let first = match first() {
            Ok(first) => first,
            Err(reason) => {
                skip(&reason);
                return None;
            }
        };
        let directory = tempfile::Builder::new().prefix("flowmote-lab-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        // The agent reads its configuration again as an unprivileged user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        Some(Self { first, directory })
    }

    /// Returns true if bpf(2) is allowed in this lab, so that the agent counts its sample pool. With
    /// the classic filter the pool is an estimate unless N is 1.
    #[must_use]
    pub fn has_ebpf(&self) -> bool {
        !self.first.is_in_user_namespace()
    }

    /// Returns true if the agent samples at tc hooks in this namespace with this `capture`; else the
    /// test is noted as skipped, with the agent's reason.
    ///
    /// # Panics
    /// If `flowmote check` gives no reason.
    #[must_use]
    pub fn has_hooks(&self, namespace: &Namespace, capture: &str) -> bool {
        let pcap = format!("pcap {{ dev = lo capture = {capture} }}");
        let file =
            self.file("hooks.conf", &format!("sflow {{ collector {{ ip = 127.0.0.1 }} {pcap} }}"));
        let check = namespace.command(flowmote()).arg("check").arg("--config").arg(file).output();
        let check = check.expect("nsenter");
        let text =
            [check.stdout, check.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        if text.concat().contains("by the eBPF at tc hooks") {
            return true;
        }
        let reason =
            text.iter().flat_map(|text| text.lines()).find(|line| line.contains("tc hooks"));
        crate::skip(reason.unwrap_or_else(|| panic!("{}", text.concat())));
        false
    }

    /// A new network namespace whose only interface is loopback, which is up.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        self.first.sibling()
    }

    /// Creates a veth pair that is up, with the addresses 198.18.`net`.1 and .2.
    ///
    /// Neighbour entries are permanent and IPv6 is off, so neither ARP nor neighbour discovery sends
    /// packets: all packets on the link are those of the test.
    pub fn link(&self, net: u8, a: (&Namespace, &str), b: (&Namespace, &str)) {
        let (name_a, name_b) = (a.1, b.1);
        let (mac_a, mac_b) = (kernel::mac(net, 1), kernel::mac(net, 2));
        a.0.ip(&format!(
            "link add {name_a} address {mac_a} type veth peer name {name_b} address {mac_b} netns {}",
            b.0.pid()
        ));
        a.0.ip(&kernel::up(net, name_a, 1, 2));
        b.0.ip(&kernel::up(net, name_b, 2, 1));
    }

    /// Creates a link that also has the IPv6 addresses fd00:`net`::1 and ::2.
    pub fn link6(&self, net: u8, a: (&Namespace, &str), b: (&Namespace, &str)) {
        self.link(net, a, b);
        a.0.ip(&kernel::up6(net, a.1, 1, 2));
        b.0.ip(&kernel::up6(net, b.1, 2, 1));
    }

    /// Writes a world-readable file, replacing an older one of this name.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("writing a file of the lab");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// The directory of the lab's files.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
