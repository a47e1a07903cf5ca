//! Samples on their way from the rings to the agent.

use flowmote_core::Instant;

use crate::modules::taps::capture::{Capture, Packet};
use crate::modules::taps::hooking::capture;
use crate::modules::taps::leaving::Leaving;
use crate::modules::taps::paths::Paths;
use crate::modules::taps::sample::with_flow_sample;
use crate::modules::taps::{HOOKS, SOON, Taps};
use crate::output::Output;

impl Taps {
    /// Passes a bounded number of the samples that wait in a tap to the agent; what is left wakes
    /// the loop again. Returns true if there were any.
    pub(super) fn drain_tap(&mut self, now: Instant, token: u32, output: &mut Output<'_>) -> bool {
        let Self { taps, hooking, ports, paths, .. } = self;
        let Some(tap) = capture(taps, hooking, token) else { return false };
        let drained = tap.drain(BUDGET, &mut |packet| {
            if let Some(port) = ports.get(&packet.if_index) {
                let meta = port.continue_totals(packet.meta, packet.meta.sampling_rate);
                pass_on(now, &Packet { meta, ..*packet }, paths, output);
            }
        });
        match drained {
            Ok(drained) => {
                if token == HOOKS {
                    self.hooking.was_read(drained.more);
                }
                self.count(now, drained.samples);
                drained.samples > 0
            }
            Err(error) => {
                self.warn_of_socket(now, token, &error);
                true
            }
        }
    }

    /// Counts samples towards the budget, and applies the rates that follow from it.
    pub(super) fn count(&mut self, now: Instant, samples: usize) {
        if !self.budget.count(now, samples) {
            return;
        }
        let Self { ports, taps, hooking, budget, .. } = self;
        for port in ports.values_mut() {
            if let Some(tap) = capture(taps, hooking, port.tap) {
                port.follow(budget, tap);
            }
        }
    }

    /// Drains the tap of an interface.
    pub(super) fn drain_of(&mut self, now: Instant, if_index: u32, output: &mut Output<'_>) {
        if let Some(token) = self.ports.get(&if_index).map(|port| port.tap) {
            self.drain_tap(now, token, output);
        }
    }

    /// Passes samples of taps that were replaced to the agent. Pool and drops are those of the
    /// interface now, in its present tap, so that they never step back.
    pub(super) fn drain_leaving(
        &mut self,
        now: Instant,
        is_due: impl Fn(&Leaving) -> bool,
        output: &mut Output<'_>,
    ) -> bool {
        let Self { leaving, taps, hooking, ports, paths, .. } = self;
        let mut more = false;
        let due = leaving.iter_mut().filter(|leaving| is_due(leaving));
        for Leaving { tap, until, counted, .. } in due {
            let drained = tap.drain(BUDGET, &mut |packet| {
                let Some(port) = ports.get(&packet.if_index) else { return };
                let current = capture(taps, hooking, port.tap).map(|tap| tap.meta(packet.if_index));
                let rate = packet.meta.sampling_rate;
                let mut meta = port.continue_totals(current.unwrap_or_default(), rate);
                // An estimated pool grows by the samples that are read.
                let counted = counted.get(&packet.if_index).map_or(0, |it| it.seen as u32);
                let news = packet.meta.sample_pool.wrapping_sub(counted).cast_signed().max(0);
                meta.sample_pool = meta.sample_pool.wrapping_add_signed(news);
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
    pub(super) fn finish_leaving(&mut self, now: Instant, output: &mut Output<'_>) {
        self.drain_leaving(now, |leaving| leaving.until <= now, output);
        self.leaving.iter_mut().for_each(|leaving| leaving.wait_for_ring(now));
        let due: Vec<Leaving> =
            self.leaving.extract_if(.., |leaving| leaving.until <= now).collect();
        for mut leaving in due {
            self.add_to_ports(leaving.last_news());
            self.closer.close(leaving.tap);
        }
    }
}

/// Passes a sample to the agent, with the interfaces between which the packet passed.
fn pass_on(now: Instant, packet: &Packet<'_>, paths: &mut Paths, output: &mut Output<'_>) {
    let sides = paths.sides(now, packet.if_index, packet);
    with_flow_sample(packet.if_index, packet, sides, |sample| output.flow_sample(now, sample));
}

/// Samples read before other interfaces, timers and signals have their turn: about a millisecond.
const BUDGET: usize = 4096;
