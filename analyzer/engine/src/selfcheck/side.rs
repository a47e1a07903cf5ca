//! One direction of a port.

use crate::flowcache::Estimate;

use super::diagnosis::{Diagnosis, Finding};
use super::period::{Period, Samples, Verdict};

/// The check of one direction of a port.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// Samples since the last counter sample.
    pub(super) samples: Samples,
    /// Intervals since the last verdict.
    open: Period,
    /// Periods with the same verdict.
    judged: Period,
    verdict: Option<Verdict>,
    /// Number of these periods.
    streak: u32,
    /// True if they differ by the same factor.
    steady: bool,
    finding: Finding,
}

/// The result for one direction of a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checked {
    /// The diagnosis.
    pub finding: Finding,
    /// The time that the numbers are about, seconds.
    pub seconds: f64,
    /// Samples in it.
    pub samples: f64,
    /// N of 1 in N, as they state it; `None` without samples.
    pub stated: Option<f64>,
    /// Packets.
    pub packets: Estimates,
    /// Bytes.
    pub octets: Estimates,
}

/// Counted and estimated, both per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimates {
    /// By the counters; `None` if the agent does not count it.
    pub counted: Option<f64>,
    /// By the samples.
    pub value: f64,
    /// Lower end of the 95 % interval of `value`.
    pub low: f64,
    /// Upper end; `None` if it is unknown, because there is no sample.
    pub high: Option<f64>,
}

impl Side {
    /// Ends an interval. `rate` is that of a sample if there is none, `other` is true if the other
    /// direction has samples.
    pub(super) fn add(&mut self, interval: Period, rate: f64, other: bool) {
        self.open = self.open.plus(interval);
        match self.open.verdict(rate) {
            Verdict::Open if self.open.seconds < MAX_SECONDS => {}
            Verdict::Open => {
                // Too little traffic.
                *self = Self { samples: self.samples, judged: self.open, ..Self::default() };
            }
            verdict => self.judge(verdict, rate, other),
        }
    }

    fn judge(&mut self, verdict: Verdict, rate: f64, other: bool) {
        let period = core::mem::take(&mut self.open);
        if self.verdict == Some(verdict) {
            let differs = self.judged.ratio(rate).zip(period.ratio(rate)).is_some_and(|(a, b)| {
                (b / a - 1.0).abs() > self.judged.tolerance(rate) + period.tolerance(rate)
            });
            self.steady &= !differs;
            self.judged = self.judged.plus(period);
            self.streak += 1;
            if self.streak > KEPT_PERIODS {
                self.judged = self.judged.halved();
                self.streak = KEPT_PERIODS / 2;
            }
        } else {
            (self.verdict, self.judged, self.streak, self.steady) =
                (Some(verdict), period, 1, true);
        }
        if verdict == Verdict::Agrees {
            self.finding = Finding::agreement(&self.judged, rate);
        } else if self.streak >= PERSISTENT {
            self.finding = Finding::difference(&self.judged, rate, self.steady, other);
        }
    }

    /// Begins anew after a gap in the counters. What was found stays.
    pub(super) fn interrupt(&mut self) {
        (self.samples, self.open) = (Samples::default(), Period::default());
    }

    /// True if there are samples in the recent past.
    pub(super) fn has_samples(&self) -> bool {
        self.samples.number + self.open.samples.number + self.judged.samples.number > 0.0
    }

    pub(super) fn diagnosis(&self) -> Diagnosis {
        self.finding.diagnosis
    }

    pub(super) fn checked(&self) -> Checked {
        let period = self.judged.plus(self.open);
        let seconds = f64::from(period.seconds).max(f64::MIN_POSITIVE);
        let estimates = |counted: Option<f64>, estimate: Estimate, missing: f64| Estimates {
            counted: counted.filter(|_| period.intervals > 0).map(|counted| counted / seconds),
            value: estimate.value / seconds,
            low: (estimate.low - missing).max(0.0) / seconds,
            high: (period.samples.number > 0.0).then_some(estimate.high / seconds),
        };
        let Samples { number, packets, octets, stripped } = period.samples;
        Checked {
            finding: self.finding,
            seconds: period.seconds.into(),
            samples: number,
            stated: (number > 0.0).then(|| packets.total / number),
            packets: estimates(period.packets, packets.estimate(0.0), 0.0),
            octets: estimates(period.octets, octets.estimate(0.0), stripped),
        }
    }
}

/// Equal verdicts in a row that are a finding.
const PERSISTENT: u32 = 3;
/// Equal verdicts after which the older half counts less.
const KEPT_PERIODS: u32 = 6;
/// The longest period.
const MAX_SECONDS: f32 = 3600.0;
