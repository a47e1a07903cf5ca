//! Decisions that need no answer of the kernel, and headers.

use flowmote_core::SampleMeta;
use proptest::prelude::*;

use super::*;
use crate::modules::taps::capture::VlanTag;

const ETH0: u32 = 2;
const PORT: u32 = 3;
const BRIDGE: u32 = 9;
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const HERE: [u8; 4] = [192, 0, 2, 1];
const THERE: [u8; 4] = [192, 0, 2, 2];
const FAR: [u8; 4] = [203, 0, 113, 7];

fn place(mac: [u8; 6]) -> Place {
    Place {
        aggregate: None,
        bridge: None,
        other_master: false,
        filters_vlans: false,
        vlans: BTreeMap::new(),
        mac: Some(mac),
    }
}

/// `eth0` with HERE, and a port of a bridge that keeps stations by VLAN.
fn paths() -> Paths {
    let port = Place { bridge: Some(BRIDGE), ..place(MAC) };
    let bridge = Place { filters_vlans: true, ..place(MAC) };
    let mut local = vec![IpAddr::from(HERE), "2001:db8::1".parse().unwrap()];
    local.sort_unstable();
    let places = BTreeMap::from([(ETH0, place(MAC)), (PORT, port), (BRIDGE, bridge)]);
    Paths { local, places, cache: Cache::default() }
}

fn frame(to: [u8; 6], from: [u8; 6], ether_type: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ether_type, payload].concat()
}

fn ipv4(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let header = [0x45, 0xb8, 0, 40, 0, 0, 0x40, 0, 64, 17, 0, 0];
    [&header[..], &from, &to, &[0x12, 0x34, 0, 53, 0, 0, 0, 0]].concat()
}

fn tag(frame: &[u8]) -> Option<VlanTag> {
    let tagged = frame.get(12..14) == Some(&[0x81, 0]);
    tagged.then(|| VlanTag { tpid: 0x8100, tci: u16::from_be_bytes([frame[14], frame[15]]) })
}

fn packet(kind: PacketKind, header: &[u8]) -> Packet<'_> {
    Packet {
        header,
        frame_length: 64,
        stripped: 4,
        kind,
        origin: Origin::Unknown,
        vlan: tag(header),
        timestamp_ns: 0,
        if_index: 7,
        hardware_type: libc::ARPHRD_ETHER,
        meta: SampleMeta::default(),
    }
}

fn sides(if_index: u32, kind: PacketKind, header: &[u8]) -> (Interface, Interface) {
    paths().sides(Instant::ZERO, if_index, &packet(kind, header))
}

/// The other side of a packet on `eth0`.
fn other(kind: PacketKind, header: &[u8]) -> Interface {
    match sides(ETH0, kind, header) {
        (Interface::Index(ETH0), output) if kind != PacketKind::Outgoing => output,
        (input, Interface::Index(ETH0)) => input,
        sides => panic!("{sides:?}"),
    }
}

#[test]
fn packets_of_the_host_are_internal() {
    let ip = |from, to, payload: Vec<u8>| frame(to, from, [8, 0], &payload);
    let (host, out) = (PacketKind::Host, PacketKind::Outgoing);
    let internal = Interface::Internal;
    assert_eq!(other(host, &ip(PEER, MAC, ipv4(FAR, HERE))), internal);
    assert_eq!(other(host, &ip(PEER, MAC, ipv4(FAR, [127, 0, 0, 9]))), internal);
    assert_eq!(other(out, &ip(MAC, PEER, ipv4(HERE, FAR))), internal);
    assert_eq!(other(out, &ip(MAC, PEER, ipv4([0; 4], [255; 4]))), internal, "DHCP");
    let all = ip(PEER, [0xff; 6], ipv4(THERE, [192, 0, 2, 255]));
    assert_eq!(other(PacketKind::Broadcast, &all), internal);
    let arp = frame(MAC, PEER, [8, 6], &[0; 28]);
    assert_eq!(other(host, &arp), internal);
    assert_eq!(other(out, &frame(PEER, MAC, [8, 6], &[0; 28])), internal);
}

