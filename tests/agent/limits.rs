//! Hundreds of interfaces: descriptors, exact pools, counters, and a reload under traffic; and a
//! limit of memory.

use std::sync::mpsc::{TryRecvError, channel};

use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, LinkCounters, Namespace, Totals, flood, flowmote, peer_ip_of,
};
use flowmote_lab::{wait_until, wait_until_equal};
use nix::sys::signal::Signal;

/// A host with two links and `others` interfaces without traffic.
struct Host {
    host: Namespace,
    _peer: Namespace,
    collector: Collector,
    agent: Agent,
    /// Changes of taps under traffic.
    changes: u64,
}

/// Packets that pass between the filters of two taps while one replaces the other: hardly any, unless
/// the processor is emulated. A tap that does not wait for the other one misses hundreds.
const IN_PASSING: u64 = 4;

/// A configuration that selects them all. The host forwards nothing, so that packet sockets sample.
fn configuration(sampling: u32, header_bytes: u32) -> String {
    captured("auto", sampling, header_bytes)
}

fn captured(capture: &str, sampling: u32, header_bytes: u32) -> String {
    format!(
        "sflow {{ sampling = {sampling} polling = 10 headerBytes = {header_bytes}
         collector {{ ip = 127.0.0.1 }}
         pcap {{ dev = lan0 sampling = 1 capture = {capture} }}
         pcap {{ dev = lan1 sampling = 1 capture = {capture} }}
         pcap {{ dev.pattern = ^if capture = {capture} }} }}"
    )
}

impl Host {
    /// Starts the agent under `limit`, an option of prlimit(1).
    fn start(lab: &Lab, others: u32, limit: &str) -> Self {
        let (host, peer) = (lab.namespace(), lab.namespace());
        // The links have the lowest and the highest ifIndex: the agent goes through all in this order.
        lab.link(1, (&host, "lan0"), (&peer, "lan0"));
        let lines = |number| format!("link add if{number} type ifb\nlink set if{number} up\n");
        host.ip(&(0..others).map(lines).collect::<String>());
        lab.link(2, (&host, "lan1"), (&peer, "lan1"));
        let collector = Collector::start(&host, "127.0.0.1:6343");
        let file = lab.file("flowmote.conf", &configuration(1000, 128));
        let mut command = host.command("prlimit");
        command.arg(limit).arg(flowmote()).arg("run");
        command.arg("--config").arg(file);
        let agent = Agent::start_command(lab, command);
        Self { host, _peer: peer, collector, agent, changes: 0 }
    }

    fn flood(&self, count: u32) {
        flood_links(&self.host, count);
    }

    /// Waits until the collector has the pools of both links as the kernel counts them.
    fn wait_for_pools(&self) {
        for name in ["lan0", "lan1"] {
            let index = self.host.if_index(name);
            wait_until_equal(&format!("packets and pool of {name}"), || {
                let kernel = LinkCounters::of(&self.host, name).packets();
                let pool = self.collector.so_far().pool_of(index).into();
                [kernel, without_passing(self.changes, pool, kernel)]
            });
        }
    }

    /// Reloads the configuration while packets are sent.
    fn reload(&mut self, lab: &Lab, sampling: u32, header_bytes: u32) {
        self.reload_with(lab, &configuration(sampling, header_bytes));
    }

    fn reload_with(&mut self, lab: &Lab, configuration: &str) {
        lab.file("flowmote.conf", configuration);
        self.change(|_, agent| {
            agent.program().signal(Signal::SIGHUP);
            agent.wait_notified("RELOADING=1");
            agent.wait_notified("READY=1");
        });
    }

    /// Sends packets while something is done that replaces taps.
    fn change(&mut self, something: impl FnOnce(&Namespace, &mut Agent)) {
        self.changes += 1;
        let Self { host, agent, .. } = self;
        flood_while(host, || something(host, agent));
    }

    /// Ends the agent and compares its counts of both links with those of the kernel. Returns its
    /// log, and what the collector received.
    fn finish(self) -> (String, Capture) {
        let Self { host, collector, agent, changes, .. } = self;
        let (log, capture) = (agent.stop(), collector.finish());
        for name in ["lan0", "lan1"] {
            let Totals { seen, samples, drops } = Totals::last_of(&log, name);
            let kernel = LinkCounters::of(&host, name).packets();
            assert_eq!((without_passing(changes, seen, kernel), samples, drops), (kernel, seen, 0));
            check_order(&capture, host.if_index(name));
        }
        (log, capture)
    }

