//! Counters that drivers have under names of their own (`ethtool -S`), as custom metrics of each
//! adapter: packets that the device dropped, and limits of a cloud instance.
//!
//! A driver may have to send a command to its device for them, so a thread reads them.

mod names;

use std::os::fd::AsFd;

use flowmote_core::{Duration, Instant, MetricValue};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::config::{Config, DriverCounters, Drivers};
use crate::kernel::sys::driver_statistics;
use crate::links::{Link, Links};
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::output::Output;
use crate::output::custom::metric_name;
use crate::throttle::Throttle;
use crate::watched::Watched;
use names::Counters;

/// Reads the counters at each polling interval.
#[derive(Debug)]
pub(crate) struct DriverStatistics {
    reader: Watched<Reader>,
    /// When to read next; `None` if nothing is read.
    next: Option<Instant>,
    /// Interfaces of which none has a driver of [`CLOUD_DRIVERS`].
    idle: Vec<(u32, String)>,
    /// Reads that had not ended when the next one was due.
    late: u64,
    throttle: Throttle,
}

/// What to read, and what was read.
#[derive(Debug)]
struct Reader {
    rule: DriverCounters,
    interfaces: Vec<(u32, String)>,
    readings: Vec<Reading>,
}

/// The counters of an interface.
#[derive(Debug)]
struct Reading {
    if_index: u32,
    interface: String,
    driver: String,
    counters: Counters,
}

impl Default for DriverStatistics {
    fn default() -> Self {
        let rule = DriverCounters::default();
        let reader = Reader { rule, interfaces: Vec::new(), readings: Vec::new() };
        Self {
            reader: Watched::new(reader),
            next: None,
            idle: Vec::new(),
            late: 0,
            throttle: Throttle::default(),
        }
    }
}

impl Module for DriverStatistics {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let World { config, links, .. } = world;
        if let Some(reader) = self.reader.ended(now) {
            send(now, &reader.readings, output, config.datagram_bytes);
            // No wake-ups for adapters that are of no interest.
            let is_idle = reader.readings.is_empty() && reader.rule.drivers == Drivers::Cloud;
            self.idle = if is_idle { reader.interfaces.clone() } else { Vec::new() };
        }
        let interfaces = selected(config, links);
        if interfaces.is_empty()
            || config.driver_counters.drivers == Drivers::Cloud && interfaces == self.idle
        {
            self.next = None;
            return;
        }
        // After the start of the daemon, when the privileges are dropped.
        let due = *self.next.get_or_insert(now + FIRST);
        if now < due {
            return;
        }
        self.next = Some(now + Duration::from_secs(config.polling_secs));
        let prepare = |reader: &mut Reader| {
            reader.rule = config.driver_counters.clone();
            reader.interfaces = interfaces;
        };
        if !self.reader.start(now, prepare, Reader::read) {
            self.late = self.late.saturating_add(1);
            self.throttle.warn(now, format_args!("a read of driver counters has not ended"));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.reader.deadline()).min()
    }

    fn report(&mut self, statistics: &mut Statistics) {
        statistics.exceptions.push((self.late, "reads of driver counters that had not ended"));
    }

    fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        let rule = config.driver_counters.clone();
        let interfaces = selected(config, links);
        if interfaces.is_empty() {
            if rule.drivers == Drivers::All {
                findings
                    .line("driver counters", format_args!("none: no physical adapter is selected"));
            }
            return;
        }
        let mut reader = Reader { rule, interfaces, readings: Vec::new() };
        reader.read();
        let text = |reading: &Reading| {
            let count = reading.counters.metrics().count();
            format!("{} ({}, {count} metrics)", reading.interface, reading.driver)
        };
        let list: Vec<_> = reader.readings.iter().map(text).collect();
        if !list.is_empty() {
            findings.line("driver counters", format_args!("of {}", list.join(", ")));
        } else if reader.rule.drivers == Drivers::All {
            findings.line("driver counters", format_args!("none: no driver has any that match"));
        }
    }
}

impl Reader {
    /// Reads the counters of all interfaces. May block.
    fn read(&mut self) {
        self.readings.clear();
        // Any socket of the network namespace, not bound.
        let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
        let Ok(socket) = socket(AddressFamily::Inet, kind, flags, None) else { return };
        for (if_index, interface) in &self.interfaces {
            let driver = driver_statistics::driver(socket.as_fd(), interface).unwrap_or_default();
            if self.rule.drivers == Drivers::Cloud && !CLOUD_DRIVERS.contains(&driver.as_str()) {
                continue;
            }
            let mut counters = Counters::default();
            let mut add = |name: &str, value: u64| {
                counters.add(name, value, self.rule.counters.as_ref());
            };
            // A driver without counters, or an interface that was deleted a moment ago.
            let _ = driver_statistics::statistics(socket.as_fd(), interface, &mut add);
            if !counters.is_empty() {
                let (if_index, interface) = (*if_index, interface.clone());
                self.readings.push(Reading { if_index, interface, driver, counters });
            }
        }
    }
}

/// The interfaces whose driver is asked.
fn selected(config: &Config, links: &Links) -> Vec<(u32, String)> {
    let rule = &config.driver_counters;
    if config.polling_secs == 0 || rule.drivers == Drivers::Off {
        return Vec::new();
    }
    let matches = |link: &&Link| {
        let pattern = rule.interfaces.as_ref();
        link.is_adapter() && pattern.is_none_or(|pattern| pattern.matches(&link.name))
    };
    links.iter().filter(matches).map(|link| (link.index, link.name.clone())).collect()
}

fn send(now: Instant, readings: &[Reading], output: &mut Output<'_>, datagram_bytes: u32) {
    for Reading { if_index, interface, driver, counters } in readings {
        let index = if_index.to_string();
        let own = [
            ("ethtool_ifindex", MetricValue::String(&index)),
            ("ethtool_driver", MetricValue::String(driver)),
        ];
        let metrics: Vec<_> = own.into_iter().chain(counters.metrics()).collect();
        output.rt_metrics(now, &metric_name("nic-", interface), &metrics, datagram_bytes);
    }
}

/// Drivers of devices of EC2, Google and Azure.
const CLOUD_DRIVERS: [&str; 3] = ["ena", "gve", "mana"];
const FIRST: Duration = Duration::from_millis(100);
