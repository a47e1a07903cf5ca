//! The switch image under QEMU: what it forwards, what it tells, and that nothing stops it.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use flowmote_analyzer::counter::{EthernetCounters, IfCounters};
use flowmote_analyzer::flow::{ExtendedSwitch, SampledHeader};
use flowmote_analyzer::{Datagram, DiscardedPacket, FlowSample, Sample};
use flowmote_tests::lab::{sampled_header, skip_part, wait_until};
use flowmote_tests::qemu_switch::{
    COLLECTOR, COLLECTOR_PORT, Options, SWITCH, Switch, images_cargo,
};

const BROADCAST: [u8; 6] = [0xff; 6];
/// Priority 5 in VLAN 10 and in VLAN 20.
const VLAN_10: [u8; 4] = [0x81, 0, 0xa0, 10];
const VLAN_20: [u8; 4] = [0x81, 0, 0xa0, 20];
/// Interface words of section 3.6 in compact encoding, taken apart: format 2, three ports.
const THREE_PORTS: (u32, u32) = (2, 3);
const UNKNOWN_COUNTER: u32 = u32::MAX;

fn start() -> Option<Switch> {
    Switch::start(Options::default())
}

fn mac(last: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, last]
}

fn frame(to: [u8; 6], from: [u8; 6], tag: &[u8], length: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from, tag, &[0x88, 0xb5]].concat();
    assert!(frame.len() <= length);
    frame.resize(length, 0xa5);
    frame
}

/// What everybody is to have learnt: station n is at port n, in VLAN 10.
fn introduce(switch: &mut Switch) {
    for port in 1..=4u8 {
        let tag = if port == 4 { &VLAN_10[..] } else { &[] };
        switch.send(usize::from(port), &frame(BROADCAST, mac(port), tag, 64));
    }
    for port in 1..=4 {
        assert_eq!(switch.receive(port, 3).len(), 3);
    }
}

/// The sFlow datagrams that reached the collector, their checksums looked at.
#[derive(Default)]
struct Collected(Vec<Vec<u8>>);

impl Collected {
    fn take(&mut self, switch: &Switch) {
        let frames = switch.received(COLLECTOR_PORT);
        self.0.extend(frames.into_iter().filter(|frame| frame.get(12..14) == Some(&[8, 0])));
    }

    /// Waits until what was collected satisfies `condition`.
    fn wait_for(&mut self, switch: &Switch, what: &str, condition: impl Fn(&Self) -> bool) {
        wait_until(what, || {
            self.take(switch);
            condition(self).then_some(())
        });
    }

    fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|frame| {
            assert_eq!(frame[..12], [COLLECTOR, SWITCH].concat());
            assert_eq!(checksum(&[&frame[14..34]]), 0xffff, "IPv4 header");
            let pseudo = [&frame[26..34], &[0, 17], &frame[38..40]].concat();
            assert_eq!(checksum(&[&pseudo, &frame[34..]]), 0xffff, "UDP");
            assert_eq!(frame[36..38], 6343u16.to_be_bytes());
            &frame[42..]
        })
    }

    fn samples(&self) -> Vec<Sample<'_>> {
        let datagrams = self.payloads().map(|one| Datagram::parse(one).expect("an sFlow datagram"));
        datagrams.flat_map(|one| one.samples().map(|one| one.expect("a whole sample"))).collect()
    }

    fn flow_samples(&self) -> Vec<FlowSample<'_>> {
        let flow = |sample| if let Sample::Flow(flow) = sample { Some(flow) } else { None };
        self.samples().into_iter().filter_map(flow).collect()
    }

    fn notices(&self) -> Vec<DiscardedPacket<'_>> {
        let notice = |one| if let Sample::Discarded(notice) = one { Some(notice) } else { None };
        self.samples().into_iter().filter_map(notice).collect()
    }

    /// The last counters of a port.
    fn counters(&self, port: u32) -> Option<(IfCounters, EthernetCounters)> {
        let last = |sample| match sample {
            Sample::Counters(one) if (one.source_id.class, one.source_id.index) == (0, port) => {
                let interface = one.records().flatten().find_map(|record| record.read());
                let ethernet = one.records().flatten().find_map(|record| record.read());
                Some((interface.expect("if_counters"), ethernet.expect("ethernet_counters")))
            }
            _ => None,
        };
        self.samples().into_iter().filter_map(last).next_back()
    }

    /// What holds for every stream of one agent; and that tshark reads the same.
    fn check(&self, switch: &Switch) {
        let datagrams: Vec<Datagram<'_>> =
            self.payloads().map(|one| Datagram::parse(one).expect("an sFlow datagram")).collect();
        for (datagram, sequence) in datagrams.iter().zip(1..) {
            assert_eq!(datagram.sequence_number, sequence);
            assert_eq!(datagram.samples().flatten().count(), datagram.num_samples as usize);
        }
        for port in 1..=4 {
            let of_port = |sample: &&FlowSample<'_>| sample.source_id.index == port;
            let samples = self.flow_samples();
            for (sample, sequence) in samples.iter().filter(of_port).zip(1..) {
                assert_eq!(sample.sequence_number, sequence, "flow sample of port {port}");
                assert!(!sample.expanded);
            }
            let notices = self.notices();
            let of_port = notices.iter().filter(|notice| notice.source_id.index == port);
            for (notice, sequence) in of_port.zip(1..) {
                assert_eq!(notice.sequence_number, sequence, "notice of port {port}");
            }
        }
        for sample in self.flow_samples() {
            let mut records = sample.records();
            assert!(records.all(|record| record.expect("a whole record").check() == Ok(0)));
        }
        self.check_with_tshark(switch, &datagrams);
    }

    fn check_with_tshark(&self, switch: &Switch, datagrams: &[Datagram<'_>]) {
        let path = switch.path().join("collected.pcap");
        let mut file = std::fs::File::create(&path).expect("a file");
        // pcap with microseconds, version 2.4, snapshot length, Ethernet
        let head = [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65535, 1];
        file.write_all(&head.map(u32::to_be_bytes).concat()).expect("writing");
        for frame in &self.0 {
            let length = frame.len() as u32;
            file.write_all(&[0, 0, length, length].map(u32::to_be_bytes).concat()).unwrap();
            file.write_all(frame).unwrap();
        }
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(&path).args(["-n", "-T", "fields", "-E", "separator=|"]);
        tshark.args(["-d", "udp.port==6343,sflow", "-o", "ip.check_checksum:TRUE"]);
        tshark.args(["-e", "sflow_245.sequence_number", "-e", "_ws.malformed"]);
        let output = match tshark.output() {
            Ok(output) => output,
            Err(error) => return skip_part(&format!("tshark: {error}")),
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = String::from_utf8(output.stdout).expect("ASCII");
        let rows: Vec<&str> = rows.lines().collect();
        let expected: Vec<String> =
            datagrams.iter().map(|one| format!("{}|", one.sequence_number)).collect();
        assert_eq!(rows, expected, "sequence numbers, nothing malformed");
    }
}

/// The sum of RFC 1071.
fn checksum(parts: &[&[u8]]) -> u32 {
    let bytes = parts.concat();
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let once = (sum & 0xffff) + (sum >> 16);
    (once & 0xffff) + (once >> 16)
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

#[test]
fn the_library_passes_its_own_tests() {
    images_cargo(&["test", "--lib"]);
}

#[test]
fn it_floods_learns_and_forwards() {
    let Some(mut switch) = start() else { return };
    let (plain, tagged) =
        (frame(mac(2), mac(1), &[], 60), frame(mac(2), mac(1), &[0x81, 0, 0, 10], 64));
    switch.send(1, &plain);
    assert_eq!(switch.receive(2, 1), [plain.as_slice()]);
    assert_eq!(switch.receive(3, 1), [plain.as_slice()]);
    assert_eq!(switch.receive(4, 1), [tagged], "the trunk gets a tag");
    // Now the answer, and then a thousand frames of every length, go one way only.
    let answer = frame(mac(1), mac(2), &[], 60);
    switch.send(2, &answer);
    assert_eq!(switch.receive(1, 1), [answer]);
    let length = |number: usize| 14 + number * 3 / 2 + number % 2;
    let sent: Vec<_> = (0..1000).map(|number| frame(mac(2), mac(1), &[], length(number))).collect();
    switch.send_paced((1, 2), sent.iter().cloned());
    assert_eq!(switch.receive(2, 1000), sent, "in order, byte for byte");
    switch.settle(1002);
    for port in [1, 3, 4] {
        assert_eq!(switch.received(port), [[0u8; 0]; 0], "port {port}");
    }
}

#[test]
fn vlans_are_separate() {
    let Some(mut switch) = start() else { return };
    let in_20 = frame(BROADCAST, mac(3), &VLAN_20, 64);
    switch.send(3, &in_20);
    assert_eq!(switch.receive(4, 1), [in_20.as_slice()]);
    // The same station in VLAN 10 is unknown, and the other way round.
    let in_10 = frame(mac(3), mac(1), &[], 60);
    switch.send(1, &in_10);
    assert_eq!(switch.receive(2, 1), [in_10.as_slice()]);
    assert_eq!(switch.receive(3, 1), [in_10.as_slice()]);
    assert_eq!(switch.receive(4, 1).len(), 1);
    switch.send(4, &frame(mac(3), mac(4), &VLAN_20, 64));
    assert_eq!(switch.receive(3, 1), [frame(mac(3), mac(4), &VLAN_20, 64)]);
    // No member, no such VLAN, and VLAN 1, where only the switch itself is.
    switch.send(1, &frame(BROADCAST, mac(1), &VLAN_20, 64));
    switch.send(2, &frame(BROADCAST, mac(2), &[0x81, 0, 0x0f, 0xa0], 64));
    switch.send(4, &frame(mac(1), mac(4), &[], 60));
    let shown = switch.settle(6);
    for port in 1..=4 {
        assert_eq!(switch.received(port), [[0u8; 0]; 0], "port {port}");
    }
    assert_eq!([1, 2, 3, 4].map(|port| shown.port(port, "discarded")), [1, 1, 0, 1]);
}

#[test]
fn each_sample_says_where_its_packet_came_in_and_went_out() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
    switch.connect_collector();
    switch.commands(&["sampling 1 1", "sampling 3 1", "sampling 4 1"]);
    let before = switch.show();
    let frames = [
        (1, frame(BROADCAST, mac(1), &[], 60)),
        (1, frame(mac(2), mac(1), &[], 1514)),
        (1, frame(mac(4), mac(1), &[], 60)),
        (2, frame(mac(1), mac(2), &[], 60)),
        (3, frame(BROADCAST, mac(3), &VLAN_20, 64)),
        (4, frame(mac(1), mac(4), &VLAN_10, 1518)),
        (4, frame(SWITCH, COLLECTOR, &[], 60)),
    ];
    let taken = (1..=4).map(|port| before.taken(port)).sum::<u64>();
    for (number, (port, frame)) in frames.iter().enumerate() {
        switch.send(*port, frame);
        // Ports have their turns in order, so frames of two ports might overtake each other.
        switch.settle(taken + number as u64 + 1);
    }
    let mut collected = Collected::default();
    collected.wait_for(&switch, "6 samples", |all| all.flow_samples().len() == 6);
    let expected = [
        (1, THREE_PORTS, (10, 0)),
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

#[test]
fn the_pool_is_what_passed_and_samples_and_drops_add_up() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
    // Nobody answers to ARP: one datagram waits, what does not fit it is dropped and counted.
    switch.commands(&["collector 192.0.2.99", "sampling 1 1"]);
    let before = switch.show().port(1, "pool");
    let mut sent = 4;
    for _ in 0..50 {
        switch.send(1, &frame(mac(2), mac(1), &[], 60));
    }
    sent += 50;
    let shown = switch.settle(sent);
    let (waiting, dropped) = (shown.port(1, "sampled"), shown.port(1, "dropped"));
    assert!(waiting > 0 && dropped > 0, "{shown:?}");
    assert_eq!((waiting + dropped, shown.port(1, "pool") - before), (50, 50));
    assert_eq!(shown.value("agent", "datagrams"), 0);
    // It answers, and nothing more is lost.
    switch.answer_arp(true);
    sent += 1;
    switch.settle(sent);
    let mut collected = Collected::default();
    let first = |all: &Collected| all.flow_samples().len() as u64 == waiting;
    collected.wait_for(&switch, "what waited", first);
    switch.commands(&["sampling 1 16"]);
    let to = |number: usize| if number.is_multiple_of(64) { BROADCAST } else { mac(2) };
    let passing = (0..8000).map(|number| frame(to(number), mac(1), &[], 60 + number % 900));
    switch.send_paced((1, 2), passing);
    // Frames of a VLAN that the port is not in are no candidates.
    for _ in 0..80 {
        switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
    }
    let shown = switch.settle(sent + 8080);
    assert_eq!(shown.port(1, "pool") - before, 8050);
    assert_eq!(shown.port(1, "dropped"), dropped);
    let sampled = shown.port(1, "sampled");
    collected.wait_for(&switch, "all samples", |all| all.flow_samples().len() as u64 == sampled);
    let unsent: u64 = (1..=4).map(|port| shown.port(port, "unsent")).sum();
    assert_eq!((unsent, shown.value("agent", "errors")), (0, 0));
    let samples = collected.flow_samples();
    // 500 expected; skips are uniform on 1 to 31, so the deviation is about 13.
    assert!((440..560).contains(&(sampled - waiting)), "{} samples", sampled - waiting);
    for pair in samples.windows(2) {
        let ahead = pair[1].sample_pool.wrapping_sub(pair[0].sample_pool);
        assert!(ahead >= 1 && (ahead <= 31 || pair[0].drops != pair[1].drops), "{ahead}");
    }
    let last = samples.last().expect("samples");
    assert_eq!(u64::from(last.drops), dropped);
    assert!(shown.port(1, "pool") - u64::from(last.sample_pool) <= 31);
    collected.check(&switch);
}

#[test]
fn more_than_it_can_take_is_accounted_for() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
    switch.connect_collector();
    switch.commands(&["sampling 1 8", "sampling 2 8"]);
    let before = switch.show();
    let taken: u64 = (1..=4).map(|port| before.taken(port)).sum();
    // As fast as the sockets take them, both ways, so that the transmit rings overflow; and more
    // than 2^16, where the indices of the rings wrap.
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
        assert_eq!(more(from, "dropped"), 0);
    }
    let mut collected = Collected::default();
    let told = more("port 1", "sampled") + more("port 2", "sampled");
    collected.wait_for(&switch, "the samples", |all| {
        let lost = shown.value("agent", "errors");
        // A datagram that met a full ring is a gap of at most 9 samples.
        all.flow_samples().len() as u64 + 9 * lost >= told
    });
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

#[test]
fn discards_are_told_with_their_reason_and_a_limit() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
    switch.connect_collector();
    let before = switch.show();
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
    let mut taken: u64 = (1..=4).map(|port| before.taken(port)).sum();
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
        assert_eq!((notice.source_id.class, notice.source_id.index, notice.drops), (0, port, 0));
        let header = notice.records().flatten().find_map(|one| one.read::<SampledHeader<'_>>());
        let header = header.expect("packet header information");
        assert_eq!(header.header, &frame[..frame.len().min(128)]);
        assert_eq!(header.frame_length as usize, frame.len() + 4);
    }
    // A storm: ten a second and port are told, the others counted.
    let begin = Instant::now();
    for _ in 0..3000 {
        switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
    }
    let shown = switch.settle(taken + 3000);
    let seconds = begin.elapsed().as_secs() + 2;
    let told = shown.value("agent", "discards") - reasons.len() as u64;
    assert!((10..=10 * seconds).contains(&told), "{told} in {seconds} s");
    assert_eq!(told + shown.value("agent", "suppressed"), 3000);
    // A second later one more is told, and says how many were not.
    let last = wait_until("the next notice", || {
        switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
        collected.take(&switch);
        collected.notices().last().filter(|notice| notice.drops > 0).map(|notice| notice.drops)
    });
    assert!(u64::from(last) >= 2000, "{last}");
    collected.check(&switch);
}

