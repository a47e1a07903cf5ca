//! Pool, samples and drops add up: normally, without a collector, and under overload.

use flowmote_decoder::FlowSample;
use flowmote_lab::wait_until;

use super::collected::Collected;
use super::frames::{BROADCAST, VLAN_20, frame, introduce, mac};
use super::switch::{PORTS, switches};

#[test]
fn pool_equals_packets_and_samples_plus_drops_add_up() {
    for switch in switches() {
        introduce(&switch);
        // No ARP reply: samples wait for a second, and those without room are dropped.
        switch.commands(&["collector 192.0.2.99", "sampling 1 1"]);
        let before = switch.show().port(1, "pool");
        for _ in 0..50 {
            switch.send(1, &frame(mac(2), mac(1), &[], 60));
        }
        let shown = switch.settle(4 + 50);
        let (waiting, dropped) = (shown.port(1, "sampled"), shown.port(1, "drops"));
        assert_eq!((waiting + dropped, shown.port(1, "pool") - before), (50, 50));
        assert_eq!(shown.value("datagrams", "sent"), 0);
        // After that datagrams are lost, and counted.
        wait_until("the end of waiting", || {
            let shown = switch.show();
            let all = shown.value("samples", "flow") == waiting;
            (all && shown.value("datagrams", "lost") > 0).then_some(())
        });
        assert_eq!(switch.show().value("datagrams", "sent"), 0);
        switch.connect_collector();
        let mut collected = Collected::default();
        let taken = switch.taken();
        switch.commands(&["sampling 1 16"]);
        let to = |number: usize| if number.is_multiple_of(64) { BROADCAST } else { mac(2) };
        let passing = (0..8000).map(|number| frame(to(number), mac(1), &[], 60 + number % 900));
        switch.send_paced((1, 2), passing);
        // Frames of a VLAN that the port is not a member of are not eligible.
        for _ in 0..80 {
            switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
        }
        let shown = switch.settle(taken + 8080);
        assert_eq!(shown.port(1, "pool") - before, 8050);
        assert_eq!(shown.port(1, "drops"), dropped);
        let sampled = shown.port(1, "sampled");
        let is_last = |sample: &FlowSample<'_>| u64::from(sample.sequence_number) == sampled;
        collected.wait_for(&switch, "the last sample", |all| {
            all.flow_samples().last().is_some_and(is_last)
        });
        let unsent: u64 = PORTS.map(|port| shown.port(port, "unsent")).iter().sum();
        let lost = shown.value("datagrams", "lost");
        assert_eq!(unsent, 0);
        let samples = collected.flow_samples();
        assert!(u64::from(samples[0].sequence_number) <= waiting + 1);
        // 500 expected; skips are uniform on 1 to 31, so the deviation is about 13.
        assert!((440..560).contains(&(sampled - waiting)), "{} samples", sampled - waiting);
        for pair in samples.windows(2) {
            let ahead = pair[1].sample_pool.wrapping_sub(pair[0].sample_pool);
            assert!(ahead >= 1 && (ahead <= 31 || pair[0].drops != pair[1].drops), "{ahead}");
        }
        let last = samples.last().expect("samples");
        assert_eq!(u64::from(last.drops), dropped);
        assert!(shown.port(1, "pool") - u64::from(last.sample_pool) <= 31);
        collected.check_behind(&switch, lost as u32);
    }
}

#[test]
fn overload_is_fully_accounted_for() {
    for switch in switches() {
        introduce(&switch);
        switch.connect_collector();
        switch.commands(&["sampling 1 8", "sampling 2 8"]);
        let before = switch.show();
        let taken = switch.taken();
        // In both directions as fast as the sockets accept them, so that the transmit rings
        // overflow. More than 2^16 frames, so that the indices of the rings wrap.
        std::thread::scope(|scope| {
            let switch = &switch;
            for (from, to) in [(1, 2), (2, 1)] {
                scope.spawn(move || {
                    let frame = frame(mac(to), mac(from), &[], 60);
                    (0..70_000).for_each(|_| switch.send(usize::from(from), &frame));
                });
            }
        });
        let shown = switch.settle(taken + 140_000);
        let more = |line: &str, name: &str| shown.value(line, name) - before.value(line, name);
        for (from, to) in [("port 1", "port 2"), ("port 2", "port 1")] {
            assert_eq!(more(from, "received"), 70_000);
            assert_eq!(more(from, "pool") + more(to, "unsent"), 70_000, "{from}");
            assert_eq!(more(from, "pool"), more(to, "sent"), "{from}");
            assert_eq!(more(from, "drops"), 0);
        }
        let mut collected = Collected::default();
        let told = more("port 1", "sampled") + more("port 2", "sampled");
        collected.wait_for_samples(&switch, told);
        println!(
            "{} of 140000 frames met a full ring",
            more("port 1", "unsent") + more("port 2", "unsent")
        );
        for port in [1, 2] {
            let _ = switch.received(port);
        }
        switch.send_paced((1, 2), std::iter::repeat_n(frame(mac(2), mac(1), &[], 60), 100));
        assert_eq!(switch.receive(2, 100).len(), 100, "it goes on as before");
    }
}
