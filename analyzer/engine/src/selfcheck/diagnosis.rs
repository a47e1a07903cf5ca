//! The cause of a difference between samples and counters.

use core::fmt;

use super::period::Period;

/// The result of the check of one direction of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diagnosis {
    /// Samples and counters agree.
    Agreement,
    /// There are too few samples, or too little traffic, to judge.
    #[default]
    TooFewSamples,
    /// The true sampling rate is not the one that the samples state.
    WrongRate,
    /// The other direction of the port is sampled, this one is not.
    OneDirection,
    /// The samples estimate twice what the counters count.
    BothEnds,
    /// The losses of samples explain the difference.
    SamplesLost,
    /// Packets are sampled, but the counters stand still.
    CountersStuck,
    /// The counters move, but there is no sample.
    Unsampled,
    /// Samples and counters differ in a way that none of the other causes explains.
    Differs,
}

impl Diagnosis {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 9] = [
        Self::Agreement,
        Self::TooFewSamples,
        Self::WrongRate,
        Self::OneDirection,
        Self::BothEnds,
        Self::SamplesLost,
        Self::CountersStuck,
        Self::Unsampled,
        Self::Differs,
    ];

    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::TooFewSamples => "tooFewSamples",
            Self::WrongRate => "wrongRate",
            Self::OneDirection => "oneDirection",
            Self::BothEnds => "bothEnds",
            Self::SamplesLost => "samplesLost",
            Self::CountersStuck => "countersStuck",
            Self::Unsampled => "unsampled",
            Self::Differs => "differs",
        }
    }
}

/// A diagnosis with its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Finding {
    /// The diagnosis.
    pub diagnosis: Diagnosis,
    /// N of 1 in N, as the samples state it; 0 without samples.
    pub stated: f64,
    /// N of 1 in N by the counters; for [`Diagnosis::WrongRate`] only.
    pub actual: Option<f64>,
    /// Estimate by counted; `None` if nothing was counted.
    pub ratio: Option<f64>,
    /// Share of the samples of the port that were lost, 0 to 1.
    pub lost: f64,
}

impl Finding {
    /// Samples and counters agree in a period.
    pub(super) fn agreement(period: &Period, rate: f64) -> Self {
        Self { diagnosis: Diagnosis::Agreement, ..Self::numbers(period, rate) }
    }

    /// The cause of a difference. `steady` if all parts of the period differ by the same factor,
    /// `other` if the other direction of the port has samples.
    pub(super) fn difference(period: &Period, rate: f64, steady: bool, other: bool) -> Self {
        let numbers = Self::numbers(period, rate);
        let diagnosis = match numbers.ratio {
            _ if period.is_stuck() => Diagnosis::CountersStuck,
            Some(ratio) if ratio < ALMOST_NONE && other => Diagnosis::OneDirection,
            Some(ratio) if ratio < ALMOST_NONE => Diagnosis::Unsampled,
            Some(ratio) => cause(period, &numbers, ratio, steady),
            None => Diagnosis::Differs,
        };
        let made_up = numbers.ratio.map(|ratio| ratio / (1.0 - numbers.lost));
        let actual = made_up.map(|ratio| numbers.stated / ratio);
        let actual = actual.filter(|_| diagnosis == Diagnosis::WrongRate);
        Self { diagnosis, actual, ..numbers }
    }

    fn numbers(period: &Period, rate: f64) -> Self {
        let Period { samples, chosen, received, .. } = period;
        let stated = if samples.number > 0.0 { period.stated(rate) } else { 0.0 };
        let lost = if chosen > received { 1.0 - received / chosen } else { 0.0 };
        Self { stated, lost, ratio: period.ratio(rate), ..Self::default() }
    }
}

/// The cause of a ratio that is not 1.
fn cause(period: &Period, numbers: &Finding, ratio: f64, steady: bool) -> Diagnosis {
    let tolerance = period.tolerance(numbers.stated);
    let near = |value: f64, expected: f64| (value / expected - 1.0).abs() <= tolerance;
    // What the ratio would be without losses.
    let whole = ratio / (1.0 - numbers.lost);
    if near(whole, 1.0) {
        return Diagnosis::SamplesLost;
    }
    // The rate by the pool, relative to the stated one.
    let pool = (period.pool > 0.0).then(|| period.pool / period.chosen / numbers.stated);
    match pool {
        Some(pool) if near(whole * pool, 1.0) => Diagnosis::WrongRate,
        // The pool has the packets that the samples estimate: it counts others than the counters.
        _ if near(whole, 2.0) && pool.is_none_or(|pool| near(pool, 1.0)) => Diagnosis::BothEnds,
        None if steady => Diagnosis::WrongRate,
        _ => Diagnosis::Differs,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stated, lost, ratio, .. } = *self;
        let (actual, ratio) = (self.actual.unwrap_or(0.0), ratio.unwrap_or(0.0));
        match self.diagnosis {
            Diagnosis::Agreement => f.write_str("Samples and counters agree."),
            Diagnosis::TooFewSamples => f.write_str("There are too few samples to judge."),
            Diagnosis::WrongRate => write!(
                f,
                "Wrong sampling rate: samples state 1 in {stated:.0}, the counters show 1 in \
                 {actual:.0}. Estimates are {ratio:.2} times the truth."
            ),
            Diagnosis::OneDirection => f.write_str(
                "Only the other direction of this port is sampled. Estimates lack these packets, \
                 unless the ports at their other end are sampled.",
            ),
            Diagnosis::BothEnds => f.write_str(
                "Estimates are twice the counters: packets are sampled both when they enter and \
                 when they leave, or by two samplers, or the true rate is half of the stated one.",
            ),
            Diagnosis::SamplesLost => write!(
                f,
                "{:.1} % of the samples were lost in the agent or on the way, which explains that \
                 estimates are {ratio:.2} times the counters.",
                lost * 100.0
            ),
            Diagnosis::CountersStuck => {
                f.write_str("The counters stand still, although packets are sampled.")
            }
            Diagnosis::Unsampled => f.write_str(
                "The counters move, but no packet is sampled: the port has no sampler, or it is an \
                 aggregate whose members have them.",
            ),
            Diagnosis::Differs => write!(
                f,
                "Estimates are {ratio:.2} times the counters, and no known cause explains it: the \
                 difference is not steady, or the counters and the sampler see different packets."
            ),
        }
    }
}

/// A ratio below which a few samples do not count: they are attributed to the wrong port.
const ALMOST_NONE: f64 = 0.02;
