//! Input and output of packets that end at the host, begin there, or pass it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowmote_decoder::{FlowSample, Port};
use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, Namespace, flood, ip_of, peer_ip_of, sampled_header,
};

/// ifIndex of the data source, source address of the packet, input, output.
type Way = (u32, IpAddr, Port, Port);

/// The way of a UDP packet; `None` for others, such as the ICMP messages that reject it.
fn way(sample: &FlowSample<'_>) -> Option<(IpAddr, Way)> {
    let header = sampled_header(sample).header;
    let (source, destination): (IpAddr, IpAddr) = match (header[12], header[23], header[20]) {
        (0x08, 17, _) => {
            let address = |at: usize| <[u8; 4]>::try_from(&header[at..at + 4]).unwrap();
            (Ipv4Addr::from(address(26)).into(), Ipv4Addr::from(address(30)).into())
        }
        (0x86, _, 17) => {
            let address = |at: usize| <[u8; 16]>::try_from(&header[at..at + 16]).unwrap();
            (Ipv6Addr::from(address(22)).into(), Ipv6Addr::from(address(38)).into())
        }
        _ => return None,
    };
    let ports = (sample.input.port(), sample.output.port());
    Some((destination, (sample.source_id.index, source, ports.0, ports.1)))
}

/// The different ways of UDP packets to `destination`.
fn ways(capture: &Capture, destination: IpAddr) -> Vec<Way> {
    let samples = capture.flow_samples();
    let ways = samples.iter().filter_map(way).filter(|(to, _)| *to == destination);
    let mut found: Vec<Way> = Vec::new();
    for (_, way) in ways {
        if !found.contains(&way) {
            found.push(way);
        }
    }
    found.sort_by_key(|way| way.0);
    found
}

/// Sends packets and requires their ways, those of `expected`, which have one source address.
fn require(collector: &Collector, (from, to): (&Namespace, impl Into<IpAddr>), expected: &[Way]) {
    let to = to.into();
    flood(from, (to, 9).into(), 20, 10);
    collector.wait_for(&format!("packets to {to}"), |capture| {
        let ways = ways(capture, to);
        expected.iter().all(|way| ways.contains(way))
    });
    let others: Vec<Way> = ways(&collector.so_far(), to)
        .into_iter()
        .filter(|way| way.1 == expected[0].1 && !expected.contains(way))
        .collect();
    assert_eq!(others, [], "to {to}");
}

/// A host with two links, each to a namespace of its own.
fn two_links(lab: &Lab) -> [Namespace; 3] {
    let [host, left, right] = [(); 3].map(|()| lab.namespace());
    lab.link6(1, (&host, "lan1"), (&left, "lan0"));
    lab.link6(2, (&host, "lan2"), (&right, "lan0"));
    [host, left, right]
}

fn start(lab: &Lab, host: &Namespace, capture: &str) -> (Collector, Agent) {
    let collector = Collector::start(host, "127.0.0.1:6343");
    let configuration = format!(
        "sflow {{ collector {{ ip = 127.0.0.1 }} sampling = 1 polling = 0
            pcap {{ dev = lan1 capture = {capture} }} pcap {{ dev = lan2 capture = {capture} }} }}"
    );
    let agent = Agent::start_with(lab, host, &configuration);
    (collector, agent)
}

fn set_forwarding(host: &Namespace, on: bool) {
    host.set("net/ipv4/ip_forward", u8::from(on));
    host.set("net/ipv6/conf/all/forwarding", u8::from(on));
}

#[test]
fn routed_packet_names_the_interface_of_its_route() {
    let Some(lab) = Lab::open() else { return };
    let hosts = two_links(&lab);
    // A packet socket does not show where a routed packet came from that is sent.
    check_routed_packets(&lab, &hosts, "packet", Port::Unknown);
}

#[test]
fn routed_packet_at_a_hook_names_both_of_its_interfaces() {
    let Some(lab) = Lab::open() else { return };
    let hosts = two_links(&lab);
    let host = &hosts[0];
    set_forwarding(host, true);
    if lab.has_hooks(host, "auto") {
        // Chosen automatically, because the host forwards.
        let log = check_routed_packets(&lab, &hosts, "auto", Port::Index(host.if_index("lan1")));
        assert_eq!(log.matches("eBPF at tc hooks)").count(), 2, "{log}");
    }
}

