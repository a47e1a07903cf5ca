//! Records of datagrams with known sums.

use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{Address, DataSource};

use super::*;
use crate::Arrival;
use crate::analyzer::Analyzer;
use crate::instant::Instant;
use crate::source::Source;

/// The start of the engine's time: a multiple of 600 s, and half a second.
const START: Duration = Duration::from_millis(1_795_867_800_500);
const AGENT: Address = Address::V4(Ipv4Addr::new(192, 0, 2, 1));

fn at(seconds: f64) -> Instant {
    Instant::after_start(Duration::from_secs_f64(seconds))
}

fn port(index: u32) -> Source {
    Source { agent: AGENT, data_source: DataSource { class: 0, index } }
}

/// A packet of TCP from 10.0.0.HOST.
#[derive(Clone, Copy)]
struct Sampled {
    number: u32,
    rate: u32,
    host: u8,
    length: u16,
    flags: u8,
    /// Reason of a discard; a flow sample without one.
    reason: Option<u32>,
    input: u32,
    /// In the compact encoding.
    output: u32,
    /// Discards that the agent did not send.
    drops: u32,
}

const PACKET: Sampled = Sampled {
    number: 1,
    rate: 100,
    host: 1,
    length: 1000,
    flags: 0x10,
    reason: None,
    input: 5,
    output: 6,
    drops: 0,
};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

impl Sampled {
    /// A datagram of port 5 with this sample.
    fn datagram(self, sequence: u32) -> Vec<u8> {
        let (format, fixed) = match self.reason {
            None => (1, vec![self.number, 5, self.rate, 0, 0, self.input, self.output]),
            Some(reason) => (5, vec![self.number, 2, 1, self.drops, self.input, 0, reason]),
        };
        let mut header = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
        header.extend(self.length.to_be_bytes());
        header.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, self.host, 10, 0, 0, 99]);
        header.extend([0x30, 0x39, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, self.flags, 0, 0]);
        header.resize(56, 0);
        let mut record = words(&[1, u32::from(self.length) + 18, 4, 56]);
        record.extend(header);
        let mut sample = words(&fixed);
        sample.extend(words(&[1, 1, record.len() as u32]));
        sample.extend(record);
        let mut datagram = words(&[5, 1, 0xc000_0201, 0, sequence, sequence * 1000, 1, format]);
        datagram.extend(words(&[sample.len() as u32]));
        datagram.extend(sample);
        datagram
    }
}

/// An analyzer, and the records of its samples.
struct World {
    analyzer: Analyzer,
    meter: Meter,
    read: u64,
    sequence: u32,
    /// What was passed on before its window had ended.
    early: Lines,
}

/// What a window closed with, in text: records, then interfaces.
type Lines = Vec<String>;

impl World {
    fn new(windows: &[Windows]) -> Self {
        Self::with_memory(windows, 1 << 20)
    }

    fn with_memory(windows: &[Windows], memory: usize) -> Self {
        let mut meter = Meter::new(memory, START);
        meter.set_windows(at(0.0), windows);
        Self { analyzer: Analyzer::new(64 << 20), meter, read: 0, sequence: 0, early: Lines::new() }
    }

    fn send(&mut self, seconds: f64, sampled: Sampled) {
        self.sequence += 1;
        let payload = sampled.datagram(self.sequence);
        self.analyzer.ingest(&Arrival { time: at(seconds), sender: None }, &payload);
    }

    fn read(&mut self) {
        let fresh = self.analyzer.history().after(self.read);
        self.read = fresh.end;
        let early = &mut self.early;
        self.meter.add(&fresh, |window, closed| early.push(line(window, closed)));
        self.meter.lose(&self.analyzer.take_losses());
    }

    fn close(&mut self, seconds: f64) -> Lines {
        self.read();
        let (mut lines, agents) = (Lines::new(), self.analyzer.agents());
        let last = |agent| agents.get(agent).map(|agent| agent.last_seen);
        self.meter.close(at(seconds), last, |window, closed| lines.push(line(window, closed)));
        lines.sort();
        lines
    }
}

fn line(window: Window, closed: Closed<'_>) -> String {
    let start = window.start - START.as_secs();
    match closed {
        Closed::Record(key, record, _) => format!(
            "{start}+{} {} {} {} {:?} {:?} {} {} {}",
            window.seconds,
            key.interface.data_source.index,
            key.tuple.src,
            key.tuple.dst_port,
            key.direction,
            key.action(),
            record.packets,
            record.bytes,
            record.tcp_flags,
        ),
        Closed::Interface(interface, status) => {
            format!("{start}+{} {} {status:?}", window.seconds, interface.data_source.index)
        }
    }
}

const TEN: Windows = Windows { seconds: 10, link: false, early: false };

