//! The course of flows over the span: a second pass over the samples, by the entries that the first one
//! has noted.

use core::sync::atomic::{AtomicBool, Ordering};

use super::logged::Logs;
use super::query::PastQuery;
use super::scan::{Part, Scan};
use crate::flowcache::{Accumulator, Estimate, Observation};
use crate::instant::Instant;
use crate::keys::{KeyBuffer, Logged, LoggedSubject};

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

/// What the error in each step of a flow follows from, beside the samples in the step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    /// Variance of the sampling rates, relative to the square of the value.
    pub(super) common: f64,
    /// The upper limit of the sum in a step without a sample, with a probability of 95 %.
    pub(super) unseen: f64,
    /// What the flow may have had before it was in a full table, in any of the steps.
    pub(super) bound: f64,
}

/// The series of each of the flows listed, of the others together, and of all, each with its
/// [`Spread`]. Empty without steps. `None` if `stop` was set.
pub(super) fn series(
    query: &PastQuery,
    scans: &[Scan],
    fates: &Fates,
    spreads: &[Spread],
    logs: &impl Logs,
    stop: &AtomicBool,
) -> Option<Vec<Vec<Option<Estimate>>>> {
    let Some(steps) = query.edges.len().checked_sub(1) else { return Some(Vec::new()) };
    let flows = spreads.len().saturating_sub(2);
    let mut cells =
        Cells { query, steps, flows, list: vec![Accumulator::Empty; steps * (flows + 1)] };
    for (scan, fates) in scans.iter().zip(&fates.0) {
        for part in &scan.parts {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            cells.read(part, fates);
        }
        if let Some(number) = scan.records {
            logs.read(number, &mut |time, flows| cells.read_records(scan, fates, time, flows))?;
        }
    }
    Some(cells.series(spreads))
}

/// The values of flows by step. The last flow is that of all others.
struct Cells<'q> {
    query: &'q PastQuery,
    steps: usize,
    flows: usize,
    list: Vec<Accumulator>,
}

impl Cells<'_> {
    fn read(&mut self, part: &Part, fates: &[u32]) {
        let query = self.query;
        let before = |time| part.block.before(query.sample_time(time));
        let place = |time| before(time).saturating_sub(part.first);
        let edges = query.edges.iter().zip(query.edges.iter().skip(1));
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

    /// Reads the records of a window, whose entries are looked up: so nothing is kept of each record.
    fn read_records(&mut self, scan: &Scan, fates: &[u32], time: Instant, flows: &[Logged]) {
        let query = self.query;
        let Some(step) = query.edges.partition_point(|edge| *edge <= time).checked_sub(1) else {
            return;
        };
        let (context, mut key) = (query.context(), KeyBuffer::new());
        for flow in flows {
            let fate = match scan.entry_of(query, flow, &mut key) {
                None => continue,
                Some(0) => Fates::OTHER,
                Some(entry) => fates.get(entry as usize).copied().unwrap_or(Fates::NONE),
            };
            if fate == Fates::NONE {
                continue;
            }
            let place = (fate as usize).min(self.flows) * self.steps + step;
            if let Some(cell) = self.list.get_mut(place).filter(|_| step < self.steps) {
                let subject = LoggedSubject { flow, context: &context };
                query.plan.add_logged_value(&subject, cell, &query.hasher);
            }
        }
    }

    fn add(&mut self, part: &Part, at: usize, step: usize, fate: u32) {
        let context = self.query.context();
        let Some(row) = part.block.row(at) else { return };
        let Some(packet) = part.block.packet(at, row, &context) else { return };
        let observation: Observation = self.query.plan.observe(&packet, &self.query.hasher);
        let flow = (fate as usize).min(self.flows);
        if let Some(cell) = self.list.get_mut(flow * self.steps + step) {
            cell.add(observation, row.weight(), 0);
        }
    }

    fn series(mut self, spreads: &[Spread]) -> Vec<Vec<Option<Estimate>>> {
        let mut total = vec![Accumulator::Empty; self.steps];
        for (at, cell) in self.list.iter().enumerate() {
            if let Some(sum) = total.get_mut(at % self.steps.max(1)) {
                sum.merge(cell);
            }
        }
        self.list.extend(total);
        let seconds = self.query.edges.iter().zip(self.query.edges.iter().skip(1));
        let seconds: Vec<f64> =
            seconds.map(|(begin, end)| end.since(*begin).as_secs_f64()).collect();
        let is_sum = !self.query.plan.value_is_further();
        let rows = self.list.chunks_exact(self.steps.max(1)).zip(spreads);
        let series = rows.map(|(row, spread)| {
            let cells = row.iter().zip(&seconds);
            cells.map(|(cell, seconds)| spread.estimate(cell, *seconds, is_sum)).collect()
        });
        series.collect()
    }
}

impl Spread {
    /// The value of a step of so many seconds; `None` without a sample for a value that is no sum.
    fn estimate(&self, cell: &Accumulator, seconds: f64, is_sum: bool) -> Option<Estimate> {
        let bound = self.bound / seconds;
        match cell {
            Accumulator::Empty => {
                is_sum.then(|| Estimate::fewer_than(self.unseen / seconds, bound))
            }
            Accumulator::Sums(sums) => {
                let sums = sums.scaled(seconds.recip()).with_common_error(self.common);
                Some(sums.estimate(bound))
            }
            other => Some(other.estimate(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flowcache::Weight;

    const SPREAD: Spread = Spread { common: 0.04, unseen: 10.0, bound: 5.0 };

    #[test]
    fn step_has_the_error_of_the_rate_and_what_was_evicted() {
        let mut cell = Accumulator::Empty;
        for _ in 0..10_000 {
            cell.add(Observation::Sum(1.0), Weight::one_in(100.0), 0);
        }
        let step = SPREAD.estimate(&cell, 2.0, true).unwrap();
        assert_eq!((step.value, step.bound), (500_000.0, 2.5));
        // The samples alone have an error of 2 %, the rate of the data source one of 39 %.
        assert!((step.low / 500_000.0 - 0.68).abs() < 0.02, "{step:?}");
    }

    #[test]
    fn step_without_a_sample_has_an_upper_limit_if_it_is_a_sum() {
        let step = SPREAD.estimate(&Accumulator::Empty, 2.0, true).unwrap();
        assert_eq!((step.value, step.low, step.high, step.bound), (0.0, 0.0, 7.5, 2.5));
        assert_eq!(SPREAD.estimate(&Accumulator::Empty, 2.0, false), None);
    }
}
