//! The way of datagrams to a collector: their source, and the network namespace they are sent from.

use std::fs;
use std::process::Command;

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of, receives};
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;

/// `source` and `destination` of the connected UDP sockets of a namespace.
fn connections(host: &Namespace) -> Vec<(String, String)> {
    let lines = host.run("ss -unH state established");
    let pair = |line: &str| {
        let mut words = line.split_whitespace().skip(2).map(str::to_owned);
        words.next().zip(words.next())
    };
    lines.lines().filter_map(pair).collect()
}

#[test]
fn datagrams_come_from_the_configured_source() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    host.ip("address add 198.18.2.7/24 dev mgmt0\n");
    let collector = Collector::start(&peer, "198.18.2.2:6343");
    let agent = Agent::start_with(
        &lab,
        &host,
        "sflow {
           sampling = 1
           polling = 0
           collector { ip = 198.18.2.2 source = 198.18.2.7 source.port = 6400 }
           collector { ip = 198.18.2.2 udpport = 6344 source = 198.18.2.7 source.port = 6400 }
           pcap { dev = lan0 }
         }",
    );
    receives(&host, &collector, 2);
    let sent_from = |port| ("198.18.2.7:6400".to_owned(), format!("198.18.2.2:{port}"));
    let mut connected = connections(&host);
    connected.sort_unstable();
    assert_eq!(connected, [sent_from(6343), sent_from(6344)]);
    host.ip("address delete 198.18.2.7/24 dev mgmt0\n");
    wait_until("losses in the statistics", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        agent.statistics(2).contains(" lost").then_some(())
    });
    host.ip("address add 198.18.2.7/24 dev mgmt0\n");
    receives(&host, &collector, 2);
    let log = agent.stop();
    assert!(log.contains("no interface has the address of source"), "{log}");
    collector.finish().check_with_gaps();
}

/// `flowmote` in `host`, where `ip netns` knows `mgmt` by a name, in a mount namespace of its own.
fn with_named_namespace(lab: &Lab, host: &Namespace, mgmt: &Namespace, file: &str) -> Agent {
    let script = format!(
        "mount -t tmpfs none /run && mkdir /run/netns && : >/run/netns/mgmt &&
         mount --bind /proc/{}/ns/net /run/netns/mgmt && exec {} run -c {file}",
        mgmt.pid(),
        flowmote().display()
    );
    let mut command: Command = host.command("unshare");
    command.args(["--mount", "--", "sh", "-c", &script]);
    Agent::start_command(lab, command)
}

#[test]
fn collector_is_reached_from_another_namespace() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, mgmt, peer) = (lab.namespace(), lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&mgmt, "mgmt0"), (&peer, "mgmt0"));
    let settings = "sampling = 1 polling = 0 pcap { dev = lan0 }
        collector { ip = 198.18.2.2 namespace = mgmt dev = mgmt0 }
        collector { ip = 198.18.2.2 namespace = nosuch }";
    let file = lab.file("flowmote.conf", &format!("sflow {{ {settings} }}"));
    let collector = Collector::start(&peer, "198.18.2.2:6343");
    let agent = with_named_namespace(&lab, &host, &mgmt, &file.display().to_string());
    receives(&host, &collector, 2);
    assert_eq!(connections(&host), [], "nothing is sent from its own namespace");
    // The address of the namespace changes, and with it the source.
    mgmt.ip("address delete 198.18.2.1/24 dev mgmt0\naddress add 198.18.2.9/24 dev mgmt0\n");
    wait_until("the new source address", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        let connected = connections(&mgmt);
        connected.iter().any(|(source, _)| source.starts_with("198.18.2.9%mgmt0:")).then_some(())
    });
    receives(&host, &collector, 2);
    let more = format!("sflow {{ {settings} collector {{ ip = 198.18.2.3 namespace = mgmt }} }}");
    fs::write(&file, more).expect("a file of the lab");
    let mark = agent.program().mark();
    agent.program().signal(Signal::SIGHUP);
    agent.program().wait_for_line(mark, "only the start has it");
    receives(&host, &collector, 2);
    let log = agent.stop();
    assert!(log.contains("there is no namespace \"nosuch\""), "{log}");
    collector.finish().check_with_gaps();
}

#[test]
fn collector_is_reached_in_a_vrf() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    let made =
        host.command("ip").args(["link", "add", "blue", "type", "vrf", "table", "10"]).status();
    if !made.is_ok_and(|status| status.success()) {
        return skip("the kernel has no VRF");
    }
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    host.ip("link set blue up\nlink set mgmt0 master blue\n");
    let collector = Collector::start(&peer, "198.18.2.2:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 198.18.2.2%blue");
    receives(&host, &collector, 2);
    agent.stop();
    collector.finish().check();
}