#[test]
fn sums_are_those_of_the_samples_of_a_window() {
    let mut world = World::new(&[TEN]);
    for number in 1..=5 {
        world.send(f64::from(number), Sampled { number, ..PACKET });
    }
    world.send(6.0, Sampled { number: 6, rate: 50, length: 100, flags: 0x12, ..PACKET });
    world.send(7.0, Sampled { number: 7, host: 2, ..PACKET });
    // The next window begins half a second before the tenth of the engine.
    world.send(9.6, Sampled { number: 8, ..PACKET });
    assert_eq!(world.close(9.4), Lines::new());
    let first = [
        "0+10 5 10.0.0.1 443 Ingress Accept 550 505000 18",
        "0+10 5 10.0.0.2 443 Ingress Accept 100 100000 0",
    ];
    assert_eq!(world.close(9.5), first);
    assert_eq!(world.close(9.7), Lines::new());
    assert_eq!(world.close(20.0), ["10+10 5 10.0.0.1 443 Ingress Accept 100 100000 0"]);
}

#[test]
fn record_has_the_times_and_the_error_of_its_samples() {
    let mut world = World::new(&[TEN]);
    (0..100).for_each(|number| world.send(f64::from(number) / 50.0, Sampled { number, ..PACKET }));
    world.read();
    let mut found = Vec::new();
    let last_seen = |_| None;
    world.meter.close(at(10.0), last_seen, |window, closed| {
        if let Closed::Record(_, record, _) = closed {
            found.push((window, *record));
        }
    });
    let [(window, record)] = found[..] else { panic!("{found:?}") };
    assert_eq!(
        (record.first(window), record.last(window)),
        (START, START + Duration::from_millis(1980))
    );
    assert_eq!((record.samples, record.sampling_rate()), (100, 100.0));
    // 196/√100 %, times √0.99 as 1 % of the packets were seen.
    assert!((record.error() - 19.5).abs() < 0.01, "{}", record.error());
    assert_eq!((record.rtt(), record.retransmissions()), (None, None));
}

#[test]
fn each_window_length_has_all_samples() {
    let windows = [1, 60].map(|seconds| Windows { seconds, link: false, early: false });
    let mut world = World::new(&windows);
    let (mut seconds, mut minutes) = (0.0, 0.0);
    for number in 1..=6000_u32 {
        let time = f64::from(number) / 50.0;
        world.send(time, Sampled { number, host: (number % 7) as u8, ..PACKET });
        for line in world.close((time - 0.2).max(0.0)) {
            let packets: f64 = line.split(' ').nth(6).unwrap().parse().unwrap();
            *(if line.contains("+1 ") { &mut seconds } else { &mut minutes }) += packets;
        }
    }
    // Those before 119.5 s, where a second and a minute end.
    assert_eq!((seconds, minutes), (5974.0 * 100.0, 5974.0 * 100.0));
}

#[test]
fn policies_reject_and_other_discards_do_not() {
    let mut world = World::new(&[TEN]);
    for (number, reason) in [(1, 258), (2, 13), (3, 259), (4, 257)] {
        world.send(1.0, Sampled { number, reason: Some(reason), host: number as u8, ..PACKET });
    }
    let lines = world.close(10.0);
    let expected = [
        "0+10 5 10.0.0.1 443 Ingress Reject 1 1000 0",
        "0+10 5 10.0.0.2 443 Ingress Reject 1 1000 0",
        "0+10 5 10.0.0.3 443 Ingress Discard 1 1000 0",
        "0+10 5 10.0.0.4 443 Ingress Discard 1 1000 0",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn packet_that_its_output_port_discarded_is_no_accept() {
    let mut world = World::new(&[TEN]);
    for (number, reason) in [(1, 258), (2, 257)] {
        let output = 1 << 30 | reason;
        world.send(1.0, Sampled { number, output, host: number as u8, ..PACKET });
    }
    let expected = [
        "0+10 5 10.0.0.1 443 Ingress Reject 100 100000 0",
        "0+10 5 10.0.0.2 443 Ingress Discard 100 100000 0",
    ];
    assert_eq!(world.close(10.0), expected);
}

#[test]
fn interface_that_is_silent_while_its_agent_is_not_has_no_data() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    world.send(1.0, Sampled { reason: Some(258), input: 7, ..PACKET });
    assert_eq!(world.close(10.0).len(), 2);
    world.send(11.0, Sampled { number: 2, ..PACKET });
    let lines = world.close(20.0);
    assert_eq!(lines, ["10+10 5 10.0.0.1 443 Ingress Accept 100 100000 0", "10+10 7 NoData"]);
    // The agent is silent, too.
    assert_eq!(world.close(30.0), Lines::new());
}

#[test]
fn gap_in_the_samples_of_an_interface_is_skipped_data() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    world.send(2.0, Sampled { number: 4, ..PACKET });
    let lines = world.close(10.0);
    assert_eq!(lines, ["0+10 5 10.0.0.1 443 Ingress Accept 200 200000 0", "0+10 5 Skipped"]);
    // A sample that is late is not lost.
    for number in [5, 7, 6] {
        world.send(11.0, Sampled { number, ..PACKET });
    }
    assert_eq!(world.close(20.0), ["10+10 5 10.0.0.1 443 Ingress Accept 300 300000 0"]);
}

