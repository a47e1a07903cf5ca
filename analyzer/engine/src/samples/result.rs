//! Flows of the past, their errors, and what is not among them.

use core::sync::atomic::AtomicBool;

use super::groups::Groups;
use super::logged::{Logs, NoLogs};
use super::query::PastQuery;
use super::scan::Scan;
use super::series::{Fates, Spread, series};
use crate::flowcache::{Accumulator, ActiveFlow, Estimate, Group, Item, Sums, further, largest};
use crate::instant::Instant;

/// The result of a [`PastQuery`].
#[derive(Clone, Debug)]
pub struct PastResult {
    /// The beginning of the span: not before all samples are held.
    pub from: Instant,
    /// The end of the span.
    pub to: Instant,
    /// Samples in the span.
    pub scanned: u64,
    /// Samples in flows.
    pub matched: u64,
    /// Flows, also those that are not listed.
    pub found: u64,
    /// Where the steps of the series begin.
    pub steps: Vec<Instant>,
    /// All flows together.
    pub total: Course,
    /// All flows together that are not listed.
    pub other: Course,
    /// The largest flows, in order, and the course of each.
    pub flows: Vec<(ActiveFlow, Vec<Option<Estimate>>)>,
    /// A flow without a sample has less, with a probability of 95 %. `None` if unknown.
    pub unseen: Option<f64>,
}

/// A value and its course.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// The value in the whole span.
    pub estimate: Estimate,
    /// The value in each step; `None` without a sample for a value that is no sum.
    pub series: Vec<Option<Estimate>>,
}

/// A flow before it has a name.
#[derive(Clone, Copy)]
struct Candidate {
    value: f64,
    sums: Sums,
    /// The variance without that of the sampling rates.
    own: f64,
    head: u32,
}

/// The value of many flows together.
struct Sum<'q> {
    query: &'q PastQuery,
    sums: Sums,
    /// The variance without that of the sampling rates.
    own: f64,
    /// The value of the query, if it is no sum.
    further: Accumulator,
}

impl PastQuery {
    /// The result, from scans that together have read each block once. `None` if `stop` was set.
    pub fn result(&self, scans: &[Scan], stop: &AtomicBool) -> Option<PastResult> {
        self.result_with(scans, &NoLogs, stop)
    }

    /// The same with scans of records.
    pub fn result_with(
        &self,
        scans: &[Scan],
        logs: &impl Logs,
        stop: &AtomicBool,
    ) -> Option<PastResult> {
        let groups = Groups::new(self, scans);
        let mut fates = Fates::new(scans);
        let (candidates, total) = self.candidates(&groups, &mut fates);
        let (found, rate) = (candidates.len() as u64, mean_rate(scans));
        let (top, other) = self.divide(candidates, &groups);
        let (flows, mut spreads) = self.listed(&top, &groups, &mut fates);
        let [other, total] = [other, total].map(|sum| sum.with_evicted(scans));
        spreads.extend([&other, &total].map(|sum| self.spread(sum.sums, sum.own, 0.0)));
        let mut series = series(self, scans, &fates, &spreads, logs, stop)?.into_iter();
        let flows = flows.into_iter().map(|flow| (flow, series.next().unwrap_or_default()));
        Some(PastResult {
            from: self.from,
            to: self.to,
            scanned: scans.iter().map(|scan| scan.scanned).sum(),
            matched: scans.iter().map(|scan| scan.matched).sum(),
            found,
            steps: self.edges.split_last().map_or(Vec::new(), |(_, steps)| steps.to_vec()),
            flows: flows.collect(),
            other: other.course(rate, series.next()),
            total: total.course(rate, series.next()),
            unseen: self.unseen(scans),
        })
    }

    /// The flows that are listed, and what their series need.
    fn listed(
        &self,
        top: &[Candidate],
        groups: &Groups<'_>,
        fates: &mut Fates,
    ) -> (Vec<ActiveFlow>, Vec<Spread>) {
        let (mut flows, mut spreads) = (Vec::with_capacity(top.len()), Vec::new());
        for candidate in top {
            let Some(group) = groups.chosen(candidate.head) else { continue };
            let Some(flow) = self.flow(groups, candidate.head, &group) else { continue };
            groups.mark(candidate.head, &group, fates, flows.len() as u32);
            spreads.push(self.spread(candidate.sums, candidate.own, flow.estimate.bound));
            flows.push(flow);
        }
        (flows, spreads)
    }

    /// All flows, and their sum. Their entries are noted as those of a flow that is not listed.
    fn candidates(&self, groups: &Groups<'_>, fates: &mut Fates) -> (Vec<Candidate>, Sum<'_>) {
        let (mut candidates, mut total) = (Vec::new(), Sum::new(self));
        for heads in groups.heads().chunks(BATCH) {
            groups.touch(heads);
            for (head, group) in
                heads.iter().filter_map(|head| Some((*head, groups.chosen(*head)?)))
            {
                let items = group.chosen();
                let (value, sums) = (self.value(items), sums(items));
                let candidate = Candidate { value, sums, own: own_variance(items), head };
                total.add(candidate, items);
                groups.mark(head, &group, fates, Fates::OTHER);
                candidates.push(candidate);
            }
        }
        (candidates, total)
    }