#[test]
fn a_full_ring_is_told_and_nothing_else_is_lost() {
    let Some(mut switch) = Switch::start(Options { unread: 2, ..Options::default() }) else {
        return;
    };
    switch.send(2, &frame(BROADCAST, mac(2), &[], 60));
    assert_eq!(switch.receive(1, 1).len(), 1);
    switch.connect_collector();
    let before = switch.show();
    let taken: u64 = (1..=4).map(|port| before.taken(port)).sum();
    switch.commands(&["sampling 1 1000"]);
    for _ in 0..500 {
        switch.send(1, &frame(mac(2), mac(1), &[], 60));
    }
    // The others go on as if nothing were.
    switch.send(3, &frame(mac(1), mac(3), &[], 60));
    let shown = switch.settle(taken + 501);
    assert_eq!(switch.receive(1, 1).len(), 1);
    let unsent = shown.port(2, "unsent");
    assert!(unsent > 300, "{shown:?}");
    assert_eq!(shown.port(1, "pool") - before.port(1, "pool") + unsent, 500);
    let mut collected = Collected::default();
    collected.wait_for(&switch, "a notice", |all| !all.notices().is_empty());
    for notice in collected.notices() {
        assert_eq!(notice.reason, 259);
        assert_eq!((notice.input_if_index, notice.output_if_index), (1, 2));
    }
    let sent = frame(mac(2), mac(1), &[], 60);
    let arrived = switch.read_unread(2, shown.port(2, "sent"));
    // What was sent is not lost.
    assert!(arrived.iter().all(|frame| *frame == sent), "{arrived:x?}");
    let last = frame(mac(2), mac(1), &[], 61);
    switch.send(1, &last);
    assert_eq!(switch.read_unread(2, 1), [last], "and nothing else came between");
}

