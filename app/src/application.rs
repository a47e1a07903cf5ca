//! An application and what is counted of it.

use core::fmt::{self, Display};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::counters::Counters;
use crate::json::{Bounded, Object};
use crate::losses::{Loss, LossCounters, Losses};
use crate::metrics::Metrics;
use crate::operation::Operation;
use crate::process::Process;
use crate::sampling::choose;
use crate::status::Status;

/// An application, or a part of one such as `shop.cart`, whose operations are reported.
///
/// It lives as long as the process, and copies are cheap: there is one for each name.
#[derive(Clone, Copy, Debug)]
pub struct Application {
    shared: &'static Shared,
}

impl Application {
    /// The application with this name, of which sFlow keeps 32 bytes. One without a name sends
    /// nothing and counts [`Losses::invalid`].
    ///
    /// Never fails: without an agent its reports are counted as [`losses`](Self::losses). The first
    /// call in a process starts the thread that reads the agent's settings. An application is never
    /// freed, so use few names.
    #[must_use]
    pub fn new(name: impl Display) -> Self {
        Self::in_process(name, Process::of_this())
    }

    pub(crate) fn in_process(name: impl Display, process: &'static Process) -> Self {
        let name = Bounded::new(name, MAX_NAME);
        Self { shared: process.application(name.as_str()) }
    }

    /// Sets the port on which the application serves. The agent then identifies it by the port
    /// instead of by its name.
    #[must_use]
    pub fn service_port(self, port: u16) -> Self {
        self.shared.service_port.store(port.into(), Ordering::Relaxed);
        self
    }

