//! Definitions of flows, as users give them.

use core::fmt;

use super::observer::Passage;
use crate::keys::SyntaxError;

/// A definition of flows. [`Default`] has the published defaults, without keys and value.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Keys and key functions, separated by commas. Empty for one flow of all packets.
    pub keys: String,
    /// What is added up or averaged; see [`FlowCache`](crate::flowcache::FlowCache).
    pub value: String,
    /// Further values of each flow.
    pub values: Vec<String>,
    /// Packets for which the flow is made; all if `None`.
    pub filter: Option<String>,
    /// Number of keys that a metric of these flows lists, 1 to 10,000. The table holds more.
    pub n: u32,
    /// Smoothing: seconds in which a value decays to 1/e, 0.1 to 86,400.
    pub t: f64,
    /// Separator of the fields of a key.
    pub fs: String,
    /// How several observers of a flow are merged.
    pub agg_mode: AggMode,
    /// True for flows of discarded packets instead of sampled ones.
    pub dropped: bool,
    /// True to record flows in the flow log.
    pub log: bool,
    /// True to keep sums that never decrease, for [`FlowCache::counters`](super::FlowCache::counters).
    pub counter: bool,
    /// True to record flows when they begin instead of when they end.
    pub flow_start: bool,
    /// Seconds after which a flow that has not ended is recorded, 1 to 86,400.
    pub active_timeout: f64,
}

/// How the observers of a flow are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AggMode {
    /// The data source with the largest value.
    #[default]
    Max,
    /// The sum of all data sources, with each packet counted once by each agent: a packet that leaves by
    /// a port counts only if the port by which it entered is not sampled.
    Sum,
    /// Traffic that enters the topology at edge ports or leaves it there, whichever is more.
    Edge,
    /// The agent with the most traffic that enters or leaves by core ports.
    Core,
}

impl AggMode {
    /// The mode of this name; `max` if there is none.
    pub fn parse(name: &str) -> Self {
        let modes = [Self::Sum, Self::Edge, Self::Core].into_iter();
        modes.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name)).unwrap_or_default()
    }

    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Edge => "edge",
            Self::Core => "core",
        }
    }
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            keys: String::new(),
            value: String::new(),
            values: Vec::new(),
            filter: None,
            n: 5,
            t: 2.0,
            fs: ",".to_owned(),
            agg_mode: AggMode::Max,
            dropped: false,
            log: false,
            counter: false,
            flow_start: false,
            active_timeout: 60.0,
        }
    }
}

impl Definition {
    /// True if a packet of this passage counts at the data source that sampled it.
    pub(crate) fn counts(&self, passage: Passage) -> bool {
        self.agg_mode != AggMode::Sum || passage != Passage::Again
    }

    /// True if a text occurs in a key, a value or the filter.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        let values = self.values.iter().chain([&self.keys, &self.value]);
        values.chain(&self.filter).any(|it| it.contains(text))
    }

    /// The definition with all numbers in their ranges. An empty filter is none.
    pub(crate) fn in_range(mut self) -> Self {
        let seconds = |value: f64, least: f64, default: f64| match value.is_nan() {
            true => default,
            false => value.clamp(least, 86_400.0),
        };
        self.n = self.n.clamp(1, 10_000);
        self.t = seconds(self.t, 0.1, 2.0);
        self.active_timeout = seconds(self.active_timeout, 1.0, 60.0);
        self.filter = self.filter.filter(|filter| !filter.trim().is_empty());
        self
    }
}

/// A definition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The name is empty, longer than 64 bytes, or has control characters.
    Name,
    /// An attribute is longer than 4 KiB; which.
    TooLong(&'static str),
    /// An error in an attribute.
    #[expect(missing_docs, reason = "the attribute, and the error in it")]
    Syntax { attribute: &'static str, error: SyntaxError },
    /// There is no value.
    NoValue,
    /// A value is no number: the attribute, and the text.
    NotNumeric(&'static str, String),
    /// A definition with `counter` whose value is no sum; the text of the value.
    NotCounted(String),
    /// More than 16 further values.
    TooManyValues,
    /// There are 1,000 definitions already.
    TooManyDefinitions,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name: expected 1 to 64 bytes without control characters"),
            Self::TooLong(attribute) => write!(f, "{attribute}: longer than 4096 bytes"),
            Self::Syntax { attribute, error } => write!(f, "{attribute}: {error}"),
            Self::NoValue => f.write_str("value: missing, such as `bytes` or `frames`"),
            Self::NotNumeric(attribute, text) => {
                write!(
                    f,
                    "{attribute}: `{}` is not a number; count it with `count:`",
                    text.escape_debug()
                )
            }
            Self::NotCounted(text) => {
                write!(f, "counter: `{}` is no sum, such as `bytes`", text.escape_debug())
            }
            Self::TooManyValues => write!(f, "values: more than {MAX_VALUES}"),
            Self::TooManyDefinitions => write!(f, "more than {MAX_DEFINITIONS} definitions"),
        }
    }
}

impl core::error::Error for DefinitionError {}

/// Further values of a definition.
pub(crate) const MAX_VALUES: usize = 16;
/// Definitions of flows.
pub(crate) const MAX_DEFINITIONS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_brought_into_their_ranges() {
        let low = Definition { n: 0, t: 0.0, active_timeout: -1.0, ..Definition::default() };
        let low = low.in_range();
        assert_eq!((low.n, low.t, low.active_timeout), (1, 0.1, 1.0));
        let high = Definition { n: 20_000, t: f64::NAN, ..Definition::default() }.in_range();
        assert_eq!((high.n, high.t), (10_000, 2.0));
        let blank = Definition { filter: Some(" ".into()), ..Definition::default() };
        assert_eq!(blank.in_range().filter, None);
    }

    #[test]
    fn unknown_mode_is_max() {
        assert_eq!(
            ["sum", "EDGE", "core", "avg", ""].map(AggMode::parse).map(AggMode::name),
            ["sum", "edge", "core", "max", "max"]
        );
    }
}
