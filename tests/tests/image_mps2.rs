//! The end station on mps2-an385 under QEMU, with smoltcp and without.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::collections::HashSet;

use flowmote_analyzer::{Datagram, FlowSample, Port, Sample};
use flowmote_tests::lab::{if_counters, sampled_header, skip_part, wait_until};
use flowmote_tests::qemu::{Board, Image, Machine, Peer, Refused, Station, packet, shown};

#[test]
fn answers_arp_ping_and_udp_echo() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        for (number, length) in [0, 1, 2, 3, 56, 1471, 1472].into_iter().enumerate() {
            echo(&mut peer, number as u16, length);
        }
        for (sequence, length) in [(1, 0), (2, 55), (3, 1472)] {
            let data = pattern(length);
            let request = packet::ping(&PEER, &BOARD, sequence, &data);
            let reply = peer.ask(&request, |frame| packet::ping_reply(frame).is_some());
            assert_eq!(packet::ping_reply(&reply).unwrap()[4..], data);
            assert_eq!(reply[..12], [PEER.mac, BOARD.mac].concat());
        }
    }
}

#[test]
fn answers_over_ipv6() {
    let Some(image) = image("smoltcp") else { return };
    let machine = start(&image);
    let mut peer = plug_in(&machine);
    let question = packet::neighbour_solicitation(&PEER, &BOARD);
    peer.ask(&question, |frame| frame.get(54) == Some(&136));
    let data = pattern(500);
    let request = packet::ping6(&PEER, &BOARD, 1, &data);
    let reply = peer.ask(&request, |frame| packet::ping6_reply(frame).is_some());
    assert_eq!(packet::ping6_reply(&reply).unwrap()[4..], data);
    let request = packet::udp6(&PEER, &BOARD, (4000, ECHO), &data);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, 4000).is_some());
    assert_eq!(packet::udp_payload(&reply, 4000), Some(&data[..]));
}

#[test]
fn every_packet_is_told_once_and_truly() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 1").unwrap();
        // Slowly enough for the queue, so that nothing is dropped.
        for number in 0..100 {
            echo(&mut peer, number, usize::from(number) * 7);
        }
        let passed = quiet(&machine, &mut peer);
        let samples = told(&peer);
        assert!(samples.len() > 200, "{} samples", samples.len());
        let frames: HashSet<(&[u8], usize, bool)> = directed(&peer).collect();
        for sample in &samples {
            let header = sampled_header(sample);
            let received = sample.input.port() == Port::Index(1);
            let length = header.frame_length as usize - 4;
            let frame = frames.iter().find(|(frame, whole, direction)| {
                // The emulated controller does not pad what it sends, and smoltcp does not know
                // that a real one does.
                let same = *whole == length || !received && *whole < 60 && length == 60;
                same && *direction == received && frame.starts_with(header.header)
            });
            assert!(frame.is_some(), "no such frame on the link: {header:?}");
            assert!(header.header.len() >= 128.min(length.min(42)), "{header:?}");
        }
        // Those of before the rate was set are in the pool and no samples.
        check_sums(&samples);
        assert_eq!(machine.shown("port 1", "pool"), passed);
        check_tshark(machine.link(0).pcap(), &peer);
    }
}

#[test]
fn one_in_n_packets_is_sampled() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 20").unwrap();
        for round in 0..500 {
            burst(&mut peer, round, 10);
        }
        let passed = quiet(&machine, &mut peer);
        assert!(passed >= 10_000, "{passed} frames");
        let samples = told(&peer).len() as f64;
        let (mean, skip_deviation) = (passed as f64 / 20.0, 20.0 / 3_f64.sqrt());
        let deviation = mean.sqrt() * skip_deviation / 20.0;
        assert!((samples - mean).abs() < 5.0 * deviation, "{samples} of {passed} at 1 in 20");
    }
}