    /// Has `counters` called before each report of the counters, by the thread of this library, so
    /// about every 30 seconds. It may block, which delays other reports only.
    pub fn counters(&self, counters: impl Fn() -> Counters + Send + Sync + 'static) {
        *self.shared.further.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Further(Arc::new(counters)));
    }

    /// Sends the counters now, beside the reports at intervals: at the end of a program, for
    /// example, for what was counted since the last one.
    pub fn send_counters(&self) {
        self.shared.send_counters();
    }

    /// Starts an operation, which ends with [`Operation::finish`]. `name` is formatted only if the
    /// operation is chosen; sFlow keeps 32 bytes of it.
    #[inline]
    pub fn operation(&self, name: impl Display) -> Operation {
        Operation::start(*self, name, choose(self.shared.rate()))
    }

    /// Metrics of a datasource: letters, digits, `_` and `-`, not beginning with a digit, at most
    /// 64 bytes.
    pub fn metrics(&self, datasource: &str) -> Metrics {
        Metrics::new(*self, datasource)
    }

    /// The N of 1 in N operations that are reported at present; 0: none. The settings of the agent are
    /// in force a moment after the first application was made.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.shared.rate()
    }

    /// Messages of this application that did not reach the agent.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.shared.losses.totals()
    }

    #[inline]
    pub(crate) fn count(self, status: Status) {
        if let Some(count) = self.shared.counts.get(usize::from(status.number())) {
            // Relaxed: the counts are independent of each other and of anything else.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the members that every sample of the application has.
    pub(crate) fn identify(self, sample: &mut Object<'_>) {
        self.shared.identify(sample);
    }

    pub(crate) fn send(self, message: &str) {
        self.shared.send(message);
    }

    pub(crate) fn lose(self, loss: Loss) {
        self.shared.losses.count(loss);
    }
}

/// What the copies of an application share.
#[derive(Debug)]
pub(crate) struct Shared {
    name: String,
    process: &'static Process,
    /// N of 1 in N operations that are reported, or 0.
    rate: AtomicU32,
    /// Operations by the number of their status.
    counts: [AtomicU64; Status::ALL.len()],
    /// 0: none.
    service_port: AtomicU32,
    further: Mutex<Option<Further>>,
    losses: LossCounters,
}

/// The function of a user that has more counters.
#[derive(Clone)]
struct Further(Arc<dyn Fn() -> Counters + Send + Sync>);

impl Shared {
    pub(crate) fn new(name: String, rate: u32, process: &'static Process) -> Self {
        Self {
            name,
            process,
            rate: AtomicU32::new(rate),
            counts: Default::default(),
            service_port: AtomicU32::new(0),
            further: Mutex::default(),
            losses: LossCounters::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Takes effect with the next operation.
    pub(crate) fn set_rate(&self, rate: u32) {
        self.rate.store(rate, Ordering::Relaxed);
    }

    /// Operations that have ended.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    /// Sends the counters of all operations, sampled or not, and those of the user's function.
    pub(crate) fn send_counters(&self) {
        let mut message = String::new();
        Object::write(&mut message, |object| {
            object.object("counter_sample", |sample| {
                self.identify(sample);
                sample.object("app_operations", |operations| {
                    for (status, count) in Status::ALL.iter().zip(&self.counts) {
                        // Modulo 2^32, as the counters of sFlow are.
                        operations.plain(status.name(), count.load(Ordering::Relaxed) as u32);
                    }
                });
                self.further_counters().write(sample);
            });
        });
        self.send(&message);
    }

    fn further_counters(&self) -> Counters {
        let further = self.further.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A panic must not end the thread that serves all applications.
        let call = |Further(counters)| catch_unwind(AssertUnwindSafe(|| counters())).ok();
        further.and_then(call).unwrap_or_default()
    }

    fn identify(&self, sample: &mut Object<'_>) {
        sample.string("app_name", &self.name);
        let port = self.service_port.load(Ordering::Relaxed);
        if port > 0 {
            sample.plain("service_port", port);
        }
    }

    fn send(&self, message: &str) {
        // The agent refuses messages of nobody.
        if self.name.is_empty() {
            return self.losses.count(Loss::Invalid);
        }
        self.process.socket.send(message, |loss| self.losses.count(loss));
    }
}

impl fmt::Debug for Further {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Further")
    }
}

/// Bytes of the name that sFlow keeps.
const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{Resources, Workers};
    use crate::testing::Lab;
    use std::time::{Duration, Instant};

    fn finish(app: &Application, status: Status, count: usize) {
        (0..count).for_each(|_| app.operation("x").finish(status));
    }

    #[test]
    fn every_operation_is_counted_and_reported_at_the_interval() {
        let (lab, app) = Lab::with_application("shop.cart");
        lab.publish("sampling=0\npolling=20");
        finish(&app, Status::Success, 3);
        finish(&app, Status::Unauthorized, 2);
        drop(app.operation("x"));
        let start = Instant::now();
        let wait = lab.process.work(start);
        assert!((Duration::from_secs(1)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
        assert!(lab.is_silent());
        lab.process.work(start + Duration::from_secs(20));
        let expected = serde_json::json!({ "counter_sample": {
            "app_name": "shop.cart",
            "app_operations": {
                "success": 3, "other": 1, "timeout": 0, "internal_error": 0, "bad_request": 0,
                "forbidden": 0, "too_large": 0, "not_implemented": 0, "not_found": 0,
                "unavailable": 0, "unauthorized": 2
            },
        }});
        assert_eq!(lab.received(), expected);
        lab.process.work(start + Duration::from_secs(39));
        assert!(lab.is_silent());
        let wait = lab.process.work(start + Duration::from_millis(39_500));
        assert!(lab.is_silent() && wait < Duration::from_secs(1), "{wait:?}");
        lab.process.work(start + Duration::from_secs(40));
        assert_eq!(lab.received(), expected);
        app.send_counters();
        assert_eq!(lab.received(), expected, "at any time");
    }

    #[test]
    fn application_without_a_name_sends_nothing_and_counts_it() {
        let (lab, app) = Lab::with_application("");
        finish(&app, Status::Success, 2);
        app.send_counters();
        assert!(lab.is_silent());
        assert_eq!(app.losses(), Losses { invalid: 3, ..Losses::default() });
    }

    #[test]
    fn user_adds_resources_and_workers() {
        let (lab, app) = Lab::with_application("shop");
        let app = app.service_port(8080);
        let start = Instant::now();
        app.counters(|| panic!("a bug of the user"));
        lab.process.work(start + Duration::from_secs(30));
        let message = lab.received();
        let sample = message["counter_sample"].as_object().unwrap();
        assert_eq!(
            sample.keys().collect::<Vec<_>>(),
            ["app_name", "app_operations", "service_port"]
        );
        assert_eq!(sample["service_port"], 8080);
        app.counters(|| {
            let resources = Resources {
                user_time: 1,
                system_time: 2,
                memory_used: 3,
                memory_max: 4,
                files_open: 5,
                files_max: 6,
                connections_open: 7,
                connections_max: 8,
            };
            let workers = Workers { active: 1, idle: 2, max: 3, delayed: 4, dropped: 5 };
            Counters { resources: Some(resources), workers: Some(workers) }
        });
        lab.process.work(start + Duration::from_secs(60));
        let message = lab.received();
        let expected = serde_json::json!({ "user_time": 1, "system_time": 2, "mem_used": 3,
            "mem_max": 4, "fd_open": 5, "fd_max": 6, "conn_open": 7, "conn_max": 8 });
        assert_eq!(message["counter_sample"]["app_resources"], expected);
        let expected = serde_json::json!({ "workers_active": 1, "workers_idle": 2,
            "workers_max": 3, "req_delayed": 4, "req_dropped": 5 });
        assert_eq!(message["counter_sample"]["app_workers"], expected);
    }

    #[test]
    fn one_application_has_one_name() {
        let (lab, app) = Lab::with_application("shop");
        let again = Application::in_process("shop", lab.process);
        assert!(core::ptr::eq(app.shared, again.shared));
        let other = Application::in_process("x".repeat(40), lab.process);
        assert_eq!(other.shared.name(), "x".repeat(32));
    }

    #[test]
    fn sampling_rate_follows_the_agent() {
        let (lab, app) = Lab::with_application("shop");
        let other = Application::in_process("other", lab.process);
        let rates = || [app.sampling_rate(), other.sampling_rate()];
        assert_eq!(rates(), [1, 1]);
        lab.publish("sampling=50\nsampling.app.shop=7");
        assert_eq!(rates(), [7, 50]);
        assert_eq!(Application::in_process("third", lab.process).sampling_rate(), 50);
        std::fs::remove_file(&lab.path).unwrap();
        lab.process.work(Instant::now());
        assert_eq!(rates(), [7, 50], "the agent restarts");
        let without = Box::leak(Box::new(Process::new("/nonexistent".into())));
        without.work(Instant::now());
        assert_eq!(Application::in_process("shop", without).sampling_rate(), 400);
    }

    #[test]
    fn number_of_reports_per_second_can_be_set() {
        let (lab, app) = Lab::with_application("shop");
        let start = Instant::now();
        lab.publish("sampling.app=10/s");
        let rate_after = |seconds, operations| {
            finish(&app, Status::Success, operations);
            lab.process.work(start + Duration::from_secs(seconds));
            app.sampling_rate()
        };
        rate_after(5, 0);
        assert_eq!(rate_after(10, 1000), 32, "20 per operation reported");
        assert_eq!(rate_after(12, 1000), 64, "after any time");
        assert_eq!([rate_after(17, 0), rate_after(22, 0)], [32, 16]);
    }
}
