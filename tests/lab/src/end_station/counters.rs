//! Counter samples.

use flowmote_decoder::Sample;

use super::host::{echo, plug_in};
use super::received::datagrams;
use super::{BOARD, PEER, start};
use crate::net::if_counters;
use crate::qemu::{Image, packet};

/// Counter samples match the frames that were sent and received.
pub fn counter_samples_match_the_link(image: &Image) {
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
    // Only the second sample from now on is certain to have been read after all of these frames.
    peer.until("two more counter samples", |peer| peer.exported.len() >= before + 2);
    let datagram = datagrams(&peer).last().unwrap();
    let sample = datagram.samples().map(Result::unwrap).last().unwrap();
    let Sample::Counters(sample) = sample else { panic!("{sample:?}") };
    let counters = if_counters(&sample).unwrap();
    let sent = || peer.sent.iter().filter(|frame| frame.len() <= 1518);
    let octets: usize = sent().map(|frame| frame.len() + 4).sum();
    assert_eq!(counters.if_in_octets, octets as u64);
    let unicast = sent().filter(|frame| frame[0] & 1 == 0).count();
    assert_eq!(counters.if_in_ucast_pkts, unicast as u32);
    let broadcast = sent().filter(|frame| frame[..6] == [0xff; 6]).count();
    assert_eq!(counters.if_in_broadcast_pkts, broadcast as u32);
    assert_eq!(counters.if_in_multicast_pkts, 1);
    assert_eq!(counters.if_in_errors, 1, "the frame of 1614 bytes");
    // The counters were read before the datagram that carries them was sent.
    let received = &peer.received[..peer.received.len() - 1];
    let octets: usize = received.iter().map(|frame| frame.len().max(60) + 4).sum();
    assert_eq!(counters.if_out_octets, octets as u64);
    assert_eq!((counters.if_index, counters.if_type), (1, 6));
    assert_eq!((counters.if_speed, counters.if_status), (100_000_000, 3));
    machine.link(0).check_dissected(datagrams(&peer));
}
