//! Several interfaces in one agent, and interfaces that are added, removed and renamed.

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::wait_until;

const CONFIGURATION: &str = "sflow {
  polling = 0
  collector { ip = 127.0.0.1 }
";

/// Sends packets over link `net` until the collector has a sample of interface `index`.
fn sampled(host: &Namespace, net: u8, collector: &Collector, index: u32) {
    wait_until(&format!("a sample of interface {index}"), || {
        flood(host, (peer_ip_of(net).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
}

#[test]
fn each_interface_has_its_own_rate_pool_and_sequence() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    lab.link(3, (&host, "lan2"), (&peer, "lan2"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let taps = "pcap { dev = lan0 sampling = 2 } pcap { dev = lan1 sampling = 8 } }";
    let agent = Agent::start_with(&lab, &host, &format!("{CONFIGURATION}{taps}"));
    for net in [1, 2, 3] {
        flood(&host, (peer_ip_of(net).0, 9).into(), 1000, 10);
    }
    let [one, two, three] = ["lan0", "lan1", "lan2"].map(|name| host.if_index(name));
    // No uniform skip is longer than 2N - 1; an estimated pool can differ by more.
    let rest = if lab.has_ebpf() { (4, 16) } else { (500, 500) };
    collector.wait_for("both pools", |capture| {
        capture.pool_of(one) > 1000 - rest.0 && capture.pool_of(two) > 1000 - rest.1
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert!(capture.flow_samples_of(three).is_empty(), "lan2 is not selected");
    for (index, rate) in [(one, 2), (two, 8)] {
        let samples = capture.flow_samples_of(index);
        assert!(samples.iter().all(|sample| sample.sampling_rate == rate));
        assert_eq!(samples[0].sequence_number, 1);
        // The peer replies rarely: the kernel limits its rate of ICMP messages.
        let (count, pool) = (samples.len() as u32, samples.last().unwrap().sample_pool);
        assert!((500..1600).contains(&(count * rate)), "{count} samples at 1 in {rate}");
        assert!(!lab.has_ebpf() || pool < 1100, "{pool}");
    }
}

/// hsflowd copies each packet and throws it away.
#[test]
fn interface_at_rate_0_has_no_tap() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let taps = "sampling = 0 pcap { dev = lan0 } pcap { dev = lan1 sampling = 1 } }";
    let agent = Agent::start_with(&lab, &host, &format!("{CONFIGURATION}{taps}"));
    flood(&host, (peer_ip_of(1).0, 9).into(), 100, 10);
    sampled(&host, 2, &collector, host.if_index("lan1"));
    let sockets = host.command("cat").arg("/proc/net/packet").output().expect("cat").stdout;
    assert_eq!(String::from_utf8_lossy(&sockets).lines().count(), 2, "a heading and one tap");
    assert!(!agent.statistics(1).contains("  lan0 "));
    agent.stop();
    assert!(collector.finish().flow_samples_of(host.if_index("lan0")).is_empty());
}

#[test]
fn recreated_interface_is_sampled_under_its_new_index() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    // The agent address comes from the first interface, which is never removed.
    lab.link(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let mut indices = vec![host.if_index("lan0")];
    sampled(&host, 1, &collector, indices[0]);
    let files = agent.open_files(&host);
    for _ in 0..5 {
        host.ip("link delete lan0\n");
        lab.link(1, (&host, "lan0"), (&peer, "lan0"));
        let index = host.if_index("lan0");
        assert!(!indices.contains(&index), "the kernel reuses index {index}");
        indices.push(index);
        sampled(&host, 1, &collector, index);
    }
    assert_eq!(agent.open_files(&host), files, "open files");
    agent.stop();
    let capture = collector.finish();
    capture.check();
    for index in indices {
        assert_eq!(capture.flow_samples_of(index)[0].sequence_number, 1);
    }
}

#[test]
fn renaming_selects_and_deselects_an_interface() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let taps = "pcap { dev = wan0 sampling = 1 } pcap { dev = lan1 sampling = 1 } }";
    let agent = Agent::start_with(&lab, &host, &format!("{CONFIGURATION}{taps}"));
    let [lan0, lan1] = ["lan0", "lan1"].map(|name| host.if_index(name));
    let files = agent.open_files(&host);
    sampled(&host, 2, &collector, lan1);
    assert!(collector.so_far().flow_samples_of(lan0).is_empty());
    let rename = |from: &str, to: &str, net: u8| {
        let (end, mac) = (format!("198.18.{net}.2"), format!("02:00:00:00:{net:02x}:02"));
        host.ip(&format!(
            "link set {from} down\nlink set {from} name {to}\nlink set {to} up\n\
             neighbour replace {end} lladdr {mac} dev {to} nud permanent\n"
        ));
    };
    rename("lan0", "wan0", 1);
    sampled(&host, 1, &collector, lan0);
    rename("lan1", "nothing0", 2);
    wait_until("the end of the tap", || (agent.open_files(&host) == files).then_some(()));
    agent.stop();
    collector.finish().check();
}

#[test]
fn pattern_selects_interfaces_added_later() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    let collector = Collector::start(&host, "127.0.0.1:6343");
    // The addresses move to bridges, and another agent address would start the sequences again.
    let taps = "agentIP = 192.0.2.1 pcap { dev.pattern = ^(lan|wan)[0-9]+$ sampling = 1 } }";
    let agent = Agent::start_with(&lab, &host, &format!("{CONFIGURATION}{taps}"));
    // Patterns skip veth pairs but match bridges, which see the packets of their ports.
    for (net, bridge) in [(1, "lan7"), (2, "wan12"), (3, "other0")] {
        lab.link(net, (&host, &format!("veth{net}")), (&peer, &format!("veth{net}")));
        let (end, mac) = (format!("198.18.{net}"), format!("02:00:00:00:{net:02x}:02"));
        host.ip(&format!(
            "link add {bridge} type bridge\n\
             link set {bridge} addrgenmode none\n\
             address delete {end}.1/24 dev veth{net}\n\
             address add {end}.1/24 dev {bridge}\n\
             link set veth{net} master {bridge}\n\
             link set {bridge} up\n\
             neighbour replace {end}.2 lladdr {mac} dev {bridge} nud permanent\n"
        ));
    }
    flood(&host, (peer_ip_of(3).0, 9).into(), 10, 10);
    sampled(&host, 1, &collector, host.if_index("lan7"));
    sampled(&host, 2, &collector, host.if_index("wan12"));
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let left_out = ["other0", "veth1", "veth2", "veth3"];
    let mut left_out =
        left_out.map(|name| capture.flow_samples_of(host.if_index(name))).into_iter();
    assert!(left_out.all(|samples| samples.is_empty()));
}

#[test]
fn missing_device_is_sampled_once_it_appears() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i wan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let warning = agent.program().wait_for_line(0, "wan0");
    assert!(warning.contains("lan0"), "existing devices are listed: {warning}");
    lab.link(2, (&host, "wan0"), (&peer, "wan0"));
    sampled(&host, 2, &collector, host.if_index("wan0"));
    agent.stop();
    collector.finish().check();
}

/// Its rtnetlink message has more than 16 KiB.
#[test]
fn link_with_many_alternative_names_is_read_like_any_other() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let alternatives = |link: &str| -> String {
        let name = |n| format!("link property add dev {link} altname {link}-{n:0>118}\n");
        (0..140).map(name).collect()
    };
    host.ip(&format!("link add early type bridge\n{}", alternatives("early")));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let taps = "pcap { dev.pattern = ^(early|later|last)$ sampling = 1 }
                pcap { dev = lan0 sampling = 1 } }";
    let configuration = format!("{CONFIGURATION}{taps}");
    let agent = Agent::start_with(&lab, &host, &configuration);
    agent.program().wait_for_line(0, "early: sampling 1 in 1");
    host.ip(&format!("link add later type bridge\n{}", alternatives("later")));
    agent.program().wait_for_line(0, "later: sampling 1 in 1");
    host.ip("link set later up\nlink delete early\nlink add last type bridge\n");
    agent.program().wait_for_line(0, "last: sampling 1 in 1");
    sampled(&host, 1, &collector, host.if_index("lan0"));
    let path = lab.path().join("flowmote.conf");
    host.run(&format!("{} check --config {}", flowmote().display(), path.display()));
    let log = agent.stop();
    assert!(!log.contains("rtnetlink"), "no overrun, nothing malformed: {log}");
    collector.finish().check();
}
