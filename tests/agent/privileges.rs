//! After its start the agent runs as an unprivileged user with two capabilities.

use std::collections::HashMap;

use flowmote_lab::net::{Agent, Collector, Lab, flood, flowmote, peer_ip_of};
use flowmote_lab::wait_until;

/// CAP_NET_RAW and CAP_BPF, linux/capability.h.
const NEEDED: u64 = 1 << 13 | 1 << 39;

/// The fields of /proc/PID/status.
fn status(pid: u32) -> HashMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(field).collect()
}

fn check_least_privilege(pid: u32) {
    let status = status(pid);
    for ids in ["Uid", "Gid"] {
        let of_root = status[ids].split_whitespace().any(|id| id == "0");
        assert!(!of_root, "{ids}: {}", status[ids]);
    }
    assert_eq!(status["Groups"], "", "supplementary groups");
    assert_eq!(status["NoNewPrivs"], "1");
    let capabilities = |set: &str| u64::from_str_radix(&status[set], 16).expect("a bit mask");
    assert_eq!(capabilities("CapEff"), NEEDED);
    assert_eq!(capabilities("CapPrm"), NEEDED);
    assert_eq!(capabilities("CapInh"), 0);
    assert_eq!(capabilities("CapAmb"), 0);
    assert_eq!(capabilities("CapBnd") & !NEEDED, 0, "bounding set {}", status["CapBnd"]);
}

#[test]
fn root_is_dropped_and_two_capabilities_suffice() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -i lan1 -n 1 -p 1 -o 127.0.0.1:6343");
    check_least_privilege(agent.program().pid());
    // This interface appears after root was dropped.
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let index = host.if_index("lan1");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(2).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    collector.wait_for("counters of the host", |capture| !capture.counters_of(2, 1).is_empty());
    check_least_privilege(agent.program().pid());
    let log = agent.stop();
    assert_eq!(log.matches("eBPF filter)").count(), 2, "{log}");
    collector.finish().check();
}

/// Started as by the systemd unit: never root, two ambient capabilities.
#[test]
fn two_ambient_capabilities_suffice_from_the_start() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let unprivileged = "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
         --inh-caps=-all,+net_raw,+bpf --ambient-caps=-all,+net_raw,+bpf \
         --bounding-set=-all,+net_raw,+bpf --";
    let mut words = unprivileged.split_whitespace();
    let mut command = host.command(words.next().expect("setpriv"));
    command.args(words).arg(flowmote());
    command.args("run -i lan0 -n 1 -p 1 -o 127.0.0.1:6343".split(' '));
    let agent = Agent::start_command(&lab, command);
    check_least_privilege(agent.program().pid());
    let index = host.if_index("lan0");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    let log = agent.stop();
    assert!(log.contains("eBPF filter)"), "{log}");
    collector.finish().check();
}
