//! One application: which of its operations are samples, and its counters.

use flowmote_core::record::counter::AppOperations;
use flowmote_core::record::flow::AppStatus;
use flowmote_core::{DataSource, Duration, Instant, SampleMeta, Sampler};

use super::budget::Budget;
use crate::config::{AppSampling, Config};
use crate::output::Output;
use crate::seed::seed;

/// An application that has sent a message.
#[derive(Debug)]
pub(super) struct Application {
    /// The name as it is sent.
    pub(super) name: Box<str>,
    pub(super) source: DataSource,
    /// The lowest port that it has named.
    pub(super) port: Option<u16>,
    sampling: AppSampling,
    polling: Duration,
    sampler: Sampler,
    budget: Budget,
    /// Operations that the messages represent, modulo 2^32.
    pool: u32,
    /// The same by status.
    operations: [u32; STATUSES],
    last_message: Instant,
    counters: Counters,
}

/// When counters of an application are due, and where they came from last.
#[derive(Debug)]
struct Counters {
    /// When the application sent counters last; before the first time, when it appeared.
    last_own: Instant,
    due: Option<Instant>,
    origin: Option<Origin>,
}

/// Where the numbers of operations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Sent by the application.
    Own,
    /// Added up from its flow samples.
    Added,
}

impl Application {
    pub(super) fn new(now: Instant, name: &str, source: DataSource, config: &Config) -> Self {
        let counters = Counters { last_own: now, due: None, origin: None };
        let mut new = Self {
            name: name.into(),
            source,
            port: None,
            sampling: AppSampling::Fixed(0),
            polling: Duration::ZERO,
            sampler: Sampler::new(0, seed()),
            budget: Budget::new(now),
            pool: 0,
            operations: [0; STATUSES],
            last_message: now,
            counters,
        };
        new.configure(now, config);
        new
    }

    /// Applies a configuration.
    pub(super) fn configure(&mut self, now: Instant, config: &Config) {
        self.sampling = config.app_sampling(&self.name);
        let polling = Duration::from_secs(config.app_polling(&self.name));
        if polling != self.polling {
            self.polling = polling;
            let first = (now + polling).max(self.counters.last_own + PATIENCE);
            self.counters.due = (!polling.is_zero()).then_some(first);
        }
    }

    /// Notes that a message has arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_message = now;
    }

    /// Counts a message that represents `weight` operations, because the application samples 1 in
    /// `weight` itself. Returns the fields of its flow sample if it is one.
    pub(super) fn count(
        &mut self,
        now: Instant,
        weight: u32,
        status: AppStatus,
    ) -> Option<SampleMeta> {
        self.pool = self.pool.wrapping_add(weight);
        if let Some(count) = self.operations.get_mut(status.code() as usize) {
            *count = count.wrapping_add(weight);
        }
        let wanted = match self.sampling {
            AppSampling::Fixed(rate) => rate,
            AppSampling::PerSecond(budget) => self.budget.rate(now, budget),
        };
        // Which part of the messages to sample, so that 1 in `wanted` operations is sampled.
        let part = match wanted {
            0 => 0,
            _ => (wanted / weight).max(1),
        };
        if part != self.sampler.sampling_rate() {
            self.sampler.set_sampling_rate(part);
        }
        self.sampler.advance(1)?;
        if let AppSampling::PerSecond(budget) = self.sampling {
            self.budget.took(now, budget);
        }
        let sampling_rate = weight.saturating_mul(part);
        Some(SampleMeta { sampling_rate, sample_pool: self.pool, drops: 0 })
    }

    /// The counters that the agent has added up.
    pub(super) fn added(&self) -> AppOperations<'_> {
        let with = |status: AppStatus| *self.operations.get(status.code() as usize).unwrap_or(&0);
        AppOperations {
            application: &self.name,
            success: with(AppStatus::SUCCESS),
            other: with(AppStatus::OTHER),
            timeout: with(AppStatus::TIMEOUT),
            internal_error: with(AppStatus::INTERNAL_ERROR),
            bad_request: with(AppStatus::BAD_REQUEST),
            forbidden: with(AppStatus::FORBIDDEN),
            too_large: with(AppStatus::TOO_LARGE),
            not_implemented: with(AppStatus::NOT_IMPLEMENTED),
            not_found: with(AppStatus::NOT_FOUND),
            unavailable: with(AppStatus::UNAVAILABLE),
            unauthorized: with(AppStatus::UNAUTHORIZED),
        }
    }

    /// Prepares for counters of the application that it has sent itself, at least in part.
    pub(super) fn sends_counters(&mut self, now: Instant, origin: Origin, output: &mut Output<'_>) {
        self.counters.last_own = now;
        self.change_origin(origin, output);
    }

    /// When [`is_due`](Self::is_due) or [`is_idle`](Self::is_idle) can change.
    pub(super) fn deadline(&self) -> Instant {
        let idle = self.last_message + IDLE;
        self.counters.due.map_or(idle, |due| due.min(idle))
    }

    /// Returns true if the agent is to send the counters that it has added up, because the
    /// application has sent none for a while.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let Some(due) = self.counters.due else { return false };
        let patient = self.counters.last_own + PATIENCE;
        if now < due || now < patient {
            self.counters.due = Some(due.max(patient));
            return false;
        }
        self.counters.due = Some(now + self.polling);
        true
    }

    /// Returns true if the application has sent nothing for so long that it is forgotten.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        now >= self.last_message + IDLE
    }

    /// Restarts the sequence of counter samples if the numbers come from elsewhere now, since a
    /// collector would take the difference for operations (rule A9 of docs/sflow-wire.md).
    pub(super) fn change_origin(&mut self, origin: Origin, output: &mut Output<'_>) {
        if self.counters.origin.replace(origin).is_some_and(|before| before != origin) {
            output.agent.counters_reset(self.source);
        }
    }
}

