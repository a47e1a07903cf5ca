//! The state of TCP connections on sampled packets (`tcp { }`), in network namespaces.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use flowmote_decoder::FlowSample;
use flowmote_decoder::flow::ExtendedTcpInfo;
use flowmote_decoder::packet::{FiveTuple, Layers};
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Connections, Lab, Namespace, flood, ip_of, sampled_header,
    with_local_collector,
};
use flowmote_lab::{skip, wait_until};

const RECEIVED: u32 = 1;
const SENT: u32 = 2;

fn config(taps: &str, block: &str) -> String {
    with_local_collector(&format!("polling = 0 sampling = 1 {taps} {block}"))
}

const LAN0: &str = "pcap { dev = lan0 }";

/// Two namespaces, linked by `lan0`.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "lan0"), (&peer, "lan0"));
    Some((lab, host, peer))
}

/// A sampled packet of TCP.
#[derive(Clone, Copy, Debug)]
struct Seen {
    from: SocketAddr,
    to: SocketAddr,
    /// False in the handshake, during which there is no socket yet.
    has_data: bool,
    tcp: Option<ExtendedTcpInfo>,
}

impl Seen {
    fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let header = sampled_header(sample);
        let layers = Layers::new(header.protocol, header.header);
        let tuple = FiveTuple::from_layers(layers)?;
        (tuple.protocol == 6).then(|| Self {
            from: (tuple.src, tuple.src_port).into(),
            to: (tuple.dst, tuple.dst_port).into(),
            has_data: header.frame_length > 100,
            tcp: sample.records().flatten().find_map(|record| record.read()),
        })
    }

    fn is_of(&self, end: SocketAddr) -> bool {
        self.from == end || self.to == end
    }
}

/// The sampled packets from and to an end of connections, in their order.
fn seen_at(capture: &Capture, end: SocketAddr) -> Vec<Seen> {
    let samples = capture.flow_samples();
    samples.iter().filter_map(Seen::of).filter(|seen| seen.is_of(end)).collect()
}

/// The end of a namespace on network 1, with `port`.
fn ends(port: u16) -> [(SocketAddr, SocketAddr); 2] {
    let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    let (v4, v6) = ip_of(1);
    // The first is a connection of IPv4 to a socket of IPv6.
    [((any, port).into(), (v4, port).into()), ((v6, port + 1).into(), (v6, port + 1).into())]
}

#[test]
fn packets_of_both_directions_and_families_have_the_state_of_their_connection() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(LAN0, "tcp { }"));
    let mut all: Vec<_> = ends(5001)
        .map(|(listen, to)| (to, Connections::open_to(&peer, &host, (listen, to), 1)))
        .into_iter()
        .collect();
    for (end, connections) in &mut all {
        connections.exchange(20_000);
        let done = |capture: &Capture| seen_at(capture, *end).len() > 40;
        collector.wait_for("its packets", done);
    }
    agent.stop();
    let capture = collector.finish();
    capture.check_without_tshark();
    for (end, _) in &all {
        for seen in seen_at(&capture, *end).iter().filter(|seen| seen.has_data) {
            let tcp = seen.tcp.unwrap_or_else(|| panic!("{seen:?}"));
            assert_eq!(tcp.dir, if seen.to == *end { RECEIVED } else { SENT }, "{seen:?}");
            let mss = if end.is_ipv4() { 1448 } else { 1428 };
            assert_eq!((tcp.snd_mss, tcp.pmtu), (mss, 1500), "{seen:?}");
            assert!(tcp.rtt > 0 && tcp.rtt < 1_000_000 && tcp.snd_cwnd >= 10, "{seen:?}");
            assert!(tcp.min_rtt <= tcp.rtt && tcp.retrans == 0, "{seen:?}");
        }
    }
}

/// `rtt`, `rttvar` and retransmissions of the connections of a port, by ss(8).
fn by_ss(host: &Namespace, port: u16) -> (u32, u32, u32) {
    let text = host.run(&format!("ss -Htin sport = {port}"));
    let field = |name: &str| {
        let value = text.split_whitespace().find_map(|word| word.strip_prefix(name));
        value.unwrap_or_default().to_owned()
    };
    let micros = |millis: &str| (millis.parse::<f64>().unwrap_or(0.0) * 1000.0).round() as u32;
    let rtt = field("rtt:");
    let (rtt, rttvar) = rtt.split_once('/').unwrap_or_default();
    let retrans = field("retrans:");
    let total = retrans.split_once('/').map_or("0", |(_, total)| total);
    (micros(rtt), micros(rttvar), total.parse().expect("retrans:N/TOTAL"))
}

