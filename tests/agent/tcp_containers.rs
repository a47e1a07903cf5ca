//! The state of TCP connections of containers (`tcp { }`), which have network namespaces of their own.

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};

use flowmote_decoder::flow::ExtendedTcpInfo;
use flowmote_decoder::packet::{FiveTuple, Layers};
use flowmote_decoder::visit::Value;
use flowmote_decoder::{FlowSample, Sample};
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Connections, Lab, Namespace, peer_ip_of, sampled_header,
    with_local_collector,
};
use flowmote_lab::{skip, wait_until};

const RECEIVED: u32 = 1;
const SENT: u32 = 2;

/// A host with a container, which a veth pair leads to, and a server elsewhere in the network.
struct World {
    lab: Lab,
    host: Namespace,
    container: Namespace,
    server: Namespace,
}

impl World {
    fn open() -> Option<Self> {
        let lab = Lab::open()?;
        if !lab.has_ebpf() {
            skip("no eBPF program may be loaded in a user namespace");
            return None;
        }
        let (host, container, server) = (lab.namespace(), lab.namespace(), lab.namespace());
        lab.link6(1, (&host, "veth1"), (&container, "eth0"));
        lab.link6(2, (&host, "port"), (&server, "lan0"));
        // Behind a bridge, because a veth pair leads to a container.
        host.ip("link add lan0 type bridge\nlink set lan0 up\naddress flush dev port\n\
             link set port master lan0\naddress add 198.18.2.1/24 dev lan0\n\
             address add fd00:2::1/64 dev lan0 nodad");
        container.ip("route add default via 198.18.1.1\nroute add default via fd00:1::1");
        server.ip("route add default via 198.18.2.1\nroute add default via fd00:2::1");
        host.set("net/ipv4/ip_forward", 1);
        host.set("net/ipv6/conf/all/forwarding", 1);
        Some(Self { lab, host, container, server })
    }

    fn agent(&self, blocks: &str) -> (Collector, Agent) {
        let collector = Collector::start(&self.host, "127.0.0.1:6343");
        (collector, Agent::start_with(&self.lab, &self.host, &config(blocks)))
    }

    /// A connection of the container to a server.
    fn connection(&self, server: SocketAddr) -> Connections {
        Connections::open(&self.container, &self.server, server, 1)
    }

    /// Acknowledged bytes, retransmissions and `rtt` in microseconds of the socket of the container, by
    /// ss(8).
    fn by_ss(&self) -> (u64, u64, u64) {
        let text = self.container.run("ss -Htin state established");
        let field = |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(name));
        let acked = field("bytes_acked:").expect("what was sent is acknowledged");
        let retrans = field("retrans:").map_or("0", |both| both.split_once('/').expect("N/M").1);
        let rtt = field("rtt:").and_then(|both| both.split_once('/')).expect("N/M").0;
        let micros = (rtt.parse::<f64>().expect("milliseconds") * 1000.0).round() as u64;
        (acked.parse().expect("a number"), retrans.parse().expect("a number"), micros)
    }
}

const VETH1: &str = "pcap { dev = veth1 }";

fn config(blocks: &str) -> String {
    with_local_collector(&format!("polling = 0 sampling = 1 {blocks}"))
}

fn server(port: u16) -> SocketAddr {
    (peer_ip_of(2).0, port).into()
}

fn container() -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 1, 2)
}

/// The sampled packets with data to (true) and from a server, with the state of their connection.
fn packets(capture: &Capture, server: SocketAddr) -> Vec<(bool, Option<ExtendedTcpInfo>)> {
    let read = |sample: &FlowSample<'_>| {
        let header = sampled_header(sample);
        let tuple = FiveTuple::from_layers(Layers::new(header.protocol, header.header))?;
        let (from, to) = ((tuple.src, tuple.src_port).into(), (tuple.dst, tuple.dst_port).into());
        let is_of = tuple.protocol == 6 && (server == from || server == to);
        // Longer than those of the handshake.
        let has_data = header.frame_length > 100;
        let tcp = sample.records().flatten().find_map(|record| record.read());
        (is_of && has_data).then_some((server == to, tcp))
    };
    capture.flow_samples().iter().filter_map(read).collect()
}

