//! Discarded packets are reported with their reasons, at a limited rate.

use std::time::Instant;

use flowmote_decoder::flow::SampledHeader;
use flowmote_lab::wait_until;

use super::collected::Collected;
use super::frames::{BROADCAST, VLAN_10, VLAN_20, frame, introduce, mac};
use super::switch::{Options, switches, switches_with};

#[test]
fn discards_are_reported_with_reason_and_rate_limit() {
    for switch in switches() {
        introduce(&switch);
        switch.connect_collector();
        let reasons = [
            (2, 265, frame(mac(1), mac(2), &VLAN_20, 64)),
            (2, 262, frame(mac(1), mac(2), &[], 1515)),
            (2, 262, frame(mac(1), mac(2), &VLAN_10, 1519)),
            (2, 262, frame(mac(1), mac(2), &[], 2036)),
            (2, 263, frame(mac(1), [3, 0, 0, 0, 0, 2], &[], 60)),
            (2, 293, frame(mac(2), mac(2), &[], 60)),
            (2, 294, frame([1, 0x80, 0xc2, 0, 0, 0], mac(2), &[], 60)),
            (2, 268, frame(mac(2), mac(9), &[], 60)),
            (2, 324, vec![2; 13]),
            (2, 309, [&mac(1)[..], &mac(2), &[0x81, 0]].concat()),
            (4, 267, frame(mac(1), mac(4), &[], 60)),
        ];
        let mut taken = switch.taken();
        for (port, _, frame) in &reasons {
            switch.send(*port, frame);
            taken += 1;
            switch.settle(taken);
        }
        let mut collected = Collected::default();
        collected.wait_for(&switch, "11 notices", |all| all.notices().len() == reasons.len());
        for (notice, (port, reason, frame)) in collected.notices().iter().zip(&reasons) {
            let port = *port as u32;
            assert_eq!(notice.reason, *reason, "{frame:x?}");
            assert_eq!((notice.input_if_index, notice.output_if_index), (port, 0));
            assert_eq!(
                (notice.source_id.class, notice.source_id.index, notice.drops),
                (0, port, 0)
            );
            let header = notice.records().flatten().find_map(|one| one.read::<SampledHeader<'_>>());
            let header = header.expect("packet header information");
            assert_eq!(header.header, &frame[..frame.len().min(128)]);
            assert_eq!(header.frame_length as usize, frame.len() + 4);
        }
        // A storm: ten per second and port are reported, the others counted.
        let begin = Instant::now();
        for _ in 0..3000 {
            switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
        }
        let shown = switch.settle(taken + 3000);
        let seconds = begin.elapsed().as_secs() + 2;
        let told = shown.value("samples", "discards") - reasons.len() as u64;
        assert!((10..=10 * seconds).contains(&told), "{told} in {seconds} s");
        let suppressed = shown.value("samples", "suppressed");
        assert_eq!(told + suppressed, 3000);
        // A second later the next notification carries the number of suppressed ones.
        wait_until("the next notice", || {
            switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
            collected.take(&switch);
            let drops = collected.notices().last().map(|notice| notice.drops);
            drops.filter(|drops| u64::from(*drops) >= suppressed)
        });
        collected.check(&switch);
    }
}

#[test]
fn full_ring_is_reported_and_loses_nothing_else() {
    for switch in switches_with(Options { unread: 2, ..Options::default() }) {
        switch.send(2, &frame(BROADCAST, mac(2), &[], 60));
        assert_eq!(switch.receive(1, 1).len(), 1);
        switch.connect_collector();
        let before = switch.show();
        let taken = switch.taken();
        switch.commands(&["sampling 1 1000"]);
        // More than the ring and an unread socket can hold, even where the system lets 512 frames
        // wait there.
        for _ in 0..SENT {
            switch.send(1, &frame(mac(2), mac(1), &[], 60));
        }
        // The other ports are not affected.
        switch.send(3, &frame(mac(1), mac(3), &[], 60));
        let shown = switch.settle(taken + SENT + 1);
        assert_eq!(switch.receive(1, 1).len(), 1);
        let unsent = shown.port(2, "unsent");
        assert!(unsent > 300, "{shown:?}");
        assert_eq!(shown.port(1, "pool") - before.port(1, "pool") + unsent, SENT);
        let mut collected = Collected::default();
        collected.wait_for(&switch, "a notice", |all| !all.notices().is_empty());
        for notice in collected.notices() {
            assert_eq!(notice.reason, 259);
            assert_eq!((notice.input_if_index, notice.output_if_index), (1, 2));
        }
        let sent = frame(mac(2), mac(1), &[], 60);
        let arrived = switch.read_unread(2, shown.port(2, "sent"));
        // Frames that were sent are not lost.
        assert!(arrived.iter().all(|frame| *frame == sent), "{arrived:x?}");
        let last = frame(mac(2), mac(1), &[], 61);
        switch.send(1, &last);
        assert_eq!(switch.read_unread(2, 1), [last], "and nothing else came between");
    }
}

const SENT: u64 = 1500;
