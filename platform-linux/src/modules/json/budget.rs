//! The sampling rate that gives about a number of samples per second.

use flowmote_core::Instant;

/// N of 1 in N operations, a power of two that follows the number of operations.
///
/// It is doubled as soon as there are more samples than wanted within a second, and halved after a
/// second with less than a third of them. Half would let a constant load change the rate
/// every second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    rate: u32,
    /// Samples since `since`.
    taken: u32,
    since: Instant,
}

impl Budget {
    /// Begins with every operation.
    pub(super) fn new(now: Instant) -> Self {
        Self { rate: 1, taken: 0, since: now }
    }

    /// N for the next operation.
    pub(super) fn rate(&mut self, now: Instant, per_second: u32) -> u32 {
        let millis = now.since(self.since).as_millis();
        if millis >= SECOND {
            let wanted = u64::from(per_second) * u64::from(millis) / u64::from(SECOND);
            let mut taken = u64::from(self.taken);
            // After a pause more than one step.
            while self.rate > 1 && taken * 3 < wanted {
                self.rate /= 2;
                taken = (taken * 2).max(1);
            }
            self.restart(now);
        }
        self.rate
    }

    /// Counts a sample.
    pub(super) fn took(&mut self, now: Instant, per_second: u32) {
        self.taken = self.taken.saturating_add(1);
        if self.taken > per_second {
            self.rate = self.rate.saturating_mul(2).min(MAX_RATE);
            self.restart(now);
        }
    }

    fn restart(&mut self, now: Instant) {
        (self.taken, self.since) = (0, now);
    }
}

/// Milliseconds.
const SECOND: u32 = 1000;
/// A power of two near the largest N of a configuration.
const MAX_RATE: u32 = 1 << 23;

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of each of `seconds` seconds with `per_second` operations, from `start` seconds on.
    fn run(budget: &mut Budget, start: u64, seconds: u64, per_second: u64) -> Vec<u64> {
        let mut taken = vec![0; seconds as usize];
        for operation in 0..seconds * per_second {
            let millis = start * 1000 + operation * 1000 / per_second;
            let now = Instant::from_millis(millis);
            if operation % u64::from(budget.rate(now, 50)) == 0 {
                budget.took(now, 50);
                taken[(operation / per_second) as usize] += 1;
            }
        }
        taken
    }

    #[test]
    fn rate_follows_the_load_in_powers_of_two() {
        let mut budget = Budget::new(Instant::ZERO);
        let taken = run(&mut budget, 0, 10, 10_000);
        // Each doubling takes 51 samples.
        assert_eq!(budget.rate, 256);
        assert!(taken[0] <= 9 * 51, "{taken:?}");
        assert!(taken[2..].iter().all(|taken| (39..=41).contains(taken)), "{taken:?}");
        let taken = run(&mut budget, 10, 20, 100);
        assert_eq!(budget.rate, 4, "25 a second, of which a third of 50 is less");
        assert!(taken[15..].iter().all(|taken| *taken == 25), "{taken:?}");
        run(&mut budget, 1000, 1, 10);
        assert_eq!(budget.rate, 1, "after a pause");
    }

    #[test]
    fn constant_load_does_not_change_the_rate() {
        for per_second in [30, 50, 51, 75, 99, 101, 333, 1000, 12_345] {
            let mut budget = Budget::new(Instant::ZERO);
            run(&mut budget, 0, 20, per_second);
            let settled = budget.rate;
            run(&mut budget, 20, 20, per_second);
            assert_eq!(budget.rate, settled, "{per_second} a second");
            let samples = per_second / u64::from(settled);
            assert!(samples <= 51 && (settled == 1 || samples >= 16), "{per_second}: {samples}");
        }
    }

    #[test]
    fn rate_is_bounded() {
        let mut budget = Budget::new(Instant::ZERO);
        (0..1000).for_each(|_| budget.took(Instant::ZERO, 1));
        assert_eq!(budget.rate, MAX_RATE);
    }
}
