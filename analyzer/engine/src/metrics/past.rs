//! The metrics of the last hours: rows of records under the names of their fields and of their metrics.

use std::sync::Arc;

use super::derived::derived;
use super::fields::Fields;
use super::schema::{Output, Schema, SchemaId};
use super::words::Form;
use super::{Metrics, Names};
use crate::instant::Instant;
use crate::points::{Kind, Points, Row, Rows};
use crate::source::Source;

/// The rows of a record of a data source.
#[derive(Clone, Copy, Debug)]
pub struct PastRecord<'a> {
    id: SchemaId,
    schema: &'a Schema,
    names: &'a Names,
    rows: &'a Rows,
}

/// The points of an `rtmetric` value.
#[derive(Clone, Copy, Debug)]
pub struct PastCustom<'a> {
    /// Its name.
    pub name: &'a Arc<str>,
    /// True if points are differences of a counter.
    pub counter: bool,
    rows: &'a Rows,
}

/// The place of a metric among those of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    at: usize,
    derived: bool,
    /// True for a rate per second, made of the differences of a counter.
    pub rate: bool,
}

impl Metrics {
    /// The points of the past.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The records of a data source that have rows.
    pub fn past_records(&self, source: &Source) -> impl Iterator<Item = PastRecord<'_>> {
        self.points.of_source(source).filter_map(|(kind, rows)| match kind {
            Kind::Record(id) => {
                let (id, schema) = (*id, self.schemas.get(*id)?);
                Some(PastRecord { id, schema, names: &self.names, rows })
            }
            Kind::Custom(..) | Kind::Flow(..) | Kind::Connections => None,
        })
    }

    /// The `rtmetric` values of a data source that have points.
    pub fn past_customs(&self, source: &Source) -> impl Iterator<Item = PastCustom<'_>> {
        self.points.of_source(source).filter_map(|(kind, rows)| match kind {
            Kind::Record(_) | Kind::Flow(..) | Kind::Connections => None,
            Kind::Custom(name, counter) => Some(PastCustom { name, counter: *counter, rows }),
        })
    }
}

impl<'a> PastRecord<'a> {
    /// The name of the record, such as `host_cpu`.
    pub fn name(self) -> &'static str {
        self.schema.record
    }

    /// The metrics that the record has, as a number: equal ones of a [`Metrics`] have the same
    /// [`Published`] metrics.
    pub fn shape(self) -> (u16, usize) {
        (self.id.number(), self.schema.outputs.len())
    }

    /// The end of the first row, and the time that it is over.
    pub fn first(self) -> Option<(Instant, core::time::Duration)> {
        self.rows.first()
    }

    /// The rows that are about a part of the time from `from` to `to`, without it.
    pub fn between(self, from: Instant, to: Instant) -> impl Iterator<Item = Row<'a>> {
        self.named(self.rows.between(from, to))
    }

    /// The rows after a time, in order.
    pub fn after(self, time: Instant) -> impl Iterator<Item = Row<'a>> {
        self.named(self.rows.after(time))
    }

    /// The rows, the newest first.
    pub fn newest(self) -> impl Iterator<Item = Row<'a>> {
        self.named(self.rows.newest())
    }

    fn named(
        self,
        rows: impl Iterator<Item = (Instant, core::time::Duration, &'a [f64])>,
    ) -> impl Iterator<Item = Row<'a>> {
        let schema = self.schema;
        rows.map(move |(time, over, numbers)| Row { time, over, schema, numbers })
    }

    /// The metrics that are numbers, under their published names.
    pub fn published(self) -> impl Iterator<Item = (Arc<str>, Published)> + use<'a> {
        self.schema.outputs.iter().filter_map(move |(metric, output)| {
            let Output::Number(at, Form::Number) = output else { return None };
            Some((self.names.name(*metric), self.place(*at)?))
        })
    }

    /// The metric with a published name, if it is a number.
    pub fn find(self, name: &str) -> Option<Published> {
        let wanted = self.names.get(name)?;
        let (_, output) = self.schema.outputs.iter().find(|(metric, _)| *metric == wanted)?;
        let Output::Number(at, Form::Number) = output else { return None };
        self.place(*at)
    }

    fn place(self, at: u16) -> Option<Published> {
        if usize::from(at) < derived(self.schema.record).len() {
            return Some(Published { at: at.into(), derived: true, rate: false });
        }
        let is_own = |output| matches!(output, Some(Output::Number(own, _)) if own == at);
        let at = self.schema.columns.iter().position(|column| is_own(column.output))?;
        let rate = self.schema.columns.get(at)?.counts();
        Some(Published { at, derived: false, rate })
    }

    /// The field of the record that a metric is made of; `None` if it follows from several.
    pub fn field(self, metric: Published) -> Option<&'static str> {
        let column = self.schema.columns.get(metric.at).filter(|_| !metric.derived)?;
        Some(column.name)
    }

    /// What the counter of a [rate](Published::rate) counted in the time of a row of this record.
    pub fn difference(self, row: &Row<'_>, metric: Published) -> Option<f64> {
        let number = row.numbers.get(metric.at).copied().filter(|_| metric.rate)?;
        Some(number).filter(|number| !number.is_nan())
    }

    /// The value of a metric in a row of this record.
    pub fn value(self, row: &Row<'_>, metric: Published) -> Option<f64> {
        if metric.derived {
            let derived = derived(self.schema.record).get(metric.at)?;
            return (derived.value)(&Fields::of(self.schema, row));
        }
        let number = row.numbers.get(metric.at).copied().filter(|number| !number.is_nan())?;
        let seconds = row.over.as_secs_f64();
        match metric.rate {
            true => (seconds > 0.0).then(|| number / seconds),
            false => Some(number),
        }
    }
}

impl<'a> PastCustom<'a> {
    /// The end of the first row, and the time that it is over.
    pub fn first(&self) -> Option<(Instant, core::time::Duration)> {
        self.rows.first()
    }

    /// The points that are about a part of the time from `from` to `to`, without it: time, the time over
    /// which a difference is, the number.
    pub fn between(
        &self,
        from: Instant,
        to: Instant,
    ) -> impl Iterator<Item = (Instant, core::time::Duration, f64)> + 'a {
        self.rows.between(from, to).filter_map(known)
    }

    /// The points after a time, in order.
    pub fn after(
        &self,
        time: Instant,
    ) -> impl Iterator<Item = (Instant, core::time::Duration, f64)> + 'a {
        self.rows.after(time).filter_map(known)
    }

    /// True if there is a point.
    pub fn is_known(&self) -> bool {
        self.rows.newest().take(2).any(|row| known(row).is_some())
    }
}

fn known(
    (time, over, numbers): (Instant, core::time::Duration, &[f64]),
) -> Option<(Instant, core::time::Duration, f64)> {
    let number = numbers.first().copied().filter(|number| !number.is_nan())?;
    Some((time, over, number))
}