#[test]
fn under_load_samples_and_drops_add_up() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        // The collector's address is learnt before the load.
        machine.command("polling 1").unwrap();
        peer.until("the first datagram", |peer| !peer.exported.is_empty());
        machine.command("polling 0").unwrap();
        machine.command("sampling 1 1").unwrap();
        for round in 0..60 {
            burst(&mut peer, round, 90);
        }
        let passed = quiet(&machine, &mut peer);
        assert!(passed > 10_000, "{passed} frames");
        check_sums(&told(&peer));
        let drops = machine.shown("port 1", "drops");
        assert!(drops > 0, "more packets than samples that can be sent");
        assert_eq!(machine.shown("port 1", "pool"), passed);
        assert_eq!(machine.shown("received", "frames"), peer.sent.len() as u64);
        assert_eq!(machine.shown("transmitted", "frames"), peer.received.len() as u64);
        assert_eq!(machine.shown("samples", "flow"), told(&peer).len() as u64);
        assert_eq!(machine.shown("datagrams", "lost"), 0);
    }
}

#[test]
fn the_counters_are_those_of_the_link() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 0").unwrap();
        machine.command("polling 1").unwrap();
        for number in 0..20 {
            echo(&mut peer, number, 300);
        }
        peer.send(&packet::ethernet([0xff; 6], PEER.mac, 0x88b5, &[0; 46]));
        peer.send(&packet::ethernet([1, 0, 0x5e, 0, 0, 1], PEER.mac, 0x88b5, &[0; 46]));
        peer.send(&packet::ethernet(BOARD.mac, PEER.mac, 0x88b5, &[0; 1600]));
        let before = peer.exported.len();
        // The second from now on was certainly read after all of that.
        peer.until("two more counter samples", |peer| peer.exported.len() >= before + 2);
        let last = peer.exported.pop().unwrap();
        let sent = &peer.sent;
        let datagram = Datagram::parse(&last.payload).unwrap();
        let sample = datagram.samples().map(Result::unwrap).last().unwrap();
        let Sample::Counters(sample) = sample else { panic!("{sample:?}") };
        let counters = if_counters(&sample).unwrap();
        let good = |frame: &&Vec<u8>| frame.len() <= 1518;
        let octets: usize = sent.iter().filter(good).map(|frame| frame.len() + 4).sum();
        assert_eq!(counters.if_in_octets, octets as u64);
        let unicast = sent.iter().filter(good).filter(|frame| frame[0] & 1 == 0).count();
        assert_eq!(counters.if_in_ucast_pkts, unicast as u32);
        let broadcast = sent.iter().filter(|frame| frame[..6] == [0xff; 6]).count();
        assert_eq!(counters.if_in_broadcast_pkts, broadcast as u32);
        assert_eq!(counters.if_in_multicast_pkts, 1);
        assert_eq!(counters.if_in_errors, 1, "the frame of 1614 bytes");
        // It was read before the datagram that carries it went out.
        let received = &peer.received[..peer.received.len() - 1];
        let octets: usize = received.iter().map(|frame| frame.len().max(60) + 4).sum();
        assert_eq!(counters.if_out_octets, octets as u64);
        assert_eq!((counters.if_index, counters.if_type), (1, 6));
        assert_eq!((counters.if_speed, counters.if_status), (100_000_000, 3));
    }
}

#[test]
fn commands_take_effect() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        let other = Station { mac: [2, 0, 0, 0, 0, 9], ip: Ipv4Addr::new(192, 0, 2, 9), ..PEER };
        peer.add_host(other);
        machine.command("polling 1").unwrap();
        peer.until("counters", |peer| !peer.exported.is_empty());
        assert_eq!(peer.exported.last().unwrap().to, PEER.ip);
        machine.command("collector 192.0.2.9").unwrap();
        peer.until("a datagram elsewhere", |peer| {
            peer.exported.last().is_some_and(|last| last.to == other.ip)
        });
        assert_eq!(peer.received.last().unwrap()[..6], other.mac);
        machine.command("sampling 1 1").unwrap();
        assert_eq!(machine.shown("polling", "seconds"), 1);
        assert_eq!(machine.shown("port 1", "sampling"), 1);
        echo(&mut peer, 1, 10);
        peer.until("a flow sample", |peer| !told(peer).is_empty());
        machine.command("sampling 1 0").unwrap();
        machine.command("polling 0").unwrap();
        quiet(&machine, &mut peer);
        let before = peer.exported.len();
        for number in 0..50 {
            echo(&mut peer, number, 10);
        }
        quiet(&machine, &mut peer);
        assert_eq!(peer.exported.len(), before, "all is off");
        for (line, reason) in [
            ("sho", "commands are"),
            ("sampling 2 7", "the only port is 1"),
            ("sampling 1", "sampling PORT N"),
            ("sampling 1 -1", "sampling PORT N"),
            ("sampling 1 4294967296", "sampling PORT N"),
            ("sampling 1 2147483649", "0 to 2147483648"),
            ("polling 4294968", "polling S"),
            ("polling 1 2", "commands are"),
            ("collector 192.0.2", "collector A.B.C.D"),
            ("collector 192.0.2.256", "collector A.B.C.D"),
            ("collector 224.0.0.1", "192.0.2.0/24"),
            (&"x".repeat(300), "at most 63"),
        ] {
            let Err(Refused(text)) = machine.command(line) else { panic!("{line:?} was taken") };
            assert!(text.contains(reason), "{line:?}: {text}");
        }
    }
}