/// Each packet at the veth pair has the state of the socket in the container.
fn assert_states(world: &World, collector: &Collector, server: SocketAddr, pmtu: u32) {
    let mss = if server.is_ipv4() { 1448 } else { 1428 };
    let mut connection = world.connection(server);
    connection.exchange(20_000);
    collector.wait_for("its packets", |capture| packets(capture, server).len() > 20);
    for (is_sent, tcp) in packets(&collector.so_far(), server) {
        let tcp = tcp.expect("a state");
        assert_eq!(tcp.dir, if is_sent { SENT } else { RECEIVED });
        // Less while the window of the peer is small.
        assert!(tcp.snd_mss > 1000 && tcp.snd_mss <= mss && tcp.pmtu == pmtu, "{tcp:?}");
        assert!(tcp.rtt > 0 && tcp.snd_cwnd >= 10, "{tcp:?}");
    }
}

#[test]
fn packets_of_a_container_have_the_state_of_its_socket() {
    let Some(world) = World::open() else { return };
    let (collector, agent) = world.agent(&format!("{VETH1} tcp {{ }}"));
    assert_states(&world, &collector, server(5001), 1500);
    assert_states(&world, &collector, (peer_ip_of(2).1, 5002).into(), 1500);
    let statistics = agent.statistics(1);
    let log = agent.stop();
    assert!(log.contains("tcp: sockets of containers are looked up\n"), "{log}");
    assert!(!statistics.contains("lookups of sockets that failed"), "{statistics}");
}

/// The program is loaded while the daemon has the capability, and is kept.
#[test]
fn reload_switches_the_lookups_off_and_on() {
    let Some(world) = World::open() else { return };
    let (collector, mut agent) = world.agent(&format!("{VETH1} tcp {{ }}"));
    for (port, blocks) in [(5001, VETH1.to_owned()), (5002, format!("{VETH1} tcp {{ }}"))] {
        world.lab.file("flowmote.conf", &config(&blocks));
        agent.program().signal(nix::sys::signal::Signal::SIGHUP);
        agent.wait_notified("READY=1");
        if blocks.contains("tcp") {
            assert_states(&world, &collector, server(port), 1500);
        } else {
            let mut connection = world.connection(server(port));
            connection.exchange(20_000);
            collector.wait_for("packets", |capture| packets(capture, server(port)).len() > 20);
            let seen = packets(&collector.so_far(), server(port));
            assert!(seen.iter().all(|(_, tcp)| tcp.is_none()));
        }
    }
    agent.stop();
}

/// Started as by the systemd unit, and with what an administrator may add to it.
#[test]
fn capability_net_admin_suffices_for_most_fields() {
    let Some(_) = Lab::of_root() else { return };
    let Some(world) = World::open() else { return };
    let path = world.lab.file("flowmote.conf", &config(&format!("{VETH1} tcp {{ }}")));
    let start = |capabilities| Agent::start_as_unit(&world.lab, &world.host, capabilities, &path);
    let collector = Collector::start(&world.host, "127.0.0.1:6343");
    let agent = start("+net_raw,+bpf");
    let mut connection = world.connection(server(5001));
    connection.exchange(20_000);
    collector.wait_for("its packets", |capture| packets(capture, server(5001)).len() > 20);
    assert!(packets(&collector.so_far(), server(5001)).iter().all(|(_, tcp)| tcp.is_none()));
    let statistics = agent.statistics(1);
    assert!(statistics.contains("0 without, of local addresses, 0 lookups"), "{statistics}");
    let log = agent.stop();
    let refused = "tcp: sockets of containers are not looked up: Operation not permitted (os error \
                   1): CAP_NET_ADMIN is missing\n";
    assert!(log.contains(refused), "{log}");
    for (port, capabilities, pmtu, expected) in [
        (5002, "+net_raw,+bpf,+net_admin", 0, "looked up, without rttvar, pmtu, rcv_mss"),
        (5003, "+net_raw,+bpf,+net_admin,+perfmon", 1500, "looked up\n"),
    ] {
        let agent = start(capabilities);
        assert_states(&world, &collector, server(port), pmtu);
        let log = agent.stop();
        let line = format!("tcp: sockets of containers are {expected}");
        assert!(log.contains(&line), "{line}: {log}");
        assert!(log.contains("with CAP_NET_RAW and CAP_BPF\n"), "{log}");
    }
}

