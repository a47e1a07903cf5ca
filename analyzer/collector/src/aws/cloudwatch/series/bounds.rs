//! The interval of a sum of a flow definition.

use std::collections::BTreeMap;

use flowmote_engine::points::FlowTotal;

use super::Side;
use crate::aws::cloudwatch::period::{Periods, Point};

/// A total of a flow definition: its end in milliseconds since 1970, and the milliseconds that it is about.
pub(super) type Total = (i64, i64, FlowTotal);

/// The totals of all analyzers, of which an interval is together.
#[derive(Debug)]
pub(super) struct Totals {
    side: Side,
    all: Vec<Total>,
}

impl Totals {
    pub(super) fn new(side: Side) -> Self {
        Self { side, all: Vec::new() }
    }

    pub(super) fn extend(&mut self, totals: impl Iterator<Item = Total>) {
        self.all.extend(totals);
    }

    /// Leaves out what is before a time.
    pub(super) fn cut(&mut self, from: i64) {
        self.all.retain_mut(|(end, over, total)| {
            let share = (*end - from.max(*end - *over)) as f64 / (*over).max(1) as f64;
            let mut part = FlowTotal { unseen: total.unseen, ..FlowTotal::default() };
            part.add(total, share);
            (*over, *total) = ((*over).min(*end - from), part);
            *end > from
        });
    }

    /// The end of the interval of the sum of each period, up to the last total in it. It is divided as the
    /// sum is.
    pub(super) fn ends(&self, periods: Periods) -> Vec<Point> {
        let length = i64::from(periods.seconds()) * 1000;
        let mut sums: BTreeMap<i64, (i64, FlowTotal)> = BTreeMap::new();
        for (end, over, total) in &self.all {
            for (begin, share) in periods.shares(*end, *over) {
                let none = FlowTotal { unseen: f64::NAN, ..FlowTotal::default() };
                let (last, sum) = sums.entry(begin).or_insert((begin, none));
                *last = (begin + length).min(*end).max(*last);
                sum.add(total, share);
            }
        }
        let ends = sums.into_iter().map(|(begin, (last, total))| {
            let estimate = total.estimate();
            let end = if self.side == Side::Low { estimate.low } else { estimate.high };
            Point::difference(last, last - begin, end)
        });
        ends.filter(|point| point.sum.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(periods: Periods, side: Side, totals: &[Total]) -> Vec<Point> {
        Totals { side, all: totals.to_vec() }.ends(periods)
    }

    #[test]
    fn interval_is_of_the_sum_of_a_period() {
        // A sample of 1,000 bytes in each second, one of 100 packets.
        let total = FlowTotal { total: 1e5, squares: 1e10, variance: 0.99e10, unseen: 3e5 };
        let totals: Vec<Total> = (1..=60).map(|end| (end * 1000, 1000, total)).collect();
        let of = |side, seconds| {
            let periods = Periods::new(0, 60_000, seconds, "Period").unwrap();
            ends(periods, side, &totals).iter().map(|point| point.sum).collect::<Vec<_>>()
        };
        // By hand, as a score interval: z = 1.96·(1 + 1.5/63), the variance 5.94e11, 9.9e4 a sample.
        let (low, high) = (of(Side::Low, 60), of(Side::High, 60));
        assert!((low[0] / 4.6399e6 - 1.0).abs() < 1e-3, "{low:?}");
        assert!((high[0] / 7.7587e6 - 1.0).abs() < 1e-3, "{high:?}");
        let seconds: f64 = of(Side::High, 1).iter().sum();
        assert!(seconds > 3.0 * high[0], "{seconds}");
    }

    #[test]
    fn totals_are_cut_where_memory_begins() {
        let total = FlowTotal { total: 100.0, squares: 1e4, variance: 50.0, unseen: 300.0 };
        let all = vec![(1000, 1000, total), (2000, 1000, total), (3000, 1000, total)];
        let mut totals = Totals { side: Side::Low, all };
        totals.cut(1250);
        let part = FlowTotal { total: 75.0, squares: 7500.0, variance: 37.5, unseen: 300.0 };
        assert_eq!(totals.all, [(2000, 750, part), (3000, 1000, total)]);
    }

    #[test]
    fn total_is_divided_among_periods() {
        let total = FlowTotal { total: 100.0, squares: 100.0, variance: 0.0, unseen: 0.0 };
        let periods = Periods::new(0, 3000, 1, "Period").unwrap();
        let found = ends(periods, Side::Low, &[(1500, 1000, total), (2500, 1000, total)]);
        let found: Vec<_> = found.iter().map(|point| (point.end, point.sum)).collect();
        assert_eq!(found, [(1000, 50.0), (2000, 100.0), (2500, 50.0)]);
    }

    #[test]
    fn unknown_bound_is_no_point() {
        let total = FlowTotal { unseen: f64::NAN, ..FlowTotal::default() };
        let periods = Periods::new(0, 3000, 1, "Period").unwrap();
        assert_eq!(ends(periods, Side::High, &[(1000, 1000, total)]), []);
        let found = ends(periods, Side::Low, &[(1000, 1000, total)]);
        assert_eq!(found, [Point::difference(1000, 1000, 0.0)]);
    }
}