#[test]
fn counters_are_those_of_the_frames_that_were_sent() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
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
    // Each port also got or sent one broadcast of 64 bytes from each of the stations, in VLAN 10;
    // octets count 4 of FCS each.
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

#[test]
fn console_commands_take_effect() {
    let Some(mut switch) = start() else { return };
    let error = |switch: &mut Switch, line| switch.command(line).expect_err(line);
    assert_eq!(error(&mut switch, "sampling 5 1"), "PORT is 1 to 4");
    assert_eq!(error(&mut switch, "sampling 1 x"), "N is 0 (off) to 2147483648");
    assert_eq!(error(&mut switch, "polling -1"), "SECONDS is 0 (off) to 86400");
    assert_eq!(error(&mut switch, "collector 192.0.2"), "A.B.C.D is an IPv4 address");
    assert!(error(&mut switch, "collector 10.0.0.1").contains("no router"));
    assert!(error(&mut switch, "reboot").starts_with("say: show"));
    assert_eq!(error(&mut switch, &"x".repeat(300)), "a line has at most 80 bytes");
    introduce(&mut switch);
    switch.connect_collector();
    switch.commands(&["sampling 2 1"]);
    assert_eq!(switch.show().port(2, "sampling"), 1);
    let send = |switch: &mut Switch| {
        let taken: u64 = (1..=4).map(|port| switch.show().taken(port)).sum();
        for _ in 0..20 {
            switch.send(2, &frame(mac(1), mac(2), &[], 60));
        }
        switch.settle(taken + 20).port(2, "sampled")
    };
    assert_eq!(send(&mut switch), 20);
    switch.commands(&["sampling 2 0"]);
    assert_eq!(send(&mut switch), 20, "off");
    let mut collected = Collected::default();
    collected.wait_for(&switch, "20 samples", |all| all.flow_samples().len() == 20);
    switch.commands(&["polling 1"]);
    let told = |switch: &mut Switch| switch.show().value("agent", "counters");
    wait_until("two rounds of counters", || (told(&mut switch) >= 8).then_some(()));
    assert_eq!(switch.show().value("agent", "polling"), 1);
    switch.commands(&["polling 0"]);
    let before = told(&mut switch);
    // Two intervals and more, by the clock of the switch: its samples tell the time.
    switch.commands(&["sampling 2 1"]);
    let (mut collected, mut begin) = (Collected::default(), None);
    wait_until("two seconds", || {
        switch.send(2, &frame(mac(1), mac(2), &[], 60));
        collected.take(&switch);
        let uptime = Datagram::parse(collected.payloads().last()?).expect("a datagram").uptime;
        let begin = *begin.get_or_insert(uptime);
        (uptime.wrapping_sub(begin) > 2100).then_some(())
    });
    assert_eq!(told(&mut switch), before, "off");
    // Another collector, which nobody is: what was for the first one no longer goes there.
    switch.commands(&["collector 192.0.2.98"]);
    let answer = switch.command("show").expect("statistics");
    assert!(answer.contains(&"collector: 192.0.2.98 not found yet".to_owned()), "{answer:?}");
    let sent = switch.show().value("agent", "datagrams");
    for _ in 0..20 {
        switch.send(2, &frame(mac(1), mac(2), &[], 60));
    }
    let dropped =
        wait_until("drops", || Some(switch.show()).filter(|shown| shown.port(2, "dropped") > 0));
    assert_eq!(dropped.value("agent", "datagrams"), sent);
}

