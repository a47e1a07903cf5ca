//! Frames are forwarded as by a learning switch, and to no other port.

use super::frames::{BROADCAST, VLAN_20, frame, mac};
use super::switch::{PORTS, switches};

#[test]
fn unknown_stations_are_flooded_then_learnt() {
    for switch in switches() {
        let (plain, tagged) =
            (frame(mac(2), mac(1), &[], 60), frame(mac(2), mac(1), &[0x81, 0, 0, 10], 64));
        switch.send(1, &plain);
        assert_eq!(switch.receive(2, 1), [plain.as_slice()]);
        assert_eq!(switch.receive(3, 1), [plain.as_slice()]);
        assert_eq!(switch.receive(4, 1), [tagged], "the trunk gets a tag");
        // The reply, and then a thousand frames of every length, leave by one port only.
        let answer = frame(mac(1), mac(2), &[], 60);
        switch.send(2, &answer);
        assert_eq!(switch.receive(1, 1), [answer]);
        let length = |number: usize| 14 + number * 3 / 2 + number % 2;
        let sent: Vec<_> =
            (0..1000).map(|number| frame(mac(2), mac(1), &[], length(number))).collect();
        switch.send_paced((1, 2), sent.iter().cloned());
        assert_eq!(switch.receive(2, 1000), sent, "in order, byte for byte");
        switch.settle(1002);
        for port in [1, 3, 4] {
            assert_eq!(switch.received(port), [[0u8; 0]; 0], "port {port}");
        }
    }
}

#[test]
fn vlans_are_separate() {
    for switch in switches() {
        let in_20 = frame(BROADCAST, mac(3), &VLAN_20, 64);
        switch.send(3, &in_20);
        assert_eq!(switch.receive(4, 1), [in_20.as_slice()]);
        // The same station is unknown in VLAN 10, and vice versa.
        let in_10 = frame(mac(3), mac(1), &[], 60);
        switch.send(1, &in_10);
        assert_eq!(switch.receive(2, 1), [in_10.as_slice()]);
        assert_eq!(switch.receive(3, 1), [in_10.as_slice()]);
        assert_eq!(switch.receive(4, 1).len(), 1);
        switch.send(4, &frame(mac(3), mac(4), &VLAN_20, 64));
        assert_eq!(switch.receive(3, 1), [frame(mac(3), mac(4), &VLAN_20, 64)]);
        // Not a member, no such VLAN, and VLAN 1, which contains only the switch itself.
        switch.send(1, &frame(BROADCAST, mac(1), &VLAN_20, 64));
        switch.send(2, &frame(BROADCAST, mac(2), &[0x81, 0, 0x0f, 0xa0], 64));
        switch.send(4, &frame(mac(1), mac(4), &[], 60));
        let shown = switch.settle(6);
        for port in PORTS {
            assert_eq!(switch.received(port), [[0u8; 0]; 0], "port {port}");
        }
        assert_eq!(PORTS.map(|port| shown.port(port, "discarded")), [1, 1, 0, 1]);
    }
}
