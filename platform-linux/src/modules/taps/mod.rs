//! The interfaces whose packets are sampled, each with its own tap, as they come and go.

mod blocks;
pub mod capture;
mod check;
pub mod paths;
mod port;
pub mod sample;

use std::collections::BTreeMap;
use std::io;

use caps::Capability;
use flowmote_core::{DataSource, Duration, Instant};
use log::info;

use crate::config::Config;
use crate::kernel::sys::packet::PacketSocket;
use crate::links::Links;
use crate::modules::module::{Findings, Line, Module, Statistics, World};
use crate::modules::taps::capture::{LinkFault, TapOptions, TapStats};
use crate::modules::taps::paths::Paths;
use crate::modules::taps::port::{Port, tap_options};
use crate::output::Output;
use crate::selection;
use crate::throttle::Throttle;

/// A tap for every interface that a `pcap { }` block or `--interface` selects and that exists.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    open: BTreeMap<u32, Port>,
    /// Interfaces whose tap could not be opened or has died.
    retries: BTreeMap<u32, Retry>,
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

/// An interface that is to be sampled and has no tap.
#[derive(Debug, Default)]
struct Retry {
    at: Instant,
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
        // The samples in the rings were chosen at the old rates.
        self.drain(now, output);
        self.paths.update(world.links);
        let wanted: BTreeMap<u32, TapOptions> = world
            .links
            .iter()
            .filter_map(|link| Some((link.index, tap_options(world.config, link)?)))
            .collect();
        let unwanted: Vec<u32> =
            self.open.keys().copied().filter(|index| !wanted.contains_key(index)).collect();
        unwanted.into_iter().for_each(|index| self.close(index));
        self.retries.retain(|index, _| wanted.contains_key(index));
        let deleted = self.ended.extract_if(.., |index, _| world.links.get(*index).is_none());
        deleted.for_each(|(_, totals)| self.gone += totals);
        for options in wanted.into_values() {
            self.open_or_update(now, options, world);
        }
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

    fn ready(&mut self, now: Instant, token: u32, _world: &World<'_>, output: &mut Output<'_>) {
        self.drain_port(now, token, output);
    }

    fn deadline(&self) -> Option<Instant> {
        self.retries.values().map(|retry| retry.at).min()
    }

    fn hold_time(&self) -> Duration {
        if self.open.is_empty() { Duration::ZERO } else { BLOCK_AGE }
    }

    fn drain(&mut self, now: Instant, output: &mut Output<'_>) -> bool {
        let open: Vec<u32> = self.open.keys().copied().collect();
        open.into_iter().fold(false, |more, index| self.drain_port(now, index, output) | more)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        for (if_index, port) in &mut self.open {
            let (name, rate) = (port.name(), port.sampling_rate());
            let subject = format!("{name} (ifIndex {if_index}, 1 in {rate})");
            statistics.lines.push(totals_line(subject, port.totals(), false));
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

impl Taps {
    /// Passes a bounded number of the samples that wait in a tap to the agent; what is left wakes
    /// the loop again. Returns true if there were any.
    fn drain_port(&mut self, now: Instant, if_index: u32, output: &mut Output<'_>) -> bool {
        let Some(port) = self.open.get_mut(&if_index) else { return false };
        match port.drain(now, if_index, &mut self.paths, output) {
            Ok(0) => self.look_for_fault(now, if_index),
            Ok(_) => return true,
            Err(error) => {
                let name = port.name();
                self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
            }
        }
        false
    }

    fn open_or_update(&mut self, now: Instant, options: TapOptions, world: &World<'_>) {
        let if_index = options.if_index;
        if let Some(port) = self.open.get_mut(&if_index) {
            match port.apply_in_place(&options) {
                Ok(()) => return,
                Err(reason) => info!("{}: reopening the tap, {reason}", options.name),
            }
            self.end(if_index);
        }
        if self.retries.get(&if_index).is_some_and(|retry| now < retry.at) {
            return;
        }
        let before = self.ended.get(&if_index).copied().unwrap_or_default();
        match Port::open(options, before, world) {
            Ok(port) => {
                self.retries.remove(&if_index);
                self.ended.remove(&if_index);
                self.open.insert(if_index, port);
            }
            Err(error) => {
                let retry = self.retries.entry(if_index).or_default();
                retry.at = now + RETRY;
                self.open_throttle.warn(now, format_args!("{error}; retrying every 5 s"));
            }
        }
    }

    fn close(&mut self, if_index: u32) {
        if let Some(port) = self.open.get(&if_index) {
            info!("{}: no longer sampled", port.name());
            self.end(if_index);
        }
    }

    /// Closes a tap and keeps its totals.
    fn end(&mut self, if_index: u32) {
        let Some(mut port) = self.open.remove(&if_index) else { return };
        let mut totals = port.totals();
        // Samples that are still in the ring are lost with it.
        totals.lost = totals.lost.max(totals.chosen.saturating_sub(totals.delivered));
        self.ended.insert(if_index, totals);
    }

    /// Handles a wake-up without samples, which is an error of the socket: most often the
    /// interface went down.
    fn look_for_fault(&mut self, now: Instant, if_index: u32) {
        let Some(port) = self.open.get_mut(&if_index) else { return };
        match port.take_fault() {
            // The tap receives packets again when the interface is up.
            Ok(None | Some(LinkFault::Down)) => {}
            // RTM_DELLINK follows and removes the interface. The retry covers its loss.
            Ok(Some(LinkFault::Gone)) => {
                self.close(if_index);
                self.retries.insert(if_index, Retry { at: now + RETRY });
            }
            Ok(Some(LinkFault::Other(errno))) => {
                let (name, error) = (port.name(), io::Error::from_raw_os_error(errno));
                self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
            }
            Err(error) => {
                let name = port.name();
                self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
            }
        }
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
