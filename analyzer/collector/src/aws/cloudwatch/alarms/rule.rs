//! When an alarm has which state: the values of its last periods against a threshold.
//!
//! As "Configuring how CloudWatch alarms treat missing data" in the user guide of CloudWatch has it. Two
//! periods more than the rule is about are looked at. If as many of them as it is about have values, the
//! newest of these decide, and nothing is missing. If fewer have, what is missing counts as the alarm
//! demands.

use super::limited::{choice, integer, missing};
use super::status::State;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    /// The periods that decide: N of "M out of N".
    pub(super) periods: u32,
    /// How many of them must breach the threshold; all of them if `None`.
    datapoints: Option<u32>,
    pub(super) threshold: f64,
    pub(super) comparison: Comparison,
    /// `None` for the default, [`Treatment::Missing`].
    missing: Option<Treatment>,
}

/// Which values breach the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    GreaterOrEqual,
    Greater,
    Less,
    LessOrEqual,
}

/// What a period without a value counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Missing,
    NotBreaching,
    Breaching,
    /// The state stays.
    Ignore,
}

/// What a rule makes of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// `None` if the state stays as it is.
    pub(super) state: Option<State>,
    /// The values that decided, with the beginnings of their periods, the newest first.
    pub(super) used: Vec<(i64, f64)>,
    /// The periods that have no value in their place.
    pub(super) filled: usize,
}

impl Rule {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        let name = |name: &str| members.name(name);
        let periods = integer(members, "EvaluationPeriods", 1, MAX_SECONDS)?
            .ok_or_else(|| missing(&name("EvaluationPeriods")))?;
        let datapoints = integer(members, "DatapointsToAlarm", 1, MAX_SECONDS)?;
        if datapoints.is_some_and(|datapoints| datapoints > periods) {
            let text = "DatapointsToAlarm must be less than or equal to EvaluationPeriods.";
            return Err(Fault::validation(text));
        }
        let comparison = choice(members, "ComparisonOperator", &COMPARISONS)?
            .ok_or_else(|| missing(&name("ComparisonOperator")))?;
        let Some(comparison) = comparison else {
            let text = "ComparisonOperator needs the band of an anomaly detection model, which is not \
                        supported: use one of the operators with a Threshold.";
            return Err(Fault::validation(text));
        };
        let threshold = members.number("Threshold")?.ok_or_else(|| missing(&name("Threshold")))?;
        let missing = choice(members, "TreatMissingData", &MISSING)?;
        Ok(Self { periods, datapoints, threshold, comparison, missing })
    }

    /// Adds its members.
    pub(super) fn write(&self, document: Document) -> Document {
        document
            .with("EvaluationPeriods", i64::from(self.periods))
            .with_some("DatapointsToAlarm", self.datapoints.map(i64::from))
            .with("Threshold", self.threshold)
            .with("ComparisonOperator", self.comparison.name())
            .with_some("TreatMissingData", self.missing.map(Treatment::name))
    }

    /// M of "M out of N".
    pub(super) fn datapoints(&self) -> usize {
        self.datapoints.unwrap_or(self.periods) as usize
    }

    pub(super) fn missing(&self) -> Treatment {
        self.missing.unwrap_or(Treatment::Missing)
    }

    /// Periods whose values are looked at.
    pub(super) fn range(&self) -> u32 {
        self.periods + FURTHER
    }

    pub(super) fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Greater => value > self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }

    /// The verdict about the periods of the [range](Self::range), the oldest first, each with its
    /// beginning.
    pub(super) fn judge(&self, range: &[(i64, Option<f64>)]) -> Verdict {
        let known = range.iter().rev().filter_map(|(begin, value)| Some((*begin, (*value)?)));
        let used: Vec<(i64, f64)> = known.take(self.periods as usize).collect();
        let filled = self.periods as usize - used.len();
        let breaching = used.iter().filter(|(_, value)| self.is_breached_by(*value)).count();
        let decide = |breaching: usize| {
            if breaching >= self.datapoints() { State::Alarm } else { State::Ok }
        };
        let state = match self.missing() {
            Treatment::Breaching => Some(decide(breaching + filled)),
            Treatment::NotBreaching => Some(decide(breaching)),
            _ if breaching >= self.datapoints() => Some(State::Alarm),
            // One that does not breach is enough.
            _ if breaching < used.len() => Some(State::Ok),
            Treatment::Ignore => None,
            Treatment::Missing if self.is_old_enough(range) => Some(State::Alarm),
            Treatment::Missing => Some(State::InsufficientData),
        };
        Verdict { state, used, filled }
    }

    /// True if the oldest value, all of which breach, is as old as the number of those that are needed. A
    /// younger one may be followed by others that do not breach.
    fn is_old_enough(&self, range: &[(i64, Option<f64>)]) -> bool {
        let oldest = range.iter().position(|(_, value)| value.is_some());
        oldest.is_some_and(|at| range.len() - at >= self.datapoints())
    }
}

impl Comparison {
    pub(super) fn name(self) -> &'static str {
        let found = COMPARISONS.iter().find(|(_, own)| *own == Some(self));
        found.map_or("", |(name, _)| name)
    }

    /// Its words in a reason.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