#[test]
fn malformed_frames_by_the_thousand_do_not_stop_it() {
    let Some(mut switch) = start() else { return };
    introduce(&mut switch);
    switch.connect_collector();
    switch.commands(&["sampling 1 4", "sampling 2 4", "sampling 3 4", "sampling 4 4"]);
    let before = switch.show();
    let taken: u64 = (1..=4).map(|port| before.taken(port)).sum();
    let mut random = Random(1);
    let whole = [
        frame(BROADCAST, mac(1), &VLAN_10, 64),
        frame(mac(2), mac(1), &[], 60),
        [&SWITCH[..], &COLLECTOR, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[192; 20]].concat(),
        [&SWITCH[..], &COLLECTOR, &[8, 0, 0x45, 0], &[0xff; 40]].concat(),
    ];
    for number in 0..20_000u64 {
        let mut bytes = match number % 4 {
            // Random bytes of every length, cut frames, damaged frames, random payload.
            0 => {
                let length = 1 + random.below(2000) as usize;
                random.bytes(length)
            }
            1 => {
                let frame = &whole[random.below(4) as usize];
                frame[..1 + random.below(frame.len() as u64) as usize].to_vec()
            }
            2 => {
                let mut frame = whole[random.below(4) as usize].clone();
                let at = random.below(frame.len() as u64) as usize;
                frame[at] = random.below(256) as u8;
                frame
            }
            _ => [&whole[1][..12], &random.bytes(50)].concat(),
        };
        // Nobody becomes the collector, or the station behind another port.
        if bytes.len() >= 12 && bytes[0] & 1 == 0 {
            bytes[6..12].copy_from_slice(&mac(200));
        }
        switch.send(1 + random.below(4) as usize, &bytes);
    }
    let shown = switch.settle(taken + 20_000);
    assert!(switch.is_running());
    assert!(shown.value("agent", "discards") > 0 && shown.value("agent", "flow") > 0);
    let all = frame(BROADCAST, mac(1), &[], 60);
    for port in 1..=4 {
        let _ = switch.received(port);
    }
    switch.send(1, &all);
    wait_until("the broadcast", || switch.received(3).contains(&all).then_some(()));
}

