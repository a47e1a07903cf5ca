//! Queries about the past: which flows there were.

use core::fmt;
use core::time::Duration;

use foldhash::fast::RandomState;

use super::history::Held;
use crate::flowcache::{Definition, DefinitionError, Plan};
use crate::instant::Instant;
use crate::keys::{Context, PortNames};
use crate::lookup::Lookup;
use crate::source::AgentList;

/// A query: which flows there were in a span of time.
///
/// Its definition has keys, value, filter, `fs`, `n`, `agg_mode` and `dropped`. Values that are
/// multiplied up are rates per second over the span; all others are those of the whole span.
#[derive(Debug)]
pub struct PastQuery {
    pub(crate) definition: Definition,
    pub(crate) plan: Plan,
    pub(crate) hasher: RandomState,
    pub(crate) agents: AgentList,
    pub(crate) lookup: Lookup,
    pub(crate) ports: PortNames,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// Where the buckets of the series begin.
    pub(crate) edges: Vec<Instant>,
    step: Option<Duration>,
    /// Where the first whole step begins.
    first: Instant,
    /// The start of the time of the samples in the time of the query.
    zero: Duration,
    /// Samples before it are not read: records have them.
    samples_from: Instant,
}

/// A query that has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PastQueryError {
    /// An error in keys, filter or value.
    Definition(DefinitionError),
    /// The end of the span is not after its beginning.
    Empty,
    /// The series would have too many values; the number that is allowed for each flow.
    TooManySteps(usize),
}

impl PastQuery {
    /// A query about all agents and the time from `from` to `to`, without it.
    ///
    /// # Errors
    /// The first error.
    pub fn new(
        definition: Definition,
        lookup: Lookup,
        from: Instant,
        to: Instant,
    ) -> Result<Self, PastQueryError> {
        let definition = definition.in_range();
        let plan = Plan::compile(&definition).map_err(PastQueryError::Definition)?;
        if to <= from {
            return Err(PastQueryError::Empty);
        }
        let (hasher, agents, edges) = (RandomState::default(), AgentList::All, Vec::new());
        let (first, samples_from) = (from, from);
        let (ports, zero) = (PortNames::default(), Duration::ZERO);
        Ok(Self {
            definition,
            plan,
            hasher,
            agents,
            lookup,
            ports,
            from,
            to,
            edges,
            step: None,
            first,
            zero,
            samples_from,
        })
    }

    /// True if the query needs the [names of ports](PastQuery::with_ports).
    pub fn reads_ports(&self) -> bool {
        self.definition.mentions("ifname:")
    }

    /// The same with names of ports.
    #[must_use]
    pub fn with_ports(self, ports: PortNames) -> Self {
        Self { ports, ..self }
    }

    /// What keys are read with.
    pub(crate) fn context(&self) -> Context<'_> {
        Context { lookup: &self.lookup, names: &self.ports }
    }

    /// The same in a time in which that of the samples begins at `zero`, so that there is time before it.
    #[must_use]
    pub fn since(self, zero: Duration) -> Self {
        Self { zero, ..self }
    }

    /// A time of the query in that of the samples; their start if it is before.
    pub fn sample_time(&self, time: Instant) -> Instant {
        Instant::after_start(time.since(Instant::default()).saturating_sub(self.zero))
    }

    /// The same about some agents.
    #[must_use]
    pub fn of(self, agents: AgentList) -> Self {
        Self { agents, ..self }
    }

    /// The same with a value of each flow for each `step`. The first step begins with the span, see
    /// [`steps_from`](PastQuery::steps_from).
    ///
    /// # Errors
    /// There would be more than 300,000 values.
    pub fn in_steps(self, step: Duration) -> Result<Self, PastQueryError> {
        let rows = self.definition.n as usize + 2;
        let limit = MAX_VALUES / rows;
        let steps = self.to.since(self.from).as_micros().div_ceil(step.as_micros().max(1));
        if steps > limit as u128 {
            return Err(PastQueryError::TooManySteps(limit));
        }
        Ok(Self { step: Some(step.max(Duration::from_micros(1))), ..self })
    }

    /// The same with steps that are counted from a time in the span. The one before it is shorter.
    #[must_use]
    pub fn steps_from(self, first: Instant) -> Self {
        Self { first: first.max(self.from), ..self }
    }

    /// Begins the span where all samples are held.
    #[must_use]
    pub fn within(self, held: &Held) -> Self {
        let begin = held.begin() + self.zero;
        let from = self.from.max(begin).min(self.to);
        Self { from, samples_from: from, ..self }.divided()
    }

    /// Sets the span, of which [records](super::Logs) have what is before `samples_from`. Steps are counted from
    /// `first`.
    #[must_use]
    pub fn with_records(self, [from, samples_from, to]: [Instant; 3], first: Instant) -> Self {
        let samples_from = samples_from.clamp(from, to);
        Self { from, samples_from, to, first: first.max(from), ..self }.divided()
    }

    /// Divides the span into steps.
    fn divided(mut self) -> Self {
        if let Some(step) = self.step {
            self.edges = vec![self.from];
            let mut edge = self.first;
            while edge < self.to {
                if edge > self.from {
                    self.edges.push(edge);
                }
                edge = edge + step;
            }
            self.edges.push(self.to);
        }
        self
    }

    /// The beginning of the span.
    pub fn from(&self) -> Instant {
        self.from
    }

    /// The first sample that is read, in the time of samples.
    pub(crate) fn first_sample(&self) -> Instant {
        self.sample_time(self.samples_from)
    }

    /// The end of the span.
    pub fn to(&self) -> Instant {
        self.to
    }

    /// Makes rates of sums over the span.
    pub(crate) fn per_second(&self) -> f64 {
        let seconds = self.to.since(self.from).as_secs_f64();
        if seconds > 0.0 { seconds.recip() } else { 0.0 }
    }
}

impl fmt::Display for PastQueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(error) => error.fmt(f),
            Self::Empty => f.write_str("from: not before to"),
            Self::TooManySteps(limit) => {
                write!(f, "step: more than {limit} steps for each of the flows")
            }
        }
    }
}

impl core::error::Error for PastQueryError {}

/// Values in all series of a result.
const MAX_VALUES: usize = 300_000;
