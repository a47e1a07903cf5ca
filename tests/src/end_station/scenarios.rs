//! What every end station does.

use core::net::Ipv4Addr;
use std::collections::HashSet;

use flowmote_analyzer::{Datagram, Port, Sample};

use super::malformed::{Random, malformed};
use super::samples::{check_sums, check_sums_of_some, check_tshark, told};
use super::{
    BOARD, PEER, burst, echo, echo_at_last, introduce, pattern, plug_in, quiet, quiet_for_ever,
    start,
};
use crate::lab::{if_counters, sampled_header, wait_until};
use crate::qemu::{Image, Peer, Refused, Station, packet};

/// The services whose traffic the other scenarios sample.
pub fn answers_arp_ping_and_udp_echo(image: &Image) {
    let machine = start(image);
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

/// 1 in 1, slowly: a sample for each frame of the link, as the link carried it.
pub fn every_packet_is_told_once_and_truly(image: &Image) {
    let machine = start(image);
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
            // A short frame counts as padded, which not every controller or driver does.
            let same = *whole == length || !received && (*whole).max(60) == length.max(60);
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

/// The number of samples is what 1 in N promises.
pub fn one_in_n_packets_is_sampled(image: &Image) {
    let machine = start(image);
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

/// More packets than samples can be sent: each is a sample or a drop, and nothing stalls.
pub fn under_load_samples_and_drops_add_up(image: &Image) {
    let machine = start(image);
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

/// Counter samples tell what was sent and received.
pub fn the_counters_are_those_of_the_link(image: &Image) {
    let machine = start(image);
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

/// What the console changes is changed, and what it cannot do it says.
pub fn commands_take_effect(image: &Image) {
    let machine = start(image);
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
        ("sampling 1 2147483649", "2147483648"),
        ("polling 4294968", "4294967"),
        ("polling 1 2", "command"),
        ("collector 192.0.2", "collector A.B.C.D"),
        ("collector 192.0.2.256", "collector A.B.C.D"),
        ("collector 224.0.0.1", "192.0.2.0/24"),
        (&"x".repeat(300), "at most 63"),
    ] {
        let Err(Refused(text)) = machine.command(line) else { panic!("{line:?} was taken") };
        assert!(text.contains(reason), "{line:?}: {text}");
    }
}

/// Thousands of frames that are cut, altered or random.
pub fn malformed_frames_never_stop_it(image: &Image) {
    let mut machine = start(image);
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

/// The emulator ends with its machine.
pub fn nothing_is_left_behind(image: &Image) {
    let machine = start(image);
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

/// Each frame with its length, and whether the board received it.
fn directed<'a>(peer: &'a Peer<'_>) -> impl Iterator<Item = (&'a [u8], usize, bool)> {
    let received = peer.sent.iter().map(|frame| (&frame[..], frame.len(), true));
    received.chain(peer.received.iter().map(|frame| (&frame[..], frame.len(), false)))
}
