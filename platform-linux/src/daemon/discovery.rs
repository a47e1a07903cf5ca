//! Keeps the configuration in force in step with what DNS publishes for all agents.

use flowmote_core::{Duration, Instant};
use log::info;

use crate::aside::Aside;
use crate::config::{Config, Discovered, Discovery};
use crate::discovery::{Found, look_up};
use crate::modules::module::Findings;
use crate::throttle::Throttle;

/// The lookups of a `dns-sd { }` block, one at a time, in a thread.
///
/// After a lookup that failed the records of before stay in force: a name server that is down must
/// not stop the export.
#[derive(Debug)]
pub(super) struct Discoverer {
    request: Option<Discovery>,
    lookup: Aside<Lookup>,
    is_pending: bool,
    /// When to start a lookup, or to look whether it has ended.
    due: Option<Instant>,
    /// Time until the next look whether the lookup has ended.
    look: Duration,
    /// Time until the next lookup after one that fails.
    retry: Duration,
    found: Discovered,
    throttle: Throttle,
    /// For records that cannot be used.
    record_throttle: Throttle,
}

/// What the thread does.
#[derive(Debug, Default)]
struct Lookup {
    request: Discovery,
    outcome: Option<Result<Found, String>>,
}

impl Discoverer {
    pub(super) fn new(config: &Config) -> Self {
        let mut discoverer = Self {
            request: None,
            lookup: Aside::new(Lookup::default()),
            is_pending: false,
            due: None,
            look: LOOK,
            retry: RETRY,
            found: Discovered::default(),
            throttle: Throttle::default(),
            record_throttle: Throttle::default(),
        };
        discoverer.reconfigure(Instant::ZERO, config);
        discoverer
    }

    /// Applies another configuration. What was found in another domain is void.
    pub(super) fn reconfigure(&mut self, now: Instant, config: &Config) {
        if self.request == config.discovery {
            return;
        }
        self.request.clone_from(&config.discovery);
        self.found = Discovered::default();
        self.due = self.request.as_ref().map(|_| now);
    }

    /// The configuration of the file with what was found.
    pub(super) fn apply(&mut self, now: Instant, file: &Config) -> Config {
        let (config, problems) = file.with_discovered(&self.found);
        if !problems.is_empty() {
            let problems = some_of(&problems, "; ");
            self.record_throttle.warn(now, format_args!("dns-sd: not used: {problems}"));
        }
        config
    }

    /// When to call [`run`](Self::run).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Starts a lookup that is due, and takes the outcome of one that has ended. Returns true if there
    /// is something new to [`apply`](Self::apply). Not to be called before privileges were dropped,
    /// which the thread would keep.
    pub(super) fn run(&mut self, now: Instant) -> bool {
        let Some(request) = self.request.clone().filter(|_| self.due.is_some_and(|due| due <= now))
        else {
            return false;
        };
        let Some(lookup) = self.lookup.value_mut() else {
            // A server may take seconds: fewer looks as time passes.
            self.look_later(now);
            return false;
        };
        if core::mem::take(&mut self.is_pending)
            && let Some(outcome) = lookup.outcome.take().filter(|_| lookup.request == request)
        {
            return self.ended(now, outcome);
        }
        *lookup = Lookup { request, outcome: None };
        self.is_pending = self.lookup.start(Lookup::run);
        self.look = LOOK;
        self.look_later(now);
        false
    }

    fn look_later(&mut self, now: Instant) {
        self.due = Some(now + self.look);
        self.look = twice(self.look).min(LOOK_MOST);
    }

    /// Returns true if something else was found than before.
    fn ended(&mut self, now: Instant, outcome: Result<Found, String>) -> bool {
        match outcome {
            Ok(Found { discovered, valid_secs }) => {
                self.due = Some(now + Duration::from_secs(valid_secs));
                self.retry = RETRY;
                let is_new = self.found != discovered;
                if is_new {
                    info!("dns-sd: found {}", some_of(&in_words(&discovered), ", "));
                }
                self.found = discovered;
                is_new
            }
            Err(error) => {
                self.due = Some(now + self.retry);
                self.retry = twice(self.retry).min(RETRY_MOST);
                self.throttle.warn(now, format_args!("dns-sd: {error}; retrying"));
                false
            }
        }
    }
}

impl Lookup {
    fn run(&mut self) {
        self.outcome = Some(look_up(&self.request).map_err(|error| error.to_string()));
    }
}

/// Looks up for `flowmote check`, and returns the configuration with what was found.
pub(super) fn check(config: &Config, findings: &mut Findings) -> Config {
    let Some(request) = &config.discovery else { return config.clone() };
    match look_up(request) {
        Ok(Found { discovered, valid_secs }) => {
            let found = in_words(&discovered).join(", ");
            let found = if found.is_empty() { "nothing" } else { &found };
            findings.line("dns-sd", format_args!("{found}; valid for {valid_secs} s"));
            let (config, problems) = config.with_discovered(&discovered);
            let lines = problems.into_iter().map(|problem| format!("dns-sd: {problem}"));
            findings.problems.extend(lines);
            config
        }
        Err(error) => {
            findings.problems.push(format!("dns-sd: {error}"));
            config.clone()
        }
    }
}

fn in_words(found: &Discovered) -> Vec<String> {
    let collectors = found.collectors.iter().map(|(host, port)| format!("collector {host}:{port}"));
    let settings = found.settings.iter().map(|(name, value)| format!("{name} = {value}"));
    collectors.chain(settings).collect()
}

/// The first of them, for a log line: a server may send thousands of bytes as often as it likes.
fn some_of(list: &[String], separator: &str) -> String {
    let cut = |text: &String| text.chars().take(MAX_TEXT).collect::<String>();
    let mut text: Vec<_> = list.iter().take(MAX_LISTED).map(cut).collect();
    match list.len() {
        0 => text.push("nothing".to_owned()),
        1..=MAX_LISTED => {}
        all => text.push(format!("and {} more", all - MAX_LISTED)),
    }
    text.join(separator)
}

fn twice(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis().saturating_mul(2))
}

/// Entries of a log line.
const MAX_LISTED: usize = 8;
/// Characters of an entry.
const MAX_TEXT: usize = 120;
const LOOK: Duration = Duration::from_millis(50);
const LOOK_MOST: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(5);
/// As hsflowd.
const RETRY_MOST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_about_many_records_is_short() {
        let settings = vec![("k".repeat(255), "v".repeat(255)); 64];
        let found = Discovered { collectors: vec![("c.example".to_owned(), 6343)], settings };
        let line = some_of(&in_words(&found), ", ");
        assert!(line.starts_with("collector c.example:6343, kkk"), "{line}");
        assert!(line.ends_with("k, and 57 more"), "{line}");
        assert!(line.len() < 1000, "{}", line.len());
        let found = Discovered { settings: vec![("a".into(), "1".into()); 8], ..found };
        assert!(some_of(&in_words(&found), ", ").ends_with("a = 1, and 1 more"));
        assert_eq!(some_of(&in_words(&Discovered::default()), ", "), "nothing");
    }
}
