//! The station at its limit.

use super::host::{be_found, burst, echo, plug_in, quiet};
use super::received::{check_sums, datagrams, flow_samples};
use super::start;
use crate::qemu::Image;

/// More packets than samples can be sent: each is a sample or a drop, and nothing stalls. The
/// controller has room for 10,540 bytes, which limits the frames in flight.
pub fn samples_and_drops_add_up_under_load(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    be_found(&machine, &mut peer);
    machine.command("sampling 1 1").unwrap();
    for round in 0..40 {
        burst(&mut peer, round, (90, 0));
        burst(&mut peer, round, (100, 22));
        burst(&mut peer, round, (6, 1472));
    }
    let passed = quiet(&machine, &mut peer);
    assert!(passed > 15_000, "{passed} frames");
    check_sums(&flow_samples(&peer));
    let drops = machine.shown("port 1", "drops");
    assert!(drops > 0, "more packets than samples that can be sent");
    assert_eq!(machine.shown("port 1", "pool"), passed);
    assert_eq!(machine.shown("received", "frames"), peer.sent.len() as u64);
    assert_eq!(machine.shown("transmitted", "frames"), peer.received.len() as u64);
    assert_eq!(machine.shown("samples", "flow"), flow_samples(&peer).len() as u64);
    assert_eq!(machine.shown("datagrams", "lost"), 0);
    machine.link(0).check_dissected(datagrams(&peer));
    // The station responds as before.
    machine.command("sampling 1 1").unwrap();
    let before = flow_samples(&peer).len();
    echo(&mut peer, 1, 100);
    peer.until("the samples of one echo", |peer| flow_samples(peer).len() >= before + 2);
}
