use std::boxed::Box;
use std::vec::Vec;

use super::*;

const OWN: [u8; 6] = [2, 0xf1, 0, 0, 0, 0xfe];

/// VLAN 1: port 4 and the switch itself. VLAN 10: all ports, 4 tagged. VLAN 20: 3 and 4, tagged.
fn switch() -> Switch<'static> {
    const VLANS: &[Vlan] = &[
        Vlan { id: 1, members: PortSet::of(&[4, 5]), tagged: PortSet::EMPTY },
        Vlan { id: 10, members: PortSet::of(&[1, 2, 3, 4]), tagged: PortSet::of(&[4]) },
        Vlan { id: 20, members: PortSet::of(&[3, 4]), tagged: PortSet::of(&[3, 4]) },
    ];
    let table = VlanTable { vlans: VLANS, pvids: [Some(10), Some(10), None, Some(1)] };
    Switch::new(table, Box::leak(Box::new(Stations::new())), OWN, 1)
}

fn port(number: u32) -> Port {
    Port::numbered(number).unwrap()
}

fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}

fn forward(
    switch: &mut Switch<'_>,
    input: u32,
    (to, from): ([u8; 6], [u8; 6]),
    tci: Option<u16>,
) -> Result<(u16, Vec<u32>), DropReason> {
    let tag = tci.map_or(Vec::new(), |tci| [&[0x81, 0][..], &tci.to_be_bytes()].concat());
    let bytes = [&to[..], &from, &tag, &[0x88, 0xb5], &[0; 46]].concat();
    let frame = Frame::parse(&bytes).unwrap();
    let forwarding = switch.forward(Instant::ZERO, port(input), &frame)?;
    let mut ports: Vec<u32> = forwarding.ports.iter().map(Port::if_index).collect();
    if forwarding.ports.contains(Port::CPU) {
        ports.push(5);
    }
    Ok((forwarding.vlan, ports))
}

#[test]
fn unknown_station_is_flooded_then_learnt() {
    let mut switch = switch();
    let there = (mac(2), mac(1));
    assert_eq!(forward(&mut switch, 1, there, None), Ok((10, [2, 3, 4].to_vec())));
    assert_eq!(forward(&mut switch, 2, (mac(1), mac(2)), None), Ok((10, [1].to_vec())));
    assert_eq!(forward(&mut switch, 1, there, None), Ok((10, [2].to_vec())));
}

#[test]
fn frames_stay_within_the_members_of_their_vlan() {
    let mut switch = switch();
    let all = |from| ([0xff; 6], mac(from));
    assert_eq!(forward(&mut switch, 3, all(3), Some(20)), Ok((20, [4].to_vec())));
    let filtered = Err(DropReason::INGRESS_VLAN_FILTER);
    assert_eq!(forward(&mut switch, 1, all(1), Some(20)), filtered, "no member");
    assert_eq!(forward(&mut switch, 1, all(1), Some(999)), filtered, "no such VLAN");
    assert_eq!(forward(&mut switch, 1, all(1), Some(4095)), filtered, "reserved");
    let mismatch = Err(DropReason::VLAN_TAG_MISMATCH);
    assert_eq!(forward(&mut switch, 3, all(3), None), mismatch, "tagged frames only");
    assert_eq!(forward(&mut switch, 3, all(3), Some(0xe000)), mismatch, "priority only");
    assert_eq!(forward(&mut switch, 1, all(1), Some(0xe000)), Ok((10, [2, 3, 4].to_vec())));
}

#[test]
fn same_address_in_two_vlans_is_two_stations() {
    let mut switch = switch();
    forward(&mut switch, 3, ([0xff; 6], mac(7)), Some(20)).unwrap();
    // Known in VLAN 20 at port 3, unknown in VLAN 10.
    assert_eq!(forward(&mut switch, 1, (mac(7), mac(1)), None), Ok((10, [2, 3, 4].to_vec())));
    assert_eq!(forward(&mut switch, 4, (mac(7), mac(9)), Some(20)), Ok((20, [3].to_vec())));
}

#[test]
fn switch_is_reachable_only_in_the_management_vlan() {
    let mut switch = switch();
    assert_eq!(forward(&mut switch, 4, (OWN, mac(9)), None), Ok((1, [5].to_vec())));
    assert_eq!(forward(&mut switch, 4, ([0xff; 6], mac(9)), None), Ok((1, [5].to_vec())));
    assert_eq!(forward(&mut switch, 1, (OWN, mac(1)), None), Ok((10, [2, 3, 4].to_vec())));
    let unknown = Err(DropReason::PORT_LIST_IS_EMPTY);
    assert_eq!(forward(&mut switch, 4, (mac(8), mac(9)), None), unknown);
    assert_eq!(switch.forward_own(Instant::ZERO, mac(9)).unwrap().ports, PortSet::of(&[4]));
    assert_eq!(switch.forward_own(Instant::ZERO, [0xff; 6]).unwrap().ports, PortSet::of(&[4]));
}

#[test]
fn own_address_is_never_learnt() {
    let mut switch = switch();
    forward(&mut switch, 1, ([0xff; 6], OWN), None).unwrap();
    assert_eq!(switch.stations().count(Instant::ZERO), 0);
}

#[test]
fn frame_is_never_sent_to_its_ingress_port() {
    let mut switch = switch();
    forward(&mut switch, 1, ([0xff; 6], mac(1)), None).unwrap();
    let back = forward(&mut switch, 1, (mac(1), mac(2)), None);
    assert_eq!(back, Err(DropReason::PORT_LOOPBACK_FILTER));
}

#[test]
fn invalid_and_reserved_addresses_are_discarded() {
    let mut switch = switch();
    let mut reason = |to, from| forward(&mut switch, 1, (to, from), None).unwrap_err();
    assert_eq!(reason(mac(2), [3, 0, 0, 0, 0, 1]), DropReason::SRC_MAC_IS_MULTICAST);
    assert_eq!(reason(mac(2), [0xff; 6]), DropReason::SRC_MAC_IS_MULTICAST);
    assert_eq!(reason(mac(2), mac(2)), DropReason::SRC_MAC_IS_DMAC);
    assert_eq!(reason([1, 0x80, 0xc2, 0, 0, 0], mac(1)), DropReason::DMAC_IS_RESERVED);
    assert_eq!(reason([1, 0x80, 0xc2, 0, 0, 0xe], mac(1)), DropReason::DMAC_IS_RESERVED);
    assert_eq!(switch.stations().count(Instant::ZERO), 0, "none is learnt from them");
    let beyond = [1, 0x80, 0xc2, 0, 0, 0x10];
    assert!(forward(&mut switch, 1, (beyond, mac(1)), None).is_ok());
}
