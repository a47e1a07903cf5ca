//! Frames to send into the switch, in VLAN 10 unless a test sets another.

use super::switch::{PORTS, Switch};

pub(crate) const BROADCAST: [u8; 6] = [0xff; 6];
/// Priority 5 in VLAN 10 and in VLAN 20.
pub(crate) const VLAN_10: [u8; 4] = [0x81, 0, 0xa0, 10];
pub(crate) const VLAN_20: [u8; 4] = [0x81, 0, 0xa0, 20];

/// A station.
pub(crate) fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}

pub(crate) fn frame(to: [u8; 6], from: [u8; 6], tag: &[u8], length: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from, tag, &[0x88, 0xb5]].concat();
    assert!(frame.len() <= length);
    frame.resize(length, 0xa5);
    frame
}

/// Broadcasts that teach the switch its stations: station n is at port n, in VLAN 10.
pub(crate) fn introduce(switch: &Switch) {
    for port in 1..=4u8 {
        let tag = if port == 4 { &VLAN_10[..] } else { &[] };
        switch.send(usize::from(port), &frame(BROADCAST, mac(port), tag, 64));
    }
    for port in PORTS {
        assert_eq!(switch.receive(port, 3).len(), 3);
    }
}