/// Waits until the last sample of a connection has the values that ss(8) shows.
fn assert_as_ss(collector: &Collector, host: &Namespace, connections: &mut Connections, port: u16) {
    let end: SocketAddr = (ip_of(1).0, port).into();
    wait_until("a sample with the values of ss", || {
        let before = seen_at(&collector.so_far(), end).len();
        connections.exchange(1);
        let more = |capture: &Capture| seen_at(capture, end).len() > before;
        collector.wait_for("samples", more);
        let tcp = seen_at(&collector.so_far(), end).last()?.tcp?;
        (by_ss(host, port) == (tcp.rtt, tcp.rttvar, tcp.retrans)).then_some(())
    });
}

#[test]
fn round_trip_time_is_that_of_ss() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(LAN0, "tcp { }"));
    let to = (ip_of(1).0, 5001).into();
    let mut connections = Connections::open(&peer, &host, to, 1);
    connections.exchange(5000);
    assert_as_ss(&collector, &host, &mut connections, 5001);
    agent.stop();
}

#[test]
fn retransmissions_are_those_of_ss() {
    let Some((lab, host, peer)) = lab() else { return };
    let rules = "table inet loss { chain input { type filter hook input priority 0;
        tcp sport 5001 meta length > 500 numgen inc mod 10 == 3 drop; }; }";
    let path = lab.file("rules.nft", rules);
    let output = peer.command("nft").arg("-f").arg(path).output();
    if !output.is_ok_and(|output| output.status.success()) {
        return skip("nft cannot drop packets here");
    }
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(LAN0, "tcp { }"));
    let to = (ip_of(1).0, 5001).into();
    let mut connections = Connections::open(&peer, &host, to, 1);
    connections.exchange(40_000);
    assert!(by_ss(&host, 5001).2 >= 4, "four in forty segments are lost");
    assert_as_ss(&collector, &host, &mut connections, 5001);
    agent.stop();
}

/// hsflowd never looks up connections within the host.
#[test]
fn connection_within_the_host_has_the_state_of_the_sender() {
    let Some((lab, host, _peer)) = lab() else { return };
    let collector = Collector::start(&host, "[::1]:6343");
    let config = config("pcap { dev = lo }", "tcp { }").replace("127.0.0.1 }", "::1 }");
    let agent = Agent::start_with(&lab, &host, &config);
    let all = ["127.0.0.1:5001", "[::1]:5002", "198.18.1.1:5003"].map(|to| to.parse().unwrap());
    let open: Vec<_> = all
        .map(|to: SocketAddr| {
            let mut connections = Connections::open(&host, &host, to, 1);
            // The client has sent more than it has received, so that both have their own state.
            connections.exchange(20_000);
            collector.wait_for("packets", |capture| seen_at(capture, to).len() > 40);
            (to, connections)
        })
        .into_iter()
        .collect();
    agent.stop();
    let capture = collector.finish();
    for (to, _) in &open {
        for seen in seen_at(&capture, *to).iter().filter(|seen| seen.has_data) {
            let tcp = seen.tcp.unwrap_or_else(|| panic!("{seen:?}"));
            assert_eq!(tcp.dir, SENT, "{seen:?}");
        }
    }
}

/// A SYN from an address that does not exist, to a port on which the host listens.
fn syn(source_port: u16) -> Vec<u8> {
    let (ethernet, [p0, p1]) =
        ([2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2, 8, 0], source_port.to_be_bytes());
    let mut ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 198, 18, 1, 77, 198, 18, 1, 1];
    let sum =
        ip.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u32>();
    ip[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    let tcp = [p0, p1, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
    [&ethernet[..], &ip, &tcp].concat()
}

#[test]
fn socket_that_listens_and_unknown_connection_add_nothing() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(LAN0, "tcp { }"));
    let to: SocketAddr = (ip_of(1).0, 5001).into();
    let _listens = Connections::open(&peer, &host, to, 0);
    for port in 1000..1010 {
        flowmote_lab::net::send_frame(&peer, "lan0", &syn(port));
    }
    collector.wait_for("packets", |capture| seen_at(capture, to).len() >= 10);
    let statistics = agent.statistics(1);
    let log = agent.stop();
    assert!(statistics.contains("tcp: 0 samples with the state"), "{statistics}");
    assert!(!statistics.contains("malformed"), "{statistics}");
    assert!(!log.contains("tcp: lookup"), "{log}");
    let seen = seen_at(&collector.finish(), to);
    assert!(seen.iter().all(|seen| seen.tcp.is_none()), "{seen:?}");
}

#[test]
fn hundreds_of_connections_have_each_their_own_state() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(LAN0, "tcp { }"));
    let to: SocketAddr = (ip_of(1).0, 5001).into();
    let mut connections = Connections::open(&peer, &host, to, 300);
    connections.exchange(1000);
    let with_data = || {
        let seen = seen_at(&collector.so_far(), to).into_iter();
        seen.filter(|seen| seen.has_data).collect::<Vec<_>>()
    };
    wait_until("data and its echo", || (with_data().len() == 2 * 300).then_some(()));
    let statistics = agent.statistics(1);
    agent.stop();
    for seen in with_data() {
        assert!(seen.tcp.is_some_and(|tcp| tcp.snd_mss == 1448), "{seen:?} {statistics}");
    }
    assert!(!statistics.contains("lookups of sockets that failed"), "{statistics}");
}

