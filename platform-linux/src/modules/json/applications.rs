//! The applications that have sent messages, by name.

use std::ops::RangeInclusive;

use flowmote_core::{DataSource, Duration, Instant};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::application::{Application, Origin};
use super::samples::PARENT;
use crate::config::Config;
use crate::entities::StableIndexes;
use crate::output::Output;

/// All applications, at most [`MAX_APPLICATIONS`].
#[derive(Debug)]
pub(super) struct Applications {
    by_name: HashMap<Box<str>, Application>,
    /// The ports that are the index of an application.
    ports: HashSet<u16>,
    indexes: StableIndexes,
    /// The earliest time at which [`run_due`](Self::run_due) has something to do, or an earlier
    /// one.
    deadline: Option<Instant>,
}

/// Error of [`Applications::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Default for Applications {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            ports: HashSet::new(),
            indexes: StableIndexes::new(INDEXES),
            deadline: None,
        }
    }
}

impl Applications {
    /// The application of a message, which is a new one if its name is new.
    ///
    /// Its index is the lowest port that it has named, unless another application has that port,
    /// else a number derived from its name.
    pub(super) fn find(
        &mut self,
        now: Instant,
        (name, port): (&str, Option<u16>),
        config: &Config,
        output: &mut Output<'_>,
    ) -> Result<&mut Application, Full> {
        let name = as_sent(name);
        if !self.by_name.contains_key(name) {
            self.add(now, name, config, output)?;
        }
        let application = self.by_name.get_mut(name).ok_or(Full)?;
        application.heard(now);
        let lower = port.filter(|port| application.port.is_none_or(|own| *port < own));
        if let Some(port) = lower.filter(|port| self.ports.insert(*port)) {
            output.agent.remove_source(application.source);
            match application.port.replace(port) {
                Some(before) => drop(self.ports.remove(&before)),
                None => self.indexes.release(application.source.index()),
            }
            application.source = DataSource::logical(port.into());
            add_source(now, application, config, output);
        }
        Ok(application)
    }

    /// Applies a configuration.
    pub(super) fn configure(&mut self, now: Instant, config: &Config) {
        self.by_name.values_mut().for_each(|application| application.configure(now, config));
    }

    /// Sends the counters that are due and forgets applications that are idle.
    pub(super) fn run_due(&mut self, now: Instant, output: &mut Output<'_>) {
        for application in self.by_name.values_mut() {
            if application.is_due(now) {
                application.change_origin(Origin::Added, output);
                output.counter_records(now, application.source, &[&PARENT, &application.added()]);
            }
        }
        let (ports, indexes) = (&mut self.ports, &mut self.indexes);
        self.by_name.retain(|_, application| {
            let stays = !application.is_idle(now);
            if !stays {
                output.agent.remove_source(application.source);
                match application.port {
                    Some(port) => drop(ports.remove(&port)),
                    None => indexes.release(application.source.index()),
                }
            }
            stays
        });
        self.deadline = self.by_name.values().map(Application::deadline).min().map(whole_second);
    }

    /// When to call [`run_due`](Self::run_due).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = DataSource> {
        self.by_name.values().map(|application| application.source)
    }

    fn add(
        &mut self,
        now: Instant,
        name: &str,
        config: &Config,
        output: &mut Output<'_>,
    ) -> Result<(), Full> {
        if self.by_name.len() >= MAX_APPLICATIONS {
            return Err(Full);
        }
        let index = self.indexes.assign(name).ok_or(Full)?;
        let application = Application::new(now, name, DataSource::logical(index), config);
        add_source(now, &application, config, output);
        let due = whole_second(application.deadline());
        self.deadline = Some(self.deadline.map_or(due, |deadline| deadline.min(due)));
        self.by_name.insert(name.into(), application);
        Ok(())
    }
}

/// Makes the application known to the agent, which refuses samples of others. An error (the table is
/// full) is logged when the sources are reconciled.
fn add_source(now: Instant, application: &Application, config: &Config, output: &mut Output<'_>) {
    let polling = Duration::from_secs(config.polling_secs);
    let _ = output.agent.add_source(now, application.source, polling);
}

/// The name as a collector gets it, which is what tells applications apart.
fn as_sent(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default()
}

/// The next whole second, so that the counters of many applications need one wake-up.
fn whole_second(time: Instant) -> Instant {
    Instant::from_millis(time.as_millis().next_multiple_of(1000))
}

/// The range of hsflowd, which numbers applications in the order of their first message.
const INDEXES: RangeInclusive<u32> = 150_000..=199_999;
/// Bytes of the name of an application (sFlow application structures).
const MAX_NAME: usize = 32;
/// Bound of the memory and of the agent's table of data sources. A host has few applications.
pub(super) const MAX_APPLICATIONS: usize = 256;
