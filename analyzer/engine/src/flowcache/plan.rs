//! Definitions, compiled.

use core::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::accumulator::Observation;
use super::definition::{Definition, DefinitionError, MAX_VALUES};
use super::segment::Shape;
use crate::keys::{
    Context, Expression, Filter, KeyBuffer, Keys, Kind, Live, Packet, Subject, SyntaxError, Value,
};

/// What a packet is asked for a definition.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) keys: Keys,
    pub(super) filter: Option<Filter>,
    /// What the main sum of an entry adds up. `None` if the value of the definition is no sum but the
    /// first of the further values: the main sum is then that of its samples.
    pub(super) main: Option<Expression>,
    pub(super) further: Box<[Measure]>,
}

/// A value of a packet, and how it is used.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    Sum(Expression),
    Average(Expression),
    Smallest(Expression),
    Largest(Expression),
    Distinct(Expression),
}

impl Plan {
    pub(crate) fn compile(definition: &Definition) -> Result<Self, DefinitionError> {
        let syntax = |attribute| move |error| DefinitionError::Syntax { attribute, error };
        if definition.fs.len() > MAX_TEXT {
            return Err(DefinitionError::TooLong("fs"));
        }
        if definition.values.len() > MAX_VALUES {
            return Err(DefinitionError::TooManyValues);
        }
        let keys = Keys::parse(&definition.keys).map_err(syntax("keys"))?;
        let filter = definition.filter.as_deref().map(Filter::parse).transpose();
        let value = Measure::parse(&definition.value, "value")?;
        let values = definition.values.iter().map(|text| Measure::parse(text, "values"));
        let mut further: Vec<Measure> = values.collect::<Result<_, _>>()?;
        let main = match value {
            Measure::Sum(of) => Some(of),
            _ if definition.counter => {
                return Err(DefinitionError::NotCounted(definition.value.clone()));
            }
            other => {
                further.insert(0, other);
                None
            }
        };
        let filter = filter.map_err(syntax("filter"))?;
        Ok(Self { keys, filter, main, further: further.into() })
    }

    /// What each entry holds for these flows.
    pub(crate) fn shape(&self, log: bool) -> Shape {
        Shape { values: self.further.len(), lives: log }
    }

    /// Writes the key of a packet to `key`. Returns what it adds to the main sum; `None` if it belongs
    /// to no flow.
    #[inline]
    pub(crate) fn read(
        &self,
        packet: &Packet<'_>,
        context: &Context<'_>,
        key: &mut KeyBuffer,
    ) -> Option<f64> {
        self.read_from(&Live { packet, context }, key)
    }

    /// The same for any subject.
    #[inline]
    pub(crate) fn read_from(&self, subject: &impl Subject, key: &mut KeyBuffer) -> Option<f64> {
        if self.filter.as_ref().is_some_and(|filter| !filter.accepts(subject)) {
            return None;
        }
        let amount = match &self.main {
            Some(main) => subject.number(main)?,
            None => {
                let value = subject.value(self.further.first()?.of())?;
                // An average of no numbers is no flow.
                if !self.counts_distinct() {
                    value.number()?;
                }
                1.0
            }
        };
        self.keys.write_from(subject, key).then_some(amount)
    }

    /// True if the value of the definition is the first of the further ones.
    pub(crate) fn value_is_further(&self) -> bool {
        self.main.is_none()
    }

    fn counts_distinct(&self) -> bool {
        matches!(self.further.first(), Some(Measure::Distinct(_)))
    }

    /// What a packet adds to the further values.
    pub(crate) fn further<'p>(
        &'p self,
        packet: &'p Packet<'_>,
        context: &'p Context<'p>,
        hasher: &'p RandomState,
    ) -> impl Iterator<Item = Observation> {
        self.further.iter().map(|measure| measure.observe(&Live { packet, context }, hasher))
    }

    /// The same for any subject.
    pub(crate) fn further_from<'p>(
        &'p self,
        subject: &'p impl Subject,
        hasher: &'p RandomState,
    ) -> impl Iterator<Item = Observation> {
        self.further.iter().map(|measure| measure.observe(subject, hasher))
    }

    /// What a subject adds to the value of the definition.
    pub(crate) fn observe(&self, subject: &impl Subject, hasher: &RandomState) -> Observation {
        match &self.main {
            Some(main) => {
                let amount = subject.value(main).and_then(|value| value.number());
                amount.map_or(Observation::Absent, Observation::Sum)
            }
            None => {
                self.further.first().map_or(Observation::Absent, |it| it.observe(subject, hasher))
            }
        }
    }
}

impl Measure {
    fn parse(text: &str, attribute: &'static str) -> Result<Self, DefinitionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DefinitionError::NoValue);
        }
        let syntax = |error: SyntaxError| DefinitionError::Syntax { attribute, error };
        let key = |text: &str| Expression::parse(text).map_err(syntax);
        let number = |text: &str| {
            let expression = key(text)?;
            match expression.kind() {
                Kind::Number | Kind::Port | Kind::Any | Kind::Bool => Ok(expression),
                _ => Err(DefinitionError::NotNumeric(attribute, text.to_owned())),
            }
        };
        Ok(match text.split_once(':') {
            Some(("rate", of)) => Self::Sum(number(of)?),
            Some(("avg", of)) => Self::Average(number(of)?),
            Some(("min", of)) => Self::Smallest(number(of)?),
            Some(("max", of)) => Self::Largest(number(of)?),
            Some(("count", of)) => Self::Distinct(key(of)?),
            _ if SUMS.contains(&text) => Self::Sum(number(text)?),
            _ => Self::Average(number(text)?),
        })
    }

    pub(super) fn of(&self) -> &Expression {
        match self {
            Self::Sum(of)
            | Self::Average(of)
            | Self::Smallest(of)
            | Self::Largest(of)
            | Self::Distinct(of) => of,
        }
    }

    pub(super) fn observe(&self, subject: &impl Subject, hasher: &RandomState) -> Observation {
        let Some(value) = subject.value(self.of()) else { return Observation::Absent };
        if let Self::Distinct(_) = self {
            return Observation::Distinct(hash(&value, hasher));
        }
        let Some(number) = value.number() else { return Observation::Absent };
        match self {
            Self::Average(_) => Observation::Average(number),
            Self::Smallest(_) => Observation::Smallest(number),
            Self::Largest(_) => Observation::Largest(number),
            _ => Observation::Sum(number),
        }
    }
}

/// A hash that is equal for equal texts.
fn hash(value: &Value<'_>, hasher: &RandomState) -> u64 {
    let mut key = KeyBuffer::new();
    key.push(value);
    hasher.hash_one(key.bytes())
}

/// Keys that are multiplied up and added when they are values. Others are averaged.
const SUMS: [&str; 6] = ["bytes", "frames", "requests", "duration", "req_bytes", "resp_bytes"];
/// Longest separator, bytes.
const MAX_TEXT: usize = 4096;
