//! The interfaces that are sampled, each with its own tap, as they come and go.

pub mod capture;
pub mod sample;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;

use flowmote_core::{Agent, Duration, HandleError, Instant, SampleMeta};
use log::{info, warn};

use crate::config::Config;
use crate::daemon::collectors::Collectors;
use crate::daemon::events::{Events, Wakeup};
use crate::daemon::throttle::{Throttle, held_back};
use crate::daemon::view;
use crate::links::{Link, Links};
use crate::modules::taps::capture::{
    LinkFault, Method, Packet, RingShape, Tap, TapOptions, TapStats,
};
use crate::modules::taps::sample::{is_supported, with_flow_sample};

/// Every tap that the configuration asks for and the kernel has an interface for.
#[derive(Debug, Default)]
pub struct Ports {
    open: BTreeMap<u32, Port>,
    /// Interfaces whose tap could not be opened or has died.
    failed: BTreeMap<u32, Failure>,
    /// Totals of closed taps of interfaces that there are: the next tap goes on from here.
    ended: BTreeMap<u32, TapStats>,
    /// Totals of interfaces that are no more, so that none are missing in the summary.
    gone: TapStats,
    throttle: Throttle,
}

/// A sampled interface.
#[derive(Debug)]
pub struct Port {
    name: String,
    options: TapOptions,
    tap: Tap,
    /// Totals of the taps before this one: pool and drops go on where they ended.
    before: TapStats,
}

/// An interface without the tap that it should have.
#[derive(Debug, Default)]
struct Failure {
    /// When to try again.
    retry: Instant,
    throttle: Throttle,
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
        let gone = self.ended.extract_if(.., |index, _| links.get(*index).is_none());
        self.gone = gone.fold(self.gone, |sum, (_, totals)| plus(sum, totals));
        for options in wanted.into_values() {
            self.settle(now, options, events);
        }
    }

    /// When to call [`reconcile`](Self::reconcile) though nothing has happened.
    #[must_use]
    pub fn retry(&self) -> Option<Instant> {
        self.failed.values().map(|failure| failure.retry).min()
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
        let before = port.before;
        let drained = port.tap.drain(BUDGET, &mut |packet| {
            let packet = Packet { meta: carry_on(packet.meta, before), ..*packet };
            with_flow_sample(if_index, &packet, |sample| {
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

    /// The ifIndex of each sampled interface.
    #[must_use]
    pub fn indices(&self) -> Vec<u32> {
        self.open.keys().copied().collect()
    }

    /// Name and totals of each sampled interface, then those of all that no longer are.
    pub fn stats(&mut self) -> (Vec<PortStats>, TapStats) {
        let ports = self.open.iter_mut().map(|(&if_index, port)| port.stats(if_index)).collect();
        (ports, self.ended.values().copied().fold(self.gone, plus))
    }

    /// Forgets an interface that was deleted. Another one may have its index already.
    pub(crate) fn remove(&mut self, if_index: u32) {
        self.close(if_index);
        self.failed.remove(&if_index);
        self.gone =
            self.ended.remove(&if_index).map_or(self.gone, |totals| plus(self.gone, totals));
    }

    fn settle(&mut self, now: Instant, options: TapOptions, events: &Events) {
        let if_index = options.if_index;
        if let Some(port) = self.open.get_mut(&if_index) {
            match port.adapt(&options) {
                Ok(()) => return,
                Err(reason) => info!("{}: opened anew, {reason}", options.name),
            }
            self.end(if_index);
        }
        if self.failed.get(&if_index).is_some_and(|failure| now < failure.retry) {
            return;
        }
        let before = self.ended.get(&if_index).copied().unwrap_or_default();
        match Port::open(options, before, events) {
            Ok(port) => {
                self.failed.remove(&if_index);
                self.ended.remove(&if_index);
                self.open.insert(if_index, port);
            }
            Err(error) => {
                let failure = self.failed.entry(if_index).or_default();
                failure.retry = now + RETRY;
                if let Some(count) = failure.throttle.admit(now) {
                    warn!("{error}; trying again{}", held_back(count));
                }
            }
        }
    }

    fn close(&mut self, if_index: u32) {
        if let Some(port) = self.open.get(&if_index) {
            info!("{}: no longer sampled", port.name);
            self.end(if_index);
        }
    }

    /// Closes a tap and keeps its totals.
    fn end(&mut self, if_index: u32) {
        let Some(mut port) = self.open.remove(&if_index) else { return };
        let mut totals = port.stats(if_index).totals;
        // What was chosen and is still in the ring is lost with it.
        totals.lost = totals.lost.max(totals.chosen.saturating_sub(totals.delivered));
        self.ended.insert(if_index, totals);
    }

    /// A wake-up without a sample is an error of the socket, most often the interface going down.
    fn look_for_fault(&mut self, now: Instant, if_index: u32) {
        let Some(port) = self.open.get_mut(&if_index) else { return };
        match port.tap.take_fault() {
            Ok(None) => {}
            // Netlink tells the same; the tap hears packets again once the interface is up.
            Ok(Some(LinkFault::Down)) => {}
            // Netlink tells the same and takes the interface away; if it does not, this helps.
            Ok(Some(LinkFault::Gone)) => {
                self.close(if_index);
                let failure = Failure { retry: now + RETRY, ..Failure::default() };
                self.failed.insert(if_index, failure);
            }
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
    fn open(options: TapOptions, before: TapStats, events: &Events) -> io::Result<Self> {
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
        Ok(Self { name: options.name.clone(), options, tap, before })
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
        // The classic filter depends on it, and so do frame lengths without PACKET_VNET_HDR.
        if self.options.mtu != options.mtu && !self.tap.shortfalls().is_empty() {
            return Err("for another MTU");
        }
        let shape = |options: &TapOptions| RingShape::for_rate(options.sampling_rate);
        if shape(&self.options) != shape(options) {
            return Err("with a ring of another size");
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
            totals: plus(self.before, self.tap.stats().unwrap_or_default()),
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
    /// Since the interface is sampled.
    pub totals: TapStats,
}

/// The sum of both.
fn plus(one: TapStats, other: TapStats) -> TapStats {
    TapStats {
        seen: one.seen.saturating_add(other.seen),
        chosen: one.chosen.saturating_add(other.chosen),
        delivered: one.delivered.saturating_add(other.delivered),
        lost: one.lost.saturating_add(other.lost),
        malformed: one.malformed.saturating_add(other.malformed),
    }
}

/// Pool and drops modulo 2^32 as if the tap had been open from the start.
fn carry_on(meta: SampleMeta, before: TapStats) -> SampleMeta {
    SampleMeta {
        sample_pool: meta.sample_pool.wrapping_add(before.seen as u32),
        drops: meta.drops.wrapping_add(before.lost as u32),
        ..meta
    }
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
