//! The interfaces whose packets are sampled, as they come and go: each with its own tap, or many
//! with a shared one.

mod blocks;
mod budget;
pub mod capture;
mod check;
mod closer;
mod closing;
mod delivery;
mod descriptors;
mod forwarding;
mod hooking;
mod leaving;
mod opening;
pub mod paths;
mod port;
pub mod sample;
mod shared;
mod statistics;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use caps::Capability;
use flowmote_core::{DataSource, Duration, Instant};

use crate::config::Config;
use crate::kernel::sys::packet::PacketSocket;
use crate::links::Links;
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::modules::taps::budget::Budget;
use crate::modules::taps::capture::{Tap, TapOptions, TapStats};
use crate::modules::taps::closer::Closer;
use crate::modules::taps::hooking::Hooking;
use crate::modules::taps::leaving::Leaving;
use crate::modules::taps::paths::Paths;
use crate::modules::taps::port::{Port, tap_options};
use crate::modules::taps::shared::SharedShape;
use crate::output::Output;
use crate::selection;
use crate::throttle::{Throttle, ThrottleByText};

/// A tap for every interface that a `pcap { }` block or `--interface` selects and that exists.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// The interfaces that have a tap.
    ports: BTreeMap<u32, Port>,
    /// By the token of their wake-ups: the ifIndex, or [`SHARED`].
    taps: BTreeMap<u32, Tap>,
    shared: Shared,
    hooking: Hooking,
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
    budget: Budget,
    /// Finds the other interface of forwarded packets.
    paths: Paths,
    /// For errors of open taps.
    throttle: Throttle,
    /// For interfaces that cannot be opened, all together: containers come and go by the hundred.
    open_throttle: Throttle,
    /// For what the kernel refused to open taps.
    shortfalls: ThrottleByText,
}

/// The tap that many interfaces share.
#[derive(Debug, Default)]
enum Shared {
    #[default]
    None,
    /// Among the taps. It was requested with this shape; where memory is short its ring is smaller.
    Open(SharedShape),
    /// The kernel refused it: without eBPF there is none. It is tried again at `until`.
    Refused { until: Instant },
}

impl Shared {
    fn refused_until(&self) -> Option<Instant> {
        match self {
            Self::Refused { until } => Some(*until),
            Self::None | Self::Open(_) => None,
        }
    }
}

impl Module for Taps {
    /// Needed for the interfaces that come up later: a packet socket and a filter program each.
    fn capabilities(&self, _config: &Config) -> &'static [Capability] {
        match self.hooking.needs_privileges() {
            true => &[Capability::CAP_NET_RAW, Capability::CAP_BPF, Capability::CAP_NET_ADMIN],
            false => &[Capability::CAP_NET_RAW, Capability::CAP_BPF],
        }
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
        self.budget.configure(world.config.budget);
        self.count(now, 0);
        let wanted: BTreeMap<u32, TapOptions> = world
            .links
            .iter()
            .filter_map(|link| Some((link.index, tap_options(world.config, link, &self.budget)?)))
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
        let (hooked, wanted) = self.choose_ways(wanted, world);
        self.more_at = None;
        self.hook(now, hooked, world, output);
        self.share(now, &wanted, world, output);
        self.open_own(now, wanted, world, output);
        self.end_sharing(world);
        self.discard_deleted(world);
        self.note_reasons(world);
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.close(if_index);
        self.retries.remove(&if_index);
        self.hooking.forget(if_index);
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
        match token {
            HOOKS if !self.hooking.is_to_be_read_now() => return,
            HOOKS | HOOKS_TIMER => _ = self.drain_tap(now, HOOKS, output),
            _ if self.drain_tap(now, token, output) => {}
            _ => self.look_for_fault(now, token),
        }
        self.discard_deleted(world);
    }

    fn deadline(&self) -> Option<Instant> {
        let retries = self.retries.values().copied();
        let leaving = self.leaving.iter().map(|leaving| leaving.until);
        let refused = self.shared.refused_until();
        let others = [self.more_at, refused, self.budget.deadline()].into_iter().flatten();
        retries.chain(leaving).chain(others).min()
    }

    fn is_settled(&self) -> bool {
        self.more_at.is_none()
    }

    fn hold_time(&self) -> Duration {
        if self.taps.is_empty() && self.leaving.is_empty() { Duration::ZERO } else { BLOCK_AGE }
    }

    fn drain(&mut self, now: Instant, _config: &Config, output: &mut Output<'_>) -> bool {
        let tokens: Vec<u32> = self.taps.keys().copied().chain([HOOKS]).collect();
        let more = self.drain_leaving(now, |_| true, output);
        tokens.into_iter().fold(more, |more, token| self.drain_tap(now, token, output) | more)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        self.add_lines(statistics);
    }

    fn problems(&self, config: &Config, links: &Links, problems: &mut Vec<String>) {
        check::problems(config, links, problems);
    }

    fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        check::describe(config, links, findings);
    }
}

/// The age at which the kernel hands over a block of the ring that is not full: twice the retire
/// time of the ring.
const BLOCK_AGE: Duration = Duration::from_millis(100);
const RETRY: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_millis(1);
/// The token of the shared tap: no interface has this index.
const SHARED: u32 = 0;
const SHARED_NAME: &str = "shared tap";
/// The tokens of the hooks, for their ring and for the time at which it is read.
const HOOKS: u32 = u32::MAX;
const HOOKS_TIMER: u32 = u32::MAX - 1;
const NOT_PERMITTED: &str = "CAP_NET_RAW is missing, so no packet can be sampled: start as root \
    or by the systemd unit, or grant it with \"setcap cap_net_raw,cap_bpf+ep\" on the program";
