//! Content and number of flow samples.

use std::collections::HashSet;

use flowmote_decoder::Port;

use super::host::{burst, echo, plug_in, quiet};
use super::received::{check_order, check_sums, datagrams, flow_samples};
use super::start;
use crate::net::sampled_header;
use crate::qemu::{Image, Peer};

/// At 1-in-1, each frame of the link yields a sample with the same bytes and length.
pub fn each_packet_yields_one_accurate_sample(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 1").unwrap();
    // Slowly enough for the queue, so that nothing is dropped.
    for number in 0..100 {
        echo(&mut peer, number, usize::from(number) * 7);
    }
    let passed = quiet(&machine, &mut peer);
    let samples = flow_samples(&peer);
    assert!(samples.len() > 200, "{} samples", samples.len());
    let frames: HashSet<(&[u8], usize, bool)> = directed(&peer).collect();
    for sample in &samples {
        let header = sampled_header(sample);
        let received = sample.input.port() == Port::Index(1);
        let length = header.frame_length as usize - 4;
        let frame = frames.iter().find(|(frame, whole, direction)| {
            // The emulated controller does not pad what it sends; a real one does, and so does the
            // driver in C.
            let same = *whole == length || !received && *whole < 60 && length == 60;
            same && *direction == received && frame.starts_with(header.header)
        });
        assert!(frame.is_some(), "no such frame on the link: {header:?}");
        assert!(header.header.len() >= 128.min(length.min(42)), "{header:?}");
    }
    // Frames before the change of rate are in the pool but not sampled.
    check_sums(&samples);
    assert_eq!(machine.shown("port 1", "pool"), passed);
    machine.link(0).check_dissected(datagrams(&peer));
}

/// The number of samples matches 1-in-N.
pub fn one_in_n_packets_is_sampled(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 20").unwrap();
    for round in 0..500 {
        burst(&mut peer, round, (10, 0));
    }
    let passed = quiet(&machine, &mut peer);
    assert!(passed >= 10_000, "{passed} frames");
    check_order(&flow_samples(&peer));
    let samples = flow_samples(&peer).len() as f64;
    let (mean, skip_deviation) = (passed as f64 / 20.0, 20.0 / 3_f64.sqrt());
    let deviation = mean.sqrt() * skip_deviation / 20.0;
    assert!((samples - mean).abs() < 5.0 * deviation, "{samples} of {passed} at 1 in 20");
}

/// Returns each frame with its length, and true if the board received it.
fn directed<'a>(peer: &'a Peer<'_>) -> impl Iterator<Item = (&'a [u8], usize, bool)> {
    let received = peer.sent.iter().map(|frame| (&frame[..], frame.len(), true));
    received.chain(peer.received.iter().map(|frame| (&frame[..], frame.len(), false)))
}
