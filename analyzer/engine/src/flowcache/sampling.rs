//! The sampling rate of a data source: what its samples state, and what their pool reveals.

use core::net::IpAddr;

/// The counters of a flow sample that its rate is checked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounters {
    /// Increases by 1 for each sample that the agent made.
    pub sequence_number: u32,
    /// Packets that could have been sampled so far; 0 if the agent does not count them.
    pub pool: u32,
    /// Samples that the agent lost so far.
    pub drops: u32,
    /// The source address of the datagram; `None` if unknown. Hosts that have one agent address by mistake
    /// have numbers of their own.
    pub sender: Option<IpAddr>,
}

/// The rate by which the samples of a data source are multiplied up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplingRate {
    /// N of 1 in N in the last sample.
    pub configured: u32,
    /// Packets of the pool for each packet that was chosen, also those whose samples were lost. `None` if
    /// the agent does not count them.
    pub effective: Option<f64>,
    /// Packets that a sample stands for in estimates.
    pub used: f64,
    /// Origin of `used`.
    pub basis: Basis,
}

/// Origin of the rate that is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// The rate in the samples: the pool agrees with it, is absent, or there are too few samples yet.
    #[default]
    Configured,
    /// The rate in the samples, multiplied by the samples made for each one received. The pool agrees
    /// with this, so that samples were lost in the agent or on the way.
    Losses,
    /// The pool: it contradicts the rate in the samples, in the same way for a long time.
    Pool,
    /// The rate in the samples, although the pool contradicts it: the pool is not steady. It may be that
    /// of other packets too.
    Doubtful,
}

/// The check of a data source.
///
/// Packets of the pool are compared with the sum of the rates of the samples that arrived, in windows of
/// 256 samples. Their ratio is 1 if the rate is true and no sample was lost. It varies by 1/√samples;
/// a difference of four times as much is a contradiction. If the lost samples explain the ratio, the
/// exact count of them is used, which has no error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sampling {
    last: Option<SampleCounters>,
    window: Window,
    past: Past,
    /// Multiplies the rate in a sample.
    factor: Factor,
    configured: u32,
    basis: Basis,
}

#[derive(Clone, Copy, Debug)]
struct Factor {
    value: f32,
    /// Variance of the factor, relative to its square.
    error: f32,
}

impl Default for Factor {
    fn default() -> Self {
        Self { value: 1.0, error: 0.0 }
    }
}

/// Sums since the last comparison.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    received: u32,
    /// Sums of the rates, and of their squares.
    rates: f64,
    squares: f64,
    /// Packets of the pool.
    packets: u64,
    /// Packets that were chosen: samples by sequence number, and drops.
    chosen: u64,
}

/// Sums of windows, in which the last eight count most.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    windows: f32,
    received: f32,
    rates: f32,
    packets: f32,
    chosen: f32,
    /// Samples of equal rates with the same error.
    samples: f32,
    /// Squared deviations of windows, in squared standard errors.
    deviation: f32,
}

impl Sampling {
    /// Notes the rate of a sample.
    pub(crate) fn state(&mut self, rate: u32) {
        self.configured = rate;
    }

    /// Notes a sample with counters.
    pub(crate) fn note(&mut self, rate: u32, now: SampleCounters) {
        self.state(rate);
        let Some(before) = self.last else {
            self.last = Some(now);
            return;
        };
        if now.sender != before.sender {
            self.restart(now);
            return;
        }
        let step = now.sequence_number.wrapping_sub(before.sequence_number).cast_signed();
        let packets = now.pool.wrapping_sub(before.pool);
        let drops = now.drops.wrapping_sub(before.drops);
        match step {
            // A sample that is late: its packets are in the pool of the samples before it.
            MAX_LATE..0 => self.received(rate),
            1..=MAX_STEP if packets.cast_signed() >= 0 => {
                self.last = Some(now);
                self.received(rate);
                self.window.packets += u64::from(packets);
                let drops = if drops.cast_signed() < 0 { 0 } else { drops };
                self.window.chosen += u64::from(step.unsigned_abs()) + u64::from(drops);
                if self.window.received >= WINDOW {
                    self.compare();
                }
            }
            // A duplicate, or numbers that are not counted.
            0 => {}
            _ => self.restart(now),
        }
    }

    /// Compares the next sample with this one.
    fn restart(&mut self, now: SampleCounters) {
        self.last = Some(now);
        self.window = Window::default();
    }

    fn received(&mut self, rate: u32) {
        let (window, rate) = (&mut self.window, f64::from(rate));
        window.received += 1;
        window.rates += rate;
        window.squares += rate * rate;
    }

