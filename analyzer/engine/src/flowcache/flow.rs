//! One defined flow: its plan, and its tables.

use std::sync::Arc;

use foldhash::fast::RandomState;

use super::accumulator::Observation;
use super::budget::Budget;
use super::counted::Counted;
use super::decay::Decay;
use super::definition::Definition;
use super::ended::{Ended, Labels};
use super::estimate::{Sums, Weight};
use super::lifetime::Lifetime;
use super::observer::{Observer, Passage};
use super::plan::Plan;
use super::segment::{Entry, Found, Shape};
use super::slot::{Probe, Ticks, key_hash};
use super::table::Table;
use crate::instant::Instant;
use crate::keys::{Context, KeyBuffer, Packet};
use crate::points::FlowTotal;

/// A definition in use.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) name: Arc<str>,
    pub(crate) definition: Arc<Definition>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) decay: Decay,
    moment: Moment,
    /// True if a packet is added to the sums of entries and to nothing else.
    plain: bool,
    /// Entries by observer and key.
    pub(crate) table: Table,
    /// An entry for each data source.
    pub(crate) totals: Table,
    /// Sums that never decrease, if the definition has them.
    pub(crate) counted: Option<Counted>,
    /// The samples since it was taken, without decay.
    recent: Sums,
    /// What no sample may hide; NaN before the first one.
    unseen: f64,
    swept: Instant,
    /// Samples in flows so far.
    pub(crate) samples: u64,
}

/// What follows from the time of a sample. All samples of a datagram have one time.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Instant,
    growth: f64,
    period: u32,
}

/// A packet that is not in its flow yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    /// Place of its flow among all of them.
    pub(crate) flow: usize,
    pub(crate) sample: Sample,
    /// What it adds to the main sum of its entry.
    pub(crate) amount: f64,
    /// The hash of its key.
    pub(crate) hash: u64,
    /// Place of its further values among those of all packets.
    pub(crate) further: usize,
}

/// A sample as flows need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) now: Instant,
    pub(crate) ticks: Ticks,
    pub(crate) source: u32,
    pub(crate) observer: Observer,
    pub(crate) weight: Weight,
}

/// What the flows share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) budget: Budget,
    pub(crate) hasher: RandomState,
    pub(crate) ended: Ended,
}

impl Flow {
    pub(crate) fn new(
        name: &str,
        definition: Definition,
        plan: Plan,
        now: Instant,
        budget: &mut Budget,
    ) -> Self {
        let shape = plan.shape(definition.log);
        let t = definition.t;
        let counted = definition.counter.then(Counted::default);
        let decay = Decay::new(now, t);
        budget.account(0, OWN_BYTES);
        Self {
            name: name.into(),
            definition: definition.into(),
            plan: plan.into(),
            decay,
            moment: Moment { now, growth: 1.0, period: period(now, t) },
            plain: shape.is_plain() && counted.is_none(),
            table: Table::new(shape, budget),
            totals: Table::new(Shape { lives: false, ..shape }, budget),
            counted,
            recent: Sums::default(),
            unseen: f64::NAN,
            swept: now,
            samples: 0,
        }
    }

    /// Writes the key of a packet to `key`. Returns what it adds to the main sum of its entry, and the hash
    /// of the key; `None` if it belongs to no flow.
    #[inline]
    pub(crate) fn read(
        &self,
        sample: &Sample,
        packet: &Packet<'_>,
        context: &Context<'_>,
        shared: &Shared,
        key: &mut KeyBuffer,
    ) -> Option<(f64, u64)> {
        let amount = self.plan.read(packet, context, key)?;
        Some((amount, key_hash(&shared.hasher, sample.observer, key)))
    }

    /// Begins to load the entries of a packet.
    #[inline]
    pub(crate) fn touch(&self, pending: &Pending) {
        self.table.touch(pending.hash);
        self.totals.touch(Observer::new(pending.sample.source, Passage::In).spread());
    }

    /// Adds a packet.
    #[inline]
    pub(crate) fn add(
        &mut self,
        pending: &Pending,
        key: &KeyBuffer,
        further: &[Observation],
        shared: &mut Shared,
    ) {
        let Pending { sample, amount, hash, .. } = pending;
        self.samples += 1;
        if self.moment.now != sample.now {
            self.pass_to(sample.now);
        }
        if self.definition.counts(sample.observer.passage()) {
            self.recent.add(*amount, sample.weight);
        }
        let Moment { growth, period, .. } = self.moment;
        let (entry, total) = (
            Probe::new(key, sample.observer, *hash),
            Probe::of_observer(Observer::new(sample.source, Passage::In)),
        );
        let reading =
            Reading { amount: *amount, weight: sample.weight.grown(growth), period, further };
        if self.plain {
            return self.add_sums(&entry, &total, sample.ticks, &reading, &mut shared.budget);
        }
        self.add_to_entry(&entry, sample, &reading, shared);
        self.add_to_total(&total, sample.ticks, &reading, shared);
        if let Some(counted) = &mut self.counted
            && self.definition.counts(sample.observer.passage())
        {
            counted.add(key.bytes(), sample, amount * sample.weight.packets, shared);
        }
    }

    /// Adds the packet to the sums of its entry and of its data source, where there is nothing else.
    #[inline]
    fn add_sums(
        &mut self,
        entry: &Probe<'_>,
        total: &Probe<'_>,
        ticks: Ticks,
        reading: &Reading<'_>,
        budget: &mut Budget,
    ) {
        if let Some(slot) = self.table.slot(entry, &self.decay, budget) {
            slot.add(reading.amount, reading.weight, ticks);
        }
        if let Some(slot) = self.totals.slot(total, &self.decay, budget) {
            slot.add(reading.amount, reading.weight, ticks);
        }
    }

