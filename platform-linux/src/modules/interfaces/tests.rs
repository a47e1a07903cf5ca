//! `if_counters` of invented links, and the counters of real ones in a network namespace.

use super::*;
use crate::kernel::testing::{ip, run_in_network_namespaces};
use crate::links::Links;

#[test]
fn in_a_network_namespace() {
    run_in_network_namespaces(&["modules::interfaces::tests::counters_are_those_of_the_kernel"]);
}

fn link() -> Link {
    Link {
        index: 4,
        name: "eth0".to_owned(),
        other_names: Vec::new(),
        kind: None,
        hardware: libc::ARPHRD_ETHER,
        mac: Some([2; 6]),
        mtu: 1500,
        admin_up: true,
        carrier: true,
        master: None,
        master_kind: None,
        parent: None,
        elsewhere: None,
        uplink: false,
        vlan_id: None,
        filters_vlans: false,
        promiscuous: false,
        device: true,
        speed_bps: Some(25_000_000_000),
        full_duplex: Some(true),
        addresses: Vec::new(),
    }
}

fn stats() -> LinkStats {
    LinkStats {
        rx_packets: (1 << 32) + 1_000,
        tx_packets: 2_000,
        rx_bytes: (1 << 32) + 3_000,
        tx_bytes: 4_000,
        rx_errors: 5,
        tx_errors: 6,
        rx_dropped: 70,
        tx_dropped: 8,
        multicast: 900,
        rx_missed_errors: 10,
        rx_nohandler: 11,
    }
}

#[test]
fn each_counter_has_its_field() {
    let expected = IfCounters {
        if_index: 4,
        if_type: IfType::ETHERNET_CSMACD,
        if_speed: 25_000_000_000,
        if_direction: IfDirection::FULL_DUPLEX,
        if_status: 3,
        if_in_octets: (1 << 32) + 3_000,
        if_in_ucast_pkts: 100,
        if_in_multicast_pkts: 900,
        if_in_broadcast_pkts: u32::MAX,
        if_in_discards: 91,
        if_in_errors: 5,
        if_in_unknown_protos: u32::MAX,
        if_out_octets: 4_000,
        if_out_ucast_pkts: 2_000,
        if_out_multicast_pkts: u32::MAX,
        if_out_broadcast_pkts: u32::MAX,
        if_out_discards: 8,
        if_out_errors: 6,
        if_promiscuous_mode: 0,
    };
    assert_eq!(if_counters(&link(), Some(Totals::new(&stats()))), expected);
}

#[test]
fn link_without_statistics_has_unknown_counters() {
    let link = Link { full_duplex: Some(false), promiscuous: true, ..link() };
    let record = if_counters(&link, None);
    assert_eq!((record.if_in_octets, record.if_in_ucast_pkts), (u64::MAX, u32::MAX));
    assert_eq!((record.if_index, record.if_promiscuous_mode), (4, 1));
    assert_eq!(record.if_direction, IfDirection::HALF_DUPLEX);
}

#[test]
fn more_multicast_than_received_packets_gives_zero_unicast() {
    let stats = LinkStats { rx_packets: 1, multicast: 2, ..stats() };
    assert_eq!(if_counters(&link(), Some(Totals::new(&stats))).if_in_ucast_pkts, 0);
}

#[test]
fn status_is_administrative_and_operational() {
    let status = |admin_up, carrier| if_status(&Link { admin_up, carrier, ..link() });
    assert_eq!(status(true, true), 3);
    assert_eq!(status(true, false), 1);
    assert_eq!(status(false, true), 0);
}

#[test]
fn interface_types() {
    let kind = |kind: &str| if_type(&Link { kind: Some(kind.to_owned()), device: false, ..link() });
    assert_eq!(kind("bond"), IfType::IEEE8023AD_LAG);
    assert_eq!(kind("vlan"), IfType::L2VLAN);
    assert_eq!(kind("veth"), IfType::PROP_VIRTUAL);
    assert_eq!(kind("wireguard"), IfType::TUNNEL);
    let hardware = |hardware| if_type(&Link { hardware, ..link() });
    assert_eq!(hardware(libc::ARPHRD_LOOPBACK), IfType::SOFTWARE_LOOPBACK);
    assert_eq!(hardware(libc::ARPHRD_INFINIBAND), IfType::INFINIBAND);
    assert_eq!(hardware(libc::ARPHRD_CAN), IfType::OTHER);
}