    fn compare(&mut self) {
        let window = core::mem::take(&mut self.window);
        // Each packet that was chosen is one of the pool.
        if window.packets < u64::from(window.received) {
            self.past = Past::default();
            self.factor = Factor::default();
            self.basis = Basis::Configured;
            return;
        }
        self.past.add(&window);
        (self.factor, self.basis) = self.past.judge();
    }

    /// Packets that a sample with this rate stands for.
    #[inline]
    pub(crate) fn packets(&self, rate: u32) -> f64 {
        f64::from(rate) * f64::from(self.factor.value)
    }

    /// Variance of the rate relative to its square; 0 unless the rate is that of the pool.
    pub(crate) fn error(&self) -> f64 {
        self.factor.error.into()
    }

    pub(crate) fn rate(&self) -> SamplingRate {
        let Past { packets, chosen, .. } = self.past;
        SamplingRate {
            configured: self.configured,
            effective: (chosen > 0.0).then_some((packets / chosen).into()),
            used: self.packets(self.configured),
            basis: self.basis,
        }
    }
}

impl Past {
    fn add(&mut self, window: &Window) {
        let samples = (window.rates * window.rates / window.squares) as f32;
        let ratio = window.packets as f32 / window.rates as f32;
        let kept = 1.0 - 1.0 / 8.0;
        *self = Self {
            windows: self.windows * kept + 1.0,
            received: self.received * kept + window.received as f32,
            rates: self.rates * kept + window.rates as f32,
            packets: self.packets * kept + window.packets as f32,
            chosen: self.chosen * kept + window.chosen as f32,
            samples: self.samples * kept + samples,
            deviation: self.deviation * kept,
        };
        let deviation = ratio / self.ratio() - 1.0;
        self.deviation += deviation * deviation * samples;
    }

    fn ratio(&self) -> f32 {
        self.packets / self.rates
    }

    fn judge(&self) -> (Factor, Basis) {
        let ratio = self.ratio();
        let agrees = |factor: f32| (factor / ratio - 1.0).abs() <= 4.0 / self.samples.sqrt();
        let losses = (self.chosen / self.received).max(1.0);
        let steady = self.windows >= 4.0 && self.deviation <= 4.0 * self.windows;
        let exact = |value| Factor { value, error: 0.0 };
        match () {
            () if losses > 1.0 && agrees(losses) => (exact(losses), Basis::Losses),
            () if agrees(1.0) => (exact(1.0), Basis::Configured),
            () if steady => (Factor { value: ratio, error: 1.0 / self.samples }, Basis::Pool),
            () => (exact(1.0), Basis::Doubtful),
        }
    }
}

