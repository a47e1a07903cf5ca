//! The metrics of agents, each named once.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::names::{self, Further};
use super::series::Metric;
use crate::http::prometheus::{Kind, Labels};

/// Metrics by number.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// `None` for what is not exported.
    known: HashMap<Name, Option<Number>>,
    /// Names that are the same in Prometheus are one metric.
    numbers: HashMap<(String, Labels), u32>,
    list: Vec<Named>,
}

/// Where a number comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// A published metric of a record, and the field that it is made of.
    Published(Arc<str>, Kind, &'static str, Option<&'static str>),
    /// A further metric, by its record and field, and its name.
    Further(&'static str, &'static str, &'static str),
    /// An `rtmetric` value.
    Custom(Arc<str>, Kind),
}

/// A metric with the labels that distinguish its series.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) metric: Metric,
    pub(super) labels: Labels,
}

/// There is no room for a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Full;

/// The number of a metric, and what its values are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) metric: u32,
    pub(super) scale: f64,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        Self { known: HashMap::new(), numbers: HashMap::new(), list: Vec::new() }
    }

    /// The number of a metric; `None` if it is not exported.
    ///
    /// # Errors
    /// There are too many names of `rtmetric` values.
    pub(super) fn number(&mut self, name: &Name) -> Result<Option<Number>, Full> {
        if let Some(known) = self.known.get(name) {
            return Ok(*known);
        }
        // Those of records are a few hundred.
        if self.known.len() >= MAX_NAMES && matches!(name, Name::Custom(..)) {
            return Err(Full);
        }
        let found = name.metric();
        let found = found.map(|(named, scale)| Number { metric: self.add(named), scale });
        self.known.insert(name.clone(), found);
        Ok(found)
    }

    fn add(&mut self, named: Named) -> u32 {
        let key = (named.metric.name.clone(), named.labels.clone());
        let next = self.list.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.list.push(named);
        }
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&Named> {
        self.list.get(number as usize)
    }
}

impl Name {
    pub(super) fn further(further: &'static Further) -> Self {
        Self::Further(further.record, further.field, further.name)
    }

    fn metric(&self) -> Option<(Named, f64)> {
        let (metric, scale, labels) = match self {
            Self::Published(name, kind, record, field) => {
                let (metric, scale) = names::metric(name, *kind, help(record, *field))?;
                (metric, scale, Labels::new())
            }
            Self::Further(record, field, name) => {
                let mut all = names::further(record);
                let found = all.find(|it| it.field == *field && it.name == *name)?;
                let (metric, scale) = names::metric(name, found.kind, help(record, Some(field)))?;
                let label = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                (metric, scale, found.label.map(label).into_iter().collect())
            }
            Self::Custom(name, kind) => {
                let (metric, scale) = names::custom(name, *kind);
                (metric, scale, Labels::new())
            }
        };
        Some((Named { metric, labels }, scale))
    }
}

fn help(record: &str, field: Option<&str>) -> String {
    match field {
        Some(field) => format!("{field} of the sFlow record {record}."),
        None => format!("Follows from fields of the sFlow record {record}."),
    }
}

/// Names of `rtmetric` values come from the network.
const MAX_NAMES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_equal_in_prometheus_are_one_metric() {
        let mut catalogue = Catalogue::new();
        let custom = |name: &str| Name::Custom(name.into(), Kind::Counter);
        let published = Name::Published("a_b".into(), Kind::Counter, "record", Some("aB"));
        let mut number = |name: &Name| catalogue.number(name).unwrap().map(|it| it.metric);
        assert_eq!(number(&published), Some(0));
        assert_eq!([number(&custom("a-b")), number(&custom("a.b"))], [Some(0), Some(0)]);
        let user = names::further("host_cpu").next().map(Name::further).unwrap();
        assert_eq!(number(&user), Some(1));
        assert_eq!(number(&published), Some(0));
        let named = catalogue.get(1).unwrap();
        assert_eq!(named.labels, [("mode".to_owned(), "user".to_owned())]);
        assert_eq!(named.metric.name, "sflow_cpu_seconds_total");
        assert_eq!(named.metric.help, "cpu_user of the sFlow record host_cpu.");
    }

    #[test]
    fn names_have_a_limit() {
        let mut catalogue = Catalogue::new();
        let name = |number: usize| Name::Custom(number.to_string().into(), Kind::Gauge);
        let mut is_exported = |name: &Name| catalogue.number(name).map(|it| it.is_some());
        assert!((0..MAX_NAMES).all(|number| is_exported(&name(number)) == Ok(true)));
        assert_eq!(is_exported(&name(MAX_NAMES)), Err(Full));
        assert_eq!(is_exported(&name(0)), Ok(true));
        // Names from the network leave those of records their place.
        let published = Name::Published("a_b".into(), Kind::Counter, "record", Some("aB"));
        assert_eq!(is_exported(&published), Ok(true));
    }
}