#[test]
fn check_describes_the_lookups() {
    let Some(world) = World::open() else { return };
    let checked = Checked::of(&world.lab, &world.host, &config(&format!("{VETH1} tcp {{ }}")));
    let line = checked.lines.lines().find(|line| line.contains("of containers"));
    assert_eq!(line, Some("tcp             sockets of containers, by an eBPF program"));
    assert!(checked.passes, "{checked:?}");
}

/// The addresses of the container are those of no entity, and a bridge has several containers behind
/// its ports.
#[test]
fn forwarded_packets_of_nobody_are_not_looked_up() {
    let Some(world) = World::open() else { return };
    world.host.ip("link add br0 type bridge\nlink set veth1 master br0\n\
         address flush dev veth1\naddress add 198.18.1.1/24 dev br0\nlink set br0 up");
    let (collector, agent) = world.agent("pcap { dev = br0 } tcp { }");
    let mut connection = world.connection(server(5001));
    connection.exchange(20_000);
    collector.wait_for("its packets", |capture| packets(capture, server(5001)).len() > 20);
    let statistics = agent.statistics(1);
    let expected = "tcp: 0 samples with the state of their connection, 0 without, of local \
                    addresses, 0 lookups";
    assert!(statistics.contains(expected), "{statistics}");
    agent.stop();
}

/// The sum of a field of the changes that were reported for an end of a connection.
fn sum(capture: &Capture, local: Ipv4Addr, name: &str) -> u64 {
    let mut sum = 0;
    for sample in capture.samples() {
        let Sample::RtFlow(flow) = sample else { continue };
        let fields = || flow.values().map(|field| field.expect("a whole value"));
        let local = Value::Ipv4(local);
        let is_local = fields().any(|field| field.name.0 == b"local" && field.value == local);
        let value = fields().find(|field| field.name.0 == name.as_bytes());
        if let (true, Some(Value::I64(number))) = (is_local, value.map(|field| field.value)) {
            sum += number as u64;
        }
    }
    sum
}

#[test]
fn changes_of_a_connection_of_a_container_are_those_of_its_counters() {
    let Some(world) = World::open() else { return };
    let rules = "table inet loss { chain forward { type filter hook forward priority 0;
        tcp dport 5001 meta length > 500 numgen inc mod 10 == 3 drop; }; }";
    let path = world.lab.file("rules.nft", rules);
    let output = world.host.command("nft").arg("-f").arg(path).output();
    if !output.is_ok_and(|output| output.status.success()) {
        return skip("nft cannot drop packets here");
    }
    let (collector, agent) = world.agent(&format!("{VETH1} tcp {{ }}"));
    let mut connection = world.connection(server(5001));
    connection.exchange(20_000);
    let reported = || {
        let capture = collector.so_far();
        let of = |name| sum(&capture, container(), name);
        (of("bytes_sent"), of("retransmissions"))
    };
    let first = wait_until("the end of the changes", || {
        let (before, counted) = (reported(), world.by_ss());
        std::thread::sleep(Duration::from_millis(1500));
        (reported() == before).then_some((before, counted))
    });
    connection.exchange(50_000);
    wait_until("all changes", || {
        let (now, counted) = (reported(), world.by_ss());
        let bytes = (now.0 - first.0.0, counted.0 - first.1.0);
        let retransmissions = (now.1 - first.0.1, counted.1 - first.1.1);
        let is_all = bytes.0 == 50_000 && retransmissions.0 >= 3;
        (is_all && bytes.0 == bytes.1 && retransmissions.0 == retransmissions.1).then_some(())
    });
    let statistics = agent.statistics(1);
    assert!(!statistics.contains("lookups of sockets that failed"), "{statistics}");
    agent.stop();
}
