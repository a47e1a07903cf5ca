//! The interfaces whose packets are sampled, as they come and go: each with its own tap, or many
//! with a shared one.

mod blocks;
pub mod capture;
mod check;
mod closer;
mod descriptors;
mod leaving;
pub mod paths;
mod port;
pub mod sample;
mod shared;

use std::collections::BTreeMap;
use std::io;

use caps::Capability;
use flowmote_core::{DataSource, Duration, Instant};
use log::{info, warn};

use crate::clock;
use crate::config::Config;
use crate::kernel::sys::packet::PacketSocket;
use crate::links::Links;
use crate::modules::module::{Findings, Line, Module, Statistics, World};
use crate::modules::taps::capture::{LinkFault, Packet, Tap, TapOptions, TapStats};
use crate::modules::taps::closer::Closer;
use crate::modules::taps::leaving::Leaving;
use crate::modules::taps::paths::Paths;
use crate::modules::taps::port::{Port, method, tap_options};
use crate::modules::taps::sample::with_flow_sample;
use crate::modules::taps::shared::SharedShape;
use crate::output::Output;
use crate::selection;
use crate::throttle::Throttle;

/// A tap for every interface that a `pcap { }` block or `--interface` selects and that exists.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// The interfaces that have a tap.
    ports: BTreeMap<u32, Port>,
    /// By the token of their wake-ups: the ifIndex, or [`SHARED`].
    taps: BTreeMap<u32, Tap>,
    shared: Shared,
    /// Taps that were replaced and still have samples.
    leaving: Vec<Leaving>,
    /// Taps of deleted interfaces, which are closed at the next reconciliation.
    deleted: Vec<Tap>,
    closer: Closer,
    /// When to try again the interfaces whose tap could not be opened or has died.
    retries: BTreeMap<u32, Instant>,
    /// When to open the next taps, if not all are open.
    more_at: Option<Instant>,
    /// Totals of closed taps whose interface still exists; a new tap continues from them.
    ended: BTreeMap<u32, TapStats>,
    /// Totals of interfaces that were deleted, so that the sum in the statistics is complete.
    gone: TapStats,
    /// Finds the other interface of forwarded packets.
    paths: Paths,
    throttle: Throttle,
    /// For interfaces that cannot be opened, all together: containers come and go by the hundred.
    open_throttle: Throttle,
}

/// The tap that many interfaces share.
#[derive(Debug, Default)]
enum Shared {
    #[default]
    None,
    /// Among the taps, opened with this shape.
    Open(SharedShape),
    /// The kernel refuses it: without eBPF there is none.
    Refused,
}