/// Outcomes of an operation.
const STATUSES: usize = AppStatus::UNAUTHORIZED.code() as usize + 1;
/// Counters of an application that has sent some come from it again within this time, as in hsflowd.
const PATIENCE: Duration = Duration::from_secs(120);
/// Two hours, as in hsflowd.
const IDLE: Duration = Duration::from_secs(7200);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AppSetting, Position};

    const START: Instant = Instant::from_millis(1_000_000);

    fn application(sampling: AppSampling, polling: u32) -> Application {
        let mut config = Config { polling_secs: polling, ..Config::default() };
        let position = Position { line: 1, column: 1 };
        let setting = AppSetting { application: String::new(), value: sampling, position };
        config.applications.sampling.push(setting);
        Application::new(START, "a", DataSource::logical(1), &config)
    }

    /// Samples, their last rate, and the pool, of `messages` of the same weight.
    fn count(sampling: AppSampling, messages: u32, weight: u32) -> (usize, u32, u32) {
        let mut application = application(sampling, 0);
        let samples =
            (0..messages).filter_map(|_| application.count(START, weight, AppStatus::SUCCESS));
        let samples: Vec<_> = samples.collect();
        (samples.len(), samples.last().map_or(0, |last| last.sampling_rate), application.pool)
    }

    #[test]
    fn rate_is_that_of_both_stages() {
        assert_eq!(count(AppSampling::Fixed(1), 100, 1), (100, 1, 100));
        assert_eq!(count(AppSampling::Fixed(0), 100, 1), (0, 0, 100), "off");
        assert_eq!(count(AppSampling::Fixed(10), 100, 11), (100, 11, 1100), "more than N");
        assert_eq!(count(AppSampling::Fixed(10), 100, 6), (100, 6, 600), "rounded down");
        let (samples, rate, pool) = count(AppSampling::Fixed(1000), 100_000, 10);
        assert_eq!((rate, pool), (1000, 1_000_000));
        // Six standard deviations of sqrt(1000 / 3).
        assert!((890..=1110).contains(&samples), "{samples}");
        assert_eq!(count(AppSampling::Fixed(7), 3, u32::MAX), (3, u32::MAX, u32::MAX - 2));
    }

    #[test]
    fn totals_are_of_operations_and_by_status() {
        let mut application = application(AppSampling::Fixed(0), 0);
        for (status, weight) in (0..11).zip(1..).chain([(0, 100), (u32::MAX, 9)]) {
            application.count(START, weight, AppStatus::new(status));
        }
        let expected = AppOperations {
            application: "a",
            success: 101,
            other: 2,
            timeout: 3,
            internal_error: 4,
            bad_request: 5,
            forbidden: 6,
            too_large: 7,
            not_implemented: 8,
            not_found: 9,
            unavailable: 10,
            unauthorized: 11,
        };
        assert_eq!(application.added(), expected);
    }

    #[test]
    fn totals_are_due_when_the_application_sends_none() {
        let at = |secs: u32| START + Duration::from_secs(secs);
        let mut silent = application(AppSampling::Fixed(1), 20);
        assert_eq!(silent.deadline(), at(120));
        assert!(!silent.is_due(at(119)));
        assert!(silent.is_due(at(120)) && !silent.is_due(at(139)) && silent.is_due(at(140)));
        silent.counters.last_own = at(150);
        assert!(!silent.is_due(at(160)) && !silent.is_due(at(269)) && silent.is_due(at(270)));
        assert!(!application(AppSampling::Fixed(1), 0).is_due(at(7000)), "polling is off");
    }

    #[test]
    fn application_is_forgotten_after_two_hours_of_silence() {
        let at = |secs: u32| START + Duration::from_secs(secs);
        let mut application = application(AppSampling::Fixed(1), 0);
        application.heard(at(10));
        assert!(!application.is_idle(at(7209)) && application.is_idle(at(7210)));
        assert_eq!(application.deadline(), at(7210));
    }

    #[test]
    fn reload_applies_the_rate_and_the_interval() {
        let mut application = application(AppSampling::Fixed(0), 20);
        let mut config = Config { polling_secs: 0, ..Config::default() };
        application.configure(START, &config);
        assert_eq!(
            (application.sampling, application.counters.due),
            (AppSampling::Fixed(400), None)
        );
        config.polling_secs = 200;
        application.configure(START, &config);
        assert_eq!(application.counters.due, Some(START + Duration::from_secs(200)));
    }
}
