//! The budget of packet samples of the host: while there are more, every interface samples less.

use core::num::NonZeroU32;

use flowmote_core::{Duration, Instant};
use log::info;

/// Counts samples, and doubles or halves the sampling rates of all interfaces.
///
/// Powers of two keep the rates few and readable, and all interfaces comparable. Rates rise as soon
/// as there are more samples than the budget and a [`BURST`], and fall slowly: one step after
/// [`CALM`], and only to where three quarters of the budget suffice, so that they do not swing.
#[derive(Debug, Default)]
pub(super) struct Budget {
    limit: Option<NonZeroU32>,
    /// Every rate is the configured one times two to this power.
    steps: u32,
    /// The samples since `began`.
    samples: u64,
    began: Option<Instant>,
}

impl Budget {
    /// Applies the configuration. Without a limit the rates are those of the configuration.
    pub(super) fn configure(&mut self, limit: Option<NonZeroU32>) {
        if self.limit != limit {
            *self = Self { limit, ..Self::default() };
        }
    }

    /// The rate of an interface.
    pub(super) fn rate(&self, configured: NonZeroU32) -> NonZeroU32 {
        let raised = u64::from(configured.get()) << self.steps;
        let raised = u32::try_from(raised).unwrap_or(u32::MAX).min(HIGHEST);
        NonZeroU32::new(raised).map_or(configured, |raised| raised.max(configured))
    }

    /// Counts samples. Returns true if the rates have changed.
    pub(super) fn count(&mut self, now: Instant, samples: usize) -> bool {
        let Some(limit) = self.limit else { return false };
        let began = *self.began.get_or_insert(now);
        self.samples = self.samples.saturating_add(samples as u64);
        let elapsed = u64::from(now.since(began).as_millis());
        let allowed = u64::from(limit.get()).saturating_mul(elapsed.saturating_add(BURST)) / 1000;
        if self.samples > allowed {
            let more = steps(self.samples, allowed.max(1)).min(MAX_STEPS - self.steps);
            return self.change(now, self.steps + more);
        }
        if elapsed < CALM {
            return false;
        }
        let fits = self.samples.saturating_mul(2) <= allowed / 4 * 3;
        let next = if fits { self.steps.saturating_sub(1) } else { self.steps };
        self.change(now, next)
    }

    /// When to call [`count`](Self::count) although there are no samples: rates fall in silence too.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let began = self.began.filter(|_| self.steps > 0)?;
        Some(began + Duration::from_millis(CALM as u32))
    }

    /// Begins to count anew. Returns true if the rates have changed.
    fn change(&mut self, now: Instant, steps: u32) -> bool {
        (self.samples, self.began) = (0, Some(now));
        if self.steps == steps {
            return false;
        }
        self.steps = steps;
        let limit = self.limit.map_or(0, NonZeroU32::get);
        match 1_u64 << steps {
            1 => info!("budget of {limit} samples/s: the configured sampling rates suffice"),
            factor => {
                info!("budget of {limit} samples/s: sampling rates are multiplied by {factor}")
            }
        }
        true
    }
}

/// The halvings after which `samples` are at most `allowed`.
fn steps(samples: u64, allowed: u64) -> u32 {
    let parts = samples.div_ceil(allowed);
    u64::BITS - parts.saturating_sub(1).leading_zeros()
}

/// Milliseconds of samples beyond the budget that do not count: the kernel hands over those of
/// 100 ms together.
const BURST: u64 = 200;
/// Milliseconds at the present rates before they fall.
const CALM: u64 = 10_000;
/// 2^31, the highest rate, from a rate of 1.
const MAX_STEPS: u32 = 31;
const HIGHEST: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: u32) -> Budget {
        let mut budget = Budget::default();
        budget.configure(NonZeroU32::new(limit));
        budget
    }

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// The factor by which rates are raised after `secs` seconds of this many samples per second at
    /// the configured rate, which arrive ten times a second.
    fn factor(budget: &mut Budget, from: u64, secs: u64, per_sec: u64) -> u32 {
        for tick in 0..secs * 10 {
            let samples = (per_sec / 10) >> budget.steps;
            budget.count(at(from + tick * 100), samples as usize);
        }
        budget.rate(NonZeroU32::MIN).get()
    }

    #[test]
    fn rates_rise_to_the_least_power_of_two_that_fits() {
        for (per_sec, expected) in [(1000, 1), (1200, 2), (1900, 2), (2100, 4), (100_000, 128)] {
            let mut budget = budget(1000);
            assert_eq!(factor(&mut budget, 0, 30, per_sec), expected, "{per_sec}");
        }
    }

    #[test]
    fn flood_is_recognised_before_a_second_is_over() {
        let mut budget = budget(1000);
        assert!(!budget.count(at(0), 200));
        assert!(budget.count(at(50), 4096), "4296 in 50 ms, 200 allowed");
        assert_eq!(budget.rate(NonZeroU32::new(10).unwrap()).get(), 320);
        assert!(!budget.count(at(60), 100));
    }

    #[test]
    fn rates_fall_one_step_in_ten_seconds_and_do_not_swing() {
        let mut budget = budget(1000);
        assert_eq!(factor(&mut budget, 0, 5, 8000), 8);
        assert!(budget.deadline().is_some());
        assert_eq!(factor(&mut budget, 5000, 60, 2500), 4, "at 2 there would be 1250");
        let mut now = 65_000;
        for expected in [2, 1] {
            now += 10_100;
            assert!(budget.count(at(now), 0));
            assert_eq!(budget.rate(NonZeroU32::MIN).get(), expected);
        }
        assert_eq!(budget.deadline(), None, "no wake-up without need");
    }

    #[test]
    fn without_a_budget_rates_are_those_of_the_configuration() {
        let mut budget = Budget::default();
        assert!(!budget.count(at(0), 1_000_000));
        assert_eq!(budget.rate(NonZeroU32::new(400).unwrap()).get(), 400);
        let mut budget = self::budget(1);
        assert!(budget.count(at(0), usize::MAX));
        assert_eq!(budget.rate(NonZeroU32::new(400).unwrap()).get(), 1 << 31, "the highest rate");
        assert_eq!(budget.rate(NonZeroU32::MAX), NonZeroU32::MAX);
        budget.configure(None);
        assert_eq!(budget.rate(NonZeroU32::new(400).unwrap()).get(), 400);
    }
}