impl Module for Taps {
    /// Needed for the interfaces that come up later: a packet socket and a filter program each.
    fn capabilities(&self, _config: &Config) -> &'static [Capability] {
        &[Capability::CAP_NET_RAW, Capability::CAP_BPF]
    }

    /// The capability may be missing, or belong to a user namespace that does not own the network
    /// namespace, so that only an attempt shows it.
    fn may_start(&self, config: &Config) -> Result<(), String> {
        if config.taps.is_empty() {
            return Ok(());
        }
        match PacketSocket::open() {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => {
                Err(NOT_PERMITTED.to_owned())
            }
            // Any other error is logged for each interface that is affected.
            _ => Ok(()),
        }
    }

    fn samples_packets(&self, config: &Config) -> bool {
        config.samples_packets()
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        self.finish_leaving(now, output);
        self.discard_deleted(world);
        self.paths.update(world.links);
        let wanted: BTreeMap<u32, TapOptions> = world
            .links
            .iter()
            .filter_map(|link| Some((link.index, tap_options(world.config, link)?)))
            .collect();
        let unwanted: Vec<u32> =
            self.ports.keys().copied().filter(|index| !wanted.contains_key(index)).collect();
        for if_index in unwanted {
            // While the interface is still a data source.
            self.drain_of(now, if_index, output);
            self.close(if_index);
        }
        self.discard_deleted(world);
        self.retries.retain(|index, _| wanted.contains_key(index));
        let deleted = self.ended.extract_if(.., |index, _| world.links.get(*index).is_none());
        deleted.for_each(|(_, totals)| self.gone += totals);
        self.share(now, &wanted, world);
        self.open_own(now, wanted, world);
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.close(if_index);
        self.retries.remove(&if_index);
        if let Some(totals) = self.ended.remove(&if_index) {
            self.gone += totals;
        }
    }

    /// Every interface that is selected, also at rate 0: its counters are polled.
    fn data_sources(&self, config: &Config, links: &Links, add: &mut dyn FnMut(DataSource)) {
        links
            .iter()
            .filter(|link| config.tap_for(&selection::traits(link)).is_some())
            .for_each(|link| add(DataSource::interface(link.index)));
    }

    fn ready(&mut self, now: Instant, token: u32, world: &World<'_>, output: &mut Output<'_>) {
        if !self.drain_tap(now, token, output) {
            self.look_for_fault(now, token);
        }
        self.discard_deleted(world);
    }

    fn deadline(&self) -> Option<Instant> {
        let retries = self.retries.values().copied();
        let leaving = self.leaving.iter().map(|leaving| leaving.until);
        retries.chain(leaving).chain(self.more_at).min()
    }

    fn is_settled(&self) -> bool {
        self.more_at.is_none()
    }

    fn hold_time(&self) -> Duration {
        if self.taps.is_empty() && self.leaving.is_empty() { Duration::ZERO } else { BLOCK_AGE }
    }

    fn drain(&mut self, now: Instant, output: &mut Output<'_>) -> bool {
        let tokens: Vec<u32> = self.taps.keys().copied().collect();
        let more = self.drain_leaving(now, |_| true, output);
        tokens.into_iter().fold(more, |more, token| self.drain_tap(now, token, output) | more)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let news: Vec<_> = self.leaving.iter_mut().flat_map(Leaving::news).collect();
        self.add_to_ports(news);
        let Self { ports, taps, .. } = self;
        for tap in taps.values_mut() {
            // After an error the losses are those of the last time.
            let _ = tap.update_losses();
        }
        for (if_index, port) in ports {
            let (name, rate) = (&port.options.name, port.options.sampling_rate);
            let subject = format!("{name} (ifIndex {if_index}, 1 in {rate})");
            statistics.lines.push(totals_line(subject, totals(port, taps), false));
        }
        let mut closed = self.gone;
        self.ended.values().for_each(|totals| closed += *totals);
        let subject = "interfaces no longer sampled".to_owned();
        statistics.lines.push(totals_line(subject, closed, true));
    }

    fn problems(&self, config: &Config, links: &Links, problems: &mut Vec<String>) {
        check::problems(config, links, problems);
    }

    fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        check::describe(config, links, findings);
    }
}

/// Samples on their way to the agent.
impl Taps {
    /// Passes a bounded number of the samples that wait in a tap to the agent; what is left wakes
    /// the loop again. Returns true if there were any.
    fn drain_tap(&mut self, now: Instant, token: u32, output: &mut Output<'_>) -> bool {
        let Some(tap) = self.taps.get_mut(&token) else { return false };
        let (ports, paths) = (&self.ports, &mut self.paths);
        let drained = tap.drain(BUDGET, &mut |packet| {
            if let Some(port) = ports.get(&packet.if_index) {
                let meta = port.continue_totals(packet.meta, packet.meta.sampling_rate);
                pass_on(now, &Packet { meta, ..*packet }, paths, output);
            }
        });
        match drained {
            Ok(drained) => drained.samples > 0,
            Err(error) => {
                let name = self.name_of(token);
                self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
                true
            }
        }
    }

    /// Drains the tap of an interface.
    fn drain_of(&mut self, now: Instant, if_index: u32, output: &mut Output<'_>) {
        if let Some(token) = self.ports.get(&if_index).map(|port| port.tap) {
            self.drain_tap(now, token, output);
        }
    }

    /// Passes samples of taps that were replaced to the agent. Pool and drops are those of the
    /// interface now, in its present tap, so that they never step back.
    fn drain_leaving(
        &mut self,
        now: Instant,
        is_due: impl Fn(&Leaving) -> bool,
        output: &mut Output<'_>,
    ) -> bool {
        let Self { leaving, taps, ports, paths, .. } = self;
        let mut more = false;
        for Leaving { tap, until, .. } in leaving.iter_mut().filter(|leaving| is_due(leaving)) {
            let drained = tap.drain(BUDGET, &mut |packet| {
                let Some(port) = ports.get(&packet.if_index) else { return };
                let current = taps.get_mut(&port.tap).map(|tap| tap.meta(packet.if_index));
                let rate = packet.meta.sampling_rate;
                let meta = port.continue_totals(current.unwrap_or_default(), rate);
                pass_on(now, &Packet { meta, ..*packet }, paths, output);
            });
            if drained.is_ok_and(|drained| drained.more) {
                // The rest in the next turn of the loop.
                *until = now + SOON;
                more = true;
            }
        }
        more
    }

