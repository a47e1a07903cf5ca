//! The interfaces that are sampled, each with its own tap, as they come and go.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;

use flowmote_core::{Agent, Duration, HandleError, Instant};
use log::{info, warn};

use crate::capture::{LinkFault, Method, Tap, TapOptions, TapStats};
use crate::config::Config;
use crate::daemon::collectors::Collectors;
use crate::daemon::events::{Events, Wakeup};
use crate::daemon::sample::{is_supported, with_flow_sample};
use crate::daemon::throttle::{Throttle, held_back};
use crate::daemon::view;
use crate::links::{Link, Links};

/// Every tap that the configuration asks for and the kernel has an interface for.
#[derive(Debug, Default)]
pub struct Ports {
    open: BTreeMap<u32, Port>,
    /// Taps that could not be opened, and when to try again.
    failed: BTreeMap<u32, Instant>,
    /// Totals of taps that were closed, so that none are missing in the summary.
    closed: TapStats,
    throttle: Throttle,
}

/// A sampled interface.
#[derive(Debug)]
pub struct Port {
    name: String,
    options: TapOptions,
    tap: Tap,
}

impl Ports {
    /// Opens, changes and closes taps until they are what the configuration says of the
    /// interfaces that there are now.
    pub(crate) fn reconcile(
        &mut self,
        now: Instant,
        config: &Config,
        links: &Links,
        events: &Events,
    ) {
        let wanted: BTreeMap<u32, TapOptions> =
            links.iter().filter_map(|link| Some((link.index, options(config, link)?))).collect();
        let unwanted: Vec<u32> =
            self.open.keys().copied().filter(|index| !wanted.contains_key(index)).collect();
        unwanted.into_iter().for_each(|index| self.close(index));
        self.failed.retain(|index, _| wanted.contains_key(index));
        for options in wanted.into_values() {
            self.settle(now, options, events);
        }
    }

    /// When to call [`reconcile`](Self::reconcile) though nothing has happened.
    #[must_use]
    pub fn retry(&self) -> Option<Instant> {
        self.failed.values().min().copied()
    }

    /// Hands a bounded number of the samples that wait in a tap to the agent; a tap with more
    /// wakes the loop again. Answers whether there were any.
    pub fn drain(
        &mut self,
        now: Instant,
        if_index: u32,
        agent: &mut Agent<'_>,
        collectors: &mut Collectors,
    ) -> bool {
        let Some(port) = self.open.get_mut(&if_index) else { return false };
        let drained = port.tap.drain(BUDGET, &mut |packet| {
            with_flow_sample(if_index, packet, |sample| {
                if agent.handle_flow_sample(now, sample) == Err(HandleError::Full) {
                    agent.transmit(now, collectors);
                    // What is refused a second time is counted by the agent.
                    let _ = agent.handle_flow_sample(now, sample);
                }
            });
            agent.transmit(now, collectors);
        });
        match drained {
            Ok(drained) if drained.samples > 0 => return true,
            Ok(_) => self.look_for_fault(now, if_index),
            Err(error) => self.warn(now, &error.to_string()),
        }
        false
    }

    /// Each sampled interface, by ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Port)> {
        self.open.iter().map(|(&index, port)| (index, port))
    }

    /// Name and totals of each sampled interface, then those of all that are no more.
    pub fn stats(&mut self) -> (Vec<PortStats>, TapStats) {
        let ports = self.open.iter_mut().map(|(&if_index, port)| port.stats(if_index)).collect();
        (ports, self.closed)
    }

    fn settle(&mut self, now: Instant, options: TapOptions, events: &Events) {
        let if_index = options.if_index;
        if self.failed.get(&if_index).is_some_and(|&retry| now < retry) {
            return;
        }
        if let Some(port) = self.open.get_mut(&if_index) {
            match port.adapt(&options) {
                Ok(()) => return,
                Err(reason) => info!("{}: opened anew, {reason}", options.name),
            }
            self.close(if_index);
        }
        match Port::open(options, events) {
            Ok(port) => {
                self.failed.remove(&if_index);
                self.open.insert(if_index, port);
            }
            Err(error) => {
                self.failed.insert(if_index, now + RETRY);
                self.warn(now, &format!("{error}; trying again"));
            }
        }
    }

    fn close(&mut self, if_index: u32) {
        let Some(mut port) = self.open.remove(&if_index) else { return };
        let stats = port.stats(if_index).totals;
        self.closed.seen = self.closed.seen.saturating_add(stats.seen);
        self.closed.chosen = self.closed.chosen.saturating_add(stats.chosen);
        self.closed.delivered = self.closed.delivered.saturating_add(stats.delivered);
        self.closed.lost = self.closed.lost.saturating_add(stats.lost);
        self.closed.malformed = self.closed.malformed.saturating_add(stats.malformed);
        info!("{}: no longer sampled", port.name);
    }

    /// A wake-up without a sample is an error of the socket, most often the interface going down.
    fn look_for_fault(&mut self, now: Instant, if_index: u32) {
        let Some(port) = self.open.get_mut(&if_index) else { return };
        match port.tap.take_fault() {
            Ok(None) => {}
            // Netlink tells the same, and then the tap is closed or hears packets again.
            Ok(Some(LinkFault::Down | LinkFault::Gone)) => {}
            Ok(Some(LinkFault::Other(errno))) => {
                let error = io::Error::from_raw_os_error(errno);
                let text = format!("{}: {error}", port.name);
                self.warn(now, &text);
            }
            Err(error) => self.warn(now, &error.to_string()),
        }
    }

    fn warn(&mut self, now: Instant, text: &str) {
        if let Some(count) = self.throttle.admit(now) {
            warn!("{text}{}", held_back(count));
        }
    }
}