impl Treatment {
    pub(super) fn name(self) -> &'static str {
        MISSING.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }
}

/// `None` for those that need a band instead of a threshold.
const COMPARISONS: [(&str, Option<Comparison>); 7] = [
    ("GreaterThanOrEqualToThreshold", Some(Comparison::GreaterOrEqual)),
    ("GreaterThanThreshold", Some(Comparison::Greater)),
    ("LessThanThreshold", Some(Comparison::Less)),
    ("LessThanOrEqualToThreshold", Some(Comparison::LessOrEqual)),
    ("LessThanLowerOrGreaterThanUpperThreshold", None),
    ("LessThanLowerThreshold", None),
    ("GreaterThanUpperThreshold", None),
];
const MISSING: [(&str, Treatment); 4] = [
    ("missing", Treatment::Missing),
    ("notBreaching", Treatment::NotBreaching),
    ("breaching", Treatment::Breaching),
    ("ignore", Treatment::Ignore),
];
/// Periods beyond those that decide. The service looks at five if three decide.
const FURTHER: u32 = 2;
/// Periods of a second in the time that all together may have.
pub(super) const MAX_SECONDS: u32 = 604_800;

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Alarm, InsufficientData, Ok as Fine};

    fn rule(datapoints: u32, missing: Treatment) -> Rule {
        let comparison = Comparison::Greater;
        let datapoints = Some(datapoints);
        Rule { periods: 3, datapoints, threshold: 1.0, comparison, missing: Some(missing) }
    }

    /// The states of `0 - X`: a value that does not breach, none, and one that breaches.
    fn states(datapoints: u32, range: &str) -> [Option<State>; 4] {
        let value = |text: &str| match text {
            "X" => Some(2.0),
            "0" => Some(1.0),
            _ => None,
        };
        let range: Vec<_> = (0..).zip(range.split(' ').map(value)).collect();
        assert_eq!(range.len(), rule(1, Treatment::Missing).range() as usize);
        [Treatment::Missing, Treatment::Ignore, Treatment::Breaching, Treatment::NotBreaching]
            .map(|missing| rule(datapoints, missing).judge(&range).state)
    }

    /// The tables of the user guide, and the sequences that its text names.
    #[test]
    fn missing_values_count_as_the_tables_of_the_guide_have_it() {
        let stays = None;
        let [fine, alarm, unknown] = [Fine, Alarm, InsufficientData].map(Some);
        for (datapoints, range, expected) in [
            (3, "0 - X - X", [fine; 4]),
            (3, "- - - - 0", [fine; 4]),
            (3, "0 - - - -", [fine; 4]),
            (3, "- - - - -", [unknown, stays, alarm, fine]),
            (3, "0 X X - X", [alarm; 4]),
            (3, "- - X - -", [alarm, stays, alarm, fine]),
            (3, "X - - - -", [alarm, stays, alarm, fine]),
            (3, "- - - - X", [unknown, stays, alarm, fine]),
            (3, "- - - X -", [unknown, stays, alarm, fine]),
            (3, "- - - X 0", [fine; 4]),
            (2, "0 - X - X", [alarm; 4]),
            (2, "0 0 X 0 X", [alarm; 4]),
            (2, "0 - X - -", [fine, fine, alarm, fine]),
            (2, "- - - - 0", [fine, fine, alarm, fine]),
            (2, "- - - X -", [alarm, stays, alarm, fine]),
            (2, "- - - - X", [unknown, stays, alarm, fine]),
            // By hand: two that breach are enough, whatever the third one would be.
            (2, "- X - - X", [alarm; 4]),
            // The newest three decide: the two before are of no interest.
            (2, "X X 0 0 X", [fine; 4]),
            (1, "X X 0 0 0", [fine; 4]),
            (1, "- - X - -", [alarm; 4]),
            (1, "- - - - -", [unknown, stays, alarm, fine]),
        ] {
            assert_eq!(states(datapoints, range), expected, "{datapoints} out of 3 of {range}");
        }
    }

    #[test]
    fn all_periods_must_breach_if_no_number_is_given() {
        let rule = Rule { datapoints: None, ..rule(1, Treatment::Missing) };
        let range =
            |last: f64| [1, 2, 3, 4, 5].map(|at| (at, Some(if at < 5 { 2.0 } else { last })));
        assert_eq!(rule.judge(&range(2.0)).state, Some(Alarm));
        let verdict = rule.judge(&range(1.0));
        assert_eq!((verdict.state, verdict.filled), (Some(Fine), 0));
        assert_eq!(verdict.used, [(5, 1.0), (4, 2.0), (3, 2.0)]);
    }

    #[test]
    fn comparisons_include_the_threshold_or_not() {
        for (comparison, breaching) in [
            (Comparison::GreaterOrEqual, [false, true, true]),
            (Comparison::Greater, [false, false, true]),
            (Comparison::Less, [true, false, false]),
            (Comparison::LessOrEqual, [true, true, false]),
        ] {
            let rule = Rule { comparison, ..rule(1, Treatment::Missing) };
            assert_eq!([0.0, 1.0, 2.0].map(|value| rule.is_breached_by(value)), breaching);
            assert!(comparison.name().ends_with("Threshold"), "{comparison:?}");
        }
    }
}
