//! Differences of interface counters: when there are any, and whether a link can carry them.

use core::net::IpAddr;
use core::time::Duration;

use flowmote_decoder::DataSource;
use flowmote_decoder::counter::IfCounters;

use crate::instant::Instant;

/// The time of a counter sample by the clocks of receiver and agent, its sequence number and sender.
#[derive(Clone, Copy, Debug)]
pub struct SampleTime {
    /// Arrival, by the clock of the receiver.
    pub arrival: Instant,
    /// Uptime in the datagram, by the clock of the agent: milliseconds modulo 2^32.
    pub uptime: u32,
    /// The sequence number of the sample.
    pub sequence_number: u32,
    /// The source address of the datagram; `None` if unknown.
    pub sender: Option<IpAddr>,
}

impl SampleTime {
    /// Time since `earlier`; `None` if the counters cannot be compared, because the sample is a
    /// duplicate, is older, or belongs to a new sequence. Samples of different senders are never compared:
    /// several hosts may have one agent address by mistake, with similar numbers.
    pub(crate) fn since(&self, earlier: &Self) -> Option<Duration> {
        let step = self.sequence_number.wrapping_sub(earlier.sequence_number);
        if step == 0 || step > MAX_STEP || self.sender != earlier.sender {
            return None;
        }
        let arrival = self.arrival.since(earlier.arrival);
        let uptime = Duration::from_millis(self.uptime.wrapping_sub(earlier.uptime).into());
        // Prefer the uptime of the agent, which network delays do not affect. Agents without a clock
        // send a constant, hence the comparison with the time of arrival.
        let near = uptime >= arrival / 2 && uptime <= arrival * 2;
        let elapsed = if near { uptime } else { arrival };
        // Shorter intervals would give absurd rates.
        (elapsed >= Duration::from_millis(10)).then_some(elapsed)
    }
}

/// The interface of a record. Its ifIndex counts, because some agents send the counters of all ports
/// with a single data source.
pub(crate) fn interface(counters: &IfCounters) -> DataSource {
    DataSource { class: 0, index: counters.if_index }
}

/// True if the counters increased faster than the link can carry: they were reset, or one of them
/// counts something else.
///
/// The factor allows for devices that update their counters less often than they send them, and for
/// virtual interfaces, whose speed is a convention.
pub(crate) fn faster_than_link(old: &IfCounters, new: &IfCounters, elapsed: Duration) -> bool {
    let bits = |old, new| delta64(old, new).map(|octets| octets as f64 * 8.0);
    let frames = |pairs: [(u32, u32); 3]| {
        let known = pairs.into_iter().filter_map(|(old, new)| delta32(old, new));
        known.reduce(u64::saturating_add).map(|packets| packets as f64 * MIN_FRAME_BITS)
    };
    let counted = [
        bits(old.if_in_octets, new.if_in_octets),
        bits(old.if_out_octets, new.if_out_octets),
        frames([
            (old.if_in_ucast_pkts, new.if_in_ucast_pkts),
            (old.if_in_multicast_pkts, new.if_in_multicast_pkts),
            (old.if_in_broadcast_pkts, new.if_in_broadcast_pkts),
        ]),
        frames([
            (old.if_out_ucast_pkts, new.if_out_ucast_pkts),
            (old.if_out_multicast_pkts, new.if_out_multicast_pkts),
            (old.if_out_broadcast_pkts, new.if_out_broadcast_pkts),
        ]),
    ];
    let seconds = elapsed.as_secs_f64();
    exceeds_link(new.if_speed as f64, counted.into_iter().flatten().map(|bits| bits / seconds))
}

/// True if one of the loads is more than a link of this speed can carry, all in bit/s. A speed of 0 is
/// unknown.
pub(crate) fn exceeds_link(speed: f64, mut loads: impl Iterator<Item = f64>) -> bool {
    let speed = if speed == 0.0 { MAX_SPEED } else { speed };
    loads.any(|load| load > speed * SPEED_TOLERANCE)
}