#[test]
fn malformed_frames_never_stop_it() {
    for image in images() {
        let mut machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 3").unwrap();
        let mut random = Random(0x5eed);
        let mut number = 0;
        for frame in malformed(&mut random) {
            peer.send(&frame);
            number += 1;
            // So much fits into the controller at once.
            if number % 4 == 0 {
                // What was malformed may have told another MAC address.
                introduce(&mut peer);
                burst(&mut peer, number, 1);
            }
        }
        assert!(number > 5000, "{number} frames");
        introduce(&mut peer);
        echo_at_last(&mut peer);
        quiet_for_ever(&machine, &mut peer);
        check_sums_of_some(&told(&peer));
        assert!(machine.is_running());
    }
}

/// Flash and RAM in bytes, and instructions, against the table that is checked in.
#[test]
fn the_budget_is_kept() {
    let Some(budget) = image("budget") else { return };
    let counted = budget.start_with(0, &["-icount", "shift=10,sleep=off"]).until_ready();
    let mut figures: Vec<(String, u64)> = counted
        .iter()
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, number)| (format!("instructions-{name}"), number.parse().unwrap()))
        .collect();
    for name in IMAGES {
        let image = image(name).expect("the other was built");
        let size = image.footprint(0x2000_0000..0x2001_0000);
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 1").unwrap();
        echo(&mut peer, 1, 1472);
        burst(&mut peer, 1, 50);
        quiet(&machine, &mut peer);
        figures.push((format!("{name}-flash"), size.flash));
        figures.push((format!("{name}-ram-static"), size.ram));
        figures.push((format!("{name}-ram-stack"), machine.shown("memory", "stack")));
    }
    let table = figures.iter().map(|(name, number)| format!("{name:38} {number:>6}\n"));
    let table: String = table.collect();
    let budget = BUDGET.lines().filter(|line| !line.starts_with('#'));
    let budget: Vec<(&str, u64)> = budget
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, number)| (name, number.trim().parse().expect("a number")))
        .collect();
    assert_eq!(budget.len(), figures.len(), "measured:\n{table}");
    if !rustc_of(BUDGET) {
        return skip_part(&format!("the table is of another rustc; measured:\n{table}"));
    }
    for ((name, now), (expected, then)) in figures.iter().zip(budget) {
        assert_eq!(name, expected, "measured:\n{table}");
        // An interrupt may find the stack deeper than the last time.
        let percent = if name.ends_with("stack") { 15 } else { 3 };
        let near = now.abs_diff(then) * 100 <= then * percent;
        assert!(near, "{name}: {then} in the table; measured:\n{table}");
    }
}

/// Whether this is the compiler that the first line of the table names.
fn rustc_of(budget: &str) -> bool {
    let version = std::process::Command::new("rustc").arg("--version").output().expect("rustc");
    let named = budget.lines().next().expect("a first line").trim_start_matches("# ");
    String::from_utf8_lossy(&version.stdout).starts_with(named)
}

#[test]
fn nothing_is_left_behind() {
    let Some(image) = image("small") else { return };
    let machine = start(&image);
    let pid = machine.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let children: Vec<&str> = children.split_ascii_whitespace().collect();
    assert_eq!(children.len(), 1, "timeout has one child, the emulator");
    let emulator = format!("/proc/{}/cmdline", children[0]);
    assert!(std::fs::read_to_string(&emulator).unwrap().contains("qemu-system-arm"));
    drop(machine);
    wait_until("the end of the emulator", || {
        std::fs::read(&emulator).map_or(true, |line| line.is_empty()).then_some(())
    });
}