#[test]
fn gap_in_the_datagrams_of_an_agent_is_skipped_data_of_each_interface() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    world.send(1.0, Sampled { reason: Some(258), input: 7, ..PACKET });
    assert_eq!(world.close(10.0).len(), 2);
    world.sequence += 3;
    world.send(11.0, Sampled { number: 2, ..PACKET });
    let lines = world.close(20.0);
    let expected =
        ["10+10 5 10.0.0.1 443 Ingress Accept 100 100000 0", "10+10 5 Skipped", "10+10 7 Skipped"];
    assert_eq!(lines, expected);
}

#[test]
fn discards_that_are_missing_are_skipped_data_of_each_interface() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    let discard = Sampled { reason: Some(258), input: 7, ..PACKET };
    world.send(1.0, discard);
    assert_eq!(world.close(10.0).len(), 2);
    // A gap in the numbers, then a limit of the agent.
    for (seconds, number, drops) in [(11.0, 5, 0), (21.0, 6, 40)] {
        world.send(seconds, Sampled { number, drops, ..discard });
        let start = seconds as u64 - 1;
        let expected = [
            format!("{start}+10 5 Skipped"),
            format!("{start}+10 7 10.0.0.1 443 Ingress Reject 1 1000 0"),
            format!("{start}+10 7 Skipped"),
        ];
        assert_eq!(world.close(seconds + 9.0), expected);
    }
}

#[test]
fn loss_is_in_the_window_in_which_it_was_noticed() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    // Half a second after the end of the window, and read before that is closed.
    world.send(10.0, Sampled { number: 4, ..PACKET });
    world.read();
    assert_eq!(world.close(9.6), ["0+10 5 10.0.0.1 443 Ingress Accept 100 100000 0"]);
    // What is late in the same window is not missing.
    for number in [3, 2] {
        world.send(12.0, Sampled { number, ..PACKET });
        world.read();
    }
    assert_eq!(world.close(20.0), ["10+10 5 10.0.0.1 443 Ingress Accept 300 300000 0"]);
}

#[test]
fn windows_that_are_closed_together_have_their_own_lines() {
    let mut world = World::new(&[TEN]);
    for (seconds, number, input, reason) in
        [(1.0, 1, 5, None), (2.0, 1, 7, Some(258)), (11.0, 4, 5, None), (21.0, 2, 7, Some(258))]
    {
        world.send(seconds, Sampled { number, input, reason, ..PACKET });
    }
    let expected = [
        "0+10 5 10.0.0.1 443 Ingress Accept 100 100000 0",
        "0+10 7 10.0.0.1 443 Ingress Reject 1 1000 0",
        "10+10 5 10.0.0.1 443 Ingress Accept 100 100000 0",
        "10+10 5 Skipped",
        "10+10 7 NoData",
        "20+10 5 NoData",
        "20+10 7 10.0.0.1 443 Ingress Reject 1 1000 0",
    ];
    assert_eq!(world.close(30.0), expected);
}

#[test]
fn late_sample_is_a_record_of_its_window() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, PACKET);
    assert_eq!(world.close(9.6).len(), 1);
    // Its thread waited between the clock and the analyzer.
    world.send(9.4, Sampled { number: 2, ..PACKET });
    world.send(9.8, Sampled { number: 3, ..PACKET });
    assert_eq!(world.close(9.9), ["0+10 5 10.0.0.1 443 Ingress Accept 100 100000 0"]);
    assert_eq!(world.close(10.1), Lines::new());
    assert_eq!(world.close(20.0), ["10+10 5 10.0.0.1 443 Ingress Accept 100 100000 0"]);
}

#[test]
fn samples_that_were_gone_are_skipped_data_of_all_interfaces_in_their_windows() {
    let mut world = World::new(&[TEN]);
    world.analyzer = Analyzer::new(4 << 20);
    world.send(1.0, PACKET);
    assert_eq!(world.close(9.5).len(), 1);
    for number in 2..=30_000 {
        world.send(if number < 20_000 { 12.0 } else { 25.0 }, Sampled { number, ..PACKET });
    }
    let lines = world.close(40.0);
    assert!(world.meter.missed > 0);
    // From the last turn to the first sample that is left.
    let skipped: Vec<_> = lines.iter().filter(|line| line.ends_with("Skipped")).collect();
    let first = lines.iter().find(|line| line.contains("Accept")).expect("a record");
    let both = ["10+10 5 Skipped", "20+10 5 Skipped"];
    let windows = if first.starts_with("10+") { &both[..1] } else { &both[..] };
    assert_eq!(skipped, windows.iter().collect::<Vec<_>>(), "{lines:?}");
    assert!(world.close(60.0).is_empty());
}

