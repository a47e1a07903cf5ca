//! The course of flows over the span: a second pass over the samples, by the entries that the first one
//! has noted.

use core::sync::atomic::{AtomicBool, Ordering};

use super::question::Question;
use super::scan::{Part, Scan};
use crate::flowcache::{Accumulator, Observation};
use crate::keys::Context;

/// For each entry of each scan the flow that it belongs to.
pub(super) struct Fates(Vec<Vec<u32>>);

impl Fates {
    /// A flow that is not listed.
    pub(super) const OTHER: u32 = u32::MAX - 1;
    /// None: another observer of the packets counts.
    const NONE: u32 = u32::MAX;

    pub(super) fn new(scans: &[Scan]) -> Self {
        let fates = scans.iter().map(|scan| {
            // Entries that were evicted are not listed.
            let mut fates = vec![Self::OTHER; scan.numbers as usize + 1];
            let uncounted = scan.entries().map(|entry| entry.slot.seen.0);
            for number in uncounted.chain(scan.again.iter().copied()).chain([0]) {
                if let Some(fate) = fates.get_mut(number as usize) {
                    *fate = Self::NONE;
                }
            }
            fates
        });
        Self(fates.collect())
    }

    pub(super) fn set(&mut self, scan: usize, number: u32, fate: u32) {
        let fates = self.0.get_mut(scan);
        if let Some(place) = fates.and_then(|fates| fates.get_mut(number as usize)) {
            *place = fate;
        }
    }
}

/// The series of each of the `flows` listed, of the others together, and of all. Empty without steps.
/// `None` if `stop` was set.
pub(super) fn series(
    question: &Question,
    scans: &[Scan],
    fates: &Fates,
    flows: usize,
    stop: &AtomicBool,
) -> Option<Vec<Vec<Option<f64>>>> {
    let Some(steps) = question.edges.len().checked_sub(1) else { return Some(Vec::new()) };
    let mut cells =
        Cells { question, steps, flows, list: vec![Accumulator::Empty; steps * (flows + 1)] };
    for (scan, fates) in scans.iter().zip(&fates.0) {
        for part in &scan.parts {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            cells.read(part, fates);
        }
    }
    Some(cells.series())
}

/// The values of flows by step. The last flow is that of all others.
struct Cells<'q> {
    question: &'q Question,
    steps: usize,
    flows: usize,
    list: Vec<Accumulator>,
}

impl Cells<'_> {
    fn read(&mut self, part: &Part, fates: &[u32]) {
        let place = |time| part.block.before(time).saturating_sub(part.first);
        let question = self.question;
        let edges = question.edges.iter().zip(question.edges.iter().skip(1));
        for (step, (begin, end)) in edges.enumerate() {
            let range = place(*begin)..place(*end).min(part.entries.len());
            for (at, entry) in part.entries.iter().enumerate().take(range.end).skip(range.start) {
                let fate = fates.get(*entry as usize).copied().unwrap_or(Fates::NONE);
                if fate != Fates::NONE {
                    self.add(part, part.first + at, step, fate);
                }
            }
        }
    }

    fn add(&mut self, part: &Part, at: usize, step: usize, fate: u32) {
        let context = Context::new(&self.question.lookup);
        let Some(row) = part.block.row(at) else { return };
        let Some(packet) = part.block.packet(at, row, &context) else { return };
        let observation: Observation = self.question.plan.observe(&packet, &self.question.hasher);
        let flow = (fate as usize).min(self.flows);
        if let Some(cell) = self.list.get_mut(flow * self.steps + step) {
            cell.add(observation, row.weight(), 0);
        }
    }

    fn series(mut self) -> Vec<Vec<Option<f64>>> {
        let mut total = vec![Accumulator::Empty; self.steps];
        for (at, cell) in self.list.iter().enumerate() {
            if let Some(sum) = total.get_mut(at % self.steps.max(1)) {
                sum.merge(cell);
            }
        }
        self.list.extend(total);
        let seconds = self.question.edges.iter().zip(self.question.edges.iter().skip(1));
        let seconds: Vec<f64> =
            seconds.map(|(begin, end)| end.since(*begin).as_secs_f64()).collect();
        let is_sum = !self.question.plan.value_is_further();
        let value = |(cell, seconds): (&mut Accumulator, &f64)| {
            if let Accumulator::Empty = cell {
                return is_sum.then_some(0.0);
            }
            cell.scale(seconds.recip());
            Some(cell.estimate(0).value)
        };
        let rows = self.list.chunks_exact_mut(self.steps.max(1));
        rows.map(|row| row.iter_mut().zip(&seconds).map(value).collect()).collect()
    }
}