#[test]
fn sampling_costs_less_than_a_twentieth_of_the_rate() {
    let options = Options { count_instructions: true, ..Options::default() };
    let Some(mut switch) = Switch::start(options) else { return };
    introduce(&mut switch);
    switch.connect_collector();
    let frames = 1000;
    let mut cost = |rate: u32| {
        switch.commands(&[&format!("sampling 1 {rate}")]);
        let before = switch.show();
        let one = frame(mac(2), mac(1), &[], 64);
        switch.send_paced((1, 2), std::iter::repeat_n(one, frames));
        assert_eq!(switch.receive(2, frames).len(), frames);
        let shown = switch.show();
        let more = |line: &str, name: &str| shown.value(line, name) - before.value(line, name);
        assert!(more("load", "frames") >= frames as u64);
        (more("load", "ticks"), more("port 1", "sampled"))
    };
    // Off and on by turns: how many frames come at once depends on what else the machine does,
    // and with it the cost of a round of the main loop for each of them.
    let (mut off, mut on, mut samples) = (0, 0, 0);
    for _ in 0..50 {
        off += cost(0).0;
        let (ticks, sampled) = cost(64);
        (on, samples) = (on + ticks, samples + sampled);
    }
    let rate = off as f64 / on as f64;
    println!(
        "{} instructions a frame, {} with sampling ({samples} samples): {:.1} % of the rate",
        off / 50_000,
        on / 50_000,
        rate * 100.0
    );
    // 50 turns of about 16, deviation about 16.
    assert!((700..900).contains(&samples), "{samples} samples");
    assert!(rate >= 0.95, "{off} and {on} instructions for 50000 frames");
}
