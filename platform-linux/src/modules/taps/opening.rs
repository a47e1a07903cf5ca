//! Taps that are opened, and interfaces that join them.

use std::collections::BTreeMap;
use std::io;

use flowmote_core::{Duration, Instant};
use log::{info, warn};

use crate::clock;
use crate::modules::module::World;
use crate::modules::taps::capture::{Capture, Tap, TapOptions};
use crate::modules::taps::descriptors;
use crate::modules::taps::hooking::capture;
use crate::modules::taps::port::{Port, method, rate_reason};
use crate::modules::taps::shared::SharedShape;
use crate::modules::taps::{RETRY, SHARED, SHARED_NAME, SOON, Shared, Taps};
use crate::output::Output;

impl Taps {
    /// Has many interfaces share a tap.
    pub(super) fn share(
        &mut self,
        now: Instant,
        wanted: &BTreeMap<u32, TapOptions>,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let candidates = SharedShape::candidates(wanted.values());
        let is_open = self.taps.contains_key(&SHARED);
        let Some(needed) = SharedShape::of(&candidates, is_open) else {
            self.shared = Shared::None;
            return;
        };
        match self.shared {
            Shared::Refused { until } if now < until => return,
            Shared::Open(shape) if shape.suffices_for(&needed) => {}
            _ => match self.open_shared(now, needed, &candidates, world) {
                Ok(()) => self.shared = Shared::Open(needed),
                Err(error) => {
                    self.shared = Shared::Refused { until: now + REFUSED };
                    warn!("{error}: each interface has a tap of its own");
                    return;
                }
            },
        }
        for options in candidates {
            self.join(now, options, world, output);
        }
    }

    /// Closes the shared tap once its last interface has another one, or hooks.
    pub(super) fn end_sharing(&mut self, world: &World<'_>) {
        let is_used = self.ports.values().any(|port| port.tap == SHARED);
        if matches!(self.shared, Shared::None)
            && !is_used
            && let Some(tap) = self.taps.remove(&SHARED)
        {
            self.discard(tap, world);
        }
    }

    /// Opens a shared tap, which takes over the interfaces of the present one if there is one.
    fn open_shared(
        &mut self,
        now: Instant,
        shape: SharedShape,
        candidates: &[&TapOptions],
        world: &World<'_>,
    ) -> io::Result<()> {
        let SharedShape { table, keep, ring, .. } = shape;
        let mut tap = Tap::open_shared(table, keep, ring)?;
        world.watch(&tap, SHARED)?;
        let mut taken: Vec<&TapOptions> = Vec::new();
        if let Some(present) = self.taps.get(&SHARED) {
            let sampled = candidates.iter().filter(|options| present.has(options.if_index));
            // `join` logs the error of the others.
            taken.extend(sampled.filter(|options| tap.take_over(options, present).is_ok()));
        }
        self.shortfalls.warn(now, SHARED_NAME, tap.shortfalls());
        let replaced = self.stop(SHARED);
        self.taps.insert(SHARED, tap);
        self.retire(now, replaced, world);
        taken.into_iter().for_each(|options| self.sampled(now, options.clone(), SHARED));
        Ok(())
    }

    /// Moves an interface to the shared tap, if it has room.
    fn join(
        &mut self,
        now: Instant,
        options: &TapOptions,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let if_index = options.if_index;
        let shares = self.shares(if_index);
        let Some(tap) = self.taps.get_mut(&SHARED) else { return };
        if (shares && tap.has(if_index)) || !tap.has_room_for(if_index) {
            return;
        }
        if let Err(error) = tap.join(options) {
            return self.retry(now, if_index, &error);
        }
        self.stop_hooks(if_index);
        let replaced = self.stop(if_index);
        if let Some(tap) = self.taps.get(&SHARED) {
            tap.start_one(if_index);
        }
        self.unhook(now, if_index, output);
        self.retire(now, replaced, world);
        self.sampled(now, options.clone(), SHARED);
    }

    /// Returns true if the interface is sampled by a shared tap.
    pub(super) fn shares(&self, if_index: u32) -> bool {
        self.ports.get(&if_index).is_some_and(|port| port.tap == SHARED)
    }

