//! Diagnostics of pluggable modules, `sfp` (0:10) of each interface that has one.
//!
//! The memory of a module is read over a slow bus, so a thread reads it, every five minutes by default.
//! Polls send what was read last.

mod cmis;
mod eeprom;
mod module;
mod sff8472;
mod sff8636;

use std::collections::BTreeMap;
use std::io;

use caps::Capability;
use flowmote_core::record::counter::Sfp;
use flowmote_core::{CounterRecord, DataSource, Duration, Instant, SourceClass};

use crate::config::Config;
use crate::kernel::netlink::GenericSocket;
use crate::links::{Link, Links};
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::ThrottleByReason;
use crate::watched::Watched;
use eeprom::Eeprom;
use module::Diagnostics;

/// The modules of all adapters.
#[derive(Debug)]
pub(crate) struct Optics {
    reader: Watched<Reader>,
    /// When to read next; `None` without the block.
    next: Option<Instant>,
    /// What was read last, by ifIndex.
    known: BTreeMap<u32, Diagnostics>,
    /// Adapters whose driver cannot read modules: asked once.
    without: Vec<u32>,
    failures: u64,
    throttle: ThrottleByReason,
}

/// What to read, and what was read.
#[derive(Debug, Default)]
struct Reader {
    adapters: Vec<u32>,
    known: BTreeMap<u32, Diagnostics>,
    without: Vec<u32>,
    /// Modules that exist and could not be read.
    failures: u64,
    refusal: Option<String>,
}

impl Default for Optics {
    fn default() -> Self {
        Self {
            reader: Watched::new(Reader::default()),
            next: None,
            known: BTreeMap::new(),
            without: Vec::new(),
            failures: 0,
            throttle: ThrottleByReason::default(),
        }
    }
}

impl Module for Optics {
    /// Reading a module requires CAP_NET_ADMIN each time (net/ethtool/netlink.c,
    /// `GENL_UNS_ADMIN_PERM`), because some drivers let the request disturb the module.
    fn capabilities(&self, config: &Config) -> &'static [Capability] {
        if config.optics_secs.is_some() { &[Capability::CAP_NET_ADMIN] } else { &[] }
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, _output: &mut Output<'_>) {
        self.take_outcome(now);
        let refresh = world.config.optics_secs.filter(|_| world.config.polling_secs > 0);
        let Some(refresh) = refresh else {
            self.next = None;
            self.known.clear();
            return;
        };
        // After the start of the daemon, when other privileges are dropped.
        if now < *self.next.get_or_insert(now + FIRST) {
            return;
        }
        self.next = Some(now + Duration::from_secs(refresh));
        let adapters = adapters(world.links).filter(|index| !self.without.contains(index));
        let adapters: Vec<u32> = adapters.collect();
        if adapters.is_empty() {
            return;
        }
        let prepare = |reader: &mut Reader| *reader = Reader { adapters, ..Reader::default() };
        if !self.reader.start(now, prepare, Reader::read) {
            self.failures = self.failures.saturating_add(1);
            self.throttle.warn(now, format_args!("a read of optical modules has not ended"));
        }
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.known.remove(&if_index);
        self.without.retain(|index| *index != if_index);
    }

    fn counters(
        &mut self,
        _now: Instant,
        _links: &Links,
        source: DataSource,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        if source.class() != SourceClass::Interface {
            return false;
        }
        let Some(known) = self.known.get(&source.index()) else { return false };
        emit(&[&Sfp {
            module_id: source.index(),
            module_num_lanes: known.num_lanes,
            module_supply_voltage: known.voltage,
            module_temperature: known.temperature,
            lanes: &known.lanes,
        }]);
        true
    }

    fn deadline(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.reader.deadline()).min()
    }

    fn report(&mut self, statistics: &mut Statistics) {
        statistics.exceptions.push((self.failures, "failed reads of optical modules"));
    }

    fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        if config.optics_secs.is_none() {
            return;
        }
        let mut reader = Reader { adapters: adapters(links).collect(), ..Reader::default() };
        reader.read();
        let name = |index: &u32| links.get(*index).map(|link| link.name.as_str());
        let names: Vec<_> = reader.known.keys().filter_map(name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        findings.line("optics", format_args!("modules with diagnostics: {names}"));
        if let Some(refusal) = reader.refusal {
            findings.problems.push(format!("optics: {refusal}"));
        }
    }
}