/// Requires input and output of routed packets, those of sent ones with `input`. Returns the log of the
/// agent.
fn check_routed_packets(
    lab: &Lab,
    [host, left, right]: &[Namespace; 3],
    capture: &str,
    input: Port,
) -> String {
    set_forwarding(host, true);
    let (gateway, gateway6) = ip_of(1);
    left.ip(&format!(
        "route add 198.18.2.0/24 via {gateway}\nroute add fd00:2::/64 via {gateway6}\n"
    ));
    let (collector, agent) = start(lab, host, capture);
    let (lan1, lan2) = (host.if_index("lan1"), host.if_index("lan2"));
    let ((near, near6), (far, far6)) = (peer_ip_of(1), peer_ip_of(2));
    for (to, from) in [(IpAddr::from(far), near.into()), (far6.into(), IpAddr::from(near6))] {
        let received = (lan1, from, Port::Index(lan1), Port::Index(lan2));
        let sent = (lan2, from, input, Port::Index(lan2));
        require(&collector, (left, to), &[received, sent]);
    }
    // Packets of the host itself.
    let here = (lan1, near.into(), Port::Index(lan1), Port::Internal);
    require(&collector, (left, gateway), &[here]);
    let here6 = (lan1, near6.into(), Port::Index(lan1), Port::Internal);
    require(&collector, (left, gateway6), &[here6]);
    let own = (lan1, gateway.into(), Port::Internal, Port::Index(lan1));
    require(&collector, (host, near), &[own]);
    let _ = right;
    agent.stop()
}

#[test]
fn packet_that_is_not_forwarded_has_an_unknown_output() {
    let Some(lab) = Lab::open() else { return };
    let [host, left, right] = two_links(&lab);
    set_forwarding(&host, false);
    let (gateway, gateway6) = ip_of(1);
    left.ip(&format!(
        "route add 198.18.2.0/24 via {gateway}\nroute add fd00:2::/64 via {gateway6}\n"
    ));
    let (collector, agent) = start(&lab, &host, "packet");
    let lan1 = host.if_index("lan1");
    let ((near, near6), (far, far6)) = (peer_ip_of(1), peer_ip_of(2));
    for (to, from) in [(IpAddr::from(far), near.into()), (far6.into(), IpAddr::from(near6))] {
        let dropped = (lan1, from, Port::Index(lan1), Port::Unknown);
        require(&collector, (&left, to), &[dropped]);
    }
    agent.stop();
    drop(right);
}

#[test]
fn bridged_packet_names_the_port_of_its_station() {
    let Some(lab) = Lab::open() else { return };
    check_bridged_packets(&lab, &two_links(&lab), "packet");
}

#[test]
fn bridged_packet_at_a_hook_names_the_port_it_came_from() {
    let Some(lab) = Lab::open() else { return };
    let hosts = two_links(&lab);
    if lab.has_hooks(&hosts[0], "tc") {
        let log = check_bridged_packets(&lab, &hosts, "tc");
        assert_eq!(log.matches("eBPF at tc hooks)").count(), 2, "{log}");
    }
}

fn check_bridged_packets(lab: &Lab, [host, left, right]: &[Namespace; 3], capture: &str) -> String {
    host.ip("address flush dev lan1\naddress flush dev lan2\n\
         link add br0 type bridge\nlink set br0 addrgenmode none\nlink set br0 up\n\
         link set lan1 master br0\nlink set lan2 master br0\naddress add 198.18.1.9/24 dev br0\n");
    let (a, b) = (peer_ip_of(1).0, Ipv4Addr::new(198, 18, 1, 3));
    right.ip(&format!(
        "address add {b}/24 dev lan0\n\
         neighbour add {a} lladdr 02:00:00:00:01:02 dev lan0 nud permanent\n"
    ));
    left.ip(&format!("neighbour add {b} lladdr 02:00:00:00:02:02 dev lan0 nud permanent\n"));
    // The ports forward once they have learned (net/bridge/br_stp.c); the stations are learned then.
    left.run(&format!("ping -c 1 -w 30 {b}"));
    let (collector, agent) = start(lab, host, capture);
    let (lan1, lan2) = (host.if_index("lan1"), host.if_index("lan2"));
    let received = (lan1, a.into(), Port::Index(lan1), Port::Index(lan2));
    let sent = (lan2, a.into(), Port::Index(lan1), Port::Index(lan2));
    require(&collector, (left, b), &[received, sent]);
    // The bridge itself is an end.
    let host_ip = Ipv4Addr::new(198, 18, 1, 9);
    let here = (lan1, a.into(), Port::Index(lan1), Port::Internal);
    left.run(&format!("ping -c 1 -w 30 {host_ip}"));
    require(&collector, (left, host_ip), &[here]);
    let own = (lan2, host_ip.into(), Port::Internal, Port::Index(lan2));
    require(&collector, (host, b), &[own]);
    agent.stop()
}
