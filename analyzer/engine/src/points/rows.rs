//! The rows of one record of a data source.

use core::time::Duration;

use crate::instant::Instant;

/// Rows in the order of time, in two lists.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    times: Vec<Time>,
    /// `columns` numbers for each row; NaN if unknown.
    numbers: Vec<f64>,
    columns: usize,
}

/// The time of a row.
#[derive(Clone, Copy, Debug)]
struct Time {
    end: Instant,
    /// Milliseconds between this row and the one before; 0 if they cannot be compared.
    over: u32,
}

impl Rows {
    /// Adds a row. One that is not later than the last one is ignored.
    pub(super) fn push(
        &mut self,
        end: Instant,
        over: Duration,
        numbers: impl ExactSizeIterator<Item = f64>,
    ) {
        if self.times.last().is_some_and(|last| last.end >= end) {
            return;
        }
        if numbers.len() > self.columns {
            self.widen(numbers.len());
        }
        grow(&mut self.times, 1);
        grow(&mut self.numbers, self.columns);
        let over = u32::try_from(over.as_millis()).unwrap_or(u32::MAX);
        self.times.push(Time { end, over });
        let missing = self.columns - numbers.len();
        self.numbers.extend(numbers.chain(core::iter::repeat_n(f64::NAN, missing)));
    }

    /// Adds columns: records of a format differ in length.
    fn widen(&mut self, columns: usize) {
        let mut numbers = Vec::with_capacity(columns * self.times.len());
        for at in 0..self.times.len() {
            numbers.extend_from_slice(self.row(at));
            numbers.resize((at + 1) * columns, f64::NAN);
        }
        (self.numbers, self.columns) = (numbers, columns);
    }

    /// Drops the rows at the beginning that `keep` refuses.
    pub(super) fn keep(&mut self, keep: impl Fn(Instant) -> bool) {
        let old = self.times.partition_point(|time| !keep(time.end));
        if old == 0 {
            return;
        }
        self.times.drain(..old);
        self.numbers.drain(..old * self.columns);
        self.times.shrink_to(self.times.len() + SPARE);
        self.numbers.shrink_to(self.numbers.len() + SPARE * self.columns);
    }

    fn row(&self, at: usize) -> &[f64] {
        self.numbers.get(at * self.columns..(at + 1) * self.columns).unwrap_or_default()
    }

    /// The rows that are about a part of the time from `from` to `to`, without it.
    pub(crate) fn between(
        &self,
        from: Instant,
        to: Instant,
    ) -> impl DoubleEndedIterator<Item = (Instant, Duration, &[f64])> {
        let first = self.times.partition_point(|time| time.end < from);
        // Only the one row that ends last may have begun before.
        let end = self.times.partition_point(|time| time.end < to);
        let over = |at: &usize| {
            let time = self.times.get(*at)?;
            (time.over != 0 && time.end.since(to) < time.duration()).then_some(())
        };
        let end = if over(&end).is_some() { end + 1 } else { end };
        (first..end).filter_map(|at| {
            let time = self.times.get(at)?;
            Some((time.end, time.duration(), self.row(at)))
        })
    }

    /// The rows after a time, in order.
    pub(crate) fn after(&self, time: Instant) -> impl Iterator<Item = (Instant, Duration, &[f64])> {
        let first = self.times.partition_point(|row| row.end <= time);
        (first..self.times.len()).filter_map(|at| {
            let time = self.times.get(at)?;
            Some((time.end, time.duration(), self.row(at)))
        })
    }

    /// The last rows, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (Instant, Duration, &[f64])> {
        (0..self.times.len()).rev().filter_map(|at| {
            let time = self.times.get(at)?;
            Some((time.end, time.duration(), self.row(at)))
        })
    }

    /// The end of the first row, and the time that it is over.
    pub(crate) fn first(&self) -> Option<(Instant, Duration)> {
        self.times.first().map(|time| (time.end, time.duration()))
    }

    /// The time of the first row.
    pub(super) fn begin(&self) -> Option<Instant> {
        self.times.first().map(|time| time.end)
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Memory in use, in bytes.
    pub(super) fn bytes(&self) -> usize {
        ALLOCATIONS + self.times.capacity() * size_of::<Time>() + self.numbers.capacity() * 8
    }
}

impl Time {
    fn duration(&self) -> Duration {
        Duration::from_millis(self.over.into())
    }
}

/// Makes room for `more` items, and for few others.
fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more * SPARE + list.len() / 8);
    }
}

/// Rows for which there is room after the last one.
const SPARE: usize = 4;
/// Bytes that two allocations cost beside their content.
const ALLOCATIONS: usize = 32;