/// Samples between comparisons.
const WINDOW: u32 = 256;
/// Samples between two samples that are compared; more is a new sequence.
const MAX_STEP: i32 = 100_000;
/// Step of the sequence number to a sample that is as late as possible.
const MAX_LATE: i32 = -64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flowcache::random::Random;

    /// An agent that samples 1 in `real` and states `stated`.
    struct Agent {
        random: Random,
        real: f64,
        stated: u32,
        counters: SampleCounters,
    }

    impl Agent {
        fn new(real: f64, stated: u32) -> Self {
            // Close to a wrap of each counter.
            let counters = SampleCounters {
                sequence_number: u32::MAX - 9,
                pool: u32::MAX - 9,
                drops: u32::MAX,
                sender: None,
            };
            Self { random: Random::new(5), real, stated, counters }
        }

        /// The next packet that is chosen; it is lost in the agent or on the way with these probabilities.
        fn next(&mut self, dropped: f64, lost: f64) -> Option<(u32, SampleCounters)> {
            let skip = self.random.skip(self.real) as u32;
            self.counters.pool = self.counters.pool.wrapping_add(skip);
            if self.random.uniform() < dropped {
                self.counters.drops = self.counters.drops.wrapping_add(1);
                return None;
            }
            self.counters.sequence_number = self.counters.sequence_number.wrapping_add(1);
            (self.random.uniform() >= lost).then_some((self.stated, self.counters))
        }

        fn run(mut self, samples: usize, dropped: f64, lost: f64) -> Sampling {
            let mut sampling = Sampling::default();
            for _ in 0..samples {
                if let Some((rate, counters)) = self.next(dropped, lost) {
                    sampling.note(rate, counters);
                }
            }
            sampling
        }
    }

    #[test]
    fn true_rate_is_used_as_stated() {
        let rate = Agent::new(400.0, 400).run(20_000, 0.0, 0.0).rate();
        assert_eq!((rate.basis, rate.used, rate.configured), (Basis::Configured, 400.0, 400));
        assert!((rate.effective.unwrap() / 400.0 - 1.0).abs() < 0.08, "{rate:?}");
    }

    #[test]
    fn lost_samples_are_made_up_for() {
        for (dropped, lost) in [(0.3, 0.0), (0.0, 0.3), (0.01, 0.02)] {
            let rate = Agent::new(400.0, 400).run(40_000, dropped, lost).rate();
            let expected = 400.0 / (1.0 - dropped) / (1.0 - lost);
            assert_eq!(rate.basis, Basis::Losses);
            assert!((rate.used / expected - 1.0).abs() < 0.06, "{rate:?}");
            assert!((rate.effective.unwrap() / 400.0 - 1.0).abs() < 0.08, "{rate:?}");
        }
    }

    #[test]
    fn wrong_rate_is_replaced_by_that_of_the_pool() {
        let sampling = Agent::new(2048.0, 1000).run(20_000, 0.0, 0.0);
        let rate = sampling.rate();
        assert_eq!((rate.basis, rate.configured), (Basis::Pool, 1000));
        assert!((rate.used / 2048.0 - 1.0).abs() < 4.0 * sampling.error().sqrt(), "{rate:?}");
        assert!(sampling.error() > 0.0 && sampling.error() < 0.001);
    }

    #[test]
    fn few_samples_change_nothing() {
        assert_eq!(Agent::new(2048.0, 1000).run(700, 0.0, 0.0).rate().used, 1000.0);
    }

    #[test]
    fn changed_rate_is_no_contradiction() {
        let (mut agent, mut sampling) = (Agent::new(100.0, 100), Sampling::default());
        for step in 0..20_000 {
            let rate = if step / 700 % 2 == 0 { 100 } else { 10_000 };
            (agent.real, agent.stated) = (f64::from(rate), rate);
            let (rate, counters) = agent.next(0.0, 0.0).unwrap();
            sampling.note(rate, counters);
            assert_eq!(sampling.basis, Basis::Configured, "{step}");
        }
    }

    #[test]
    fn absent_pool_and_unnumbered_samples_change_nothing() {
        let mut sampling = Sampling::default();
        for number in 0..10_000 {
            let counters = SampleCounters { sequence_number: number, ..SampleCounters::default() };
            sampling.note(50, counters);
        }
        assert_eq!(sampling.rate().used, 50.0);
        for _ in 0..10_000 {
            sampling.note(50, SampleCounters::default());
        }
        assert_eq!((sampling.rate().used, sampling.rate().effective), (50.0, None));
    }

    #[test]
    fn sequence_of_all_ports_together_is_not_taken_for_losses() {
        let (mut agent, mut sampling) = (Agent::new(100.0, 100), Sampling::default());
        for _ in 0..10_000 {
            let (rate, mut counters) = agent.next(0.0, 0.0).unwrap();
            counters.sequence_number = counters.sequence_number.wrapping_mul(8);
            sampling.note(rate, counters);
        }
        assert_eq!(sampling.rate().used, 100.0);
    }

    #[test]
    fn pool_of_other_packets_is_not_believed() {
        let (mut agent, mut sampling) = (Agent::new(100.0, 100), Sampling::default());
        for step in 0..20_000_u32 {
            let (rate, counters) = agent.next(0.0, 0.0).unwrap();
            // The other ports are idle for 1000 samples, then busy.
            agent.counters.pool =
                counters.pool.wrapping_add(if step / 1000 % 2 == 0 { 0 } else { 500 });
            sampling.note(rate, counters);
        }
        let rate = sampling.rate();
        assert_eq!((rate.used, rate.basis), (100.0, Basis::Doubtful));
    }

    #[test]
    fn late_and_duplicate_samples_change_nothing() {
        let (mut agent, mut sampling) = (Agent::new(100.0, 100), Sampling::default());
        let mut held = None;
        for step in 0..20_000 {
            let (rate, counters) = agent.next(0.0, 0.0).unwrap();
            if step % 10 == 0 {
                held = Some((rate, counters));
                continue;
            }
            sampling.note(rate, counters);
            sampling.note(rate, counters);
            if let Some((rate, counters)) = held.take() {
                sampling.note(rate, counters);
            }
        }
        assert_eq!(sampling.rate().used, 100.0);
    }

    #[test]
    fn restarted_agent_begins_a_new_window() {
        let mut sampling = Agent::new(100.0, 100).run(10_000, 0.0, 0.0);
        let mut agent = Agent::new(100.0, 100);
        agent.counters = SampleCounters::default();
        for _ in 0..10_000 {
            let (rate, counters) = agent.next(0.0, 0.0).unwrap();
            sampling.note(rate, counters);
            assert_eq!(sampling.rate().used, 100.0);
        }
    }
}
