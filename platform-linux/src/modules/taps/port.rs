//! One sampled interface: its tap, and totals that outlive a tap.

use std::num::NonZeroU32;

use flowmote_core::SampleMeta;
use log::info;

use crate::config::Config;
use crate::links::Link;
use crate::modules::taps::budget::Budget;
use crate::modules::taps::capture::{Capture, Method, TapOptions, TapStats, Way};
use crate::modules::taps::sample::is_supported;
use crate::selection;

/// A sampled interface.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) options: TapOptions,
    /// The token of its tap.
    pub(super) tap: u32,
    /// Totals of the interface's earlier taps, from which pool and drops continue.
    pub(super) before: TapStats,
    /// The origin of its rate, in words.
    pub(super) reason: String,
}

impl Port {
    /// Applies what can change in an open tap, or returns the reason to open it again.
    pub(super) fn apply_in_place(
        &mut self,
        options: &TapOptions,
        tap: &mut dyn Capture,
    ) -> Result<(), &'static str> {
        if self.options.name != options.name {
            info!("{}: renamed to {}", self.options.name, options.name);
            self.options.name.clone_from(&options.name);
        }
        if self.options.way != options.way {
            return Err("the way of capture changed");
        }
        // The classic filter depends on it, and so do frame lengths without PACKET_VNET_HDR.
        if self.options.mtu != options.mtu && !tap.shortfalls().is_empty() {
            return Err("the MTU changed");
        }
        if self.options.direction != options.direction {
            return Err("the direction changed");
        }
        let header_bytes = options.header_bytes;
        if self.options.header_bytes != header_bytes
            && !tap.set_header_bytes(options.if_index, header_bytes)
        {
            return Err("headerBytes changed");
        }
        if !tap.is_shared() && self.options.ring_shape() != options.ring_shape() {
            return Err("the new rate needs another ring size");
        }
        if self.options.promiscuous != options.promiscuous {
            let on = options.promiscuous;
            tap.set_promiscuous(options, on).map_err(|_| "promiscuous mode changed")?;
        }
        if self.options.sampling_rate != options.sampling_rate {
            let rate = options.sampling_rate;
            tap.set_sampling_rate(options.if_index, rate)
                .map_err(|_| "the kernel refused the new rate")?;
            info!("{}: sampling 1 in {rate}", options.name);
        }
        self.options = options.clone();
        Ok(())
    }

    /// Applies the rate that the budget allows.
    pub(super) fn follow(&mut self, budget: &Budget, tap: &mut dyn Capture) {
        let Self { options, .. } = self;
        let rate = budget.rate(options.configured_rate);
        // Where the kernel refuses the new rate, samples keep the one of before.
        if rate != options.sampling_rate && tap.set_sampling_rate(options.if_index, rate).is_ok() {
            options.sampling_rate = rate;
        }
    }

    /// Pool and drops of a sample, modulo 2^32, as if one tap had been open from the start. `meta`
    /// has those of the present tap, `rate` is that of the sample.
    pub(super) fn continue_totals(&self, meta: SampleMeta, rate: u32) -> SampleMeta {
        SampleMeta {
            sampling_rate: rate,
            sample_pool: meta.sample_pool.wrapping_add(self.before.seen as u32),
            drops: meta.drops.wrapping_add(self.before.lost as u32),
        }
    }
}

/// The method in words.
pub(super) fn method(method: Method) -> &'static str {
    match method {
        Method::Ebpf => "eBPF filter",
        Method::Classic => "classic BPF filter",
        Method::Hooks => "eBPF at tc hooks",
    }
}

/// The origin of the sampling rate of a link, in words; empty if the configuration does not select
/// it.
pub(super) fn rate_reason(config: &Config, link: &Link) -> String {
    let rule = config.tap_for(&selection::traits(link));
    rule.map(|rule| config.sampling_rate(rule, link.speed_bps).1.to_string()).unwrap_or_default()
}

/// The tap of a link, if the configuration selects it at a rate other than 0.
pub(super) fn tap_options(config: &Config, link: &Link, budget: &Budget) -> Option<TapOptions> {
    let rule = config.tap_for(&selection::traits(link))?;
    let (rate, _) = config.sampling_rate(rule, link.speed_bps);
    let configured_rate = NonZeroU32::new(rate).filter(|_| is_supported(link.hardware))?;
    Some(TapOptions {
        if_index: link.index,
        name: link.name.clone(),
        sampling_rate: budget.rate(configured_rate),
        configured_rate,
        direction: rule.direction,
        header_bytes: config.header_bytes,
        promiscuous: rule.promiscuous,
        way: Way::Socket,
        hardware_type: link.hardware,
        loopback: link.is_loopback(),
        mtu: link.mtu,
        ring: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;

    #[test]
    fn pool_and_drops_continue_over_taps_and_wrap() {
        let options = TapOptions {
            if_index: 7,
            name: "eth9".into(),
            sampling_rate: NonZeroU32::MIN,
            configured_rate: NonZeroU32::MIN,
            direction: Direction::Both,
            header_bytes: 128,
            promiscuous: false,
            way: Way::Socket,
            hardware_type: libc::ARPHRD_ETHER,
            loopback: false,
            mtu: 1500,
            ring: None,
        };
        let before = TapStats { seen: (1 << 32) - 2, lost: 40, ..TapStats::default() };
        let port = Port { options, tap: 7, before, reason: String::new() };
        let meta = SampleMeta { sampling_rate: 1, sample_pool: 5, drops: 2 };
        let expected = SampleMeta { sampling_rate: 9, sample_pool: 3, drops: 42 };
        assert_eq!(port.continue_totals(meta, 9), expected);
    }
}
