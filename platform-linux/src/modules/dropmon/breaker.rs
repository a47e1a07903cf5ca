//! The circuit breaker: a host that drops too many packets is not burdened with reporting them.

use flowmote_core::{Duration, Instant};

use crate::config::DropmonRule;

/// Counts drops by the second.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// The start of the current second.
    second: Instant,
    drops: u64,
    /// Seconds in a row with too many, before the current one.
    over: u32,
}

impl Breaker {
    /// Counts drops, also those that were lost.
    pub(super) fn count(&mut self, drops: u64) {
        self.drops = self.drops.saturating_add(drops);
    }

    /// Returns true, once, when more than `max` drops per second have come for `max_trip` seconds in
    /// a row. To be called after drops were counted.
    pub(super) fn trips(&mut self, now: Instant, rule: &DropmonRule) -> bool {
        let elapsed = now.since(self.second);
        if elapsed < SECOND {
            return false;
        }
        // Without drops nothing calls: a longer time has fewer per second.
        let most = u64::from(rule.max).saturating_mul(elapsed.as_millis().into()) / 1000;
        let is_over = self.drops > most;
        self.over = if is_over { self.over.saturating_add(1) } else { 0 };
        self.second = now;
        self.drops = 0;
        if self.over < rule.max_trip {
            return false;
        }
        self.over = 0;
        true
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn rule(block: &str) -> DropmonRule {
        let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {block} }}");
        Config::parse(&text).config.unwrap().dropmon.unwrap()
    }

    /// For each second with so many drops: whether the breaker trips at its end.
    fn trips(rule: &DropmonRule, seconds: &[u64]) -> Vec<bool> {
        let mut breaker = Breaker::default();
        let ends = seconds.iter().zip(1_u64..).map(|(drops, second)| {
            breaker.count(*drops / 2);
            assert!(!breaker.trips(Instant::from_millis(second * 1000 - 1), rule));
            breaker.count(*drops - *drops / 2);
            breaker.trips(Instant::from_millis(second * 1000), rule)
        });
        ends.collect()
    }

    #[test]
    fn seconds_in_a_row_above_the_limit_trip() {
        let rule = rule("dropmon { max = 100 max_trip = 2 }");
        assert_eq!(trips(&rule, &[101, 101, 0, 0]), [false, true, false, false]);
        assert_eq!(trips(&rule, &[101, 100, 101, 101]), [false, false, false, true]);
        assert_eq!(trips(&rule, &[500, 500, 500, 500]), [false, true, false, true]);
    }

    #[test]
    fn quiet_time_is_part_of_the_average() {
        let rule = rule("dropmon { max = 100 max_trip = 1 }");
        let mut breaker = Breaker::default();
        breaker.count(300);
        assert!(!breaker.trips(Instant::from_millis(3000), &rule));
        breaker.count(301);
        assert!(breaker.trips(Instant::from_millis(6000), &rule));
    }
}