impl Optics {
    fn take_outcome(&mut self, now: Instant) {
        let Some(reader) = self.reader.ended(now) else { return };
        self.known = core::mem::take(&mut reader.known);
        self.without.append(&mut reader.without);
        self.failures = self.failures.saturating_add(reader.failures);
        match reader.refusal.take() {
            Some(refusal) => {
                self.throttle.warn(now, format_args!("optics: {refusal}"));
            }
            None => self.throttle.clear(),
        }
    }
}

impl Reader {
    /// Reads the modules of all adapters. May block.
    fn read(&mut self) {
        let mut socket = match GenericSocket::open("ethtool") {
            Ok(socket) => socket,
            Err(error) => {
                self.refusal = Some(format!("ethtool: {error}; Linux 5.13 is needed"));
                return;
            }
        };
        for if_index in self.adapters.clone() {
            let outcome = module::read(&mut Eeprom { socket: &mut socket, if_index });
            self.sort(if_index, outcome);
        }
    }

    fn sort(&mut self, if_index: u32, outcome: io::Result<Option<Diagnostics>>) {
        match outcome {
            Ok(Some(diagnostics)) => {
                self.known.insert(if_index, diagnostics);
            }
            // A cable of copper, or a module of an unknown kind; another may replace it.
            Ok(None) => {}
            Err(error) => match error.raw_os_error() {
                Some(libc::EOPNOTSUPP) => self.without.push(if_index),
                Some(libc::EPERM) => {
                    self.refusal = Some("CAP_NET_ADMIN is missing: add it to the unit".to_owned());
                }
                // An empty cage, or an interface that was deleted a moment ago.
                Some(libc::ENODEV | libc::EIO | libc::ENXIO | libc::EINVAL) => {}
                _ => self.failures = self.failures.saturating_add(1),
            },
        }
    }
}

fn adapters(links: &Links) -> impl Iterator<Item = u32> {
    links.iter().filter(|link| Link::is_physical(link)).map(|link| link.index)
}

const FIRST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(errno: i32) -> Reader {
        let mut reader = Reader::default();
        reader.sort(7, Err(io::Error::from_raw_os_error(errno)));
        reader
    }

    #[test]
    fn adapters_without_modules_are_asked_once_and_cost_no_line() {
        let reader = sorted(libc::EOPNOTSUPP);
        assert_eq!((&reader.without[..], &reader.refusal, reader.failures), (&[7][..], &None, 0));
        for errno in [libc::EIO, libc::ENODEV, libc::EINVAL] {
            let empty = sorted(errno);
            assert_eq!((empty.without.len(), empty.refusal, empty.failures), (0, None, 0));
        }
        assert_eq!(sorted(libc::ETIMEDOUT).failures, 1);
        assert!(sorted(libc::EPERM).refusal.is_some());
    }

    #[test]
    fn record_has_the_ifindex_and_only_of_interfaces_with_a_module() {
        let mut optics = Optics::default();
        let known = Diagnostics { num_lanes: 4, voltage: 3300, ..Diagnostics::default() };
        optics.known.insert(7, known);
        let links = Links::open().unwrap();
        let mut records = 0;
        let mut poll = |optics: &mut Optics, source| {
            optics.counters(Instant::ZERO, &links, source, &mut |list| records += list.len())
        };
        assert!(poll(&mut optics, DataSource::interface(7)));
        assert!(!poll(&mut optics, DataSource::interface(8)));
        assert!(!poll(&mut optics, DataSource::HOST));
        optics.interface_removed(7);
        assert!(!poll(&mut optics, DataSource::interface(7)));
        assert_eq!(records, 1);
    }
}
