use std::string::String;
use std::vec::Vec;

use super::*;
use crate::bridge::WireError;
use crate::configured_switch;
use crate::counters::PortCounters;
use crate::port::PortSet;
use crate::switch::Stations;

/// A wire that records sent frames; ports in `full` have no room.
#[derive(Default)]
struct Sent {
    frames: Vec<(u32, Vec<u8>)>,
    full: PortSet,
}

impl Wire for Sent {
    fn send(&mut self, port: Port, parts: &[&[u8]]) -> Result<(), WireError> {
        if self.full.contains(port) {
            return Err(WireError::Full);
        }
        self.frames.push((port.if_index(), parts.concat()));
        Ok(())
    }
}

type Tested<'a> = Control<'a, Sent>;

const MAC: [u8; 6] = [2, 0xf1, 0, 0, 0, 1];
const COLLECTOR: [u8; 6] = [2, 0, 0, 0, 0, 99];

/// A switch before its first frame.
fn with_switch(test: impl FnOnce(&mut Tested<'_>)) {
    let samplers = samplers(0x5eed);
    let (ports, samples) = (sampled_ports(&samplers), SampleQueue::new());
    let mut stations = Stations::new();
    let switch = configured_switch(MAC, &mut stations);
    let bridge = RefCell::new(Bridge::new(switch, Sent::default(), &ports, &samples));
    let (mut sources, mut datagram) = ([SourceSlot::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let memory =
        Memory { ports: &ports, samples: &samples, sources: &mut sources, datagram: &mut datagram };
    test(&mut Control::new(0x5eed, &bridge, memory).unwrap());
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn port(number: u32) -> Port {
    Port::numbered(number).unwrap()
}

fn frame(to: u8, from: u8, tag: &[u8], length: usize) -> Vec<u8> {
    let mut frame = [&[2, 0, 0, 0, 0, to][..], &[2, 0, 0, 0, 0, from], tag, &[0x88, 0xb5]].concat();
    frame.resize(length, 0xa5);
    frame
}

fn arp(operation: u8, target: [u8; 4]) -> Vec<u8> {
    let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
    [&MAC[..], &COLLECTOR, &head, &COLLECTOR, &[192, 0, 2, 99], &[0; 6], &target].concat()
}

fn receive(switch: &mut Tested<'_>, number: u32, frame: &[u8]) {
    switch.receive(at(0), port(number), frame);
}

/// Frames sent since the last call.
fn sent(switch: &Tested<'_>) -> Vec<(u32, Vec<u8>)> {
    std::mem::take(&mut switch.bridge.borrow_mut().wire_mut().frames)
}

fn command(switch: &mut Tested<'_>, now: Instant, line: &str) -> String {
    let (mut console, mut answer) = (Console::new(), String::new());
    assert!(line.bytes().chain([b'\n']).any(|byte| console.push(byte)));
    switch.execute(now, &console, &mut answer).unwrap();
    answer
}

/// Sets a collector at port 4 that has answered ARP.
fn connect(switch: &mut Tested<'_>) {
    assert_eq!(command(switch, at(0), "collector 192.0.2.99"), "ok\n");
    switch.poll(at(0));
    receive(switch, 4, &arp(2, [192, 0, 2, 1]));
    switch.poll(at(0));
    sent(switch);
}

/// The sFlow datagrams among the frames sent since the last call.
fn datagrams(switch: &Tested<'_>) -> Vec<Vec<u8>> {
    let udp = |(port, frame): &(u32, Vec<u8>)| *port == 4 && frame[12..14] == [8, 0];
    sent(switch).iter().filter(|sent| udp(sent)).map(|(_, frame)| frame[42..].to_vec()).collect()
}

fn words(bytes: &[u8], at: usize) -> [u32; 9] {
    core::array::from_fn(|index| {
        let at = at + 4 * index;
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    })
}

/// Samples in a datagram.
fn count(datagram: &[u8]) -> u32 {
    words(datagram, 24)[0]
}

fn counters(switch: &Tested<'_>, number: u32) -> PortCounters {
    switch.bridge.borrow().counters()[port(number).index()]
}

fn pool_and_drops(switch: &Tested<'_>, number: u32) -> (u32, u32) {
    let meta = switch.node.ports()[port(number).index()].sampler.meta();
    (meta.sample_pool, meta.drops)
}

#[test]
fn tag_is_inserted_and_removed() {
    with_switch(|switch| {
        receive(switch, 1, &frame(2, 1, &[], 60));
        let (plain, tagged) = (frame(2, 1, &[], 60), frame(2, 1, &[0x81, 0, 0, 10], 64));
        assert_eq!(sent(switch), [(2, plain.clone()), (3, plain), (4, tagged)]);
        // Priority 5 and DEI: a tagged copy keeps them, an untagged one cannot carry them.
        receive(switch, 4, &frame(1, 4, &[0x81, 0, 0xb0, 10], 64));
        assert_eq!(sent(switch), [(1, frame(1, 4, &[], 60))]);
        let tagged = frame(9, 8, &[0x81, 0, 0xb0, 20], 64);
        receive(switch, 3, &tagged);
        assert_eq!(sent(switch), [(4, tagged)]);
    });
}

#[test]
fn flooded_frame_is_one_sample_with_its_port_count() {
    with_switch(|switch| {
        connect(switch);
        assert_eq!(command(switch, at(0), "sampling 1 1"), "ok\n");
        receive(switch, 1, &frame(2, 1, &[], 60));
        receive(switch, 2, &frame(1, 2, &[], 60));
        receive(switch, 1, &frame(2, 1, &[], 60));
        switch.poll(at(0));
        switch.poll(at(100));
        let datagrams = datagrams(switch);
        let [datagram] = &datagrams[..] else { panic!("{} datagrams", datagrams.len()) };
        assert_eq!(count(datagram), 2, "samples: port 2 is off");
        // After the header of 28 bytes: format, length, sequence, source, rate, pool, drops, input,
        // output.
        let first = words(datagram, 28);
        assert_eq!(first[2..], [1, 1, 1, 1, 0, 1, 0x8000_0003]);
        let second = words(datagram, 28 + 8 + first[1] as usize);
        assert_eq!(second[2..], [2, 1, 1, 2, 0, 1, 2]);
        assert_eq!(counters(switch, 1).sampled, 2);
    });
}

#[test]
fn full_ring_is_reported_and_not_counted_in_the_pool() {
    with_switch(|switch| {
        connect(switch);
        command(switch, at(0), "sampling 1 1");
        receive(switch, 2, &frame(1, 2, &[], 60));
        sent(switch);
        switch.bridge.borrow_mut().wire_mut().full = PortSet::of(&[2, 3]);
        receive(switch, 1, &frame(2, 1, &[], 60));
        assert_eq!(pool_and_drops(switch, 1), (0, 0));
        assert_eq!(counters(switch, 2).out_discards, 1);
        // Flooded, it reaches one more.
        receive(switch, 1, &frame(77, 1, &[], 60));
        assert_eq!(pool_and_drops(switch, 1), (1, 0));
        switch.poll(at(0));
        switch.poll(at(100));
        let datagrams = datagrams(switch);
        assert_eq!(count(&datagrams[0]), 4, "three notifications, a sample");
        let mut place = 28;
        for (sequence, output) in [(1, 2), (2, 2), (3, 3)] {
            let notice = words(&datagrams[0], place);
            assert_eq!(notice[0], 5);
            assert_eq!(notice[2..], [sequence, 0, 1, 0, 1, output, 259][..7]);
            place += 8 + notice[1] as usize;
        }
        assert_eq!(words(&datagrams[0], place)[8], 4, "the sample names the one port it reached");
    });
}

#[test]
fn samples_wait_for_arp() {
    with_switch(|switch| {
        command(switch, at(0), "sampling 1 1");
        command(switch, at(0), "collector 192.0.2.99");
        for _ in 0..100 {
            receive(switch, 1, &frame(2, 1, &[], 60));
            switch.poll(at(0));
        }
        let waiting = counters(switch, 1).sampled;
        assert!(waiting >= BURST as u64 && datagrams(switch).is_empty());
        assert_eq!(waiting + u64::from(pool_and_drops(switch, 1).1), 100);
        switch.poll(at(500));
        receive(switch, 4, &arp(2, [192, 0, 2, 1]));
        switch.poll(at(501));
        switch.poll(at(601));
        let told: u32 = datagrams(switch).iter().map(|datagram| count(datagram)).sum();
        assert_eq!((u64::from(told), switch.node.stats().send_errors), (waiting, 0));
    });
}

#[test]
fn lost_notification_counts_as_a_drop_of_the_next() {
    with_switch(|switch| {
        command(switch, at(0), "collector 192.0.2.99");
        switch.poll(at(0));
        // Ten per port: 40 notifications of 104 bytes and more, of which 13 fit one datagram.
        for _ in 0..10 {
            for number in 1..=4 {
                receive(switch, number, &frame(9, 9, &[], 60));
            }
        }
        let stats = *switch.node.stats();
        assert!(stats.discards_lost > 20 && stats.discarded_packets > 5, "{stats:?}");
        assert_eq!(stats.discards_lost + stats.discarded_packets, 40);
        receive(switch, 4, &arp(2, [192, 0, 2, 1]));
        switch.poll(at(1));
        datagrams(switch);
        switch.receive(at(1500), port(4), &frame(9, 9, &[], 60));
        switch.poll(at(1600));
        let next = words(&datagrams(switch)[0], 28);
        assert!((next[0], next[4]) == (5, 4) && next[5] > 5, "{next:?}");
    });
}

#[test]
fn datagrams_without_a_collector_count_as_lost() {
    with_switch(|switch| {
        command(switch, at(0), "polling 1");
        let mut now = at(0);
        while now < at(5000) {
            now = switch.poll(now).expect("polling is on").max(now + Duration::from_millis(1));
        }
        assert_eq!(sent(switch), [], "no ARP request");
        assert!(switch.node.stats().send_errors > 3);
    });
}

#[test]
fn switch_answers_arp_for_its_address() {
    with_switch(|switch| {
        receive(switch, 4, &arp(1, [192, 0, 2, 1]));
        switch.poll(at(0));
        let answers = sent(switch);
        let [(4, answer)] = &answers[..] else { panic!("{answers:x?}") };
        assert_eq!(answer[..12], [COLLECTOR, MAC].concat());
        assert_eq!(answer[12..22], [8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
        assert_eq!(answer[42..], [0; 18], "padded to the minimum of Ethernet");
        for _ in 0..100 {
            receive(switch, 4, &arp(1, [192, 0, 2, 1]));
        }
        let cpu = switch.bridge.borrow().cpu_counters();
        assert_eq!((cpu.received, cpu.discarded), (17, 84), "a queue of 16");
    });
}

#[test]
fn counters_are_sent_at_the_polling_interval() {
    with_switch(|switch| {
        connect(switch);
        command(switch, at(0), "polling 10");
        receive(switch, 1, &frame(2, 1, &[], 1514));
        receive(switch, 1, &frame(2, 1, &[], 1515));
        let mut now = at(0);
        while now < at(60_000) {
            now = switch.poll(now).expect("polling is on").max(now + Duration::from_millis(1));
        }
        let samples: u32 = datagrams(switch).iter().map(|datagram| count(datagram)).sum();
        assert_eq!(samples, 4 * 6 + 1, "and one notification");
        let one = counters(switch, 1);
        assert_eq!((one.in_octets, one.received.unicast), (1518 + 1519, 1));
        assert_eq!((one.in_errors, one.too_long, one.in_discards), (1, 1, 0));
        assert_eq!(counters(switch, 2).out_octets, 1518);
        assert!(counters(switch, 4).out_octets > 1522, "tagged, and the export");
    });
}

#[test]
fn commands_return_ok_or_an_error() {
    with_switch(|switch| {
        for wrong in ["10.0.0.1", "192.0.2.1", "192.0.2.0", "192.0.2.255"] {
            let error = command(switch, at(0), &std::format!("collector {wrong}"));
            assert!(error.starts_with("error: the collector must be another"), "{wrong}: {error}");
        }
        let error = command(switch, at(0), "collector 224.0.0.1");
        assert_eq!(error, "error: not the address of one host\n");
        assert_eq!(command(switch, at(0), "sampling 9 1"), "error: PORT is 1 to 4\n");
        let shown = command(switch, at(0), "show");
        assert!(shown.contains("\ncollector none\n") && shown.ends_with("\nok\n"), "{shown}");
        assert_eq!(shown.lines().filter(|line| line.starts_with("port ")).count(), 4);
    });
}