    /// Closes the taps that were replaced and have no samples any more.
    fn finish_leaving(&mut self, now: Instant, output: &mut Output<'_>) {
        self.drain_leaving(now, |leaving| leaving.until <= now, output);
        let due: Vec<Leaving> =
            self.leaving.extract_if(.., |leaving| leaving.until <= now).collect();
        for mut leaving in due {
            self.add_to_ports(leaving.last_news());
            self.closer.close(leaving.tap);
        }
    }
}

/// Taps that are opened, replaced and closed.
impl Taps {
    /// Has many interfaces share a tap.
    fn share(&mut self, now: Instant, wanted: &BTreeMap<u32, TapOptions>, world: &World<'_>) {
        let candidates: Vec<&TapOptions> =
            wanted.values().filter(|options| !options.loopback).collect();
        let is_open = self.taps.contains_key(&SHARED);
        let Some(needed) = SharedShape::of(&candidates, is_open) else {
            self.shared = Shared::None;
            if let Some(tap) = self.taps.remove(&SHARED) {
                self.discard(tap, world);
            }
            return;
        };
        match self.shared {
            Shared::Refused => return,
            Shared::Open(shape) if shape.suffices_for(&needed) => {}
            _ => match self.open_shared(now, needed, world) {
                Ok(()) => self.shared = Shared::Open(needed),
                Err(error) => {
                    self.shared = Shared::Refused;
                    warn!("{error}: each interface has a tap of its own");
                    return;
                }
            },
        }
        for options in candidates {
            self.join(now, options, world);
        }
    }

    /// Opens a shared tap in place of the present one, if there is one.
    fn open_shared(
        &mut self,
        now: Instant,
        shape: SharedShape,
        world: &World<'_>,
    ) -> io::Result<()> {
        let SharedShape { table, header_bytes, ring, .. } = shape;
        let tap = Tap::open_shared(table, header_bytes, ring)?;
        world.watch(&tap, SHARED)?;
        self.replace(now, SHARED, world);
        log_shortfalls(SHARED_NAME, &tap);
        self.taps.insert(SHARED, tap);
        Ok(())
    }

    /// Moves an interface to the shared tap, if it has room.
    fn join(&mut self, now: Instant, options: &TapOptions, world: &World<'_>) {
        let if_index = options.if_index;
        let has_joined = |tap: &Tap, port: Option<&Port>| {
            tap.has(if_index) && port.is_some_and(|p| p.tap == SHARED)
        };
        let Some(tap) = self.taps.get(&SHARED) else { return };
        if has_joined(tap, self.ports.get(&if_index)) || !tap.has_room_for(if_index) {
            return;
        }
        self.replace(now, if_index, world);
        let Some(tap) = self.taps.get_mut(&SHARED) else { return };
        match tap.join(options) {
            Ok(()) => self.sampled(options.clone(), SHARED),
            Err(error) => self.retry(now, if_index, &error),
        }
    }

    /// Opens taps of single interfaces, as many as fit into one turn of the loop.
    fn open_own(&mut self, now: Instant, wanted: BTreeMap<u32, TapOptions>, world: &World<'_>) {
        self.more_at = None;
        let end = clock::now() + TURN;
        let mut room = descriptors::taps_allowed(world.config)
            .saturating_sub(self.taps.len() + self.leaving.len());
        let mut refused = 0;
        for options in wanted.into_values() {
            let if_index = options.if_index;
            let Err(reason) = self.apply_in_place(&options) else { continue };
            if self.retries.get(&if_index).is_some_and(|at| now < *at) {
                continue;
            }
            if room == 0 {
                refused += 1;
                self.retries.insert(if_index, now + RETRY);
                continue;
            }
            if clock::now() >= end {
                self.more_at = Some(clock::now() + SOON);
                break;
            }
            if let Some(reason) = reason {
                info!("{}: reopening the tap, {reason}", options.name);
            }
            room -= 1;
            if let Err(error) = self.open_one(now, options, world) {
                self.retry(now, if_index, &error);
            }
        }
        if refused > 0 {
            let shortage = descriptors::shortage(self.taps.len() + refused, world.config);
            self.throttle.warn(now, format_args!("{refused} interfaces not sampled: {shortage}"));
        }
    }

