//! The choice among the samples of the kernel, where its rate is finer than the configured one.

use std::collections::BTreeMap;

use flowmote_core::{SampleMeta, Sampler};

use crate::config::Config;
use crate::links::Links;
use crate::pools::Pools;
use crate::seed::seed;

/// Pools of the interfaces, and one sampler for each.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    pools: Pools,
    samplers: BTreeMap<u32, Thinner>,
    /// N of 1 in N packets by ifIndex, for interfaces that are there.
    configured: BTreeMap<u32, u32>,
}

/// The sampler of an interface among what the kernel passes on.
#[derive(Debug)]
struct Thinner {
    sampler: Sampler,
    /// Lost samples of the kernel that do not yet make one of ours.
    remainder: u32,
}

impl Thinning {
    /// Takes the rates of the configuration over, and forgets interfaces that are gone.
    pub(super) fn reconfigure(&mut self, config: &Config, links: &Links) {
        self.configured =
            links.iter().map(|link| (link.index, config.rate_of_speed(link.speed_bps).0)).collect();
        let exists = |if_index| links.get(if_index).is_some();
        self.retain(exists);
    }

    /// Forgets interfaces for which `exists` returns false: their ifIndex may be used again.
    pub(super) fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        self.samplers.retain(|&if_index, _| exists(if_index));
        self.pools.retain(exists);
    }

    /// Returns true for an interface of an earlier packet.
    pub(super) fn contains(&self, if_index: u32) -> bool {
        self.pools.contains(if_index)
    }

    /// The ifIndex of each interface of packets so far.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.pools.interfaces()
    }

    /// Counts a packet that the kernel has sampled 1 in `rate`, and the `lost` samples before it.
    /// Returns the fields of its flow sample if it is to be one.
    ///
    /// Of `lost` samples one in `every` would have been one of ours, so only these are drops.
    pub(super) fn choose(&mut self, if_index: u32, rate: u32, lost: u32) -> Option<SampleMeta> {
        // An interface that is not yet known, for a moment, is sampled as the kernel does.
        let configured = self.configured.get(&if_index).copied().unwrap_or(rate);
        let every = if configured == 0 { 0 } else { (configured / rate.max(1)).max(1) };
        let thinner = self
            .samplers
            .entry(if_index)
            .or_insert_with(|| Thinner { sampler: Sampler::new(every, seed()), remainder: 0 });
        if thinner.sampler.sampling_rate() != every {
            thinner.sampler.set_sampling_rate(every);
        }
        let all_lost = thinner.remainder.saturating_add(lost);
        thinner.remainder = all_lost.checked_rem(every).unwrap_or_default();
        let drops = all_lost.checked_div(every).unwrap_or_default();
        let meta = self.pools.count_dropped(if_index, rate, lost, drops);
        let is_chosen = thinner.sampler.advance(1).is_some();
        let sampling_rate = rate.saturating_mul(every);
        is_chosen.then_some(SampleMeta { sampling_rate, ..meta })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thinning(configured: u32) -> Thinning {
        Thinning { configured: BTreeMap::from([(7, configured)]), ..Thinning::default() }
    }

    /// Of 100,000 samples: how many were chosen, and the last of them.
    fn chosen(thinning: &mut Thinning, rate: u32) -> (u32, SampleMeta) {
        let mut last = (0, SampleMeta::default());
        for _ in 0..100_000 {
            if let Some(meta) = thinning.choose(7, rate, 0) {
                last = (last.0 + 1, meta);
            }
        }
        last
    }

    #[test]
    fn coarser_rate_of_the_kernel_is_kept() {
        for configured in [1, 399, 400] {
            let (count, meta) = chosen(&mut thinning(configured), 400);
            assert_eq!((count, meta.sampling_rate), (100_000, 400), "{configured}");
            assert_eq!(meta.sample_pool, 100_000 * 400);
        }
    }

    #[test]
    fn finer_rate_of_the_kernel_is_thinned_out() {
        let mut thinning = thinning(1000);
        let (count, meta) = chosen(&mut thinning, 100);
        assert_eq!(meta.sampling_rate, 1000);
        // Three standard deviations of skips that are uniform on 1..=19.
        assert!((9_820..=10_180).contains(&count), "{count}");
        let pool = thinning.pools.count(7, 1, 0).sample_pool;
        assert_eq!(pool, 100_000 * 100 + 1, "every packet is in the pool, sampled or not");
    }

    #[test]
    fn product_is_at_most_the_configured_rate() {
        let (count, meta) = chosen(&mut thinning(1000), 300);
        assert_eq!(meta.sampling_rate, 900);
        assert!((32_000..=34_700).contains(&count), "{count}");
    }

    #[test]
    fn rate_0_samples_nothing() {
        assert_eq!(chosen(&mut thinning(0), 100).0, 0);
    }

    #[test]
    fn one_lost_sample_in_as_many_as_are_passed_over_is_a_drop() {
        let mut thinning = thinning(1000);
        let losses = [3, 6, 1, 25];
        for (lost, drops) in losses.into_iter().zip([0, 0, 1, 3]) {
            thinning.choose(7, 100, lost);
            let meta = thinning.pools.count(7, 0, 0);
            assert_eq!(meta.drops, drops, "after {lost} more");
        }
        assert_eq!(thinning.pools.count(7, 0, 0).sample_pool, (4 + 3 + 6 + 1 + 25) * 100);
        let mut every = self::thinning(100);
        assert_eq!(every.choose(7, 100, 5).unwrap().drops, 5);
    }

    #[test]
    fn unknown_interface_is_sampled_as_the_kernel_does() {
        let meta = Thinning::default().choose(9, 100, 0).unwrap();
        assert_eq!((meta.sampling_rate, meta.sample_pool), (100, 100));
    }
}