#[test]
fn records_that_have_no_room_are_counted_and_skipped_data() {
    let mut world = World::with_memory(&[TEN], 32 << 10);
    for number in 1..=1000_u32 {
        let packet = Sampled { number, host: number as u8, length: 40, ..PACKET };
        let packet = Sampled { flags: (number >> 8) as u8, ..packet };
        world.send(1.0, packet);
    }
    world.read();
    assert!(world.meter.bytes() <= 32 << 10, "{}", world.meter.bytes());
    let (open, refused) = (world.meter.open() as u64, world.meter.refused);
    assert!(open > 50 && refused > 0, "{open} {refused}");
    assert!(world.close(10.0).contains(&"0+10 5 Skipped".to_owned()));
    // There is room again.
    world.send(11.0, Sampled { number: 1001, ..PACKET });
    assert_eq!(
        world.close(20.0),
        ["10+10 5 10.0.0.1 443 Ingress Accept 100 4000000 0"]
            .map(|line| line.replace("4000000", "100000"))
    );
}

#[test]
fn interfaces_take_memory_in_proportion_to_that_of_records() {
    let mut world = World::with_memory(&[TEN], 32 << 10);
    for number in 1..=5000 {
        world.send(1.0, Sampled { number, input: number, reason: Some(258), ..PACKET });
    }
    world.read();
    assert!(world.meter.bytes() <= 256 << 10, "{}", world.meter.bytes());
}

#[test]
fn mac_addresses_and_vlan_are_keys_where_they_are_wanted() {
    for link in [false, true] {
        let mut world = World::new(&[Windows { seconds: 10, link, early: false }]);
        world.send(1.0, PACKET);
        world.read();
        let mut links = Vec::new();
        world.meter.close(
            at(10.0),
            |_| None,
            |_, closed| {
                if let Closed::Record(key, ..) = closed {
                    links.push(key.link.map(|link| (link.src.0[5], link.dst.0[5], link.vlan)));
                }
            },
        );
        assert_eq!(links, [link.then_some((1, 2, None))]);
    }
}

#[test]
fn samples_are_read_once_and_dropped_ones_are_counted() {
    let mut analyzer = Analyzer::new(4 << 20);
    let (mut read, mut samples, mut missed, mut total) = (0, 0, 0, 0_u64);
    for number in 1..=30_000_u32 {
        let payload = Sampled { number, ..PACKET }.datagram(number);
        analyzer.ingest(&Arrival { time: at(1.0), sender: None }, &payload);
        total += 1;
        // First often, then too seldom.
        if number < 10_000 && number % 77 == 0 || number == 30_000 {
            let fresh = analyzer.history().after(read);
            (read, missed) = (fresh.end, missed + fresh.missed);
            samples += fresh.samples().count() as u64;
            assert_eq!((samples + missed, read), (total, total));
            assert!(number == 30_000 || missed == 0);
        }
    }
    assert!(missed > 0 && samples > 10_000, "{missed} {samples}");
    assert_eq!(analyzer.history().after(read).samples().count(), 0);
}

#[test]
fn port_of_a_discard_is_that_of_its_input() {
    let mut world = World::new(&[TEN]);
    world.send(1.0, Sampled { reason: Some(258), input: 9, ..PACKET });
    world.read();
    let mut found = Vec::new();
    world.meter.close(
        at(10.0),
        |_| None,
        |_, closed| {
            if let Closed::Record(key, ..) = closed {
                found.push(key.interface);
            }
        },
    );
    assert_eq!(found, [port(9)]);
}

#[test]
fn records_that_have_no_room_are_passed_on_early() {
    let early = Windows { seconds: 60, link: false, early: true };
    let mut world = World::with_memory(&[TEN, early], 256 << 10);
    for number in 0..2000 {
        world.send(61.0, Sampled { number, host: (number % 250) as u8, ..PACKET });
        if number % 500 == 499 {
            world.read();
        }
    }
    assert!(world.early.len() > 250 && world.early.iter().all(|line| line.starts_with("60+60")));
    let closed = world.close(120.0);
    let packets = |line: &String| line.split(' ').nth(6)?.parse::<f64>().ok();
    let all = world.early.iter().chain(closed.iter().filter(|line| line.starts_with("60+60")));
    assert_eq!(all.filter_map(packets).sum::<f64>(), 2000.0 * 100.0);
    assert_eq!(world.meter.refused, 0);
    assert!(!closed.iter().any(|line| line.starts_with("60+60") && line.ends_with("NoData")));
}