fn image(name: &str) -> Option<Image> {
    let board = if name == "small" { Board::MPS2_AN385_SMALL } else { Board::MPS2_AN385 };
    Image::build(&board, "mps2-an385", name)
}

fn images() -> impl Iterator<Item = Image> {
    IMAGES.into_iter().filter_map(image)
}

fn start(image: &Image) -> Machine {
    let machine = image.start(1);
    machine.ready();
    machine
}

/// A host at the link, which the board knows.
fn plug_in(machine: &Machine) -> Peer<'_> {
    let mut peer = Peer::new(machine.link(0));
    introduce(&mut peer);
    peer
}

/// Asks for the board's MAC address and tells its own.
fn introduce(peer: &mut Peer<'_>) {
    let question = packet::arp_request(&PEER, BOARD.ip);
    let answer = peer.ask(&question, |frame| packet::arp_reply(frame).is_some());
    assert_eq!(packet::arp_reply(&answer), Some(BOARD.mac));
}

/// Sends a datagram and checks that it comes back.
fn echo(peer: &mut Peer<'_>, number: u16, length: usize) {
    let (payload, port) = (pattern(length), 1024 + number);
    let request = packet::udp(&PEER, &BOARD, (port, ECHO), &payload);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, port).is_some());
    assert_eq!(packet::udp_payload(&reply, port), Some(&payload[..]));
    assert_eq!(reply[..12], [PEER.mac, BOARD.mac].concat());
}

/// The same where an answer to a sender who does not exist may be in the way for seconds.
fn echo_at_last(peer: &mut Peer<'_>) {
    let request = packet::udp(&PEER, &BOARD, (1024, ECHO), b"still there?");
    wait_until("an echo", || {
        peer.send(&request);
        let frame = peer.receive(Duration::from_millis(300))?;
        (packet::udp_payload(&frame, 1024)? == b"still there?").then_some(())
    });
}

/// Sends `window` pings at once and waits for that many answers.
fn burst(peer: &mut Peer<'_>, round: u16, window: u16) {
    for number in 1..window {
        peer.send(&packet::ping(&PEER, &BOARD, round * window + number, &[]));
    }
    let mut answers = 0;
    let request = packet::ping(&PEER, &BOARD, round * window, &[]);
    peer.send(&request);
    while answers < window {
        let frame = peer.receive(Duration::from_secs(10)).expect("an answer to each ping");
        answers += u16::from(packet::ping_reply(&frame).is_some());
    }
}

/// Ends sampling and waits until all that passed is counted, and all that was chosen has arrived;
/// returns the frames that passed.
fn quiet(machine: &Machine, peer: &mut Peer<'_>) -> u64 {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic, and a pool of as many frames", || {
        while peer.receive(Duration::from_millis(150)).is_some() {}
        let lines = machine.command("show").unwrap();
        let arrived = told(peer).len() as u64 == shown(&lines, "samples", "flow");
        let pool = shown(&lines, "port 1", "pool");
        (arrived && pool == peer.frames() as u64).then_some(pool)
    })
}

/// Of frames in error nobody says how many the controller took.
fn quiet_for_ever(machine: &Machine, peer: &mut Peer<'_>) {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic", || {
        while peer.receive(Duration::from_millis(150)).is_some() {}
        let lines = machine.command("show").unwrap();
        let arrived = told(peer).len() as u64 == shown(&lines, "samples", "flow");
        arrived.then_some(())
    });
}

/// The flow samples that arrived; the datagrams that carry them have no gap.
fn told<'a>(peer: &'a Peer<'_>) -> Vec<FlowSample<'a>> {
    let mut samples = Vec::new();
    for (number, one) in (1..).zip(&peer.exported) {
        let datagram = Datagram::parse(&one.payload).expect("an sFlow datagram");
        assert_eq!(datagram.sequence_number, number);
        for sample in datagram.samples() {
            if let Sample::Flow(sample) = sample.expect("a whole sample") {
                samples.push(sample);
            }
        }
    }
    samples
}

