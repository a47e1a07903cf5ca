//! What records of flow logs add to flows, and what they lack for it.

use std::collections::BTreeSet;

use foldhash::fast::RandomState;

use super::accumulator::{Accumulator, Average};
use super::estimate::{Sums, Weight};
use super::plan::{Measure, Plan};
use crate::keys::{Common, Expression, KeyBuffer, LOGGED_KEYS, Logged, LoggedSubject, Subject};

impl Plan {
    /// The keys that are read of records, with `bytes` and `frames` for their sums. An error names what
    /// records do not have.
    pub(crate) fn read_of_records(&self) -> Result<BTreeSet<&str>, BTreeSet<String>> {
        let (mut read, mut lacking) = (BTreeSet::new(), BTreeSet::new());
        let mut visit = |name, instance| match (name, instance) {
            ("bytes" | "frames", _) => {
                lacking.insert(format!("{name} of single packets"));
            }
            (name, 0) if LOGGED_KEYS.contains(&name) => {
                read.insert(name);
            }
            (name, 0) => {
                lacking.insert(name.to_owned());
            }
            (name, instance) => {
                lacking.insert(format!("{name}.{instance}"));
            }
        };
        self.keys.visit(&mut visit);
        self.filter.iter().for_each(|filter| filter.visit(&mut visit));
        let sums = self.further.iter().filter_map(Measure::sum).chain(&self.main);
        let others = self.further.iter().filter(|measure| measure.sum().is_none());
        others.for_each(|measure| measure.of().visit(&mut visit));
        let sums: Vec<&Expression> = sums.collect();
        sums.iter().filter(|of| total(of).is_none()).for_each(|of| of.visit(&mut visit));
        let is_bytes = |of: &&&Expression| total(of) == Some(Common::Bytes);
        if sums.iter().any(|of| is_bytes(&of)) {
            read.insert("bytes");
        }
        if !sums.iter().all(|of| is_bytes(&of)) || !self.further.is_empty() {
            read.insert("frames");
        }
        if lacking.is_empty() { Ok(read) } else { Err(lacking) }
    }

    /// Writes the key of a record to `key`. Returns what it adds to the main sum; `None` if it belongs to
    /// no flow.
    #[inline]
    pub(crate) fn read_logged(
        &self,
        subject: &LoggedSubject<'_>,
        key: &mut KeyBuffer,
    ) -> Option<Sums> {
        let amount = self.read_from(subject, key)?;
        Some(match &self.main {
            Some(main) => sums(main, amount, subject.flow),
            None => subject.flow.frames,
        })
    }

    /// Adds a record to the further values of its entry.
    pub(crate) fn add_logged(
        &self,
        subject: &LoggedSubject<'_>,
        values: &mut [Accumulator],
        hasher: &RandomState,
    ) {
        for (value, measure) in values.iter_mut().zip(&self.further) {
            measure.add_logged(subject, value, hasher);
        }
    }

    /// Adds a record to the value of the definition.
    pub(crate) fn add_logged_value(
        &self,
        subject: &LoggedSubject<'_>,
        value: &mut Accumulator,
        hasher: &RandomState,
    ) {
        match (&self.main, self.further.first()) {
            (Some(main), _) => {
                if let Some(amount) = subject.number(main) {
                    value.merge(&Accumulator::Sums(sums(main, amount, subject.flow)));
                }
            }
            (None, Some(first)) => first.add_logged(subject, value, hasher),
            (None, None) => {}
        }
    }
}

impl Measure {
    fn sum(&self) -> Option<&Expression> {
        match self {
            Self::Sum(of) => Some(of),
            _ => None,
        }
    }

    fn add_logged(
        &self,
        subject: &LoggedSubject<'_>,
        value: &mut Accumulator,
        hasher: &RandomState,
    ) {
        let number = || subject.number(self.of());
        let more = match self {
            Self::Sum(of) => number().map(|it| Accumulator::Sums(sums(of, it, subject.flow))),
            Self::Average(_) => {
                number().map(|it| Accumulator::Average(Average::of(it, subject.flow.frames)))
            }
            // All packets of the record have the same: once is enough.
            _ => {
                value.add(self.observe(subject, hasher), Weight::one_in(1.0), 0);
                None
            }
        };
        more.iter().for_each(|more| value.merge(more));
    }
}

/// `bytes` or `frames`, whose sums records have.
fn total(of: &Expression) -> Option<Common> {
    of.common().filter(|common| matches!(common, Common::Bytes | Common::Frames))
}

/// The sums of a value: of bytes as the record has them, of another one as often as there are packets.
fn sums(of: &Expression, amount: f64, flow: &Logged) -> Sums {
    match total(of) {
        Some(Common::Bytes) => flow.bytes,
        _ => flow.frames.scaled(amount),
    }
}