    /// The flows that are listed, in order, and the sum of the others.
    fn divide(&self, mut all: Vec<Candidate>, groups: &Groups<'_>) -> (Vec<Candidate>, Sum<'_>) {
        let mut other = Sum::new(self);
        let listed = self.definition.n as usize;
        if listed < all.len() {
            all.select_nth_unstable_by(listed, |a, b| b.value.total_cmp(&a.value));
            for rest in all.drain(listed..) {
                let group =
                    self.plan.value_is_further().then(|| groups.chosen(rest.head)).flatten();
                other.add(rest, group.as_ref().map_or(&[], Group::chosen));
            }
        }
        largest(&mut all, listed, |candidate| candidate.value);
        (all, other)
    }

    /// The value of a flow, without its error.
    fn value(&self, items: &[Item<'_>]) -> f64 {
        match self.plan.value_is_further() {
            false => items.iter().map(|item| item.sums.total).sum(),
            true => further(items, 0).estimate(0).value,
        }
    }

    fn flow(&self, groups: &Groups<'_>, head: u32, group: &Group<'_>) -> Option<ActiveFlow> {
        let items = group.chosen();
        let number = items.first().map_or(0, |item| item.values.len());
        let mut values = (0..number).map(|at| further(items, at).estimate(0));
        let estimate = match self.plan.value_is_further() {
            false => sums(items).estimate(groups.bound(head, group)),
            true => values.next()?,
        };
        let best = group.best()?;
        Some(ActiveFlow {
            key: self.plan.keys.text(group.key(), &self.definition.fs),
            estimate: estimate.at_rate(best.rate),
            values: values.collect(),
            source: best.source,
            observers: groups.observers(head),
        })
    }

    /// What the steps of a flow need beside its samples in them. `sums` and `bound` are per second, `own`
    /// is the variance without that of the sampling rates.
    fn spread(&self, sums: Sums, own: f64, bound: f64) -> Spread {
        if sums.total <= 0.0 {
            return Spread::default();
        }
        Spread {
            common: (sums.variance - own).max(0.0) / (sums.total * sums.total),
            unseen: 3.0 * own / sums.total / self.per_second(),
            bound: bound / self.per_second(),
        }
    }

    /// What a flow without a sample is below: three samples of the data source whose samples weigh most,
    /// in the span, and what was evicted.
    fn unseen(&self, scans: &[Scan]) -> Option<f64> {
        let seen = scans.iter().flat_map(|scan| scan.origins.iter());
        let heaviest = seen.map(|seen| seen.sums.typical()).fold(0.0, f64::max);
        let floor: f64 = scans.iter().map(Scan::floor).sum();
        let heaviest = match heaviest > 0.0 {
            true => Some(heaviest),
            // No sample has the value: that of a packet is unknown, unless it is one of these.
            false => match self.definition.value.trim() {
                "frames" => Some(scans.iter().map(|scan| scan.all.packets).fold(0.0, f64::max)),
                "bytes" => Some(scans.iter().map(|scan| scan.all.bytes).fold(0.0, f64::max)),
                _ => None,
            },
        };
        let heaviest = heaviest.filter(|heaviest| *heaviest > 0.0 && !self.plan.value_is_further());
        heaviest.map(|heaviest| (3.0 * heaviest + floor) * self.per_second())
    }
}

impl<'q> Sum<'q> {
    fn new(query: &'q PastQuery) -> Self {
        Self { query, sums: Sums::default(), own: 0.0, further: Accumulator::Empty }
    }

    /// Adds a flow.
    fn add(&mut self, flow: Candidate, items: &[Item<'_>]) {
        self.sums = self.sums.plus(flow.sums);
        self.own += flow.own;
        if self.query.plan.value_is_further() {
            self.further.merge(&further(items, 0));
        }
    }

    fn with_evicted(self, scans: &[Scan]) -> Self {
        let evicted = scans.iter().map(|scan| scan.evicted.scaled(self.query.per_second()));
        let evicted = evicted.fold(Sums::default(), Sums::plus);
        Self { sums: self.sums.plus(evicted), own: self.own + evicted.variance, ..self }
    }

    fn course(&self, rate: f64, series: Option<Vec<Option<Estimate>>>) -> Course {
        Course { estimate: self.estimate().at_rate(rate), series: series.unwrap_or_default() }
    }

    fn estimate(&self) -> Estimate {
        match self.query.plan.value_is_further() {
            false => self.sums.estimate(0.0),
            true => self.further.estimate(0),
        }
    }
}

fn sums(items: &[Item<'_>]) -> Sums {
    items.iter().fold(Sums::default(), |sum, item| sum.plus(item.sums))
}

fn own_variance(items: &[Item<'_>]) -> f64 {
    items.iter().map(|item| item.slot.sums.scaled(item.factor).variance).sum()
}

/// Packets that a sample in the flows stands for on average.
fn mean_rate(scans: &[Scan]) -> f64 {
    let seen = scans.iter().flat_map(|scan| scan.origins.iter());
    let (packets, samples) = seen.fold((0.0, 0.0), |(packets, samples), seen| {
        (packets + seen.packets, samples + seen.samples)
    });
    if samples > 0.0 { packets / samples } else { 0.0 }
}

/// Flows whose entries are loaded at the same time.
const BATCH: usize = 64;
