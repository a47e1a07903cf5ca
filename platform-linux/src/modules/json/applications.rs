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

/// The name as a collector gets it, which distinguishes applications.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::collectors::Collectors;
    use flowmote_core::{
        Agent, AgentConfig, CounterRecord, DatagramHead, Encoding, FlowSample, Interface,
        SampleMeta, SourceSlot,
    };

    const PORT: Option<u16> = Some(80);

    fn at(secs: u32) -> Instant {
        Instant::from_millis(1_000_500) + Duration::from_secs(secs)
    }

    /// Runs a test with an agent that keeps its samples for a second.
    fn with_output(test: impl FnOnce(&mut Applications, &Config, &mut Output<'_>)) {
        let head = DatagramHead {
            address: [192, 0, 2, 1].into(),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: 8000,
        };
        let (max_delay, seed) = (Duration::from_secs(1), 1);
        let config = AgentConfig { head, header_bytes: 128, max_delay, discard_limit: 0, seed };
        let (mut sources, mut buffer) = ([SourceSlot::VACANT; 300], [0xa5; 8000]);
        let agent = Agent::new(config, &mut sources, &mut buffer);
        let mut output = Output::new(agent, Collectors::new(&[]));
        let config = Config { polling_secs: 20, ..Config::default() };
        test(&mut Applications::default(), &config, &mut output);
    }

    /// Format, sequence number and source of the first sample that waits.
    fn first_sample(output: &mut Output<'_>) -> [u32; 3] {
        output.agent.flush();
        let datagram = output.agent.poll_transmit(at(0)).unwrap();
        [28, 36, 40].map(|at| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap()))
    }

    /// Returns true if the agent takes samples of the source.
    fn is_known(source: DataSource, output: &mut Output<'_>) -> bool {
        let before = output.agent.stats().unknown_source;
        let (input, meta) = (Interface::Unknown, SampleMeta::default());
        let sample = FlowSample { source, meta, input, output: input, header: None, records: &[] };
        output.flow_sample(at(0), &sample);
        output.agent.stats().unknown_source == before
    }

    #[test]
    fn own_counters_and_added_ones_are_two_sequences() {
        with_output(|applications, config, output| {
            let own: [&dyn CounterRecord; 1] = [&PARENT];
            for expected in [1, 2] {
                let app = applications.find(at(0), ("a", PORT), config, output).unwrap();
                app.sends_counters(at(0), Origin::Own, output);
                output.counter_records(at(0), app.source, &own);
                assert_eq!(first_sample(output), [2, expected, 0x0300_0050]);
            }
            applications.run_due(at(119), output);
            assert_eq!(output.agent.stats().counter_samples, 2);
            // A whole second, 120 s after the last counters.
            assert_eq!(applications.deadline(), Some(Instant::from_millis(1_121_000)));
            for (secs, expected) in [(121, 1), (141, 2)] {
                applications.run_due(at(secs), output);
                assert_eq!(first_sample(output), [2, expected, 0x0300_0050]);
            }
            let app = applications.find(at(150), ("a", None), config, output).unwrap();
            app.sends_counters(at(150), Origin::Own, output);
            output.counter_records(at(150), app.source, &own);
            assert_eq!(first_sample(output), [2, 1, 0x0300_0050]);
        });
    }

    #[test]
    fn forgotten_application_frees_its_index_and_its_place() {
        with_output(|applications, config, output| {
            let find =
                |applications: &mut Applications, output: &mut Output<'_>, name: String, port| {
                    applications.find(at(0), (&name, port), config, output).map(|app| app.source)
                };
            let with_port = find(applications, output, "a".into(), PORT).unwrap();
            let taken = find(applications, output, "b".into(), PORT).unwrap();
            assert_eq!((with_port.index(), taken.index() >= 150_000), (80, true));
            assert!(is_known(with_port, output) && is_known(taken, output));
            for number in 2..MAX_APPLICATIONS {
                find(applications, output, format!("app{number}"), None).unwrap();
            }
            assert_eq!(find(applications, output, "one more".into(), None), Err(Full));
            applications.run_due(at(7199), output);
            assert_eq!(applications.sources().count(), MAX_APPLICATIONS);
            applications.run_due(at(7200), output);
            assert_eq!((applications.sources().count(), applications.deadline()), (0, None));
            assert!(!is_known(with_port, output) && !is_known(taken, output));
            assert_eq!(find(applications, output, "c".into(), PORT), Ok(with_port));
            assert_eq!(find(applications, output, "b".into(), None), Ok(taken));
        });
    }

    #[test]
    fn index_is_the_lowest_port() {
        with_output(|applications, config, output| {
            let mut index = |port| {
                let found = applications.find(at(0), ("a", port), config, output);
                found.unwrap().source.index()
            };
            let by_name = index(None);
            assert!(by_name >= 150_000);
            let ports = [9000, 80, 8080].map(|port| index(Some(port)));
            assert_eq!((ports, index(None)), ([9000, 80, 80], 80));
            // The number of the name is free again, as is the port before.
            let others = [("b", Some(9000)), ("a", None)].map(|identity| {
                applications.find(at(0), identity, config, output).unwrap().source.index()
            });
            assert_eq!(others, [9000, 80]);
        });
    }

    #[test]
    fn names_are_told_apart_as_they_are_sent() {
        with_output(|applications, config, output| {
            let mut source =
                |name: &str| applications.find(at(0), (name, None), config, output).unwrap().source;
            let long = "é".repeat(20);
            assert_eq!(source(&long), source(&"é".repeat(16)));
            assert_ne!(source(&long), source(&"é".repeat(15)));
        });
    }
}
