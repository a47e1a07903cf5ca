//! Who is due is asked here: the host, or one interface.

use std::io;

use flowmote_core::{CounterRecord, CounterSource, DataSource, Instant, SourceClass};
use log::warn;

use crate::config::Config;
use crate::daemon::throttle::{Throttle, held_back};
use crate::links::Links;
use crate::modules::host::{HostCounters, HostStats};
use crate::modules::interfaces::{InterfaceCounters, InterfaceStats};

/// Reads the counters of the host and of its interfaces.
#[derive(Debug)]
pub(crate) struct Counters {
    host: HostCounters,
    interfaces: InterfaceCounters,
    unreadable_interfaces: u64,
    throttle: Throttle,
}

/// What could not be read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CounterStats {
    pub(crate) host: HostStats,
    pub(crate) interfaces: InterfaceStats,
    /// Readings of interfaces that failed, other than because the interface was gone.
    pub(crate) unreadable_interfaces: u64,
}

/// The same, at one moment and with the interfaces that there are.
#[derive(Debug)]
pub(crate) struct CountersNow<'a> {
    counters: &'a mut Counters,
    now: Instant,
    links: &'a Links,
}

impl Counters {
    /// Opens what it reads from; wants to be called before privileges are dropped, as only root
    /// may read the UUID of the machine.
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        Ok(Self {
            host: HostCounters::new("/", config.uuid)?,
            interfaces: InterfaceCounters::open()?,
            unreadable_interfaces: 0,
            throttle: Throttle::default(),
        })
    }

    /// Takes over the UUID of a new configuration; without one it is the machine's again.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        self.host.set_uuid(config.uuid);
    }

    /// What could not be read so far.
    pub(crate) fn stats(&self) -> CounterStats {
        CounterStats {
            host: self.host.stats(),
            interfaces: self.interfaces.stats(),
            unreadable_interfaces: self.unreadable_interfaces,
        }
    }

    pub(crate) fn at<'a>(&'a mut self, now: Instant, links: &'a Links) -> CountersNow<'a> {
        CountersNow { counters: self, now, links }
    }
}

impl CounterSource for CountersNow<'_> {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        if source.class() != SourceClass::Interface {
            return self.counters.host.read(self.links).records(emit);
        }
        match self.counters.interfaces.read(source.index()) {
            Ok(reading) => reading.records(emit),
            // It is just going; rtnetlink will say so.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => {
                let count = &mut self.counters.unreadable_interfaces;
                *count = count.saturating_add(1);
                if let Some(count) = self.counters.throttle.admit(self.now) {
                    let index = source.index();
                    warn!("counters of ifIndex {index}: {error}{}", held_back(count));
                }
            }
        }
    }
}