    fn pass_to(&mut self, now: Instant) {
        let (growth, period) = (self.decay.advance(now), self.period(now));
        self.moment = Moment { now, growth, period };
    }

    fn add_to_total(
        &mut self,
        probe: &Probe<'_>,
        ticks: Ticks,
        reading: &Reading<'_>,
        shared: &mut Shared,
    ) {
        let budget = &mut shared.budget;
        let found = self.totals.entry(probe, &self.decay, budget, |_| {});
        let Some(mut found) = found else { return };
        if let Some((before, after)) = reading.add_to(&mut found, ticks) {
            self.totals.note_heap(probe.hash, before, after, budget);
        }
    }

    fn add_to_entry(
        &mut self,
        probe: &Probe<'_>,
        sample: &Sample,
        reading: &Reading<'_>,
        shared: &mut Shared,
    ) {
        let Shared { budget, ended, .. } = shared;
        let labels = Labels { name: &self.name, definition: &self.definition, plan: &self.plan };
        let found = self.table.entry(probe, &self.decay, budget, |entry| {
            if let Some(life) = entry.life {
                ended.flow(labels, entry, life);
            }
        });
        let Some(mut found) = found else { return };
        let heap = reading.add_to(&mut found, sample.ticks);
        if let Some(life) = found.life {
            let total = reading.amount * sample.weight.packets;
            if life.add(sample.now, total) && self.definition.flow_start {
                ended.begun(labels, probe.key, sample, total);
            }
        }
        if let Some((before, after)) = heap {
            self.table.note_heap(probe.hash, before, after, budget);
        }
    }

    /// What the samples since the last call stand for; `None` if the value is no sum.
    pub(crate) fn take_recent(&mut self) -> Option<FlowTotal> {
        if self.plan.value_is_further() {
            return None;
        }
        let Sums { total, squares, variance } = core::mem::take(&mut self.recent);
        if total > 0.0 {
            self.unseen = 3.0 * variance / total;
        }
        Some(FlowTotal { total, squares, variance, unseen: self.unseen })
    }

    /// The period of extremes and distinct values at a time.
    pub(crate) fn period(&self, now: Instant) -> u32 {
        period(now, self.definition.t)
    }

    /// Removes entries without recent samples, and records flows that ended, in a part of the table.
    pub(crate) fn sweep(&mut self, now: Instant, budget: &mut Budget, ended: &mut Ended) {
        if let Some(counted) = &mut self.counted {
            counted.sweep(Ticks::at(now), budget);
        }
        let elapsed = now.since(self.swept).as_secs_f64();
        let round = (self.definition.t / 4.0).clamp(0.25, 5.0);
        let count = |table: &Table| (table.segments().len() as f64 * elapsed / round) as usize;
        let (entries, totals) = (count(&self.table), count(&self.totals).max(1));
        if entries == 0 {
            return;
        }
        self.swept = now;
        let (ticks, t) = (Ticks::at(now), self.definition.t);
        let idle = |seen: Ticks| ticks.since(seen) > IDLE * t + 1.0;
        let labels = Labels { name: &self.name, definition: &self.definition, plan: &self.plan };
        let visit = |entry: Entry<'_>, life: &mut Lifetime| ended.check(labels, entry, life, now);
        self.table.sweep(entries, |slot| idle(slot.seen), visit, budget);
        self.totals.sweep(totals, |slot| idle(slot.seen), |_, _| {}, budget);
    }

    /// Reduces the table to about `bytes`.
    pub(crate) fn reduce(&mut self, bytes: usize, budget: &mut Budget, ended: &mut Ended) {
        let labels = Labels { name: &self.name, definition: &self.definition, plan: &self.plan };
        self.table.reduce(bytes, budget, |entry| {
            if let Some(life) = entry.life {
                ended.flow(labels, entry, life);
            }
        });
    }

    /// Bytes of the definition and its tables.
    pub(crate) fn bytes(&self) -> usize {
        let counted = self.counted.as_ref().map_or(0, Counted::bytes);
        OWN_BYTES + self.table.bytes() + self.totals.bytes() + counted
    }

    /// Records all flows that have not ended.
    pub(crate) fn end_all(&mut self, ended: &mut Ended) {
        let labels = Labels { name: &self.name, definition: &self.definition, plan: &self.plan };
        for entry in self.table.segments().iter().flat_map(|segment| segment.entries()) {
            if let Some(life) = entry.life {
                ended.flow(labels, entry, life);
            }
        }
    }
}

/// The number of the period of `t` seconds that contains a time.
fn period(time: Instant, t: f64) -> u32 {
    (time.since(Instant::default()).as_secs_f64() / t) as u32
}

/// What a packet adds to its entries.
struct Reading<'r> {
    amount: f64,
    weight: Weight,
    period: u32,
    /// The further values, and those of the packets after it.
    further: &'r [Observation],
}

impl Reading<'_> {
    /// Adds the packet to an entry. Returns the heap of the further values before and after, if it
    /// changed.
    #[inline]
    fn add_to(&self, found: &mut Found<'_>, ticks: Ticks) -> Option<(usize, usize)> {
        found.slot.add(self.amount, self.weight, ticks);
        let (mut before, mut after) = (0, 0);
        for (value, observation) in found.values.iter_mut().zip(self.further) {
            before += value.heap();
            value.add(*observation, self.weight, self.period);
            after += value.heap();
        }
        (before != after).then_some((before, after))
    }
}

/// Time constants without a sample after which an entry is removed: less than e^-10 of it is left.
const IDLE: f64 = 10.0;
/// Bytes of a definition and its plan, beside its tables. Long texts and patterns take more.
const OWN_BYTES: usize = 2048;
