//! The end station on mps2-an385 under QEMU, with smoltcp and without.

mod answers;
mod budget;
mod console;
mod counters;
mod load;
mod malformed;
mod samples;

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::path::Path;

use flowmote_analyzer::{Datagram, FlowSample, Sample};
use flowmote_tests::lab::{skip_part, wait_until};
use flowmote_tests::qemu::{Board, Exported, Image, Machine, Peer, Station, packet, shown};

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

/// Sends `window` pings of so much data at once and waits for that many answers.
fn burst(peer: &mut Peer<'_>, round: u16, (window, data): (u16, usize)) {
    for number in 0..window {
        peer.send(&packet::ping(&PEER, &BOARD, round * window + number, &pattern(data)));
    }
    let mut answers = 0;
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

/// Has Wireshark read what the emulator wrote down: it finds the datagrams that arrived, and
/// nothing malformed.
fn check_tshark(pcap: &Path, peer: &Peer<'_>) {
    let Some(rows) = dissect(pcap) else { return };
    for row in &rows {
        assert!(row.ends_with('|'), "malformed: {row}");
    }
    assert_eq!(rows, arrived(peer));
}

/// Sequence number and number of samples of each datagram of the board, and what is malformed.
/// Some of the sampled packets are datagrams themselves: the first is the outer one.
fn dissect(pcap: &Path) -> Option<Vec<String>> {
    let mut command = std::process::Command::new("tshark");
    command.arg("-r").arg(pcap).args(["-n", "-d", "udp.port==6343,sflow", "-T", "fields"]);
    command.args(["-Y", "udp.srcport==6343 && sflow", "-E", "occurrence=f", "-E", "separator=|"]);
    for field in ["sflow_245.sequence_number", "sflow_245.numsamples", "_ws.malformed"] {
        command.args(["-e", field]);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            skip_part(&format!("tshark: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).expect("tshark writes ASCII here");
    Some(rows.lines().map(str::to_owned).collect())
}

/// The same as the analyzer finds it.
fn arrived(peer: &Peer<'_>) -> Vec<String> {
    let row = |one: &Exported| {
        let datagram = Datagram::parse(&one.payload).expect("an sFlow datagram");
        format!("{}|{}|", datagram.sequence_number, datagram.num_samples)
    };
    peer.exported.iter().map(row).collect()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8 ^ 0x5a).collect()
}

const IMAGES: [&str; 2] = ["smoltcp", "small"];
const PEER: Station = Station::PEER;
/// What QEMU gives the first card, and the image takes from the chip.
const BOARD: Station = Station {
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    ip: Ipv4Addr::new(192, 0, 2, 85),
    ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85),
};
const ECHO: u16 = 7;