/// The difference modulo 2^32; `None` if either value is unknown (all ones).
pub(crate) fn delta32(old: u32, new: u32) -> Option<u64> {
    (old != u32::MAX && new != u32::MAX).then(|| new.wrapping_sub(old).into())
}

/// The difference; `None` if either value is unknown (all ones) or the counter decreased. A decrease
/// is a reset: 64 bits do not wrap in the lifetime of a device.
pub(crate) fn delta64(old: u64, new: u64) -> Option<u64> {
    if old == u64::MAX || new == u64::MAX { None } else { new.checked_sub(old) }
}

/// The speed of an interface that does not report one, in bit/s: that of the fastest Ethernet port.
const MAX_SPEED: f64 = 1.6e12;
/// How much faster than its link counters may increase.
const SPEED_TOLERANCE: f64 = 4.0;
/// Bits of the shortest Ethernet frame with preamble and gap.
pub(crate) const MIN_FRAME_BITS: f64 = 672.0;
/// Largest step of the sequence number within a sequence. A larger step or a step back starts a new
/// sequence.
const MAX_STEP: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sequence_number: u32, seconds: u64, uptime: u32) -> SampleTime {
        let arrival = Instant::after_start(Duration::from_secs(seconds));
        SampleTime { arrival, uptime, sequence_number, sender: None }
    }

    #[test]
    fn uptime_is_used_if_it_agrees_with_the_arrival() {
        let before = sample(u32::MAX, 0, u32::MAX - 999);
        // Sequence number and uptime wrap.
        let elapsed = sample(0, 21, 19_000).since(&before);
        assert_eq!(elapsed, Some(Duration::from_secs(20)));
        // The agent has no clock: its uptime is always 0.
        assert_eq!(sample(0, 21, 0).since(&sample(u32::MAX, 0, 0)), Some(Duration::from_secs(21)));
    }

    #[test]
    fn clock_that_is_twice_as_fast_or_slow_as_that_of_the_receiver_is_not_used() {
        for (uptime, elapsed) in [
            (9_999, 20_000),
            (10_000, 10_000),
            (40_000, 40_000),
            (40_001, 20_000),
            (200_000, 20_000),
        ] {
            let found = sample(2, 20, uptime).since(&sample(1, 0, 0));
            assert_eq!(found, Some(Duration::from_millis(elapsed)), "{uptime}");
        }
    }

    #[test]
    fn samples_of_different_senders_are_not_compared() {
        let of = |number, sender: [u8; 4]| SampleTime {
            sender: Some(sender.into()),
            ..sample(number, u64::from(number), 1000 * number)
        };
        let before = of(1, [192, 0, 2, 1]);
        assert_eq!(of(2, [192, 0, 2, 1]).since(&before), Some(Duration::from_secs(1)));
        assert_eq!(of(2, [192, 0, 2, 2]).since(&before), None);
    }

    #[test]
    fn link_carries_up_to_four_times_its_speed() {
        let exceeds = |speed, load| exceeds_link(speed, [0.0, load].into_iter());
        assert!(!exceeds(1e9, 4e9) && exceeds(1e9, 4.1e9));
        assert!(!exceeds(0.0, 6.4e12) && exceeds(0.0, 6.5e12), "a port of unknown speed");
    }

    #[test]
    fn new_sequence_gives_no_difference() {
        let before = sample(500, 0, 0);
        assert_eq!(sample(1, 20, 20_000).since(&before), None);
        assert_eq!(sample(500, 20, 20_000).since(&before), None);
    }

    #[test]
    fn unknown_counters_and_resets_give_no_difference() {
        assert_eq!(delta32(u32::MAX - 1, 8), Some(10));
        assert_eq!(delta32(u32::MAX, 8), None);
        assert_eq!(delta64(5, 4), None);
        assert_eq!(delta64(4, 5), Some(1));
        assert_eq!(delta64(4, u64::MAX), None);
    }
}