    fn wait_for_counters(&self, others: u32) {
        let indices: Vec<u32> = self.interfaces(others);
        self.collector.wait_for("counters of all interfaces", |capture| {
            indices.iter().all(|&index| !capture.counters_of(0, index).is_empty())
        });
    }

    fn interfaces(&self, others: u32) -> Vec<u32> {
        let first = self.host.if_index("if0");
        let all: Vec<u32> = (first..first + others).collect();
        assert_eq!(all.last(), Some(&self.host.if_index(&format!("if{}", others - 1))));
        all
    }
}

/// `packets`, or `kernel` if what passed during the changes makes the difference.
fn without_passing(changes: u64, packets: u64, kernel: u64) -> u64 {
    if packets.abs_diff(kernel) <= changes * IN_PASSING { kernel } else { packets }
}

/// Sends `count` packets out of each link.
fn flood_links(host: &Namespace, count: u32) {
    for net in [1, 2] {
        flood(host, (peer_ip_of(net).0, 9).into(), count, 10);
    }
}

/// Sends packets out of both links while something is done, and some after it.
fn flood_while(host: &Namespace, something: impl FnOnce()) {
    // Closed at the end of `something`, and also if it panics.
    let (is_open, end) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while end.try_recv() == Err(TryRecvError::Empty) {
                flood_links(host, 100);
            }
            flood_links(host, 300);
        });
        something();
        drop(is_open);
    });
}

/// Pools and drops of an interface never step back.
fn check_order(capture: &Capture, index: u32) {
    let samples = capture.flow_samples_of(index);
    for pair in samples.windows(2) {
        assert!(pair[0].sample_pool <= pair[1].sample_pool && pair[0].drops <= pair[1].drops);
    }
}

#[test]
fn thousand_interfaces_are_sampled_within_1024_open_files() {
    const OTHERS: u32 = 1020;
    let Some(lab) = Lab::open() else { return };
    if !lab.has_ebpf() {
        return flowmote_lab::skip("a shared tap needs eBPF");
    }
    let mut host = Host::start(&lab, OTHERS, "--nofile=1024:1024");
    assert!(host.agent.open_files(&host.host) < 40);
    host.flood(1000);
    host.wait_for_pools();
    host.wait_for_counters(OTHERS);
    // Another rate for a thousand interfaces, then header bytes, which take another tap.
    for (sampling, header_bytes) in [(2000, 128), (2000, 64), (10, 64)] {
        host.reload(&lab, sampling, header_bytes);
        host.wait_for_pools();
    }
    // Without `check`, which compares arrival times: on a busy machine the collector lags behind.
    host.finish();
}

#[test]
fn seventeenth_interface_makes_them_share_a_tap() {
    let Some(lab) = Lab::open() else { return };
    let mut host = Host::start(&lab, 8, "--nofile=1024:1024");
    let files = host.agent.open_files(&host.host);
    host.flood(300);
    host.wait_for_pools();
    let lines = |number| format!("link add ifx{number} type ifb\nlink set ifx{number} up\n");
    host.change(|host, agent| {
        host.ip(&(0..8).map(lines).collect::<String>());
        let last = host.if_index("ifx7");
        agent.program().wait_for_line(0, &format!("(ifIndex {last}, "));
    });
    host.wait_for_pools();
    if lab.has_ebpf() {
        wait_until("one tap", || (host.agent.open_files(&host.host) < files - 8).then_some(()));
    }
    host.finish().1.check();
}

#[test]
fn interfaces_move_from_taps_to_hooks_and_back_without_a_loss() {
    let Some(lab) = Lab::open() else { return };
    let mut host = Host::start(&lab, 4, "--nofile=1024:1024");
    if !lab.has_hooks(&host.host, "tc") {
        return;
    }
    host.flood(300);
    host.wait_for_pools();
    for (capture, way) in
        [("tc", "eBPF at tc hooks"), ("packet", "eBPF filter"), ("tc", "eBPF at tc hooks")]
    {
        lab.file("flowmote.conf", &captured(capture, 1000, 128));
        host.change(|host, agent| {
            let mark = agent.program().mark();
            agent.program().signal(Signal::SIGHUP);
            // The last one.
            let lan1 = format!("lan1: sampling 1 in 1 (ifIndex {}, {way})", host.if_index("lan1"));
            agent.program().wait_for_line(mark, &lan1);
        });
        host.wait_for_pools();
    }
    // Other header bytes are applied in place.
    let mark = host.agent.program().mark();
    host.reload_with(&lab, &captured("tc", 1000, 64));
    host.wait_for_pools();
    let log = host.agent.program().log_since(mark);
    assert!(!log.contains("sampling 1 in"), "{log}");
    host.finish().1.check();
}