impl Port {
    fn open(options: TapOptions, events: &Events) -> io::Result<Self> {
        let tap = Tap::open(&options)?;
        events.watch(&tap, Wakeup::Tap(options.if_index))?;
        info!(
            "{}: sampling 1 in {} (ifIndex {}, {})",
            options.name,
            options.sampling_rate,
            options.if_index,
            method(tap.method())
        );
        for shortfall in tap.shortfalls() {
            warn!("{}: {shortfall}", options.name);
        }
        Ok(Self { name: options.name.clone(), options, tap })
    }

    /// Takes over what can change in an open tap; else why it must be opened anew.
    fn adapt(&mut self, options: &TapOptions) -> Result<(), &'static str> {
        if self.name != options.name {
            info!("{}: renamed to {}", self.name, options.name);
            self.name.clone_from(&options.name);
        }
        if self.options.header_bytes != options.header_bytes {
            return Err("with other header bytes");
        }
        if self.options.promiscuous != options.promiscuous {
            return Err("in another mode");
        }
        if self.options.mtu != options.mtu && self.tap.method() == Method::Classic {
            return Err("for another MTU");
        }
        if self.options.sampling_rate != options.sampling_rate {
            let rate = options.sampling_rate;
            self.tap.set_sampling_rate(rate).map_err(|_| "as the new rate was refused")?;
            info!("{}: sampling 1 in {rate}", options.name);
        }
        self.options = options.clone();
        Ok(())
    }

    fn stats(&mut self, if_index: u32) -> PortStats {
        PortStats {
            if_index,
            name: self.name.clone(),
            sampling_rate: self.options.sampling_rate.get(),
            totals: self.tap.stats().unwrap_or_default(),
        }
    }
}

/// What a tap has counted so far.
#[derive(Clone, Debug)]
pub struct PortStats {
    /// ifIndex.
    pub if_index: u32,
    /// Its name now.
    pub name: String,
    /// N of 1-in-N.
    pub sampling_rate: u32,
    /// Since the tap was opened.
    pub totals: TapStats,
}

/// Words for who chooses the samples.
#[must_use]
pub fn method(method: Method) -> &'static str {
    match method {
        Method::Ebpf => "eBPF filter",
        Method::Classic => "classic BPF filter",
    }
}

/// How to tap a link, if the configuration selects it and its rate is not 0.
#[must_use]
pub fn options(config: &Config, link: &Link) -> Option<TapOptions> {
    let tap = config.tap_for(&view::link(link))?;
    let (rate, _) = config.sampling_rate(tap, link.speed_bps);
    Some(TapOptions {
        if_index: link.index,
        name: link.name.clone(),
        sampling_rate: NonZeroU32::new(rate).filter(|_| is_supported(link.hardware))?,
        header_bytes: config.header_bytes,
        promiscuous: tap.promiscuous,
        loopback: link.is_loopback(),
        mtu: link.mtu,
        ring: None,
    })
}

/// Samples handed over before other interfaces, timers and signals have their turn: about a
/// millisecond.
const BUDGET: usize = 4096;
const RETRY: Duration = Duration::from_secs(5);
