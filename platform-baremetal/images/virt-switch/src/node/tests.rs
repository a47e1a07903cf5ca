use std::string::String;
use std::vec::Vec;

use super::*;

/// Keeps what is sent; a port in `full` has no place left.
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

const MAC: [u8; 6] = [2, 0xf1, 0, 0, 0, 1];
const COLLECTOR: [u8; 6] = [2, 0, 0, 0, 0, 99];

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

fn node<'a>(sources: &'a mut [Source; PORTS], buffer: &'a mut [u8; DATAGRAM_BYTES]) -> Node<'a> {
    Node::new(MAC, 0x5eed, sources, buffer)
}

fn command(node: &mut Node<'_>, now: Instant, line: &str) -> String {
    let (mut console, mut answer) = (Console::new(), String::new());
    assert!(line.bytes().chain([b'\n']).any(|byte| console.push(byte)));
    node.obey(now, &console, &mut answer).unwrap();
    answer
}

/// Gives the switch a collector at port 4 that has answered to ARP.
fn connect(node: &mut Node<'_>, now: Instant, wire: &mut Sent) {
    assert_eq!(command(node, now, "collector 192.0.2.99"), "ok\n");
    node.poll(now, wire);
    let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, 2];
    let reply = [&MAC[..], &COLLECTOR, &head, &COLLECTOR, &[192, 0, 2, 99], &MAC, &[192, 0, 2, 1]];
    node.receive(now, port(4), &reply.concat(), wire);
    wire.frames.clear();
}

/// The sFlow datagrams among the frames.
fn datagrams(wire: &Sent) -> Vec<&[u8]> {
    let udp = |(port, frame): &'_ (u32, Vec<u8>)| *port == 4 && frame[12..14] == [8, 0];
    wire.frames.iter().filter(|sent| udp(sent)).map(|(_, frame)| &frame[42..]).collect()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn a_tag_is_inserted_and_taken_off() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let mut wire = Sent::default();
    node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    let tagged = frame(2, 1, &[0x81, 0, 0, 10], 64);
    let plain = frame(2, 1, &[], 60);
    assert_eq!(wire.frames, [(2, plain.clone()), (3, plain), (4, tagged)]);
    wire.frames.clear();
    // Priority 5 and DEI: they go with a tagged copy, an untagged one has no place for them.
    node.receive(at(0), port(4), &frame(1, 4, &[0x81, 0, 0xb0, 10], 64), &mut wire);
    assert_eq!(wire.frames, [(1, frame(1, 4, &[], 60))]);
    wire.frames.clear();
    let tagged = frame(9, 8, &[0x81, 0, 0xb0, 20], 64);
    node.receive(at(0), port(3), &tagged, &mut wire);
    assert_eq!(wire.frames, [(4, tagged)]);
}

#[test]
fn a_flooded_frame_is_one_sample_that_says_how_many_ports() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let mut wire = Sent::default();
    connect(&mut node, at(0), &mut wire);
    assert_eq!(command(&mut node, at(0), "sampling 1 1"), "ok\n");
    node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    node.receive(at(0), port(2), &frame(1, 2, &[], 60), &mut wire);
    node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    node.poll(at(100), &mut wire);
    let datagrams = datagrams(&wire);
    let [datagram] = datagrams[..] else { panic!("{} datagrams", datagrams.len()) };
    assert_eq!(word(datagram, 24), 2, "samples: port 2 is off");
    // Behind the head of 28 bytes: format, length, sequence, source, rate, pool, drops, input,
    // output.
    let first: Vec<u32> = (0..9).map(|index| word(datagram, 28 + 4 * index)).collect();
    assert_eq!(first[2..], [1, 1, 1, 1, 0, 1, 0x8000_0003]);
    let second = 28 + 8 + first[1] as usize;
    let second: Vec<u32> = (0..9).map(|index| word(datagram, second + 4 * index)).collect();
    assert_eq!(second[2..], [2, 1, 1, 2, 0, 1, 2]);
}

