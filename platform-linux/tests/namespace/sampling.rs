//! Taps and hooks that are read to an end.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use flowmote::config::Direction;
use flowmote::modules::taps::capture::{Capture, Packet, TapOptions, TapStats, Way};

use super::if_index;
use super::traffic::tcp_segments;

pub(crate) fn options(name: &str, rate: u32, way: Way) -> TapOptions {
    TapOptions {
        if_index: if_index(name),
        name: name.into(),
        sampling_rate: NonZeroU32::new(rate).unwrap(),
        configured_rate: NonZeroU32::new(rate).unwrap(),
        direction: Direction::Both,
        header_bytes: 128,
        promiscuous: false,
        way,
        hardware_type: libc::ARPHRD_ETHER,
        loopback: name == "lo",
        mtu: 1500,
        ring: None,
    }
}

/// Drains until every chosen packet of the interface was delivered or lost.
pub(crate) fn drain_all(
    capture: &mut dyn Capture,
    if_index: u32,
    visit: &mut dyn FnMut(&Packet<'_>),
) -> TapStats {
    drain_until(capture, if_index, visit, |totals| totals.chosen == totals.delivered + totals.lost)
}

/// Drains until the totals of the interface are as expected.
pub(crate) fn drain_until(
    capture: &mut dyn Capture,
    if_index: u32,
    visit: &mut dyn FnMut(&Packet<'_>),
    done: impl Fn(&TapStats) -> bool,
) -> TapStats {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        capture.drain(1000, visit).unwrap();
        capture.update_losses().unwrap();
        let totals = capture.totals(if_index);
        if done(&totals) {
            return totals;
        }
        assert!(Instant::now() < deadline, "{totals:?}, {:?} TCP segments", tcp_segments());
        std::thread::yield_now();
    }
}
