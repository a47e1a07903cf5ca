//! When to search for entities.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use flowmote_core::{Duration, Instant};
use nix::sys::inotify::{InitFlags, Inotify};

use super::survey::{Survey, SurveyResult};
use crate::aside::{Aside, Wait};
use crate::config::EntityRules;
use crate::modules::module::World;
use crate::throttle::Throttle;

/// Searches in a thread: after a change of the configuration, after cgroups have come and gone, and
/// at a regular interval.
#[derive(Debug)]
pub(super) struct Search {
    survey: Aside<Survey>,
    rules: EntityRules,
    /// When to search next; `None`: nothing is searched for, or a search is on its way.
    due: Option<Instant>,
    wait: Option<Wait>,
    /// Becomes readable when cgroups come and go.
    events: Option<Arc<Inotify>>,
    /// The daemon wakes up for the events.
    listens: bool,
    /// The time after an event in which further ones cause no search of their own.
    settle: Duration,
    throttle: Throttle,
}

impl Search {
    /// Searches below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            survey: Aside::new(Survey::new(root)),
            rules: EntityRules::default(),
            due: None,
            wait: None,
            events: None,
            listens: false,
            settle: SETTLE,
            throttle: Throttle::default(),
        }
    }

    /// Applies the configuration. Returns true if it has changed.
    pub(super) fn configure(&mut self, now: Instant, world: &World<'_>) -> bool {
        let rules = world.config.entities;
        if rules == self.rules {
            return false;
        }
        self.rules = rules;
        // Not now: the process may still be root, and a thread would stay so.
        self.due = (!rules.is_empty()).then_some(now + SOON);
        if rules.is_empty() {
            self.unlisten(world);
            self.events = None;
        } else if self.events.is_none() {
            // Without it, changes are found at the next regular search.
            self.events = events();
        }
        true
    }

    /// Starts a search if it is due, and returns the result of one that has ended.
    pub(super) fn run(&mut self, now: Instant, world: &World<'_>) -> Option<SurveyResult> {
        if self.due.is_some_and(|due| due <= now) {
            let begins = self.start();
            self.due = (!begins).then_some(now + SETTLE);
            self.wait = begins.then_some(Wait::new(now)).or(self.wait);
        }
        let wait = self.wait?;
        let Some(survey) = self.survey.value_mut() else {
            self.wait = Some(wait.checked(now));
            if wait.length(now) >= MAX_WAIT {
                self.throttle.warn(
                    now,
                    format_args!("the search for services and containers has not ended"),
                );
            }
            return None;
        };
        self.wait = None;
        let result = survey.result.take();
        let is_current = survey.rules == self.rules;
        self.plan(now, result.as_ref(), world);
        result.filter(|_| is_current)
    }

    /// Plans a search after an event.
    pub(super) fn woken(&mut self, now: Instant, world: &World<'_>) {
        // The thread reads the events before it searches.
        self.unlisten(world);
        let soon = now + self.settle;
        self.due = self.due.map(|due| due.min(soon));
    }

    /// When to call [`run`](Self::run).
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.due, self.wait.map(|wait| wait.next_check())].into_iter().flatten().min()
    }

    #[cfg(test)]
    pub(super) fn is_searching(&self) -> bool {
        self.wait.is_some()
    }

    #[cfg(test)]
    pub(super) fn wait_for_thread(&mut self, patience: std::time::Duration) {
        self.survey.wait(patience);
    }

    /// To be called before the descriptor is dropped, because the thread may have it open too.
    fn unlisten(&mut self, world: &World<'_>) {
        if let Some(events) = self.events.as_ref().filter(|_| self.listens) {
            world.unwatch(events.as_fd());
        }
        self.listens = false;
    }

    fn start(&mut self) -> bool {
        let Some(survey) = self.survey.value_mut() else { return false };
        survey.rules = self.rules;
        survey.watches = self.events.clone();
        self.survey.start(Survey::run)
    }

    /// Plans the next search. One that follows an event may take a twentieth of the time at most,
    /// however often containers come and go.
    fn plan(&mut self, now: Instant, result: Option<&SurveyResult>, world: &World<'_>) {
        let mut interval = Duration::from_secs(self.rules.refresh());
        if result.is_some_and(|result| result.is_incomplete) {
            interval = interval.min(AGAIN);
        }
        self.due = (!self.rules.is_empty()).then_some(now + interval);
        let took = result.map_or(0, |result| result.took.as_millis());
        let rest = u32::try_from(took.saturating_mul(20)).unwrap_or(u32::MAX);
        self.settle = SETTLE.max(Duration::from_millis(rest)).min(interval);
        let Some(events) = &self.events else { return };
        if !self.listens {
            self.listens = world.watch(events.as_fd(), 0).is_ok();
        }
    }
}

fn events() -> Option<Arc<Inotify>> {
    let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
    Inotify::init(flags).ok().map(Arc::new)
}

/// The first search after a change of the configuration.
const SOON: Duration = Duration::from_millis(1);
/// A runtime makes the cgroup of a container first, then its network, then its process.
const SETTLE: Duration = Duration::from_secs(1);
/// The next search if names are not there yet.
const AGAIN: Duration = Duration::from_secs(5);
/// A search that takes longer is reported.
const MAX_WAIT: Duration = Duration::from_secs(10);
