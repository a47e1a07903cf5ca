//! Statistics: a number for the samples of a period.

use super::period::Period;

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// The value at a percentage of the samples.
    Percentile(f64),
    /// A number of the samples between two bounds.
    Between(Part, Bounds),
}

/// What is taken of the samples between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// `tm`: the mean without the others.
    TrimmedMean,
    /// `wm`: the mean with the others set to the nearest bound.
    WinsorizedMean,
    /// `tc`
    Count,
    /// `ts`
    Sum,
    /// `pr`: their share in percent.
    Rank,
}

/// Bounds of samples, without the lower and with the upper one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    /// Percentages of the samples, in their order.
    Percent(f64, f64),
    Values(f64, f64),
}

impl Statistic {
    /// Parses `Average`, `p99.9`, `tm90`, `TM(10%:90%)`, `PR(:300)` or `IQM`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Sum" => Self::Sum,
            "Average" => Self::Average,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "IQM" | "iqm" => Self::Between(Part::TrimmedMean, Bounds::Percent(25.0, 75.0)),
            _ => return Self::parse_bounded(text),
        })
    }

    fn parse_bounded(text: &str) -> Option<Self> {
        if let Some((part, bounds)) = text.strip_suffix(')').and_then(|it| it.split_once('(')) {
            return Some(Self::Between(Part::parse(part)?, Bounds::parse(bounds)?));
        }
        if let Some(percent) = text.strip_prefix('p').and_then(percent) {
            return Some(Self::Percentile(percent));
        }
        let (part, upper) = text.split_at_checked(2)?;
        let part = Part::parse(part).filter(|part| *part != Part::Rank)?;
        Some(Self::Between(part, Bounds::Percent(0.0, percent(upper)?)))
    }

    /// True if it follows from the values of all samples only.
    pub(super) fn needs_values(&self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Between(..))
    }

    /// The number for a period; `None` if it is unknown.
    pub(super) fn of(&self, period: &Period) -> Option<f64> {
        let number = match self {
            Self::SampleCount => period.count,
            Self::Sum => period.sum,
            Self::Average => period.sum / period.count,
            Self::Minimum => period.min,
            Self::Maximum => period.max,
            Self::Percentile(percent) => {
                let values = sorted(period)?;
                Self::at(&values, percent / 100.0 * period.count)?
            }
            Self::Between(part, bounds) => part.of(&sorted(period)?, *bounds)?,
        };
        number.is_finite().then_some(number)
    }

    /// The value of the sample with a number, counted in the order of values.
    fn at(values: &[(f64, f64)], number: f64) -> Option<f64> {
        let mut before = 0.0;
        let reached = values.iter().find(|(_, count)| {
            before += count;
            // Percentages are not exact: 0.07 * 100 is more than 7.
            before >= number * (1.0 - 1e-12)
        });
        reached.or(values.last()).map(|(value, _)| *value)
    }
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "tm" | "TM" => Self::TrimmedMean,
            "wm" | "WM" => Self::WinsorizedMean,
            "tc" | "TC" => Self::Count,
            "ts" | "TS" => Self::Sum,
            "pr" | "PR" => Self::Rank,
            _ => return None,
        })
    }

    fn of(self, values: &[(f64, f64)], bounds: Bounds) -> Option<f64> {
        let total: f64 = values.iter().map(|(_, count)| count).sum();
        let inner = bounds.inner(values, total);
        let count: f64 = inner.iter().map(|(_, count)| count).sum();
        let sum: f64 = inner.iter().map(|(value, count)| value * count).sum();
        match self {
            Self::Count => Some(count),
            Self::Sum => Some(sum),
            Self::Rank => Some(100.0 * count / total),
            Self::TrimmedMean => (count > 0.0).then(|| sum / count),
            Self::WinsorizedMean => {
                let (low, high) = (inner.first()?.0, inner.last()?.0);
                let clamped = values.iter().map(|(value, count)| value.clamp(low, high) * count);
                Some(clamped.sum::<f64>() / total)
            }
        }
    }
}