#[test]
fn pool_continues_when_a_shared_tap_gives_way_to_hooks() {
    let Some(lab) = Lab::open() else { return };
    let mut host = Host::start(&lab, 20, "--nofile=1024:1024");
    if !lab.has_hooks(&host.host, "tc") {
        return;
    }
    host.flood(300);
    host.wait_for_pools();
    host.reload_with(&lab, &captured("tc", 1000, 128));
    host.wait_for_pools();
    wait_until("hooks of all", || {
        let log = host.agent.program().log();
        (log.matches("eBPF at tc hooks)").count() == 22).then_some(())
    });
    // What was in the shared ring is among the drops.
    let log = host.agent.stop();
    for name in ["lan0", "lan1"] {
        let Totals { seen, samples, drops } = Totals::last_of(&log, name);
        let kernel = LinkCounters::of(&host.host, name).packets();
        assert_eq!(without_passing(1, seen, kernel), kernel);
        assert_eq!(samples + drops, seen, "{name}");
    }
}

#[test]
fn interfaces_beyond_the_limit_of_open_files_still_have_counters() {
    const OTHERS: u32 = 40;
    const FILES: &str = "--nofile=48:48";
    let Some(lab) = Lab::unprivileged() else { return };
    let host = Host::start(&lab, OTHERS, FILES);
    let line = host.agent.program().wait_for_line(0, "interfaces not sampled");
    assert!(line.contains("RLIMIT_NOFILE) is 48") && line.contains("ulimit -n 67"), "{line}");
    host.wait_for_counters(OTHERS);
    let log = host.agent.stop();
    host.collector.finish().check();
    let sampled = log.lines().filter(|line| line.contains(": sampling 1 in ")).count();
    assert_eq!(sampled, 23, "48 files, 25 of them reserved");
    assert_eq!(log.matches("the kernel refuses the eBPF filter").count(), 1, "{log}");
    let mut check = host.host.command("prlimit");
    check.arg(FILES).arg(flowmote()).arg("check").arg("--config");
    let check = check.arg(lab.path().join("flowmote.conf")).output().expect("flowmote check");
    let errors = String::from_utf8(check.stderr).expect("UTF-8");
    assert_eq!(check.status.code(), Some(2), "{errors}");
    assert!(errors.contains("19 interfaces not sampled") && errors.contains("ulimit -n 67"));
    let refusals: Vec<_> = errors.lines().filter(|line| line.contains("eBPF filter")).collect();
    let [refusal] = refusals[..] else { panic!("{errors}") };
    assert!(refusal.contains("lan0, if0, ") && refusal.contains(" and 30 more: "), "{refusal}");
}

#[test]
fn short_address_space_makes_rings_smaller_and_loses_nothing_else() {
    let Some(lab) = Lab::open() else { return };
    // The second ring of 8 MiB does not fit, and no ring does when both taps are replaced.
    let mut host = Host::start(&lab, 0, "--as=27262976");
    host.flood(300);
    host.wait_for_pools();
    host.reload(&lab, 1000, 64);
    host.wait_for_pools();
    let (log, capture) = host.finish();
    capture.check();
    assert!(log.contains("no memory for a ring of 8192 KiB, "), "{log}");
}

#[test]
fn samples_in_the_ring_of_a_deselected_interface_are_drops() {
    let Some(lab) = Lab::open() else { return };
    let mut host = Host::start(&lab, 1, "--nofile=1024:1024");
    host.flood(300);
    host.wait_for_pools();
    lab.file(
        "flowmote.conf",
        "sflow { collector { ip = 127.0.0.1 } pcap { dev = lan1 sampling = 1 } }",
    );
    // The kernel holds the last ones back for 50 ms at least.
    host.change(|_, agent| {
        agent.program().signal(Signal::SIGHUP);
        agent.wait_notified("RELOADING=1");
        agent.program().wait_for_line(0, "lan0: no longer sampled");
    });
    let log = host.agent.stop();
    let Totals { seen, samples, drops } = Totals::last_of(&log, "interfaces no longer sampled");
    assert_eq!(without_passing(host.changes, samples + drops, seen), seen, "{log}");
    assert!(
        !log.lines()
            .any(|line| line.contains("no longer sampled: ") && line.contains("in the ring"))
    );
    host.collector.finish().check();
}