#[test]
fn what_may_come_from_or_go_elsewhere_is_unknown() {
    let unknown = Interface::Unknown;
    let ip = |from, to, payload: Vec<u8>| frame(to, from, [8, 0], &payload);
    assert_eq!(other(PacketKind::Outgoing, &ip(MAC, PEER, ipv4(THERE, FAR))), unknown, "routed");
    assert_eq!(other(PacketKind::OtherHost, &ip(PEER, MAC, ipv4(FAR, HERE))), unknown);
    assert_eq!(other(PacketKind::Host, &frame(MAC, PEER, [0x88, 0x47], &[0; 40])), unknown, "MPLS");
    assert_eq!(other(PacketKind::Outgoing, &frame(PEER, PEER, [8, 6], &[0; 28])), unknown);
    assert_eq!(other(PacketKind::Host, &frame(MAC, PEER, [8, 0], &ipv4(FAR, HERE)[..12])), unknown);
    // The VLAN has no interface here.
    let tagged = frame(MAC, PEER, [0x81, 0], &[&[0, 7, 8, 0][..], &ipv4(FAR, HERE)].concat());
    assert_eq!(other(PacketKind::Host, &tagged), unknown);
}

#[test]
fn groups_are_internal_only_if_no_router_forwards_them() {
    let group = |to: [u8; 4]| {
        let frame = frame([1, 0, 0x5e, 0, 0, 1], PEER, [8, 0], &ipv4(THERE, to));
        other(PacketKind::Multicast, &frame)
    };
    assert_eq!(group([224, 0, 0, 251]), Interface::Internal);
    assert_eq!(group([239, 255, 255, 250]), Interface::Unknown);
}

#[test]
fn bridge_port_without_an_answer_is_unknown_whatever_the_addresses() {
    let from_host = frame(PEER, MAC, [8, 0], &ipv4(HERE, FAR));
    let port = Interface::Index(PORT);
    assert_eq!(sides(PORT, PacketKind::Outgoing, &from_host), (Interface::Unknown, port));
    let to_host = frame(MAC, PEER, [8, 0], &ipv4(FAR, HERE));
    assert_eq!(sides(PORT, PacketKind::Host, &to_host), (port, Interface::Unknown));
    let unknown_interface = sides(77, PacketKind::Host, &to_host);
    assert_eq!(unknown_interface, (Interface::Index(77), Interface::Unknown));
}

#[test]
fn headers_of_tagged_and_bare_packets() {
    let flow = Flow {
        source: FAR.into(),
        destination: HERE.into(),
        tos: 0x18,
        transport: Some((17, 0x1234, 53)),
    };
    let tagged = frame(MAC, PEER, [0x81, 0], &[&[0xa0, 7, 8, 0][..], &ipv4(FAR, HERE)].concat());
    let headers = Headers::of(&packet(PacketKind::Host, &tagged));
    let expected = Headers { macs: Some((MAC, PEER)), vlan: Some(7), network: Network::Ip(flow) };
    assert_eq!(headers, expected);
    let bare = ipv4(FAR, HERE);
    let tun = Packet { hardware_type: libc::ARPHRD_NONE, ..packet(PacketKind::Host, &bare) };
    assert_eq!(Headers::of(&tun), Headers { macs: None, vlan: None, network: Network::Ip(flow) });
    let mut fragment = ipv4(FAR, HERE);
    fragment[7] = 1;
    let tun = Packet { header: &fragment, ..tun };
    let Network::Ip(flow) = Headers::of(&tun).network else { panic!() };
    assert_eq!(flow.transport, None);
    let mut six = vec![0x60, 0, 0, 0, 0, 8, 6, 64];
    six.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    six.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    six.extend([0, 80, 1, 2, 0, 0, 0, 0]);
    let frame = frame(MAC, PEER, [0x86, 0xdd], &six);
    let Network::Ip(flow) = Headers::of(&packet(PacketKind::Host, &frame)).network else {
        panic!()
    };
    assert_eq!(flow.transport, Some((6, 80, 258)));
    assert_eq!(other(PacketKind::Host, &frame), Interface::Internal);
}

proptest! {
    #[test]
    fn arbitrary_packets_do_not_panic(bytes: Vec<u8>, tag: bool, hardware in 0..3_u16) {
        let vlan = tag.then_some(VlanTag { tpid: 0x8100, tci: 7 });
        let hardware_type = [libc::ARPHRD_ETHER, libc::ARPHRD_NONE, 9][usize::from(hardware)];
        let packet = Packet { vlan, hardware_type, ..packet(PacketKind::Host, &bytes) };
        Headers::of(&packet);
    }
}
