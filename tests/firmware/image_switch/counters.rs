//! Counters of the ports match the frames on their links.

use super::collected::Collected;
use super::frames::{BROADCAST, VLAN_20, frame, introduce, mac};
use super::switch::switches;

const UNKNOWN_COUNTER: u32 = u32::MAX;

#[test]
fn counters_match_the_frames_on_the_wire() {
    for switch in switches() {
        introduce(&switch);
        let group = [1, 0, 0x5e, 0, 0, 1];
        let frames = [
            (300, frame(mac(2), mac(1), &[], 1000)),
            (20, frame(group, mac(1), &[], 200)),
            (10, frame(BROADCAST, mac(1), &[], 64)),
            (7, frame(mac(2), mac(1), &VLAN_20, 100)),
            (5, frame(mac(2), mac(1), &[], 1600)),
            (3, vec![2; 12]),
        ];
        let (passing, refused) = frames.split_at(3);
        for (count, frame) in passing {
            switch.send_paced((1, 2), std::iter::repeat_n(frame.clone(), *count));
        }
        for (count, frame) in refused {
            (0..*count).for_each(|_| switch.send(1, frame));
        }
        switch.settle(4 + 345);
        switch.connect_collector();
        switch.commands(&["polling 1"]);
        let mut collected = Collected::default();
        let all_ports = |all: &Collected| (1..=4).all(|port| all.counters(port).is_some());
        collected.wait_for(&switch, "counters of all ports", all_ports);
        let (one, ethernet) = collected.counters(1).expect("port 1");
        // Each port also received or sent one broadcast of 64 bytes from each station in VLAN 10.
        // Octets include 4 of FCS per frame.
        let octets =
            frames.iter().map(|(count, frame)| count * (frame.len() + 4)).sum::<usize>() as u64;
        assert_eq!((one.if_index, one.if_type, one.if_in_octets), (1, 6, octets + 68));
        let received = (one.if_in_ucast_pkts, one.if_in_multicast_pkts, one.if_in_broadcast_pkts);
        assert_eq!(received, (300, 20, 11));
        assert_eq!((one.if_in_discards, one.if_in_errors), (7, 8));
        assert_eq!((one.if_out_ucast_pkts, one.if_out_broadcast_pkts), (0, 3));
        assert_eq!(one.if_out_octets, 2 * 68 + 64, "from port 4 without its tag");
        assert_eq!(ethernet.dot3_stats_frame_too_longs, 5);
        assert_eq!(ethernet.dot3_stats_single_collision_frames, 0);
        assert_eq!(ethernet.dot3_stats_fcs_errors, UNKNOWN_COUNTER);
        let (two, _) = collected.counters(2).expect("port 2");
        let sent = (two.if_out_ucast_pkts, two.if_out_multicast_pkts, two.if_out_broadcast_pkts);
        assert_eq!(sent, (300, 20, 13));
        assert_eq!(two.if_out_octets, 300 * 1004 + 20 * 204 + 10 * 68 + 2 * 68 + 64);
        assert_eq!((two.if_out_discards, two.if_out_errors, two.if_in_broadcast_pkts), (0, 0, 1));
        collected.check(&switch);
    }
}