    /// Opens taps of single interfaces, as many as fit into one turn of the loop.
    pub(super) fn open_own(
        &mut self,
        now: Instant,
        wanted: BTreeMap<u32, TapOptions>,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let mut room = descriptors::taps_allowed(world.config)
            .saturating_sub(self.taps.len() + self.leaving.len());
        let mut refused = 0;
        let has_room = |taps: &mut Self, if_index| {
            if taps.retries.get(&if_index).is_some_and(|at| now < *at) {
                return false;
            }
            if room == 0 {
                refused += 1;
                taps.retries.insert(if_index, now + RETRY);
                return false;
            }
            room -= 1;
            true
        };
        self.open_each(wanted, has_room, |taps, options, reason| {
            if let Some(reason) = reason {
                info!("{}: reopening the tap, {reason}", options.name);
            }
            let if_index = options.if_index;
            if let Err(error) = taps.open_one(now, options, world, output) {
                taps.retry(now, if_index, &error);
            }
        });
        if refused > 0 {
            let shortage = descriptors::shortage(self.taps.len() + refused, world.config);
            self.throttle.warn(now, format_args!("{refused} interfaces not sampled: {shortage}"));
        }
    }

    /// Calls `open` for the interfaces that need another tap, or hooks, and may have them, until the turn
    /// of the loop ends. It gets the reason if the interface is sampled now.
    pub(super) fn open_each(
        &mut self,
        wanted: BTreeMap<u32, TapOptions>,
        mut may_open: impl FnMut(&mut Self, u32) -> bool,
        mut open: impl FnMut(&mut Self, TapOptions, Option<&'static str>),
    ) {
        let end = clock::now() + TURN;
        for options in wanted.into_values() {
            let Err(reason) = self.apply_in_place(&options) else { continue };
            if !may_open(self, options.if_index) {
                continue;
            }
            if clock::now() >= end {
                self.more_at = Some(clock::now() + SOON);
                return;
            }
            open(self, options, reason);
        }
    }

    /// Returns `Err` if the interface needs a new tap, with the reason if it has one now.
    fn apply_in_place(&mut self, options: &TapOptions) -> Result<(), Option<&'static str>> {
        let port = self.ports.get_mut(&options.if_index).ok_or(None)?;
        let tap = capture(&mut self.taps, &mut self.hooking, port.tap);
        let tap = tap.filter(|tap| tap.has(options.if_index)).ok_or(None)?;
        port.apply_in_place(options, tap).map_err(Some)
    }

    /// Opens the tap of one interface, in place of the present one if there is one.
    fn open_one(
        &mut self,
        now: Instant,
        options: TapOptions,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let mut tap = Tap::prepare(&options)?;
        world.watch(&tap, options.if_index)?;
        let if_index = options.if_index;
        if self.shares(if_index) {
            self.end(if_index);
        }
        self.stop_hooks(if_index);
        // The next one starts when the present one has ended, so that no packet is counted twice.
        let replaced = self.stop(if_index);
        let started = tap.start(&options);
        self.unhook(now, if_index, output);
        self.retire(now, replaced, world);
        started?;
        self.taps.insert(if_index, tap);
        self.sampled(now, options, if_index);
        Ok(())
    }

    /// Notes that a tap samples an interface. Its totals continue.
    pub(super) fn sampled(&mut self, now: Instant, options: TapOptions, token: u32) {
        let TapOptions { if_index, name, sampling_rate, direction, .. } = &options;
        let if_index = *if_index;
        if let Some(tap) = capture(&mut self.taps, &mut self.hooking, token) {
            let method = method(tap.method());
            info!(
                "{name}: sampling 1 in {sampling_rate} (ifIndex {if_index}, {method}{direction})"
            );
            if token != SHARED {
                self.shortfalls.warn(now, name, tap.shortfalls());
            }
        }
        self.retries.remove(&if_index);
        let ended = self.ended.remove(&if_index);
        let before = ended.or(self.ports.get(&if_index).map(|port| port.before));
        let before = before.unwrap_or_default();
        let reason = String::new();
        self.ports.insert(if_index, Port { options, tap: token, before, reason });
    }

    /// Notes the origin of each rate: another line of a configuration may have the same rate.
    pub(super) fn note_reasons(&mut self, world: &World<'_>) {
        for (if_index, port) in &mut self.ports {
            if let Some(link) = world.links.get(*if_index) {
                port.reason = rate_reason(world.config, link);
            }
        }
    }

    fn retry(&mut self, now: Instant, if_index: u32, error: &io::Error) {
        self.retries.insert(if_index, now + RETRY);
        self.open_throttle.warn(now, format_args!("{error}; retrying every 5 s"));
    }
}

/// Time until a shared tap that was refused is tried again. Memory or descriptors can be there by then.
const REFUSED: Duration = Duration::from_secs(300);
/// Time for opening taps or hooks before other interfaces, timers and signals have their turn. One tap takes
/// 10 to 30 ms, because PACKET_RX_RING waits for RCU (`packet_set_ring`).
const TURN: Duration = Duration::from_millis(20);