#[test]
fn a_full_ring_is_told_and_keeps_the_frame_out_of_the_pool() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let mut wire = Sent::default();
    connect(&mut node, at(0), &mut wire);
    command(&mut node, at(0), "sampling 1 1");
    node.receive(at(0), port(2), &frame(1, 2, &[], 60), &mut wire);
    wire.frames.clear();
    wire.full = PortSet::of(&[2]);
    node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    assert_eq!(node.taps[0].sampler.meta().sample_pool, 0);
    assert_eq!(node.bridge.counters[1].out_discards, 1);
    // Flooded, it reaches the other two.
    node.receive(at(0), port(1), &frame(77, 1, &[], 60), &mut wire);
    assert_eq!(node.taps[0].sampler.meta().sample_pool, 1);
    node.poll(at(100), &mut wire);
    let datagrams = datagrams(&wire);
    let notice: Vec<u32> = (0..9).map(|index| word(datagrams[0], 28 + 4 * index)).collect();
    assert_eq!(notice[0], 5);
    assert_eq!(notice[2..], [1, 0, 1, 0, 1, 2, 259]);
}

#[test]
fn nothing_is_lost_to_arp_but_what_fits_no_datagram() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let mut wire = Sent::default();
    command(&mut node, at(0), "sampling 1 1");
    node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    assert_eq!((node.taps[0].sampled, node.taps[0].sampler.meta().drops), (0, 1), "no collector");
    command(&mut node, at(0), "collector 192.0.2.99");
    for _ in 0..100 {
        node.receive(at(0), port(1), &frame(2, 1, &[], 60), &mut wire);
    }
    let waiting = node.taps[0].sampled;
    assert!(waiting > 0 && datagrams(&wire).is_empty());
    assert_eq!(waiting + u64::from(node.taps[0].sampler.meta().drops), 101);
    connect(&mut node, at(500), &mut wire);
    // A new collector is asked anew; what waited goes to it.
    node.poll(at(600), &mut wire);
    assert_eq!(u64::from(word(datagrams(&wire)[0], 24)), waiting);
    assert_eq!(node.agent.stats().send_errors, 0);
}

#[test]
fn counters_are_told_at_the_interval_asked_for() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let mut wire = Sent::default();
    connect(&mut node, at(0), &mut wire);
    command(&mut node, at(0), "polling 10");
    node.receive(at(0), port(1), &frame(2, 1, &[], 1514), &mut wire);
    node.receive(at(0), port(1), &frame(2, 1, &[], 1515), &mut wire);
    let mut now = at(0);
    while now < at(60_000) {
        now = node.poll(now, &mut wire).expect("polling is on").max(now + Duration::from_millis(1));
    }
    let samples: u32 = datagrams(&wire).iter().map(|datagram| word(datagram, 24)).sum();
    assert_eq!(samples, 4 * 6 + 1, "and one notice");
    let port = node.bridge.counters[0];
    assert_eq!((port.in_octets, port.received.unicast), (1518 + 1519, 1));
    assert_eq!((port.in_errors, port.too_long, port.in_discards), (1, 1, 0));
    assert_eq!(node.bridge.counters[1].out_octets, 1518);
    assert!(node.bridge.counters[3].out_octets > 1522, "tagged, and the export");
}

#[test]
fn commands_answer() {
    let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0xa5; DATAGRAM_BYTES]);
    let mut node = node(&mut sources, &mut buffer);
    let error = command(&mut node, at(0), "collector 10.0.0.1");
    assert!(error.starts_with("error: the collector must be in the network"), "{error}");
    assert_eq!(command(&mut node, at(0), "sampling 9 1"), "error: PORT is 1 to 4\n");
    let shown = command(&mut node, at(0), "show");
    assert!(shown.contains("\ncollector none\n") && shown.ends_with("\nok\n"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("port ")).count(), 4);
}
