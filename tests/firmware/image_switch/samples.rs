//! Flow samples describe their packet exactly.

use flowmote_decoder::flow::{ExtendedSwitch, SampledHeader};
use flowmote_lab::net::sampled_header;

use super::collected::Collected;
use super::frames::{BROADCAST, VLAN_10, VLAN_20, frame, introduce, mac};
use super::switch::{COLLECTOR, SWITCH, switches};

#[test]
fn samples_carry_ingress_and_egress_of_their_packet() {
    for switch in switches() {
        introduce(&switch);
        switch.connect_collector();
        switch.commands(&["sampling 1 1", "sampling 3 1", "sampling 4 1"]);
        let frames = [
            (1, frame(BROADCAST, mac(1), &[], 60)),
            (1, frame(mac(2), mac(1), &[], 1514)),
            (1, frame(mac(4), mac(1), &[], 60)),
            (2, frame(mac(1), mac(2), &[], 60)),
            (3, frame(BROADCAST, mac(3), &VLAN_20, 64)),
            (4, frame(mac(1), mac(4), &VLAN_10, 1518)),
            (4, frame(SWITCH.mac, COLLECTOR.mac, &[], 60)),
        ];
        let taken = switch.taken();
        for (number, (port, frame)) in frames.iter().enumerate() {
            switch.send(*port, frame);
            // The ports are served in order, so frames of two ports could overtake each other.
            switch.settle(taken + number as u64 + 1);
        }
        let mut collected = Collected::default();
        collected.wait_for(&switch, "6 samples", |all| all.flow_samples().len() == 6);
        let expected = [
            // Interface words of section 3.6: format 2, three ports.
            (1, (2, 3), (10, 0)),
            (1, (0, 2), (10, 0)),
            (1, (0, 4), (10, 0)),
            // Port 2 is off.
            (3, (0, 4), (20, 5)),
            (4, (0, 1), (10, 5)),
            (4, (0, 0x3fff_ffff), (1, 0)),
        ];
        let sampled: Vec<_> = frames.iter().filter(|(port, _)| *port != 2).collect();
        for ((sample, (port, frame)), expected) in
            collected.flow_samples().iter().zip(sampled).zip(expected)
        {
            let (input, output, (vlan, priority)) = expected;
            assert_eq!((sample.source_id.class, sample.source_id.index), (0, *port as u32));
            assert_eq!((sample.input.format, sample.input.value), (0, input));
            assert_eq!((sample.output.format, sample.output.value), output, "{sample:?}");
            assert_eq!((sample.sampling_rate, sample.drops), (1, 0));
            let header: SampledHeader<'_> = sampled_header(sample);
            assert_eq!(header.header, &frame[..frame.len().min(128)]);
            assert_eq!((header.frame_length as usize, header.stripped), (frame.len() + 4, 4));
            let extended = sample.records().flatten().find_map(|one| one.read::<ExtendedSwitch>());
            let extended = extended.expect("extended_switch");
            assert_eq!((extended.src_vlan, extended.src_priority), (vlan, priority));
            assert_eq!((extended.dst_vlan, extended.dst_priority), (vlan, priority));
        }
        collected.check(&switch);
    }
}
