//! `flowmote-analyzer listen` receives datagrams of the agent.

use std::process::Stdio;

use flowmote_lab::net::{Agent, Collector, Lab, analyzer, flood, peer_ip_of};
use flowmote_lab::{Program, wait_until};
use nix::sys::signal::Signal;

#[test]
fn listen_prints_every_datagram_as_json() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut listen = host.command(analyzer());
    listen.args(["listen", "--json", "127.0.0.1:6344"]).stdin(Stdio::null());
    let mut listen = Program::start(listen);
    let listening = || host.proc_net("udp").contains(":18C8 ").then_some(());
    wait_until("the analyzer's socket", listening);
    let options = "-i lan0 -n 1 -p 1 -o 127.0.0.1:6343 -o 127.0.0.1:6344";
    let agent = Agent::start(&lab, &host, options);
    flood(&host, (peer_ip_of(1).0, 9).into(), 100, 100);
    collector.wait_for("counters", |capture| capture.counters_of(2, 1).len() > 1);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let datagrams = capture.datagrams();
    let last = datagrams.last().expect("datagrams").sequence_number;
    listen.wait_for_line(0, &format!("\"sequence_number\":{last},\"uptime\""));
    listen.signal(Signal::SIGTERM);
    listen.wait();
    let log = listen.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), datagrams.len());
    for (line, datagram) in lines.iter().zip(&datagrams) {
        let number = format!("\"sequence_number\":{},\"uptime\"", datagram.sequence_number);
        assert!(line.contains(&number) && line.ends_with('}'), "{line}");
    }
    assert!(log.contains("0 datagrams lost, 0 faults"), "{log}");
    assert!(!log.contains("implausible"), "{log}");
    let count = |name: &str| lines.iter().map(|line| line.matches(name).count()).sum::<usize>();
    assert_eq!(count("\"sampled_header\""), capture.flow_samples().len());
    assert_eq!(count("\"host_cpu\""), capture.counters_of(2, 1).len());
}

#[test]
fn listen_joins_a_multicast_group() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link6(2, (&host, "lan1"), (&peer, "lan1"));
    peer.run("ip route add 239.0.0.0/8 dev lan1");
    peer.run("ip -6 route add multicast ff05::/16 dev lan1 table local");
    for (address, group, table) in [
        ("239.1.2.3%lan1:6345", "239.1.2.3:6345", "udp"),
        ("[ff05::7%lan1]:6345", "[ff05::7]:6345", "udp6"),
    ] {
        let mut listen = host.command(analyzer());
        listen.args(["listen", "--json", "--count", "1", address]).stdin(Stdio::null());
        let mut listen = Program::start(listen);
        let listening = || host.proc_net(table).contains(":18C9 ").then_some(());
        wait_until("the analyzer's socket", listening);
        // The group is joined after the port is bound.
        listen.wait_for_line(0, "listening on ");
        flood(&peer, group.parse().expect("an address"), 1, 40);
        assert!(listen.wait().success(), "{}", listen.log());
        assert!(listen.log().contains("1 datagrams (40 bytes)"), "{}", listen.log());
    }
}

#[test]
fn listen_names_the_remedy_for_a_group_without_a_route() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    for group in ["239.1.2.3:6345", "[ff02::7]:6345"] {
        let mut listen = host.command(analyzer());
        listen.args(["listen", group]).stdin(Stdio::null());
        let mut listen = Program::start(listen);
        assert!(!listen.wait().success());
        assert!(listen.log().contains("Name the interface"), "{}", listen.log());
    }
}