    /// Returns `Err` if the interface needs a new tap, with the reason if it has one now.
    fn apply_in_place(&mut self, options: &TapOptions) -> Result<(), Option<&'static str>> {
        let port = self.ports.get_mut(&options.if_index).ok_or(None)?;
        let tap = self.taps.get_mut(&port.tap).filter(|tap| tap.has(options.if_index));
        let tap = tap.ok_or(None)?;
        port.apply_in_place(options, tap).map_err(Some)
    }

    /// Opens the tap of one interface, in place of the present one if there is one.
    fn open_one(&mut self, now: Instant, options: TapOptions, world: &World<'_>) -> io::Result<()> {
        let mut tap = Tap::prepare(&options)?;
        world.watch(&tap, options.if_index)?;
        self.replace(now, options.if_index, world);
        // The present one has just ended, so that no packet is missed or counted twice.
        tap.start(&options)?;
        let if_index = options.if_index;
        self.taps.insert(if_index, tap);
        self.sampled(options, if_index);
        Ok(())
    }

    /// Notes that a tap samples an interface. Its totals continue.
    fn sampled(&mut self, options: TapOptions, token: u32) {
        let TapOptions { if_index, name, sampling_rate, .. } = &options;
        let if_index = *if_index;
        if let Some(tap) = self.taps.get(&token) {
            let method = method(tap.method());
            info!("{name}: sampling 1 in {sampling_rate} (ifIndex {if_index}, {method})");
            if token != SHARED {
                log_shortfalls(name, tap);
            }
        }
        self.retries.remove(&if_index);
        let ended = self.ended.remove(&if_index);
        let before = ended.or(self.ports.get(&if_index).map(|port| port.before));
        let before = before.unwrap_or_default();
        self.ports.insert(if_index, Port { options, tap: token, before });
    }

    fn retry(&mut self, now: Instant, if_index: u32, error: &io::Error) {
        self.retries.insert(if_index, now + RETRY);
        self.open_throttle.warn(now, format_args!("{error}; retrying every 5 s"));
    }

    /// Stops a tap that another one replaces. Its samples are read later.
    fn replace(&mut self, now: Instant, token: u32, world: &World<'_>) {
        let Some(tap) = self.taps.remove(&token) else { return };
        world.unwatch(&tap);
        let mut leaving = Leaving::new(now, tap);
        match leaving.tap.stop() {
            Ok(()) => {
                self.add_to_ports(leaving.news());
                self.leaving.push(leaving);
            }
            Err(error) => {
                let name = self.name_of(token);
                self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
                self.add_to_ports(leaving.last_news());
                self.closer.close(leaving.tap);
            }
        }
    }

    /// Adds the totals of taps that were replaced.
    fn add_to_ports(&mut self, news: Vec<(u32, TapStats)>) {
        for (if_index, news) in news {
            match self.ports.get_mut(&if_index) {
                Some(port) => port.before += news,
                None => *self.ended.entry(if_index).or_default() += news,
            }
        }
    }

    fn close(&mut self, if_index: u32) {
        if let Some(port) = self.ports.get(&if_index) {
            info!("{}: no longer sampled", port.options.name);
            self.end(if_index);
        }
    }

    /// Ends the sampling of an interface and keeps its totals.
    fn end(&mut self, if_index: u32) {
        let Some(port) = self.ports.remove(&if_index) else { return };
        if let Some(tap) = self.taps.get_mut(&port.tap) {
            let _ = tap.update_losses();
        }
        let mut totals = totals(&port, &mut self.taps);
        // Samples that are still in the ring are lost with it.
        totals.lost = totals.lost_at_end();
        self.ended.insert(if_index, totals);
        match self.taps.get_mut(&port.tap) {
            Some(tap) if tap.is_shared() => tap.leave(if_index),
            Some(_) => self.deleted.extend(self.taps.remove(&port.tap)),
            None => {}
        }
    }

    /// Closes a tap. What is in its ring is not read.
    fn discard(&mut self, tap: Tap, world: &World<'_>) {
        world.unwatch(&tap);
        self.closer.close(tap);
    }

    /// Closes the taps of interfaces that are no longer sampled.
    fn discard_deleted(&mut self, world: &World<'_>) {
        std::mem::take(&mut self.deleted).into_iter().for_each(|tap| self.discard(tap, world));
    }

    /// Handles a wake-up without samples, which is an error of the socket: most often the
    /// interface went down.
    fn look_for_fault(&mut self, now: Instant, token: u32) {
        let Some(tap) = self.taps.get_mut(&token) else { return };
        let error = match tap.take_fault() {
            // The tap receives packets again when the interface is up.
            Ok(None | Some(LinkFault::Down)) => return,
            // RTM_DELLINK follows and removes the interface. The retry covers its loss.
            Ok(Some(LinkFault::Gone)) => {
                self.close(token);
                self.retries.insert(token, now + RETRY);
                return;
            }
            Ok(Some(LinkFault::Other(errno))) => io::Error::from_raw_os_error(errno),
            Err(error) => error,
        };
        let name = self.name_of(token);
        self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
    }

    /// A tap in log lines.
    fn name_of(&self, token: u32) -> String {
        let name = self.ports.get(&token).map(|port| port.options.name.clone());
        name.unwrap_or_else(|| SHARED_NAME.to_owned())
    }
}