#[test]
fn packets_in_a_tunnel_are_looked_up_if_requested() {
    let Some((lab, host, peer)) = lab() else { return };
    for (namespace, local, remote, address) in [
        (&host, "198.18.1.1", "198.18.1.2", "10.9.0.1"),
        (&peer, "198.18.1.2", "198.18.1.1", "10.9.0.2"),
    ] {
        let link =
            format!("link add tun0 type vxlan id 7 dstport 4789 local {local} remote {remote}");
        let mut ip = namespace.command("ip");
        if !ip.args(link.split(' ')).status().is_ok_and(|status| status.success()) {
            return skip("this kernel has no vxlan");
        }
        namespace.ip(&format!("address add {address}/24 dev tun0\nlink set tun0 up"));
    }
    let to: SocketAddr = "10.9.0.1:5001".parse().unwrap();
    for (block, expected) in [("tcp { }", false), ("tcp { tunnel = on }", true)] {
        let collector = Collector::start(&host, "127.0.0.1:6343");
        let agent = Agent::start_with(&lab, &host, &config(LAN0, block));
        let mut connections = Connections::open(&peer, &host, to, 1);
        connections.exchange(10_000);
        collector.wait_for("packets", |capture| capture.flow_samples().len() > 20);
        agent.stop();
        let capture = collector.finish();
        let read = |sample: &FlowSample<'_>| {
            sample.records().flatten().find_map(|record| record.read::<ExtendedTcpInfo>())
        };
        let annotated = capture.flow_samples().iter().filter_map(read).count();
        assert_eq!(annotated > 20, expected, "{block}: {annotated}");
    }
}

#[test]
fn reload_switches_lookups_on_and_off() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut agent = Agent::start_with(&lab, &host, &config(LAN0, ""));
    let to: SocketAddr = (ip_of(1).0, 5001).into();
    let mut connections = Connections::open(&peer, &host, to, 1);
    let mut packets = 0;
    for (block, expected) in [("", false), ("tcp { }", true), ("", false)] {
        lab.file("flowmote.conf", &config(LAN0, block));
        agent.program().signal(nix::sys::signal::Signal::SIGHUP);
        agent.wait_notified("READY=1");
        connections.exchange(10_000);
        collector.wait_for("packets", |capture| seen_at(capture, to).len() >= packets + 20);
        // All of this exchange: the next one comes when they are there.
        std::thread::sleep(core::time::Duration::from_millis(300));
        let seen = seen_at(&collector.so_far(), to);
        let count = seen.iter().skip(packets).filter(|seen| seen.tcp.is_some()).count();
        assert_eq!(count > 0, expected, "{block}");
        packets = seen.len();
    }
    let log = agent.stop();
    assert!(log.contains("tcp: the sockets of sampled packets are no longer"), "{log}");
}

#[test]
fn sockets_of_udp_are_looked_up_if_requested() {
    let Some((lab, host, peer)) = lab() else { return };
    for (block, lookups) in [("tcp { }", "0 lookups"), ("tcp { udp = on }", "1 lookups")] {
        let collector = Collector::start(&host, "127.0.0.1:6343");
        let agent = Agent::start_with(&lab, &host, &config(LAN0, block));
        // To the port of the collector, which is not open on this address.
        flood(&peer, (ip_of(1).0, 9).into(), 20, 100);
        collector.wait_for("samples", |capture| capture.flow_samples().len() >= 20);
        let statistics = agent.statistics(1);
        assert!(statistics.contains(lookups), "{block}: {statistics}");
        agent.stop();
    }
}

#[test]
fn check_describes_the_lookups() {
    let Some((lab, host, _peer)) = lab() else { return };
    let checked = Checked::of(&lab, &host, &config(LAN0, "tcp { udp = on tunnel = on }"));
    let line =
        "tcp             sockets of sampled packets of TCP and UDP, also in tunnels, by sock_diag";
    assert!(checked.passes && checked.lines.contains(line), "{checked:?}");
}

/// The user of the systemd unit, which has no CAP_NET_ADMIN.
#[test]
fn lookups_need_no_privileges() {
    let Some(_) = Lab::of_root() else { return };
    let Some((lab, host, peer)) = lab() else { return };
    let path = lab.file("flowmote.conf", &config(LAN0, "tcp { }"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_as_unit(&lab, &host, "+net_raw,+bpf", &path);
    let to: SocketAddr = (ip_of(1).0, 5001).into();
    let mut connections = Connections::open(&peer, &host, to, 1);
    connections.exchange(20_000);
    let has_state = |seen: &&Seen| seen.tcp.is_some();
    collector
        .wait_for("states", |capture| seen_at(capture, to).iter().filter(has_state).count() > 40);
    let log = agent.stop();
    assert!(!log.contains("not known"), "a subscription to closed sockets is refused: {log}");
}