/// With 1 in 1 from some moment on, each packet since is a sample or a drop.
fn check_sums(samples: &[FlowSample<'_>]) {
    check_sums_of_some(samples);
    let apart =
        |sample: &FlowSample<'_>| sample.sample_pool - sample.sequence_number - sample.drops;
    let before = apart(&samples[0]);
    for sample in samples {
        assert_eq!(apart(sample), before, "{sample:?}");
        assert_eq!(sample.sampling_rate, 1);
    }
}

fn check_sums_of_some(samples: &[FlowSample<'_>]) {
    for (number, sample) in (1..).zip(samples) {
        assert_eq!(sample.sequence_number, number);
        for record in sample.records() {
            assert_eq!(record.unwrap().check(), Ok(0));
        }
    }
    for pair in samples.windows(2) {
        assert!(pair[0].sample_pool < pair[1].sample_pool);
        assert!(pair[0].drops <= pair[1].drops);
    }
}

/// Each frame with its length, and whether the board received it.
fn directed<'a>(peer: &'a Peer<'_>) -> impl Iterator<Item = (&'a [u8], usize, bool)> {
    let received = peer.sent.iter().map(|frame| (&frame[..], frame.len(), true));
    received.chain(peer.received.iter().map(|frame| (&frame[..], frame.len(), false)))
}

/// What an attacker, a broken switch or a cable might deliver.
fn malformed(random: &mut Random) -> Vec<Vec<u8>> {
    let data = pattern(40);
    let sound = [
        packet::arp_request(&PEER, BOARD.ip),
        packet::udp(&PEER, &BOARD, (5, ECHO), &data),
        packet::ping(&PEER, &BOARD, 1, &data),
        packet::udp6(&PEER, &BOARD, (5, ECHO), &data),
        packet::ping6(&PEER, &BOARD, 1, &data),
    ];
    let mut frames = Vec::new();
    for frame in &sound {
        frames.extend((1..frame.len()).map(|length| frame[..length].to_vec()));
        for at in 0..frame.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut frame = frame.clone();
                frame[at] = value;
                frames.push(frame);
            }
        }
        for _ in 0..300 {
            let mut frame = frame.clone();
            for _ in 0..4 {
                let at = random.below(frame.len());
                frame[at] = random.below(256) as u8;
            }
            frames.push(frame);
        }
    }
    for _ in 0..2000 {
        let length = 1 + random.below(2100);
        let mut frame: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        let start = BOARD.mac.iter().zip(&mut frame);
        start.for_each(|(mac, byte)| *byte = *mac);
        frames.push(frame);
    }
    frames
}

/// Has Wireshark read what the emulator wrote down.
fn check_tshark(pcap: &std::path::Path, peer: &Peer<'_>) {
    let mut command = std::process::Command::new("tshark");
    command.arg("-r").arg(pcap).args(["-n", "-d", "udp.port==6343,sflow", "-T", "fields"]);
    command.args(["-e", "sflow_245.sequence_number", "-e", "sflow_245.numsamples"]);
    // Some of the sampled packets are datagrams themselves.
    command.args(["-E", "occurrence=f"]);
    let Ok(output) = command.output() else {
        return flowmote_tests::lab::skip("tshark is not installed");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows.lines().count(), peer.frames(), "frames of both directions");
    let seen: Vec<String> =
        rows.lines().map(str::trim).filter(|row| !row.is_empty()).map(str::to_owned).collect();
    let sent = peer.exported.iter().map(|one| {
        let datagram = Datagram::parse(&one.payload).unwrap();
        format!("{}\t{}", datagram.sequence_number, datagram.num_samples)
    });
    assert_eq!(seen, sent.collect::<Vec<_>>());
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8 ^ 0x5a).collect()
}

/// Xorshift (Marsaglia 2003): the same frames in each run.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}

const IMAGES: [&str; 2] = ["smoltcp", "small"];
const BUDGET: &str = include_str!("../../platform-baremetal/images/mps2-an385/budget.txt");
const PEER: Station = Station::PEER;
/// What QEMU gives the first card, and the image takes from the chip.
const BOARD: Station = Station {
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    ip: Ipv4Addr::new(192, 0, 2, 85),
    ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85),
};
const ECHO: u16 = 7;