/// At the end of the daemon: the taps are closed side by side, because one after the other takes
/// seconds for hundreds of them.
impl Drop for Taps {
    fn drop(&mut self) {
        let taps = std::mem::take(&mut self.taps).into_values();
        let leaving = self.leaving.drain(..).map(|leaving| leaving.tap);
        taps.chain(leaving).for_each(|tap| self.closer.close(tap));
    }
}

/// Passes a sample to the agent, with the interfaces between which the packet passed.
fn pass_on(now: Instant, packet: &Packet<'_>, paths: &mut Paths, output: &mut Output<'_>) {
    let sides = paths.sides(now, packet.if_index, packet);
    with_flow_sample(packet.if_index, packet, sides, |sample| output.flow_sample(now, sample));
}

/// Totals of an interface over all its taps, with losses as of their last update.
fn totals(port: &Port, taps: &mut BTreeMap<u32, Tap>) -> TapStats {
    let mut totals = port.before;
    if let Some(tap) = taps.get_mut(&port.tap) {
        totals += tap.totals(port.options.if_index);
    }
    totals
}

/// Logs what the kernel refused.
fn log_shortfalls(name: &str, tap: &Tap) {
    for shortfall in tap.shortfalls() {
        warn!("{name}: {shortfall}");
    }
}

/// A line of the statistics for one interface or for all that were closed.
fn totals_line(subject: String, totals: TapStats, optional: bool) -> Line {
    // Named one by one, so that a new counter cannot be forgotten here.
    let TapStats { seen, chosen, delivered, lost, malformed } = totals;
    let waiting = chosen.saturating_sub(delivered.saturating_add(lost));
    Line {
        subject,
        counters: vec![(seen, "packets seen"), (delivered, "samples"), (lost, "drops")],
        exceptions: vec![(malformed, "of them unreadable"), (waiting, "in the ring")],
        optional,
    }
}

/// The age at which the kernel hands over a block of the ring that is not full: twice the retire
/// time of the ring.
const BLOCK_AGE: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_secs(5);
/// Time for opening taps before other interfaces, timers and signals have their turn. One tap takes
/// 10 to 30 ms, because PACKET_RX_RING waits for RCU (`packet_set_ring`).
const TURN: Duration = Duration::from_millis(20);
const SOON: Duration = Duration::from_millis(1);
/// Samples read before other interfaces, timers and signals have their turn: about a millisecond.
const BUDGET: usize = 4096;
/// The token of the shared tap: no interface has this index.
const SHARED: u32 = 0;
const SHARED_NAME: &str = "shared tap";
const NOT_PERMITTED: &str = "CAP_NET_RAW is missing, so no packet can be sampled: start as root \
    or by the systemd unit, or grant it with \"setcap cap_net_raw,cap_bpf+ep\" on the program";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_line_has_every_loss() {
        let totals = TapStats { seen: 90, chosen: 9, delivered: 5, lost: 3, malformed: 2 };
        let line = |totals| totals_line("eth0".to_owned(), totals, true);
        assert_eq!(
            line(totals).to_string(),
            "eth0: 90 packets seen, 5 samples, 3 drops, 2 of them unreadable, 1 in the ring"
        );
        let seen = line(TapStats { seen: 1, ..TapStats::default() });
        assert_eq!(seen.to_string(), "eth0: 1 packets seen, 0 samples, 0 drops");
        assert!(!seen.is_hidden() && line(TapStats::default()).is_hidden());
    }
}