impl Bounds {
    fn parse(text: &str) -> Option<Self> {
        let (low, high) = text.split_once(':')?;
        if low.is_empty() && high.is_empty() {
            return None;
        }
        if low.ends_with('%') || high.ends_with('%') {
            let bound = |text: &str, absent| match text {
                "" => Some(absent),
                text => percent(text.strip_suffix('%')?),
            };
            let (low, high) = (bound(low, 0.0)?, bound(high, 100.0)?);
            return (low < high).then_some(Self::Percent(low, high));
        }
        let bound = |text: &str, absent| match text {
            "" => Some(absent),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        let (low, high) = (bound(low, f64::NEG_INFINITY)?, bound(high, f64::INFINITY)?);
        (low < high).then_some(Self::Values(low, high))
    }

    /// The values between the bounds. A value of several samples can be partly between them.
    fn inner(self, values: &[(f64, f64)], total: f64) -> Vec<(f64, f64)> {
        let mut before = 0.0;
        let kept = values.iter().filter_map(|(value, count)| {
            let begin = before;
            before += count;
            let kept = match self {
                Self::Percent(low, high) => {
                    before.min(high / 100.0 * total) - begin.max(low / 100.0 * total)
                }
                Self::Values(low, high) if *value > low && *value <= high => *count,
                Self::Values(..) => 0.0,
            };
            (kept > total * 1e-12).then_some((*value, kept))
        });
        kept.collect()
    }
}

/// A percentage from 0 to 100 in digits.
fn percent(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|percent| plain && (0.0..=100.0).contains(percent))
}

/// The values of a period in order.
fn sorted(period: &Period) -> Option<Vec<(f64, f64)>> {
    let mut values = period.values.clone()?;
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudwatch::period::{Periods, Point};

    fn period(values: &[f64]) -> Period {
        let points: Vec<_> = values.iter().map(|value| Point::value(0, *value)).collect();
        let periods = Periods::new(0, 60_000, 60, "Period").unwrap();
        periods.fill([points], true).into_values().next().unwrap()
    }

    fn of(text: &str, values: &[f64]) -> Option<f64> {
        Statistic::parse(text).unwrap().of(&period(values))
    }

    const TEN: [f64; 10] = [7.0, 3.0, 10.0, 1.0, 9.0, 4.0, 2.0, 8.0, 6.0, 5.0];

    #[test]
    fn statistics_of_ten_samples() {
        for (text, expected) in [
            ("SampleCount", 10.0),
            ("Sum", 55.0),
            ("Average", 5.5),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p0", 1.0),
            ("p50", 5.0),
            ("p90", 9.0),
            ("p90.1", 10.0),
            ("p100", 10.0),
            ("tm90", 5.0),
            ("TM(10%:90%)", 5.5),
            ("TM(:4)", 2.5),
            ("TM(2:4)", 3.5),
            ("TM(25%:75%)", 5.5),
            ("IQM", 5.5),
            // 3 is half in the lower quarter, 8 half in the upper one.
            ("TC(25%:75%)", 5.0),
            ("wm80", 5.2),
            ("WM(20%:80%)", 5.5),
            ("tc80", 8.0),
            ("ts80", 36.0),
            ("TS(80%:)", 19.0),
            ("PR(:3)", 30.0),
            ("PR(3:)", 70.0),
        ] {
            let found = of(text, &TEN).unwrap();
            assert!((found - expected).abs() < 1e-9, "{text}: {found}, not {expected}");
        }
    }

    #[test]
    fn percentile_is_the_value_of_a_sample() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for percent in 1..=100 {
            assert_eq!(of(&format!("p{percent}"), &hundred), Some(f64::from(percent)));
        }
        assert_eq!(of("p99", &[4.0]), Some(4.0));
    }

    #[test]
    fn no_samples_between_the_bounds_have_no_mean() {
        assert_eq!(of("TM(20:30)", &TEN), None);
        assert_eq!(of("WM(20:30)", &TEN), None);
        assert_eq!(of("TC(20:30)", &TEN), Some(0.0));
    }

    #[test]
    fn other_texts_are_no_statistics() {
        for text in [
            "",
            "p",
            "p101",
            "p-1",
            "p1e1",
            "pNaN",
            "average",
            "tm",
            "tm101",
            "pr90",
            "TM()",
            "TM(:)",
            "TM(90%:10%)",
            "TM(10%:90)",
            "TM(a:b)",
            "TM(1:NaN)",
            "p99)",
            "éé",
        ] {
            assert_eq!(Statistic::parse(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_values_have_no_percentile() {
        let period = Period { values: None, ..period(&TEN) };
        assert_eq!(Statistic::Percentile(50.0).of(&period), None);
        assert_eq!(Statistic::Average.of(&period), Some(5.5));
    }
}
