//! The flows of data sources that are above a limit, without a copy of the table.

use foldhash::{HashMap, HashMapExt};

use super::cache::FlowCache;
use super::estimate::{Estimate, Sums};
use super::snapshot::{SourceFlow, SourceFlows};
use crate::instant::Instant;
use crate::source::Source;

impl FlowCache {
    /// The flows of a definition whose value at a data source is above `limit`: data source, key and
    /// value, in arbitrary order. Empty without a definition of this name.
    pub fn above(&self, now: Instant, name: &str, limit: f64) -> Vec<(Source, String, Estimate)> {
        let Some(flow) = self.find(name) else { return Vec::new() };
        if flow.plan.value_is_further() {
            return self.readings_above(now, name, limit);
        }
        // A data source has a slot for each passage of a packet.
        let least = limit / PASSAGES;
        let mut sums: HashMap<(u32, &[u8]), (Sums, f64)> = HashMap::new();
        for segment in flow.table.segments() {
            let factor = flow.decay.per_second(segment.epoch, now);
            let large = segment.entries().filter(|entry| entry.slot.sums.total * factor > least);
            for entry in large {
                let key = (entry.slot.observer.source(), entry.key);
                let (sum, error) = sums.entry(key).or_default();
                *sum = sum.plus(entry.slot.sums.scaled(factor));
                *error += entry.slot.error * factor;
            }
        }
        let flows = sums.into_iter().filter(|(_, (sum, _))| sum.total > limit);
        let named = flows.filter_map(|((source, key), (sum, error))| {
            let state = self.source(source)?;
            let key = flow.plan.keys.text(key, &flow.definition.fs);
            let sum = sum.with_common_error(state.sampling.error());
            let rate = state.sampling.rate().used;
            Some((state.source, key, sum.estimate(error).at_rate(rate)))
        });
        named.collect()
    }

    /// The same for values that are no sums.
    fn readings_above(
        &self,
        now: Instant,
        name: &str,
        limit: f64,
    ) -> Vec<(Source, String, Estimate)> {
        let Some(snapshot) = self.snapshot(now, name) else { return Vec::new() };
        let sources = snapshot.top_keys(&Default::default(), &Default::default(), Some(usize::MAX));
        let flows = sources.into_iter().flat_map(|SourceFlows { source, keys, .. }| {
            keys.into_iter().map(move |SourceFlow { key, estimate }| (source, key, estimate))
        });
        flows.filter(|(_, _, estimate)| estimate.value > limit).collect()
    }
}

/// Ways of a packet past a data source: see `Passage`.
const PASSAGES: f64 = 3.0;
