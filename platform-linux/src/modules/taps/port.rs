//! One sampled interface: its tap, and totals that outlive a tap.

use std::io;
use std::num::NonZeroU32;

use flowmote_core::{Instant, SampleMeta};
use log::{info, warn};

use crate::config::Config;
use crate::links::Link;
use crate::modules::module::World;
use crate::modules::taps::capture::{
    LinkFault, Method, Packet, RingShape, Tap, TapOptions, TapStats,
};
use crate::modules::taps::paths::Paths;
use crate::modules::taps::sample::{is_supported, with_flow_sample};
use crate::output::Output;
use crate::selection;

/// A sampled interface.
#[derive(Debug)]
pub(super) struct Port {
    options: TapOptions,
    tap: Tap,
    /// Totals of the interface's earlier taps, from which pool and drops continue.
    before: TapStats,
}

impl Port {
    /// Opens the tap and registers it for wake-ups with the ifIndex as token.
    ///
    /// # Errors
    /// Those of [`Tap::open`] and [`World::watch`].
    pub(super) fn open(
        options: TapOptions,
        before: TapStats,
        world: &World<'_>,
    ) -> io::Result<Self> {
        let tap = Tap::open(&options)?;
        world.watch(&tap, options.if_index)?;
        let TapOptions { name, sampling_rate, if_index, .. } = &options;
        let method = method(tap.method());
        info!("{name}: sampling 1 in {sampling_rate} (ifIndex {if_index}, {method})");
        for shortfall in tap.shortfalls() {
            warn!("{name}: {shortfall}");
        }
        Ok(Self { options, tap, before })
    }

    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    pub(super) fn sampling_rate(&self) -> NonZeroU32 {
        self.options.sampling_rate
    }

    /// Passes at most about [`BUDGET`] samples to the agent and returns their number.
    ///
    /// # Errors
    /// That of [`Tap::drain`].
    pub(super) fn drain(
        &mut self,
        now: Instant,
        if_index: u32,
        paths: &mut Paths,
        output: &mut Output<'_>,
    ) -> io::Result<usize> {
        let before = self.before;
        let drained = self.tap.drain(BUDGET, &mut |packet| {
            let packet = Packet { meta: continue_totals(packet.meta, before), ..*packet };
            let sides = paths.sides(now, if_index, &packet);
            with_flow_sample(if_index, &packet, sides, |sample| output.flow_sample(now, sample));
        });
        drained.map(|drained| drained.samples)
    }

    /// Applies what can change in an open tap, or returns the reason to open it again.
    pub(super) fn apply_in_place(&mut self, options: &TapOptions) -> Result<(), &'static str> {
        if self.options.name != options.name {
            info!("{}: renamed to {}", self.options.name, options.name);
            self.options.name.clone_from(&options.name);
        }
        if self.options.header_bytes != options.header_bytes {
            return Err("headerBytes changed");
        }
        if self.options.promiscuous != options.promiscuous {
            return Err("promiscuous mode changed");
        }
        // The classic filter depends on it, and so do frame lengths without PACKET_VNET_HDR.
        if self.options.mtu != options.mtu && !self.tap.shortfalls().is_empty() {
            return Err("the MTU changed");
        }
        let shape = |options: &TapOptions| RingShape::for_rate(options.sampling_rate);
        if shape(&self.options) != shape(options) {
            return Err("the new rate needs another ring size");
        }
        if self.options.sampling_rate != options.sampling_rate {
            let rate = options.sampling_rate;
            self.tap.set_sampling_rate(rate).map_err(|_| "the kernel refused the new rate")?;
            info!("{}: sampling 1 in {rate}", options.name);
        }
        self.options = options.clone();
        Ok(())
    }

    /// See [`Tap::take_fault`].
    pub(super) fn take_fault(&mut self) -> io::Result<Option<LinkFault>> {
        self.tap.take_fault()
    }

    /// Totals of the interface over all its taps.
    pub(super) fn totals(&mut self) -> TapStats {
        let mut totals = self.before;
        totals += self.tap.stats().unwrap_or_default();
        totals
    }
}

/// The method in words.
pub(super) fn method(method: Method) -> &'static str {
    match method {
        Method::Ebpf => "eBPF filter",
        Method::Classic => "classic BPF filter",
    }
}

/// The tap of a link, if the configuration selects it at a rate other than 0.
pub(super) fn tap_options(config: &Config, link: &Link) -> Option<TapOptions> {
    let rule = config.tap_for(&selection::traits(link))?;
    let (rate, _) = config.sampling_rate(rule, link.speed_bps);
    Some(TapOptions {
        if_index: link.index,
        name: link.name.clone(),
        sampling_rate: NonZeroU32::new(rate).filter(|_| is_supported(link.hardware))?,
        header_bytes: config.header_bytes,
        promiscuous: rule.promiscuous,
        loopback: link.is_loopback(),
        mtu: link.mtu,
        ring: None,
    })
}

/// Returns pool and drops, modulo 2^32, as if one tap had been open from the start.
fn continue_totals(meta: SampleMeta, before: TapStats) -> SampleMeta {
    SampleMeta {
        sample_pool: meta.sample_pool.wrapping_add(before.seen as u32),
        drops: meta.drops.wrapping_add(before.lost as u32),
        ..meta
    }
}

/// Samples read before other interfaces, timers and signals have their turn: about a millisecond.
const BUDGET: usize = 4096;