#[test]
fn absent_records_are_left_out() {
    let reading = InterfaceReading {
        name: "eth0".to_owned(),
        if_counters: IfCounters::UNKNOWN,
        ethernet: None,
        lag_port: None,
    };
    let formats = |reading: &InterfaceReading| {
        let mut formats = Vec::new();
        reading.records(&mut |records| {
            formats.extend(records.iter().map(|record| record.format().word()));
        });
        formats
    };
    assert_eq!(formats(&reading), [1, 1005]);
    let all = InterfaceReading {
        ethernet: Some(EthernetCounters::UNKNOWN),
        lag_port: Some(LagPortStats::UNKNOWN),
        ..reading
    };
    assert_eq!(formats(&all), [1, 2, 7, 1005]);
}

#[test]
fn every_interface_of_this_machine_can_be_read() {
    let links = Links::open().unwrap();
    let mut counters = InterfaceCounters::open().unwrap();
    for link in links.iter() {
        let reading = counters.read(link.index).unwrap();
        assert_eq!(reading.if_counters.if_index, link.index);
        println!("real: {} {reading:?}", link.is_real());
    }
}

#[test]
#[ignore = "in_a_network_namespace runs it in one"]
fn counters_are_those_of_the_kernel() {
    ip("link add va type veth peer name vb");
    // Without IPv6 there is no neighbour discovery: all packets are those of the test.
    for name in ["va", "vb"] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1").unwrap();
        ip(&format!("link set {name} up"));
    }
    ip("addr add 198.51.100.1/24 dev va");
    ip("neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev va");
    let links = Links::open().unwrap();
    let index = |name: &str| links.by_name(name).unwrap().index;
    let (va, vb) = (index("va"), index("vb"));
    let mut counters = InterfaceCounters::open().unwrap();
    let before = counters.read(va).unwrap().if_counters;

    let socket = std::net::UdpSocket::bind("198.51.100.1:0").unwrap();
    for _ in 0..100 {
        socket.send_to(&[0xa5; 58], "198.51.100.2:9").unwrap();
    }
    let (sent, received) = (counters.read(va).unwrap(), counters.read(vb).unwrap());
    assert_eq!(sent.name, "va");
    let after = sent.if_counters;
    assert_eq!(after.if_out_ucast_pkts - before.if_out_ucast_pkts, 100);
    assert_eq!(after.if_out_octets - before.if_out_octets, 100 * (14 + 20 + 8 + 58));
    assert_eq!(received.if_counters.if_in_octets, after.if_out_octets);
    assert_eq!(received.if_counters.if_in_ucast_pkts, after.if_out_ucast_pkts);
    assert_eq!((after.if_status, after.if_speed), (3, 10_000_000_000));
    assert_eq!(after.if_in_broadcast_pkts, u32::MAX);
    assert_eq!((sent.ethernet, sent.lag_port), (None, None));
    ip("link del va");
    assert_eq!(counters.read(va).unwrap_err().raw_os_error(), Some(libc::ENODEV));
}

/// A driver that resets its counters, then one without counters.
#[test]
fn reset_totals_are_reported_as_a_restart() {
    let mut counters = InterfaceCounters::open().unwrap();
    let low = LinkStats { rx_bytes: 10, ..LinkStats::default() };
    let octets = |totals: Option<Totals>| totals.map(|totals| totals.in_octets);
    assert_eq!(octets(counters.follow(7, None)), None);
    assert_eq!(octets(counters.follow(7, Some(stats()))), Some((1 << 32) + 3_000));
    assert_eq!(counters.unscheduled(Instant::ZERO), None);
    assert_eq!(octets(counters.follow(7, None)), Some((1 << 32) + 3_000), "as last read");
    assert_eq!(octets(counters.follow(7, Some(low))), Some(10));
    let restarted = Unscheduled::Restarted(DataSource::interface(7));
    assert_eq!(counters.unscheduled(Instant::ZERO), Some(restarted));
    assert_eq!(counters.unscheduled(Instant::ZERO), None);
    counters.interface_removed(7);
    assert_eq!(octets(counters.follow(7, None)), None, "another interface");
}
