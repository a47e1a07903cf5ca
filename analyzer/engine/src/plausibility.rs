//! Values that no device can mean: they are counted, and left out of estimates.

use core::fmt;
use std::collections::BTreeMap;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::{DataSource, FlowSample};

use crate::interfaces::{SampleTime, faster_than_link, interface};
use crate::sequence::StreamId;
use crate::table::Table;

/// Implausible values by kind, and the counters to compare the next ones with. The counters of at
/// most 7168 samplers and 3584 interfaces of tracked streams are kept.
#[derive(Debug)]
pub(crate) struct Plausibility {
    counts: BTreeMap<&'static str, u64>,
    pools: Table<Key, Option<Pool>>,
    counters: Table<Key, Option<(SampleTime, IfCounters)>>,
}

/// A data source of a stream of datagrams.
type Key = (StreamId, DataSource);

/// The last flow sample of a sampler, and the course of its pool.
#[derive(Clone, Copy, Debug)]
struct Pool {
    sequence_number: u32,
    packets: u32,
    /// Samples since the pool has this value.
    samples: u32,
    /// Packets by which it grew then; [`LAG`] if that is unknown.
    growth: u32,
}

impl Default for Plausibility {
    fn default() -> Self {
        let (pools, counters) = (Table::new(7 << 10), Table::new(7 << 9));
        Self { counts: BTreeMap::new(), pools, counters }
    }
}

impl Plausibility {
    /// Adds the counts of another one.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }

    /// Counts the implausible values of a flow sample. Returns the name of one that makes its
    /// estimate wrong.
    pub(crate) fn flow(
        &mut self,
        stream: Option<StreamId>,
        sample: &FlowSample<'_>,
    ) -> Option<&'static str> {
        let header =
            sample.records().flatten().find_map(|record| record.read::<SampledHeader<'_>>());
        let length = header.map_or_else(|| sample.packet().length(), |it| Some(it.frame_length));
        let found = match (sample.implausible(length), header) {
            (Some(found), _) => Some(found.name()),
            (None, Some(header)) if longer_than_packet(&header) => Some("length_beyond_packet"),
            (None, _) => None,
        };
        // The pool is no part of an estimate.
        let pool = stream.and_then(|stream| self.pool((stream, sample.source_id), sample));
        for name in found.into_iter().chain(pool) {
            self.count(name);
        }
        found
    }

    /// Counts a step of the counters that the link is too slow for.
    pub(crate) fn counters(
        &mut self,
        stream: Option<StreamId>,
        time: SampleTime,
        counters: IfCounters,
    ) {
        let Some(stream) = stream else { return };
        let last = self.counters.touch((stream, interface(&counters)));
        let impossible = last.as_ref().is_some_and(|(before, old)| {
            time.since(before).is_some_and(|elapsed| faster_than_link(old, &counters, elapsed))
        });
        *last = Some((time, counters));
        if impossible {
            self.count("counter_step");
        }
    }

    /// Compares the pool with that of the sample before: it never decreases. Agents read it for several
    /// samples together, before or after them, so that the samples with one value are compared with its
    /// growth before and after them. Agents that do not count it send 0.
    fn pool(&mut self, key: Key, sample: &FlowSample<'_>) -> Option<&'static str> {
        let last = self.pools.touch(key);
        let (sequence_number, packets) = (sample.sequence_number, sample.sample_pool);
        let start = Pool { sequence_number, packets, samples: 1, growth: LAG };
        let before = last.replace(start)?;
        let samples = sequence_number.wrapping_sub(before.sequence_number);
        if samples > MAX_SAMPLES {
            // Late: compare the next sample with the one before it. Else a new sequence.
            if samples.cast_signed() < 0 && samples.cast_signed() >= -MAX_LATE {
                *last = Some(before);
            }
            return None;
        }
        let counted = packets != 0 || before.packets != 0;
        (counted && !last.insert(start).follows(before, samples)).then_some("pool_step")
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// Names of the values, and how often each occurred.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(name, count)| (*name, *count))
    }

    /// All implausible values.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl Pool {
    /// Continues the course of the pool that it had `samples` ago. Returns false if that is impossible.
    fn follows(&mut self, before: Self, samples: u32) -> bool {
        let growth = self.packets.wrapping_sub(before.packets);
        if growth == 0 {
            self.samples = before.samples.saturating_add(samples);
            self.growth = before.growth;
            return self.samples <= self.growth.saturating_add(LAG);
        }
        if growth.cast_signed() < 0 {
            return false;
        }
        self.growth = growth;
        // Lost samples had either value.
        let with_one_value = before.samples.saturating_add(samples.saturating_sub(1));
        with_one_value <= before.growth.saturating_add(growth)
    }
}

/// A line for each kind that occurred, preceded by a line feed.
impl fmt::Display for Plausibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts
            .iter()
            .try_for_each(|(name, count)| write!(f, "\n  implausible {name}: {count}"))
    }
}

/// True if the frame is longer than the IP packet in it with everything around it. The reverse is
/// possible: the length of a super-packet (TSO) in the header of one of its frames.
fn longer_than_packet(header: &SampledHeader<'_>) -> bool {
    header.ip_end().is_some_and(|end| {
        let around = header.stripped.saturating_add(MAX_TRAILER);
        header.frame_length > around.saturating_add(end as u32)
    })
}

/// Bytes of a frame after its IP packet: padding to the shortest frame, checksum, tags of a switch.
const MAX_TRAILER: u32 = 64;
/// Samples between two samples that are compared.
const MAX_SAMPLES: u32 = 1000;
/// Samples that an agent takes between two readings of its pool at most.
const LAG: u32 = 1000;
/// Samples that a late one is late.
const MAX_LATE: i32 = 64;
