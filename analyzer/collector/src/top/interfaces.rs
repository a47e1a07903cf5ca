//! Rates of interfaces, from the differences of their counters.

use core::time::Duration;
use std::time::Instant;

use flowmote_decoder::counter::IfCounters;

/// When a counters sample was taken, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) arrival: Instant,
    /// The agent's, in milliseconds modulo 2^32.
    pub(super) uptime: u32,
    pub(super) sequence_number: u32,
}

impl Taken {
    /// Time since `earlier`; `None` where the counters cannot be compared: the same sample again,
    /// an older one, or a source that started over.
    pub(super) fn since(&self, earlier: &Self) -> Option<Duration> {
        let step = self.sequence_number.wrapping_sub(earlier.sequence_number);
        if step == 0 || step > MAX_STEP {
            return None;
        }
        let arrival = self.arrival.saturating_duration_since(earlier.arrival);
        let uptime = Duration::from_millis(self.uptime.wrapping_sub(earlier.uptime).into());
        // the agent's clock does not see delays of the network; it is trusted if it is near
        let near = uptime >= arrival / 2 && uptime <= arrival * 2;
        let elapsed = if near { uptime } else { arrival };
        (elapsed >= Duration::from_millis(10)).then_some(elapsed)
    }
}

/// One interface.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) name: Option<String>,
    pub(super) counters: Option<(Taken, IfCounters)>,
    pub(super) rates: Option<InterfaceRates>,
}

/// Per second, between the last two samples; `None` for counters that the agent does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct InterfaceRates {
    pub(super) in_bits: Option<f64>,
    pub(super) out_bits: Option<f64>,
    pub(super) in_packets: Option<f64>,
    pub(super) out_packets: Option<f64>,
    pub(super) errors: Option<f64>,
    pub(super) discards: Option<f64>,
}

impl Interface {
    pub(super) fn update(&mut self, taken: Taken, counters: IfCounters) {
        if let Some((before, old)) = &self.counters {
            match taken.since(before) {
                Some(elapsed) => self.rates = Some(rates(old, &counters, elapsed)),
                None if taken.sequence_number == before.sequence_number => return,
                None => self.rates = None,
            }
        }
        self.counters = Some((taken, counters));
    }
}

fn rates(old: &IfCounters, new: &IfCounters, elapsed: Duration) -> InterfaceRates {
    let per_second = |count: u64| count as f64 / elapsed.as_secs_f64();
    let bits = |old, new| delta64(old, new).map(|octets| per_second(octets) * 8.0);
    let sum = |pairs: [(u32, u32); 3]| {
        let known = pairs.into_iter().filter_map(|(old, new)| delta32(old, new));
        known.reduce(u64::saturating_add).map(per_second)
    };
    let none = (u32::MAX, u32::MAX);
    InterfaceRates {
        in_bits: bits(old.if_in_octets, new.if_in_octets),
        out_bits: bits(old.if_out_octets, new.if_out_octets),
        in_packets: sum([
            (old.if_in_ucast_pkts, new.if_in_ucast_pkts),
            (old.if_in_multicast_pkts, new.if_in_multicast_pkts),
            (old.if_in_broadcast_pkts, new.if_in_broadcast_pkts),
        ]),
        out_packets: sum([
            (old.if_out_ucast_pkts, new.if_out_ucast_pkts),
            (old.if_out_multicast_pkts, new.if_out_multicast_pkts),
            (old.if_out_broadcast_pkts, new.if_out_broadcast_pkts),
        ]),
        errors: sum([
            (old.if_in_errors, new.if_in_errors),
            (old.if_out_errors, new.if_out_errors),
            none,
        ]),
        discards: sum([
            (old.if_in_discards, new.if_in_discards),
            (old.if_out_discards, new.if_out_discards),
            none,
        ]),
    }
}

/// Modulo 2^32; `None` where either is unknown.
pub(super) fn delta32(old: u32, new: u32) -> Option<u64> {
    (old != u32::MAX && new != u32::MAX).then(|| new.wrapping_sub(old).into())
}

/// A step back of a 64-bit counter is a reset: none of them wraps in a lifetime.
fn delta64(old: u64, new: u64) -> Option<u64> {
    if old == u64::MAX || new == u64::MAX { None } else { new.checked_sub(old) }
}

/// More samples lost than this, or a step back: the source started over.
const MAX_STEP: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(start: Instant, sequence_number: u32, seconds: u64, uptime: u32) -> Taken {
        Taken { arrival: start + Duration::from_secs(seconds), uptime, sequence_number }
    }

    #[test]
    fn the_agents_clock_is_used_where_it_is_plausible() {
        let start = Instant::now();
        let before = taken(start, u32::MAX, 0, u32::MAX - 999);
        // across both wraps
        let elapsed = taken(start, 0, 21, 19_000).since(&before);
        assert_eq!(elapsed, Some(Duration::from_secs(20)));
        // an agent without a clock
        assert_eq!(
            taken(start, 0, 21, 0).since(&taken(start, u32::MAX, 0, 0)),
            Some(Duration::from_secs(21))
        );
    }

    #[test]
    fn a_source_that_started_over_gives_no_difference() {
        let start = Instant::now();
        let before = taken(start, 500, 0, 0);
        assert_eq!(taken(start, 1, 20, 20_000).since(&before), None);
        assert_eq!(taken(start, 500, 20, 20_000).since(&before), None);
    }

    #[test]
    fn differences() {
        assert_eq!(delta32(u32::MAX - 1, 8), Some(10));
        assert_eq!(delta32(u32::MAX, 8), None);
        assert_eq!(delta64(5, 4), None);
        assert_eq!(delta64(4, 5), Some(1));
        assert_eq!(delta64(4, u64::MAX), None);
    }
}
