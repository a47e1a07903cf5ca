//! The counters of one interface over time.

use crate::links::LinkStats;

/// The totals that `if_counters` (0:1) reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) in_octets: u64,
    pub(super) in_ucast: u64,
    pub(super) in_multicast: u64,
    pub(super) in_discards: u64,
    pub(super) in_errors: u64,
    pub(super) out_octets: u64,
    pub(super) out_packets: u64,
    pub(super) out_discards: u64,
    pub(super) out_errors: u64,
}

impl Totals {
    pub(super) fn new(stats: &LinkStats) -> Self {
        let discards = stats.rx_dropped.wrapping_add(stats.rx_missed_errors);
        Self {
            in_octets: stats.rx_bytes,
            // Saturating: adapters that count in hardware count multicast packets that are later
            // dropped.
            in_ucast: stats.rx_packets.saturating_sub(stats.multicast),
            in_multicast: stats.multicast,
            in_discards: discards.wrapping_add(stats.rx_nohandler),
            in_errors: stats.rx_errors,
            out_octets: stats.tx_bytes,
            out_packets: stats.tx_packets,
            out_discards: stats.tx_dropped,
            out_errors: stats.tx_errors,
        }
    }

    /// Takes the current totals. Returns true if the driver has reset them: one is less than half
    /// of what it was.
    ///
    /// A total that is a little smaller stays as it was. Drivers read counters of hardware and
    /// software at different moments, so that the difference of two can step back.
    pub(super) fn advance(&mut self, now: &Self) -> bool {
        let restarted = self.pairs(now).into_iter().any(|(last, now)| now < *last / 2);
        if restarted {
            *self = *now;
        }
        self.pairs(now).into_iter().for_each(|(last, now)| *last = now.max(*last));
        restarted
    }

    /// Each total with its current value.
    fn pairs(&mut self, now: &Self) -> [(&mut u64, u64); 9] {
        [
            (&mut self.in_octets, now.in_octets),
            (&mut self.in_ucast, now.in_ucast),
            (&mut self.in_multicast, now.in_multicast),
            (&mut self.in_discards, now.in_discards),
            (&mut self.in_errors, now.in_errors),
            (&mut self.out_octets, now.out_octets),
            (&mut self.out_packets, now.out_packets),
            (&mut self.out_discards, now.out_discards),
            (&mut self.out_errors, now.out_errors),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Totals = Totals {
        in_octets: 1000,
        in_ucast: 50,
        in_multicast: 100,
        in_discards: 10,
        in_errors: 11,
        out_octets: 2000,
        out_packets: 60,
        out_discards: 12,
        out_errors: 13,
    };

    #[test]
    fn totals_that_a_driver_resets_are_a_restart() {
        let mut zero = BEFORE;
        zero.pairs(&BEFORE).into_iter().for_each(|(total, _)| *total = 0);
        for field in 0..9 {
            let (mut totals, mut now) = (BEFORE, BEFORE);
            *now.pairs(&BEFORE)[field].0 = 1;
            assert!(totals.advance(&now), "field {field}");
            assert_eq!(totals, now);
            assert!(!totals.advance(&now), "once");
        }
        let mut totals = BEFORE;
        assert!(totals.advance(&zero) && totals == zero);
    }

    #[test]
    fn totals_that_step_back_a_little_wait() {
        let mut totals = BEFORE;
        assert!(!totals.advance(&Totals { in_ucast: 48, in_octets: 1001, ..BEFORE }));
        assert_eq!(totals, Totals { in_octets: 1001, ..BEFORE });
    }
}
